//! Wompi's web checkout, simulated.
//!
//! - `GET /p/` with everything in the address, signed
//! - `GET /v1/transactions/{id}`; `GET /v1/transactions?reference=` and
//!   `POST /v1/transactions/{id}/void` with the private key
//! - `GET /v1/merchants/{public key}`
//!
//! Each try to pay a reference is a transaction. There is no call for refunds: what a
//! merchant can no longer void is given back by support, and invisible here as there.
//!
//! Events sign their core values alone, in another order, or with more; checksums
//! alternate between upper and lower case. Who pays with Nequi also causes an event
//! about a token, which has nothing to do with payments.

mod api;
mod checkout;
mod events;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::payment::GatewayName;
use domain::{Language, Timestamp};
use reqwest::Url;

use crate::actions::{Disputes, Ids, Rules};
use crate::courier::Retries;
use crate::faults::{CallKind, without_locks};
use crate::purchase::{Attempt, Method, Origin, Purchase, Status};
use crate::service::{Accounts, Delivery, Notice, Occasion, Protocol, Service, usual_name};
use crate::simulator::{Options, Simulator};

/// A merchant.
#[derive(Clone)]
pub struct Account {
    /// `pub_test_…` or `pub_prod_…`.
    pub public_key: String,
    /// `prv_test_…` or `prv_prod_…`.
    pub private_key: String,
    /// What events are signed with: `test_events_…` or `prod_events_…`.
    pub events_secret: String,
    /// What checkouts are signed with: `test_integrity_…` or `prod_integrity_…`.
    pub integrity_secret: String,
    /// The merchant's number.
    pub number: u64,
    /// The merchant's name.
    pub name: String,
    /// The address for events, as the merchant has set on the gateway's pages.
    pub events_url: Option<String>,
}

impl fmt::Debug for Account {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// Starts a simulated Wompi that knows these merchants.
///
/// # Errors
/// If its file cannot be read or written, or the listener has no address.
pub async fn start(options: Options, accounts: Accounts<Account>) -> io::Result<Simulator> {
    let protocol = Arc::new(Wompi { accounts: accounts.clone() });
    Simulator::start(options, protocol, |service| api::router(service, accounts)).await
}

struct Wompi {
    accounts: Accounts<Account>,
}

const PAUSES: [Duration; 3] =
    [Duration::from_secs(30 * 60), Duration::from_secs(3 * 3600), Duration::from_secs(24 * 3600)];

impl Protocol for Wompi {
    fn name(&self) -> GatewayName {
        GatewayName::Wompi
    }

    fn title(&self) -> &'static str {
        "Wompi"
    }

    fn rules(&self) -> Rules {
        // On its pages too a merchant can void, and else asks support to pay back.
        let by_hand = |attempt: &Attempt, amount: Option<i64>, now| {
            if amount.is_none() && is_voidable(attempt, now) { Origin::Void } else { Origin::Merchant }
        };
        // Nothing is documented of how long a payment at a counter stays pending.
        let cash_end = |_: &Purchase, number: u64, now: Timestamp| {
            Some(now + jiff::SignedDuration::from_hours(if number.is_multiple_of(2) { 24 } else { 72 }))
        };
        Rules { closes: true, disputes: Disputes::Untold, cash_end, by_hand }
    }

    fn delivery(&self) -> Delivery {
        Delivery {
            patience: Duration::from_secs(10),
            accepted: |status| status == StatusCode::OK,
            retries: Retries::Later(&PAUSES),
        }
    }

    fn call_kind(&self, verb: &Verb, path: &str) -> Option<CallKind> {
        match (verb, path) {
            (_, "/p/") => Some(CallKind::Create),
            (&Verb::POST, path) if path.starts_with("/v1/") => Some(CallKind::Refund),
            (_, path) if path.starts_with("/v1/") => Some(CallKind::Read),
            _ => None,
        }
    }

    fn trouble(&self, status: StatusCode) -> Response {
        api::Failure::because(without_locks(status), "INTERNAL_ERROR", "A simulated fault.").into_response()
    }

    fn ids(&self, purchase: &Purchase, number: u64, now: Timestamp) -> Ids {
        let account = self.accounts.find(|account| account.public_key == purchase.merchant);
        let merchant = account.map_or(0, |account| account.number);
        let id = format!("{merchant}-{}-{number}", now.as_second());
        Ids { number, attempt: id.clone(), payment: id, refund: number.to_string() }
    }

    fn notices(&self, occasion: &Occasion<'_>) -> Vec<Notice> {
        let account = self.accounts.find(|account| account.public_key == occasion.purchase.merchant);
        account.map_or_else(Vec::new, |account| events::notices(&account, occasion))
    }

    fn return_url(&self, purchase: &Purchase, attempt: Option<&Attempt>) -> Option<String> {
        let mut url: Url = purchase.return_urls[0].as_deref()?.parse().ok()?;
        if let Some(attempt) = attempt {
            url.query_pairs_mut().append_pair("id", &attempt.id);
        }
        Some(url.into())
    }

    fn method_name(&self, method: Method, language: Language) -> &'static str {
        match (method, language) {
            (Method::Card, _) => usual_name(method, language),
            (Method::Wallet, _) => "Nequi",
            (Method::Bank, _) => "PSE",
            (Method::Cash, Language::Es) => "Corresponsal Bancolombia",
            (Method::Cash, Language::En) => "Bancolombia counter",
        }
    }
}

/// `status` of a transaction.
fn status_word(status: Status, voided: bool) -> &'static str {
    match status {
        Status::Open | Status::Pending => "PENDING",
        Status::Approved if voided => "VOIDED",
        Status::Approved => "APPROVED",
        Status::Declined | Status::Cancelled => "DECLINED",
        Status::Failed | Status::Expired => "ERROR",
    }
}

/// True if a payment was undone before it was settled.
fn is_void(attempt: &Attempt) -> bool {
    attempt.refunds.iter().any(|refund| refund.origin == Origin::Void)
}

/// True if a payment is by card and not settled: that happens in the evening.
fn is_voidable(attempt: &Attempt, now: Timestamp) -> bool {
    let day = |time: Timestamp| time.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-5))).date();
    attempt.method == Method::Card
        && attempt.status == Status::Approved
        && attempt.refunds.is_empty()
        && attempt.decided_at.is_some_and(|decided| day(decided) == day(now))
}

/// `payment_method_type` of a transaction.
fn method_word(method: Method) -> &'static str {
    match method {
        Method::Card => "CARD",
        Method::Wallet => "NEQUI",
        Method::Bank => "PSE",
        Method::Cash => "BANCOLOMBIA_COLLECT",
    }
}

/// A time as Wompi writes it.
fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What handlers share.
#[derive(Clone)]
struct Wire {
    service: Arc<Service>,
    accounts: Accounts<Account>,
}
