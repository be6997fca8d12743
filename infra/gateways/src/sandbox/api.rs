use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method as Verb, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::{Currency, Language, Timestamp};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::payment::{Action, KEY_REUSED, Method, Payment, Refund, Status};
use super::{Service, created_with, new_id, with_reference};
use crate::actions::Refusal;
use crate::faults::{CallKind, without_locks};
use crate::purchase::Buyer;

/// An error as the protocol writes it.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

pub(super) type Answer<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such payment.")
    }

    fn simulated(status: StatusCode) -> Response {
        let code = if status.is_server_error() { "internal" } else { "busy" };
        Self::new(without_locks(status), code, "A simulated fault.").into_response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status =
            if refusal == KEY_REUSED { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
        Self::new(status, refusal.code, refusal.message)
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "the sandbox gateway cannot write its file");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The gateway cannot store anything.")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, axum::Json(body)).into_response()
    }
}

/// The most payments that one list answers with.
pub(super) const MAX_LIST: usize = 50;

pub(super) fn router(service: &Arc<Service>) -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/payments", post(create).get(list))
        .route("/v1/payments/{id}", get(read))
        .route("/v1/payments/{id}/cancel", post(cancel))
        .route("/v1/payments/{id}/refunds", post(refund))
        .layer(middleware::from_fn_with_state(Arc::clone(service), guard))
}

/// Lets in who has the API key, and misbehaves as the faults want it.
async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default();
    if !bool::from(key.as_bytes().ct_eq(service.api_key.as_bytes())) {
        return ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "The API key is missing or wrong.")
            .into_response();
    }
    let kind = match (request.method(), request.uri().path()) {
        (&Verb::POST, "/v1/payments") => CallKind::Create,
        (&Verb::POST, _) => CallKind::Refund,
        _ => CallKind::Read,
    };
    service.call_outcome(kind).befall(ApiError::simulated, next.run(request)).await
}

/// A payment on the wire.
#[derive(Serialize)]
pub(super) struct PaymentView<'a> {
    id: &'a str,
    reference: &'a str,
    status: Shown,
    amount: i64,
    currency: Currency,
    refunded_amount: i64,
    method: Option<Method>,
    reason: Option<&'a str>,
    seller: &'a str,
    description: &'a str,
    checkout_url: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    updated_at: Timestamp,
    approved_at: Option<Timestamp>,
    refunds: Vec<RefundView<'a>>,
}

/// A status on the wire, where a payment that its buyer has made and nobody decided is told
/// from one that waits for its buyer.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    Status(Status),
    Word(&'static str),
}

impl Shown {
    fn of(payment: &Payment) -> Self {
        match payment.status {
            Status::Pending if payment.approve_at.is_some() => Self::Word("in_process"),
            status => Self::Status(status),
        }
    }
}

/// A refund on the wire.
#[derive(Serialize)]
struct RefundView<'a> {
    id: &'a str,
    payment_id: &'a str,
    amount: i64,
    currency: Currency,
    status: &'static str,
    created_at: Timestamp,
}

impl<'a> RefundView<'a> {
    fn new(payment: &'a Payment, refund: &'a Refund) -> Self {
        Self {
            id: &refund.id,
            payment_id: &payment.id,
            amount: refund.amount,
            currency: payment.currency,
            status: "done",
            created_at: refund.created_at,
        }
    }
}

impl<'a> PaymentView<'a> {
    pub(super) fn new(service: &Service, payment: &'a Payment) -> Self {
        Self {
            id: &payment.id,
            reference: &payment.reference,
            status: Shown::of(payment),
            amount: payment.amount,
            currency: payment.currency,
            refunded_amount: payment.refunded(),
            method: payment.method,
            reason: payment.reason.as_deref(),
            seller: &payment.seller,
            description: &payment.description,
            checkout_url: format!("{}/pay/{}", service.url, payment.id),
            created_at: payment.created_at,
            expires_at: payment.expires_at,
            updated_at: payment.updated_at,
            approved_at: payment.approved_at,
            refunds: payment.refunds.iter().map(|refund| RefundView::new(payment, refund)).collect(),
        }
    }
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
    return_url: String,
    notification_url: String,
    #[serde(default)]
    language: Language,
}

