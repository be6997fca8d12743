//! Mercado Pago's Checkout Pro, simulated.
//!
//! - `POST /checkout/preferences`, `GET`, `PUT /checkout/preferences/{id}`
//! - `GET`, `PUT /v1/payments/{id}`, `GET /v1/payments/search`
//! - `POST`, `GET /v1/payments/{id}/refunds`, `GET /v1/payments/{id}/refunds/{id}`
//! - `GET /merchant_orders/{id}`, `GET /v1/chargebacks/{id}`, `GET /v1/payment_methods`
//!
//! Each try to pay a preference is a payment. Two preferences may have the same
//! reference: whether Mercado Pago makes a preference once by its key is not
//! documented, and here it does not. A merchant order is what a preference is called
//! once somebody tried to pay it.
//!
//! Times of signatures alternate between seconds and milliseconds; repetitions are
//! signed again or not; some notifications have no request id. Preferences that do not
//! ask for `source_news=webhooks` are told about by unsigned notifications (IPN) too. Slips are good
//! until `date_of_expiration`; of every second preference they end with the preference, if that is earlier.

mod api;
mod notices;
mod preference;
mod refund;
#[cfg(test)]
mod tests;
mod views;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::http::{Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::payment::GatewayName;
use domain::{Currency, Timestamp};
use reqwest::Url;

use crate::actions::{Disputes, Ids, Rules};
use crate::courier::Retries;
use crate::faults::CallKind;
use crate::new_uuid;
use crate::purchase::{Attempt, Origin, Purchase, Status};
use crate::service::{Accounts, Delivery, Notice, Occasion, Protocol, Service};
use crate::simulator::{Options, Simulator};

/// A merchant's application.
#[derive(Clone)]
pub struct Account {
    /// What its calls must carry: `APP_USR-…`, or `TEST-…` for play money.
    pub access_token: String,
    /// What its notifications are signed with.
    pub webhook_secret: String,
    /// The merchant's number.
    pub collector_id: u64,
    /// The merchant's name.
    pub name: String,
    /// The only money of the merchant's country.
    pub currency: Currency,
    /// True if the merchant gave another's application access, which may keep a fee of each payment.
    pub shares: bool,
}

impl fmt::Debug for Account {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("collector_id", &self.collector_id).finish_non_exhaustive()
    }
}

impl Account {
    fn is_live(&self) -> bool {
        !self.access_token.starts_with("TEST-")
    }

    /// What the merchant's purchases are kept under.
    fn key(&self) -> String {
        self.collector_id.to_string()
    }

    /// Mercado Pago's name of the country.
    fn site(&self) -> &'static str {
        match self.currency.code() {
            "BRL" => "MLB",
            "CLP" => "MLC",
            "COP" => "MCO",
            "MXN" => "MLM",
            "PEN" => "MPE",
            "UYU" => "MLU",
            _ => "MLA",
        }
    }
}

/// Starts a simulated Mercado Pago that knows these merchants.
///
/// # Errors
/// If its file cannot be read or written, or the listener has no address.
pub async fn start(options: Options, accounts: Accounts<Account>) -> io::Result<Simulator> {
    let protocol = Arc::new(MercadoPago { accounts: accounts.clone() });
    Simulator::start(options, protocol, |service| router(service, accounts)).await
}

fn router(service: &Arc<Service>, accounts: Accounts<Account>) -> Router {
    Router::new()
        .route("/checkout/preferences", post(preference::create))
        // With a slash at the end, as the vendor's own library writes some.
        .route("/checkout/preferences/", post(preference::create))
        .route("/checkout/preferences/{id}", get(preference::read).put(preference::change))
        .route("/checkout/v1/redirect", get(api::open))
        .route("/sandbox/checkout/v1/redirect", get(api::open))
        .route("/v1/payments/search", get(api::search))
        .route("/v1/payment_methods", get(api::methods))
        .route("/v1/payments/{id}", get(api::read).put(api::cancel))
        .route("/v1/payments/{id}/refunds", post(refund::create).get(refund::list))
        .route("/v1/payments/{id}/refunds/", get(refund::list))
        .route("/v1/payments/{id}/refunds/{refund}", get(refund::read))
        .route("/merchant_orders/{id}", get(api::order))
        .route("/v1/chargebacks/{id}", get(api::dispute))
        .with_state(Wire { service: Arc::clone(service), accounts, made: Arc::default() })
}

