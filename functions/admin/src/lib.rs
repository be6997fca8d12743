//! Matters of a tenant's admin: accounts at payment gateways, refunds that a person has to do,
//! differences between gateways and orders, the tenant's sites, and what it owes. And matters of the
//! installation's operator, who works for no tenant.

mod credentials;
mod form;
mod gateways;
mod operator;
mod payment_differences;
mod refund_tasks;
mod site_view;
mod sites;
mod statements;
mod task_view;
mod view;

use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Vault};
use domain::audit::AuditNote;
use domain::gateway_account::GatewayAccount;
use domain::site::SiteHost;
use domain::{Error, GatewayAccountId, Result, Timestamp};
use outbound::{SiteProofs, Url};
use payments::PaymentGateways;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Admin, Api};

/// The function's clients and settings.
#[derive(Clone)]
pub struct State {
    api: Api,
    /// The store of credentials, which the function may write and delete, but not read.
    vault: Vault,
    gateways: PaymentGateways,
    proofs: SiteProofs,
    /// The box office's address, without a slash at its end.
    public_url: Arc<str>,
    /// The host of that address, which can be nobody's site; `None` if it is an IP address.
    own_host: Option<SiteHost>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `STAGE` and `PUBLIC_URL`, and the addresses of
    /// simulated gateways and of a simulated internet, if any.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let public_url = boot.env.public_url()?;
        let own_host = public_url.parse().ok().and_then(|url: Url| url.host_str()?.parse().ok());
        Ok(Self {
            api: Api::new(boot)?,
            vault: Vault::new(boot)?,
            gateways: PaymentGateways::without_sandbox(boot)?,
            proofs: SiteProofs::new(boot)?,
            public_url,
            own_host,
        })
    }

    /// The tenant's account, read now. The account of another tenant counts as not found.
    async fn account(&self, admin: &Admin, id: GatewayAccountId) -> Result<GatewayAccount> {
        self.store.gateway_account(admin.tenant, id).await?.ok_or_else(unknown)
    }

    /// The account, unless it is being deleted.
    async fn open_account(&self, admin: &Admin, id: GatewayAccountId) -> Result<GatewayAccount> {
        let account = self.account(admin, id).await?;
        if account.closing {
            return Err(Error::conflict(
                "gateway_closing",
                "This account is being deleted, which was cut off. Delete it again, or add another.",
            ));
        }
        Ok(account)
    }
}

web::has_api!(State);

/// Path of `/tenant/gateways/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct AccountPath {
    /// The account's id.
    id: GatewayAccountId,
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(gateways::routes())
        .merge(credentials::routes())
        .merge(refund_tasks::routes())
        .merge(payment_differences::routes())
        .merge(sites::routes())
        .merge(statements::routes())
        .merge(operator::routes())
        .with_state(state)
}

/// The audit log's entry about a change of an account.
fn note(admin: &Admin, account: &GatewayAccount, action: &str, now: Timestamp) -> AuditNote {
    admin.note(format!("gateway_account.{action}"), account.id.to_string(), now)
}

fn unknown() -> Error {
    Error::not_found("gateway_not_found", "You have no such account at a payment gateway.")
}

/// The error for a lost update: the account was changed between reading and writing.
fn changed_meanwhile() -> Error {
    Error::conflict(
        "changed_meanwhile",
        "Somebody changed this account at the same moment. Read it again and repeat your change.",
    )
}