impl NewPayment {
    fn check(&self, now: Timestamp) -> Answer<()> {
        let text = |name: &str, value: &str, most: usize| {
            if (1..=most).contains(&value.chars().count()) && !value.chars().any(char::is_control) {
                Ok(())
            } else {
                Err(ApiError::invalid(format!("{name} must have 1 to {most} characters")))
            }
        };
        let url = |name: &str, value: &str| match value.parse::<Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") && value.len() <= 2000 => Ok(()),
            _ => Err(ApiError::invalid(format!("{name} must be an http or https address"))),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&self.reference.len()) || !self.reference.bytes().all(plain) {
            return Err(ApiError::invalid("reference must be 1 to 64 of A-Z, a-z, 0-9, - and _"));
        }
        if !(1..=10_000_000_000_000).contains(&self.amount) {
            return Err(ApiError::invalid("amount must be positive minor units"));
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
            return Err(ApiError::invalid("expires_at must be in the next 30 days"));
        }
        Ok(())
    }
}

async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Response> {
    let key = idempotency_key(&headers)?;
    let body = bounded(body)?;
    let fingerprint = hex::encode(Sha256::digest(&body));
    let wanted: NewPayment = parse(&body)?;
    let now = service.clock.now();
    let payment = service.with_ledger(|ledger| {
        if let Some(payment) = created_with(ledger, key) {
            return if payment.fingerprint == fingerprint {
                Ok(payment.clone())
            } else {
                Err(KEY_REUSED.into())
            };
        }
        wanted.check(now)?;
        let payment = Payment {
            id: new_id("pay"),
            reference: wanted.reference,
            status: Status::Pending,
            amount: wanted.amount,
            currency: wanted.currency,
            seller: wanted.seller,
            description: wanted.description,
            buyer: wanted.buyer,
            language: wanted.language,
            return_url: wanted.return_url,
            notification_url: wanted.notification_url,
            created_at: now,
            expires_at: wanted.expires_at,
            updated_at: now,
            approved_at: None,
            approve_at: None,
            method: None,
            reason: None,
            refunds: Vec::new(),
            idempotency_key: key.to_owned(),
            fingerprint,
        };
        ledger.save(payment.clone())?;
        Ok::<_, ApiError>(payment)
    })?;
    Ok((StatusCode::CREATED, axum::Json(PaymentView::new(&service, &payment))).into_response())
}

async fn read(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Answer<Response> {
    let payment = service.payment(&id)?.ok_or_else(ApiError::not_found)?;
    Ok(axum::Json(PaymentView::new(&service, &payment)).into_response())
}

async fn cancel(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Answer<Response> {
    let payment = service.act(&id, Action::Cancel)?;
    Ok(axum::Json(PaymentView::new(&service, &payment)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    reference: String,
    limit: Option<usize>,
}

async fn list(
    State(service): State<Arc<Service>>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Answer<Response> {
    let Query(listing) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let limit = listing.limit.unwrap_or(MAX_LIST).clamp(1, MAX_LIST);
    let payments: Vec<_> = service.with_ledger(|ledger| {
        Ok::<_, ApiError>(with_reference(ledger, &listing.reference).take(limit).cloned().collect())
    })?;
    let views: Vec<_> = payments.iter().map(|payment| PaymentView::new(&service, payment)).collect();
    Ok(axum::Json(json!({ "payments": views })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    amount: i64,
    currency: Currency,
}

async fn refund(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Response> {
    let key = idempotency_key(&headers)?;
    let wanted: NewRefund = parse(&bounded(body)?)?;
    let (payment, refund) = service.refund(&id, wanted.amount, wanted.currency, key)?;
    Ok((StatusCode::CREATED, axum::Json(RefundView::new(&payment, &refund))).into_response())
}

fn idempotency_key(headers: &HeaderMap) -> Answer<&str> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|key| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| ApiError::invalid("Idempotency-Key must have 1 to 128 visible ASCII characters"))
}

fn bounded(body: Result<Bytes, BytesRejection>) -> Answer<Bytes> {
    body.map_err(|error| ApiError::new(error.status(), "unreadable_body", error.body_text()))
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))
}
