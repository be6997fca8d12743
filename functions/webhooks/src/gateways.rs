//! Gateways' notifications about payments: checks the signature, queues the hint and answers within
//! milliseconds.
//!
//! A repeated notification is queued again, and the settler finds nothing left to do. Signatures of
//! Mercado Pago and Wompi contain the time, and old ones are refused. PayU's contain neither the
//! time nor PayU's ids, and each buyer gets a valid one on the way back from PayU. With it, a buyer
//! can make us ask PayU about that reference any number of times, with any ids in the notification.
//! That costs no more than one question each: the ids are not asked about, see
//! [`PaymentGateway::payments_behind`].

use std::sync::Arc;

use aide::NoApi;
use bytes::Bytes;
use domain::gateway_account::{AccountRef, GatewayAccount};
use domain::payment::GatewayName;
use domain::{Error, Result};
use http::{HeaderMap, StatusCode};
use payments::{MAX_WEBHOOK_BYTES, PaymentGateway, Subject, WebhookRequest};
use queue::{Notification, PaymentMessage};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, AnyQuery, Path, Query, Shared};

use crate::State;

/// Path of a gateway's notifications.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GatewayPath {
    /// The gateway's name, such as `mercado_pago`.
    gateway: String,
}

/// The organiser's account in a notification's address; absent for the sandbox, which all
/// organisers share.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AccountQuery {
    /// The tenant's id.
    tenant: Option<String>,
    /// The id of the tenant's gateway account.
    account: Option<String>,
}

impl AccountQuery {
    /// The account, if both ids parse.
    fn account(&self) -> Option<AccountRef> {
        let (tenant, account) = self.tenant.as_ref().zip(self.account.as_ref())?;
        Some(AccountRef { tenant_id: tenant.parse().ok()?, id: account.parse().ok()? })
    }
}

pub(crate) async fn notify(
    Shared(state): Shared<State>,
    Path(path): Path<GatewayPath>,
    Query(about): Query<AccountQuery>,
    AnyQuery(query): AnyQuery,
    NoApi(headers): NoApi<HeaderMap>,
    NoApi(body): NoApi<Bytes>,
) -> Answer<StatusCode> {
    Ok(take(&state, path.gateway.parse().ok(), &about, &query, &headers, &body).await?)
}

pub(crate) async fn notify_mercado_pago(
    Shared(state): Shared<State>,
    Query(about): Query<AccountQuery>,
    AnyQuery(query): AnyQuery,
    NoApi(headers): NoApi<HeaderMap>,
    NoApi(body): NoApi<Bytes>,
) -> Answer<StatusCode> {
    Ok(take(&state, Some(GatewayName::MercadoPago), &about, &query, &headers, &body).await?)
}

async fn take(
    state: &State,
    gateway: Option<GatewayName>,
    about: &AccountQuery,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<StatusCode> {
    if body.len() > MAX_WEBHOOK_BYTES {
        return Err(Error::too_large("body_too_large", "No gateway sends notifications of this size."));
    }
    let received_at = state.clock.now();
    let (account, gateway) = sender(state, gateway.ok_or_else(unknown)?, about).await?;
    let query = signed_part(query);
    let request = WebhookRequest { headers, query: &query, body, received_at };
    match gateway.verify_webhook(&request)?.subject {
        Subject::Payments(hint) => {
            let notification = Notification { gateway: gateway.name(), account, hint, received_at };
            state.payments.send(&PaymentMessage::Notification(notification)).await?;
        }
        Subject::Unknown { kind } => {
            tracing::info!(gateway = %gateway.name(), kind, "a notification of no concern");
        }
    }
    Ok(StatusCode::OK)
}

/// The account that a notification names, and the gateway client that verifies it.
async fn sender(
    state: &State,
    name: GatewayName,
    about: &AccountQuery,
) -> Result<(Option<AccountRef>, Arc<dyn PaymentGateway>)> {
    if name == GatewayName::Sandbox {
        return Ok((None, state.gateways.sandbox().ok_or_else(unknown)?));
    }
    let named = about.account().ok_or_else(unknown)?;
    let read = || async { Ok(state.store.gateway_account(named.tenant_id, named.id).await?) };
    let account = state.accounts.get(named, state.clock.now(), read).await?;
    let is_there = |account: &Arc<GatewayAccount>| {
        // An account without credentials never took a payment.
        account.gateway == name && account.credentials_version.is_some()
    };
    let account = account.filter(is_there).ok_or_else(unknown)?;
    Ok((Some(named), state.gateways.of(&account).await?))
}

fn unknown() -> Error {
    Error::not_found("payment_gateway_not_found", "There is no such account at a payment gateway here.")
}

/// The query without the parameters that the box office added, which gateways do not sign. The rest
/// keeps its encoding.
fn signed_part(query: &str) -> String {
    let is_ours = |pair: &&str| matches!(pair.split('=').next(), Some("tenant" | "account"));
    query.split('&').filter(|pair| !is_ours(pair)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_part_of_a_query_stays_unchanged() {
        let check = |query: &str, expected: &str| assert_eq!(signed_part(query), expected, "{query}");
        check("", "");
        check("tenant=ten_1&account=gwa_1", "");
        check("tenant=ten_1&account=gwa_1&data.id=ORD%2B1&type=payment", "data.id=ORD%2B1&type=payment");
        check("data.id=1&tenant=ten_1&accounts=2&account&tenants", "data.id=1&accounts=2&tenants");
    }

    #[test]
    fn an_account_needs_tenant_and_account_ids() {
        let named = |tenant: Option<&str>, account: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            AccountQuery { tenant: text(tenant), account: text(account) }.account()
        };
        let now = domain::testing::at(0);
        let tenant = domain::TenantId::generate(now).to_string();
        let account = domain::GatewayAccountId::generate(now).to_string();
        let both = named(Some(&tenant), Some(&account)).expect("both");
        assert_eq!((both.tenant_id.to_string(), both.id.to_string()), (tenant.clone(), account.clone()));
        for (one, other) in [(Some(&tenant), None), (None, Some(&account)), (Some(&account), Some(&tenant))] {
            assert_eq!(named(one.map(String::as_str), other.map(String::as_str)), None);
        }
    }
}
