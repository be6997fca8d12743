//! The sandbox: a gateway of our own, whose protocol `payments::sandbox` describes.
//!
//! - `POST /v1/payments`, `GET /v1/payments/{id}`, `GET /v1/payments?reference=`
//! - `POST /v1/payments/{id}/cancel`, `POST /v1/payments/{id}/refunds`
//!
//! A payment is made before its buyer comes, and is all that there is of its purchase:
//! both have the same id. What expired can still be paid. A payment in cash cannot be
//! refunded by the API. Its slip is good until the `cash_until` of the payment, without which the
//! page offers no cash. All sellers share one account.

mod api;
mod notices;
mod refund;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::Timestamp;
use domain::payment::GatewayName;
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::actions::{Disputes, Ids, Rules};
use crate::courier::Retries;
use crate::faults::{CallKind, without_locks};
use crate::purchase::{Attempt, Origin, Purchase, Stage, Status};
use crate::service::{Delivery, Notice, Occasion, Protocol, Service};
use crate::simulator::{Options, Simulator};

/// The account of all sellers.
#[derive(Clone)]
pub struct Account {
    /// What calls must carry.
    pub api_key: String,
    /// What notifications are signed with.
    pub webhook_secret: String,
}

impl fmt::Debug for Account {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

impl Account {
    /// The id of the payment that is made with this key. The same key makes the same
    /// payment, and without the secret nobody can guess it.
    fn payment_id(&self, key: &str) -> String {
        let digest = Sha256::digest(format!("{} {key}", self.webhook_secret));
        format!("pay_{}", hex::encode(&digest[..16]))
    }
}

/// Starts a sandbox with this account.
///
/// # Errors
/// If its file cannot be read or written, or the listener has no address.
pub async fn start(options: Options, account: Account) -> io::Result<Simulator> {
    let protocol = Arc::new(Sandbox { account: account.clone() });
    Simulator::start(options, protocol, |service| router(service, account)).await
}

fn router(service: &Arc<Service>, account: Account) -> Router {
    Router::new()
        .route("/v1/payments", post(api::create).get(api::list))
        .route("/v1/payments/{id}", get(api::read))
        .route("/v1/payments/{id}/cancel", post(api::cancel))
        .route("/v1/payments/{id}/refunds", post(refund::create))
        .fallback(async || api::Failure::not_found())
        .with_state(Wire { service: Arc::clone(service), account })
}

/// The name under which a purchase keeps the end of its slips.
const CASH_UNTIL: &str = "cash_until";

struct Sandbox {
    account: Account,
}

impl Protocol for Sandbox {
    fn name(&self) -> GatewayName {
        GatewayName::Sandbox
    }

    fn title(&self) -> &'static str {
        "Sandbox"
    }

    fn rules(&self) -> Rules {
        Rules {
            closes: false,
            disputes: Disputes::Final,
            cash_end: |purchase, _, _| purchase.details.get(CASH_UNTIL)?.parse().ok(),
            by_hand: |_, _, _| Origin::Merchant,
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery {
            patience: Duration::from_secs(10),
            accepted: |status| status.is_success(),
            retries: Retries::Soon { backoff: Duration::from_millis(500), tries: 6 },
        }
    }

    fn call_kind(&self, verb: &Verb, path: &str) -> Option<CallKind> {
        match (verb, path) {
            (&Verb::POST, "/v1/payments") => Some(CallKind::Create),
            (&Verb::POST, path) if path.starts_with("/v1/") => Some(CallKind::Refund),
            (_, path) if path.starts_with("/v1/") => Some(CallKind::Read),
            _ => None,
        }
    }

    fn trouble(&self, status: StatusCode) -> Response {
        let code = if status.is_server_error() { "internal" } else { "busy" };
        api::Failure::new(without_locks(status), code, "A simulated fault.").into_response()
    }

    fn ids(&self, purchase: &Purchase, number: u64, _: Timestamp) -> Ids {
        let id = &purchase.id;
        Ids { number, attempt: id.clone(), payment: id.clone(), refund: format!("rfd_{number}") }
    }

    fn notices(&self, occasion: &Occasion<'_>) -> Vec<Notice> {
        notices::notice(&self.account, occasion).into_iter().collect()
    }

    /// The shop's address with what the browser claims about the payment. A shop that
    /// believes it gives away tickets to everybody who can type.
    fn return_url(&self, purchase: &Purchase, attempt: Option<&Attempt>) -> Option<String> {
        let mut url: Url = purchase.return_urls[0].as_deref()?.parse().ok()?;
        let status = attempt.map_or("pending", |attempt| match attempt.status {
            Status::Open | Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Declined | Status::Failed => "declined",
            Status::Cancelled => "cancelled",
            Status::Expired => "expired",
        });
        url.query_pairs_mut().extend_pairs([
            ("payment_id", purchase.id.as_str()),
            ("reference", &purchase.reference),
            ("status", status),
        ]);
        Some(url.into())
    }

    fn leaving(&self) -> Option<Status> {
        Some(Status::Cancelled)
    }
}

/// `status` and `reason` of a payment.
fn standing(purchase: &Purchase, attempt: &Attempt) -> (&'static str, Option<&'static str>) {
    match (attempt.status, attempt.dispute.as_ref().map(|dispute| dispute.stage)) {
        (Status::Open, _) => ("pending", None),
        (Status::Pending, _) => ("in_process", None),
        (Status::Declined, _) => ("declined", Some("insufficient_funds")),
        (Status::Failed, _) => ("declined", Some("processing_error")),
        (Status::Cancelled, _) => ("cancelled", Some("cancelled_by_buyer")),
        (Status::Expired, _) => ("expired", Some("not_paid_in_time")),
        (Status::Approved, Some(Stage::Open | Stage::Lost)) => {
            ("charged_back", Some("disputed_by_cardholder"))
        }
        (Status::Approved, _) if purchase.left(attempt) == 0 => ("refunded", None),
        (Status::Approved, _) => ("approved", None),
    }
}

/// What handlers share.
#[derive(Clone)]
struct Wire {
    service: Arc<Service>,
    account: Account,
}
