//! Calls, and who may make them.

use std::io;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use domain::{Currency, Language, Money, Timestamp};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Wire, standing};
use crate::actions::{ActError, Action, Refusal};
use crate::purchase::{Attempt, Buyer, Method, Purchase, Refund, Status};
use crate::server::bearer;
use crate::service::Service;

/// The most payments that one list answers with.
const MAX_LIST: usize = 50;

/// The name under which a purchase keeps a digest of the body that came with its key.
const FINGERPRINT: &str = "fingerprint";

/// The same key with another request.
pub(super) const KEY_REUSED: Refusal =
    Refusal::new("idempotency_conflict", "This Idempotency-Key was used for another request.");

/// An error as the protocol has it.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such payment.")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, Json(body)).into_response()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let reused = refusal == KEY_REUSED;
        let status = if reused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
        Self::new(status, refusal.code, refusal.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "a simulated gateway cannot write its file");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The gateway cannot store anything.")
    }
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NoSuchPayment => Self::not_found(),
            ActError::Refused(refusal) => refusal.into(),
            ActError::Storage(error) => error.into(),
        }
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), "unreadable_body", rejection.body_text())
    }
}

/// A caller that proved to have the account's API key.
pub(super) struct Caller;

impl FromRequestParts<Wire> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Failure> {
        if bearer(&parts.headers) == wire.account.api_key {
            return Ok(Self);
        }
        Err(Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "The API key is missing or wrong."))
    }
}

/// The key that makes a call happen once.
pub(super) struct Key(pub(super) String);

impl FromRequestParts<Wire> for Key {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Wire) -> Result<Self, Failure> {
        let key = parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let visible = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = key.filter(|key| (1..=128).contains(&key.len())).filter(visible);
        let key = key
            .ok_or_else(|| Failure::invalid("Idempotency-Key must have 1 to 128 visible ASCII characters"))?;
        Ok(Self(key.to_owned()))
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::invalid(error.to_string()))
}

/// A refund on the wire.
#[derive(Serialize)]
pub(super) struct RefundView {
    id: String,
    payment_id: String,
    amount: i64,
    currency: Currency,
    status: &'static str,
    created_at: Timestamp,
}

impl RefundView {
    pub(super) fn new(purchase: &Purchase, refund: &Refund) -> Self {
        Self {
            id: refund.id.clone(),
            payment_id: purchase.id.clone(),
            amount: refund.amount,
            currency: purchase.amount.currency,
            status: "done",
            created_at: refund.created_at,
        }
    }
}

