//! Reservations, payments and refunds: from a quote to a paid order, and back.

mod attendees;
mod checkout;
mod gateways;
mod idempotency;
mod payments;
mod polling;
mod refunds;
mod reservations;
mod view;

use domain::event::event_not_found;
use std::ops::Deref;
use std::sync::Arc;

use ::payments::{PaymentGateways, reference_key};
use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Secret};
use domain::gateway_account::GatewayAccount;
use domain::{EventId, Result, TenantId};
use store::{Cache, EventCache, ON_SALE_MILLIS, StoredEvent};
use web::Api;

/// How long a tenant's gateway accounts are cached, in milliseconds. For that long, a payment may
/// still start with an account that was just switched off.
const ACCOUNTS_MILLIS: i64 = 5000;

/// The function's clients, settings and caches.
#[derive(Clone, Debug)]
pub struct State {
    api: Api,
    gateways: PaymentGateways,
    keys: Arc<Keys>,
    sheets: EventCache,
    accounts: Arc<Cache<TenantId, Vec<GatewayAccount>>>,
    reports: Arc<polling::GatewayReportCache>,
    /// The box office's address, without a slash at its end.
    public_url: Arc<str>,
}

struct Keys {
    /// Key that opens sealed quotes.
    quote: [u8; 32],
    /// Key that signs payment references.
    reference: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `QUOTE_SECRET`, `REFERENCE_SECRET`, `PUBLIC_URL` and the
    /// gateways' variables.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let keys = Keys {
            quote: Secret::from_env(&boot.env, "QUOTE_SECRET")?.derive("quote"),
            reference: reference_key(&boot.env)?,
        };
        Ok(Self {
            api: Api::new(boot)?,
            gateways: PaymentGateways::new(boot)?,
            keys: Arc::new(keys),
            sheets: EventCache::new(256, ON_SALE_MILLIS),
            accounts: Arc::new(Cache::new(256, ACCOUNTS_MILLIS)),
            reports: Arc::default(),
            public_url: boot.env.public_url()?,
        })
    }

    /// An event with its areas and stages, cached for some seconds.
    async fn sheet(&self, event: EventId) -> Result<Arc<StoredEvent>> {
        let sheet = self.sheets.get(&self.store, event, self.clock.now()).await?;
        sheet.ok_or_else(event_not_found)
    }

    /// A tenant's gateway accounts, cached for some seconds.
    async fn accounts(&self, tenant: TenantId) -> Result<Arc<Vec<GatewayAccount>>> {
        let read = || async { Ok(Some(self.store.gateway_accounts(tenant).await?)) };
        let accounts = self.accounts.get(tenant, self.clock.now(), read).await?;
        Ok(accounts.unwrap_or_default())
    }
}

impl Deref for State {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(reservations::routes())
        .merge(payments::routes())
        .merge(refunds::routes())
        .with_state(state)
}
