//! Reservations, payments and refunds: from a quote to a paid order, and back.

mod attributes;
mod billing;
mod cash;
mod checkout;
mod erase;
mod gateways;
mod guest;
mod link;
mod methods;
mod payments;
mod polling;
mod refunds;
mod reservations;
mod view;
mod withdrawal;
mod withdrawal_links;

use std::sync::Arc;

use ::payments::{PaymentGateways, reference_key};
use actions::{Erasures, Orders, QuoteKey};
use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, ConfigError};
use domain::gateway_account::GatewayAccount;
use domain::tenant::Tenant;
use domain::{OrderId, Result, TenantId};
use queue::{IssueMessage, Queue};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Cache;
use web::{Api, OrderKeys};

/// How long a tenant's gateway accounts are cached, in milliseconds. For that long, a payment may
/// still start with an account that was just switched off.
const ACCOUNTS_MILLIS: i64 = 5000;

/// The function's clients, settings and caches.
#[derive(Clone, Debug)]
pub struct State {
    api: Api,
    orders: Orders,
    keys: OrderKeys,
    erasures: Erasures,
    /// The issue queue, for mails that no order causes.
    issues: Queue<IssueMessage>,
    gateways: PaymentGateways,
    reference_key: ReferenceKey,
    accounts: Arc<Cache<TenantId, Vec<GatewayAccount>>>,
    organizers: Arc<Cache<TenantId, Tenant>>,
    reports: Arc<polling::GatewayReportCache>,
    /// The box office's address, without a slash at its end.
    public_url: Arc<str>,
}

/// The key that signs payment references.
#[derive(Clone)]
struct ReferenceKey([u8; 32]);

impl std::fmt::Debug for ReferenceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReferenceKey(..)")
    }
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `QUOTE_SECRET`, `REFERENCE_SECRET`, `ORDER_LINK_SECRET`,
    /// `HASH_SECRET`, `ISSUE_QUEUE_URL`, `PUBLIC_URL` and the gateways' variables.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let api = Api::new(boot)?;
        let keys = OrderKeys::from_env(&boot.env)?;
        Ok(Self {
            erasures: Erasures::new(&api.store, keys.fingerprints().clone()),
            issues: Queue::new(boot)?,
            orders: Orders::new(&api.store, QuoteKey::from_env(&boot.env)?),
            api,
            keys,
            gateways: PaymentGateways::new(boot)?,
            reference_key: ReferenceKey(reference_key(&boot.env)?),
            accounts: Arc::new(Cache::new(256, ACCOUNTS_MILLIS)),
            organizers: Arc::new(Cache::new(256, ACCOUNTS_MILLIS)),
            reports: Arc::default(),
            public_url: boot.env.public_url()?,
        })
    }

    /// A tenant's gateway accounts, cached for some seconds.
    async fn accounts(&self, tenant: TenantId) -> Result<Arc<Vec<GatewayAccount>>> {
        let read = || async { Ok(Some(self.store.gateway_accounts(tenant).await?)) };
        let accounts = self.accounts.get(tenant, self.clock.now(), read).await?;
        Ok(accounts.unwrap_or_default())
    }

    /// The organiser, cached for some seconds; `None` if it has no account.
    async fn organizer(&self, tenant: TenantId) -> Result<Option<Arc<Tenant>>> {
        let read = || async { Ok(self.store.tenant(tenant).await?) };
        self.organizers.get(tenant, self.clock.now(), read).await
    }

    /// Checks that a payment may begin: the organiser is not suspended, as far as is known here.
    ///
    /// # Errors
    /// `organiser_suspended`.
    async fn check_sells(&self, tenant: TenantId) -> Result<()> {
        match self.organizer(tenant).await? {
            // It may sell again since.
            Some(organizer) if organizer.may_sell().is_err() => self.orders.check_still_sells(tenant).await,
            _ => Ok(()),
        }
    }
}

web::has_api!(State);

impl FromRef<State> for OrderKeys {
    fn from_ref(state: &State) -> Self {
        state.keys.clone()
    }
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(reservations::routes())
        .merge(payments::routes())
        .merge(link::routes())
        .merge(methods::routes())
        .merge(billing::routes())
        .merge(attributes::routes())
        .merge(refunds::routes())
        .merge(withdrawal::routes())
        .merge(withdrawal_links::routes())
        .merge(erase::routes())
        .with_state(state)
}

/// Path with the id of an order.
#[derive(Debug, Deserialize, JsonSchema)]
struct OrderPath {
    /// The order's id.
    id: OrderId,
}
