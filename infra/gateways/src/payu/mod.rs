//! PayU Latam's WebCheckout, simulated.
//!
//! - `POST /ppp-web-gateway-payu/` the signed form
//! - `POST /reports-api/4.0/service.cgi`: `PING`, `ORDER_DETAIL`,
//!   `ORDER_DETAIL_BY_REFERENCE_CODE`, `TRANSACTION_RESPONSE_DETAIL`
//! - `POST /payments-api/4.0/service.cgi`: `SUBMIT_TRANSACTION` of type `REFUND` or
//!   `PARTIAL_REFUND`
//!
//! A reference is one order, and each try to pay it is a transaction of that order.
//! The expiration of the form holds for cash only: cards are taken later too. Whether the questions
//! tell when a slip ends is not documented: of every second order they do.
//!
//! A refund has no transaction that anybody could see until a person has looked at it
//! (`/` or `/control/refunds/…`), and nothing keeps it from being asked for twice.
//! Without `Accept: application/json` answers are XML.

mod confirmation;
mod form;
mod query;
mod refund;
mod signature;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::payment::GatewayName;
use domain::{Currency, Language, Timestamp};
use wire::Wire;

use crate::actions::{Disputes, Ids, Rules};
use crate::courier::Retries;
use crate::faults::{CallKind, without_locks};
use crate::new_uuid;
use crate::purchase::{Attempt, Method, Origin, Purchase, Status};
use crate::service::{Accounts, Delivery, Notice, Occasion, Protocol, Service, usual_name};
use crate::simulator::{Options, Simulator};

/// A merchant's account in one country.
#[derive(Clone)]
pub struct Account {
    /// The merchant's number.
    pub merchant_id: String,
    /// The number of the account in the country.
    pub account_id: String,
    /// The API login.
    pub api_login: String,
    /// The API key, which also signs.
    pub api_key: String,
    /// The key of HMAC signatures, if it is another.
    pub hmac_secret: Option<String>,
    /// The merchant's name.
    pub name: String,
    /// The money of the country, besides which the account takes dollars.
    pub currency: Currency,
    /// True if orders list the newest of their transactions only, as some do.
    pub lists_newest_only: bool,
}

impl fmt::Debug for Account {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("merchant_id", &self.merchant_id)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// What the account's orders are kept under.
    fn key(&self) -> String {
        format!("{}/{}", self.merchant_id, self.account_id)
    }
}

/// Starts a simulated PayU that knows these merchants.
///
/// # Errors
/// If its file cannot be read or written, or the listener has no address.
pub async fn start(options: Options, accounts: Accounts<Account>) -> io::Result<Simulator> {
    let protocol = Arc::new(Payu { accounts: accounts.clone() });
    Simulator::start(options, protocol, |service| router(service, accounts)).await
}

fn router(service: &Arc<Service>, accounts: Accounts<Account>) -> Router {
    Router::new()
        .route(wire::FORM, post(form::open))
        .route(wire::REPORTS, post(query::answer))
        .route(wire::PAYMENTS, post(refund::answer))
        .with_state(Wire { service: Arc::clone(service), accounts, made: Arc::default() })
}

/// The name under which an order keeps that questions tell of its slips.
const TELLS: &str = "tells";

struct Payu {
    accounts: Accounts<Account>,
}

impl Payu {
    fn account(&self, purchase: &Purchase) -> Option<Account> {
        self.accounts.find(|account| account.key() == purchase.merchant)
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// Nine tries in all. When is not documented; doubling the pause is.
const PAUSES: [Duration; 8] = [
    minutes(5),
    minutes(10),
    minutes(20),
    minutes(40),
    minutes(80),
    minutes(160),
    minutes(320),
    minutes(640),
];

impl Protocol for Payu {
    fn name(&self) -> GatewayName {
        GatewayName::Payu
    }

    fn title(&self) -> &'static str {
        "PayU"
    }

    fn rules(&self) -> Rules {
        Rules {
            closes: false,
            disputes: Disputes::Untold,
            cash_end: |purchase, _, _| purchase.expires_at,
            by_hand: |_, _, _| Origin::Merchant,
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery {
            patience: Duration::from_secs(10),
            accepted: |status| status == StatusCode::OK,
            retries: Retries::Later(&PAUSES),
        }
    }

    fn call_kind(&self, _: &Verb, path: &str) -> Option<CallKind> {
        match path {
            wire::FORM => Some(CallKind::Create),
            wire::PAYMENTS => Some(CallKind::Refund),
            wire::REPORTS => Some(CallKind::Read),
            _ => None,
        }
    }

    fn trouble(&self, status: StatusCode) -> Response {
        without_locks(status).into_response()
    }

    fn ids(&self, purchase: &Purchase, number: u64, _: Timestamp) -> Ids {
        let transaction = new_uuid();
        let payment = format!("{}_{transaction}", purchase.number);
        Ids { number, refund: transaction.clone(), attempt: transaction, payment }
    }

    fn notices(&self, occasion: &Occasion<'_>) -> Vec<Notice> {
        let account = self.account(occasion.purchase);
        account.and_then(|account| confirmation::notice(&account, occasion)).into_iter().collect()
    }

    fn return_url(&self, purchase: &Purchase, attempt: Option<&Attempt>) -> Option<String> {
        confirmation::return_url(&self.account(purchase)?, purchase, attempt)
    }

    fn method_name(&self, method: Method, language: Language) -> &'static str {
        if method == Method::Wallet { "Nequi" } else { usual_name(method, language) }
    }

    fn leaving(&self) -> Option<Status> {
        // A transaction that the buyer gave up is one that was declined.
        Some(Status::Cancelled)
    }
}

/// `state` and `responseCode` of a transaction, and the code's number.
fn standing(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::Open | Status::Pending => ("PENDING", "PENDING_TRANSACTION_CONFIRMATION", "25"),
        Status::Approved => ("APPROVED", "APPROVED", "1"),
        Status::Declined => ("DECLINED", "INSUFFICIENT_FUNDS", "6"),
        Status::Failed => ("ERROR", "ENTITY_MESSAGING_ERROR", "9997"),
        Status::Cancelled => ("DECLINED", "ABANDONED_TRANSACTION", "19"),
        Status::Expired => ("EXPIRED", "EXPIRED_TRANSACTION", "20"),
    }
}

/// `paymentMethod` of a transaction, and the number of its type.
fn method_word(method: Method) -> (&'static str, &'static str) {
    match method {
        Method::Card => ("VISA", "2"),
        Method::Wallet => ("NEQUI", "4"),
        Method::Bank => ("PSE", "4"),
        Method::Cash => ("EFECTY", "7"),
    }
}