/// A payment as the wire has it.
fn payment(service: &Service, purchase: &Purchase) -> Value {
    let attempt = &purchase.attempts[0];
    let (status, reason) = standing(purchase, attempt);
    let approved = attempt.status == Status::Approved;
    let slip = purchase.slip();
    let page = format!("{}/pay/{}", service.url, purchase.id);
    let refunds: Vec<_> = attempt.refunds.iter().map(|refund| RefundView::new(purchase, refund)).collect();
    json!({
        "id": purchase.id,
        "reference": purchase.reference,
        "status": status,
        "amount": purchase.amount.amount,
        "currency": purchase.amount.currency,
        "refunded_amount": attempt.refunded(),
        "method": (attempt.status != Status::Open).then_some(attempt.method),
        "pay_by": slip.and_then(|slip| slip.slip_end),
        "slip_url": slip.map(|_| &page),
        "slip_code": slip.map(|slip| slip.number.to_string()),
        "reason": reason,
        "seller": purchase.seller,
        "description": purchase.description,
        "checkout_url": page,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
        "updated_at": attempt.updated_at,
        "approved_at": attempt.decided_at.filter(|_| approved),
        "refunds": refunds,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    reference: String,
    amount: i64,
    currency: Currency,
    seller: String,
    description: String,
    buyer: Buyer,
    expires_at: Timestamp,
    cash_until: Option<Timestamp>,
    return_url: String,
    notification_url: String,
    #[serde(default)]
    language: Language,
}

impl NewPayment {
    fn check(&self, now: Timestamp) -> Result<(), Failure> {
        let text = |name: &str, value: &str, most: usize| {
            if (1..=most).contains(&value.chars().count()) && !value.chars().any(char::is_control) {
                Ok(())
            } else {
                Err(Failure::invalid(format!("{name} must have 1 to {most} characters")))
            }
        };
        let url = |name: &str, value: &str| match value.parse::<Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") && value.len() <= 2000 => Ok(()),
            _ => Err(Failure::invalid(format!("{name} must be an http or https address"))),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&self.reference.len()) || !self.reference.bytes().all(plain) {
            return Err(Failure::invalid("reference must be 1 to 64 of A-Z, a-z, 0-9, - and _"));
        }
        if !(1..=10_000_000_000_000).contains(&self.amount) {
            return Err(Failure::invalid("amount must be positive minor units"));
        }
        text("seller", &self.seller, 100)?;
        text("description", &self.description, 200)?;
        text("buyer.email", &self.buyer.email, 254)?;
        // Who registers need not say a name.
        if !self.buyer.name.is_empty() {
            text("buyer.name", &self.buyer.name, 100)?;
        }
        url("return_url", &self.return_url)?;
        url("notification_url", &self.notification_url)?;
        let month = jiff::SignedDuration::from_hours(30 * 24);
        if self.expires_at <= now || self.expires_at > now + month {
            return Err(Failure::invalid("expires_at must be in the next 30 days"));
        }
        if self.cash_until.is_some_and(|end| end < self.expires_at || end > now + month) {
            return Err(Failure::invalid("cash_until must be after expires_at, in the next 30 days"));
        }
        Ok(())
    }

    fn purchase(self, id: String, number: u64, now: Timestamp) -> Purchase {
        let cash = self.cash_until.map(|end| (super::CASH_UNTIL.to_owned(), end.to_string()));
        let methods = [Some(Method::Card), cash.is_some().then_some(Method::Cash)];
        Purchase {
            id,
            number,
            // All sellers share the account.
            merchant: String::new(),
            reference: self.reference,
            amount: Money::new(self.amount, self.currency),
            seller: self.seller,
            description: self.description,
            buyer: self.buyer,
            language: self.language,
            return_urls: [self.return_url.clone(), self.return_url.clone(), self.return_url].map(Some),
            notification_url: Some(self.notification_url),
            created_at: now,
            expires_at: Some(self.expires_at),
            methods: methods.into_iter().flatten().collect(),
            details: cash.into_iter().collect(),
            attempts: Vec::new(),
        }
    }
}

pub(super) async fn create(
    State(wire): State<Wire>,
    _: Caller,
    Key(key): Key,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (service, body) = (&wire.service, body?);
    let fingerprint = hex::encode(Sha256::digest(&body));
    let wanted: NewPayment = parse(&body)?;
    let id = wire.account.payment_id(&key);
    let purchase = service.sell(
        |ledger| match ledger.get(&id) {
            Some(known) if known.details.get(FINGERPRINT) != Some(&fingerprint) => Err(KEY_REUSED.into()),
            known => Ok::<_, Failure>(known.cloned()),
        },
        |number, now| {
            wanted.check(now)?;
            let mut purchase = wanted.purchase(id.clone(), number, now);
            purchase.details.insert(FINGERPRINT.to_owned(), fingerprint.clone());
            let ids = service.protocol.ids(&purchase, number, now);
            let open = Attempt::new(ids, Method::Card, Status::Open, now);
            purchase.attempts.push(Attempt { expires_at: purchase.expires_at, ..open });
            Ok(purchase)
        },
    )?;
    Ok((StatusCode::CREATED, Json(payment(service, &purchase))).into_response())
}

pub(super) async fn read(
    State(wire): State<Wire>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let found = wire.service.with_ledger(|ledger| {
        Ok::<_, Failure>(ledger.get(&id).map(|purchase| payment(&wire.service, purchase)))
    })?;
    found.map(Json).ok_or_else(Failure::not_found)
}

pub(super) async fn cancel(
    State(wire): State<Wire>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let service = &wire.service;
    let view = service.edit(&id, |purchase, ids, now| {
        let cancelled = Action::Decide(Method::Card, Status::Cancelled);
        let happened = purchase.apply(None, cancelled, ids, service.protocol.rules(), now)?;
        Ok::<_, Failure>((payment(service, purchase), Some(happened)))
    })?;
    Ok(Json(view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    reference: String,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(wire): State<Wire>,
    _: Caller,
    query: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, Failure> {
    let Query(Listing { reference, limit }) =
        query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    let found = wire.service.with_ledger(|ledger| {
        let named = ledger.named(&reference).filter(|purchase| purchase.reference == reference);
        let views = named.map(|purchase| payment(&wire.service, purchase));
        Ok::<_, Failure>(views.take(limit.unwrap_or(MAX_LIST).clamp(1, MAX_LIST)).collect::<Vec<_>>())
    })?;
    Ok(Json(json!({ "payments": found })))
}