/// The name under which a purchase keeps the end of its slips, if they have one of their own. Whether
/// the end of a preference also ends its slips is not documented: of every second it does.
const SLIP_END: &str = "slip_end";

/// The name under which a purchase keeps the application's fee, in minor units.
const FEE: &str = "marketplace_fee";

/// The name under which a purchase keeps the address of its page.
const PAGE: &str = "page";

struct MercadoPago {
    accounts: Accounts<Account>,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// Every quarter of an hour, and with longer pauses after the third time.
const PAUSES: [Duration; 6] =
    [minutes(15), minutes(15), minutes(15), minutes(60), minutes(6 * 60), minutes(24 * 60)];

impl Protocol for MercadoPago {
    fn name(&self) -> GatewayName {
        GatewayName::MercadoPago
    }

    fn title(&self) -> &'static str {
        "Mercado Pago"
    }

    fn rules(&self) -> Rules {
        let cash_end = |purchase: &Purchase, _, _| {
            let own: Option<Timestamp> = purchase.details.get(SLIP_END).and_then(|end| end.parse().ok());
            own.or(purchase.expires_at)
        };
        let by_hand = |_: &Attempt, _, _| Origin::Merchant;
        Rules { closes: true, disputes: Disputes::Staged, cash_end, by_hand }
    }

    fn delivery(&self) -> Delivery {
        Delivery {
            patience: Duration::from_secs(22),
            accepted: |status| matches!(status, StatusCode::OK | StatusCode::CREATED),
            retries: Retries::Later(&PAUSES),
        }
    }

    fn call_kind(&self, verb: &Verb, path: &str) -> Option<CallKind> {
        match (verb, path) {
            (&Verb::POST, "/checkout/preferences" | "/checkout/preferences/") => Some(CallKind::Create),
            (&Verb::POST | &Verb::PUT, _) => Some(CallKind::Refund),
            (_, path)
                if ["/v1/", "/merchant_orders/", "/checkout/preferences/"]
                    .iter()
                    .any(|read| path.starts_with(read)) =>
            {
                Some(CallKind::Read)
            }
            _ => None,
        }
    }

    fn trouble(&self, status: StatusCode) -> Response {
        let error = match status {
            StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
            StatusCode::LOCKED => "locked",
            _ => "internal_error",
        };
        api::Failure::new(status, error, "A simulated fault.").into_response()
    }

    fn ids(&self, _: &Purchase, number: u64, _: Timestamp) -> Ids {
        let id = number.to_string();
        Ids { number, attempt: id.clone(), payment: id.clone(), refund: id }
    }

    fn notices(&self, occasion: &Occasion<'_>) -> Vec<Notice> {
        let account = self.accounts.find(|account| account.key() == occasion.purchase.merchant);
        account.map_or_else(Vec::new, |account| notices::notices(&account, occasion))
    }

    fn return_url(&self, purchase: &Purchase, attempt: Option<&Attempt>) -> Option<String> {
        let (place, status) = match attempt.map(|attempt| attempt.status) {
            Some(Status::Approved) => (0, "approved"),
            Some(Status::Open | Status::Pending) => (1, "in_process"),
            Some(Status::Declined | Status::Failed) => (2, "rejected"),
            Some(Status::Cancelled | Status::Expired) => (2, "cancelled"),
            None => (2, "null"),
        };
        let payment = attempt.map_or("null", |attempt| &attempt.id);
        let order = attempt.map_or_else(|| "null".to_owned(), |_| purchase.number.to_string());
        let mut url: Url = purchase.return_urls[place].as_deref()?.parse().ok()?;
        url.query_pairs_mut().extend_pairs([
            ("payment_id", payment),
            ("status", status),
            ("external_reference", &purchase.reference),
            ("merchant_order_id", &order),
        ]);
        Some(url.into())
    }
}

/// A fresh id of a preference, which is also its page's.
fn preference_id(account: &Account) -> String {
    format!("{}-{}", account.collector_id, new_uuid())
}

/// A time as Mercado Pago writes it, on a clock four hours behind UTC.
fn written(time: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-4));
    time.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

/// What handlers share.
#[derive(Clone)]
struct Wire {
    service: Arc<Service>,
    accounts: Accounts<Account>,
    /// Counts the preferences that were made.
    made: Arc<AtomicU64>,
}
