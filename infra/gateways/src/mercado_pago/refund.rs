//! Giving money back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::payable::decimals;
use domain::payment::GatewayName;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{Failure, look};
use super::views::RefundView;
use super::{Account, Wire};
use crate::actions::Ids;
use crate::decimal::minor_units;
use crate::purchase::{Method, Origin, Purchase, Refund, Stage, Status};

/// How long a key is remembered.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How old a payment may be.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(180 * 24);

#[derive(Default, Deserialize)]
struct NewRefund {
    amount: Option<Box<RawValue>>,
}

pub(super) async fn create(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let find = |purchase: &Purchase| purchase.position(&id).map(|at| (purchase.id.clone(), at));
    let found = look(&wire, &account, &id, find)?;
    let (purchase_id, at) = found.ok_or_else(|| Failure::not_found(2000, "Payment"))?;
    let key =
        headers.get("x-idempotency-key").and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Failure::because(4292, "Header X-Idempotency-Key can't be null"))?;
    let wanted = if body.trim_ascii().is_empty() {
        NewRefund::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Failure::invalid(error.to_string()))?
    };
    let amount = wanted.amount.as_ref().map(|amount| amount.get());
    let view = wire.service.edit(&purchase_id, |purchase, ids, now| {
        let amount = amount.map(|amount| parse(amount, purchase)).transpose()?;
        if let Some(done) = known(purchase, at, key, now) {
            // The same key is for the same request.
            if done.part != amount.is_some() || amount.is_some_and(|amount| amount != done.amount) {
                let error = "idempotency_key_already_used";
                return Err(Failure::new(StatusCode::CONFLICT, error, "The key was used for another refund"));
            }
            return Ok((RefundView::new(purchase, &purchase.attempts[at], &done), None));
        }
        let refund = refund(purchase, at, amount, key, ids, now)?;
        let happened =
            purchase.refund(at, refund.clone()).map_err(|refusal| Failure::because(2063, refusal.message))?;
        Ok((RefundView::new(purchase, &purchase.attempts[at], &refund), Some(happened)))
    })?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

fn parse(text: &str, purchase: &Purchase) -> Result<i64, Failure> {
    if text.starts_with('"') || text.starts_with(['n', 't', 'f', '{', '[']) {
        return Err(Failure::because(4041, "Amount must be a number"));
    }
    if text.starts_with('-') {
        return Err(Failure::because(4040, "Amount must be positive"));
    }
    if decimals(GatewayName::MercadoPago, purchase.amount.currency) == 0 && text.contains('.') {
        return Err(Failure::invalid("amount invalid: this currency has no decimals here"));
    }
    let amount =
        minor_units(text, purchase.amount.currency).ok_or_else(|| Failure::invalid("amount invalid"))?;
    if amount == 0 {
        return Err(Failure::because(4040, "Amount must be positive"));
    }
    Ok(amount)
}

/// The refund that was made with this key, as long as it is remembered.
fn known(purchase: &Purchase, at: usize, key: &str, now: Timestamp) -> Option<Refund> {
    let same = |refund: &&Refund| {
        refund.key.as_deref() == Some(key) && now.duration_since(refund.created_at) < KEY_LIFE
    };
    purchase.attempts[at].refunds.iter().find(same).cloned()
}

/// The refund, if it is allowed.
fn refund(
    purchase: &Purchase,
    at: usize,
    amount: Option<i64>,
    key: &str,
    ids: Ids,
    now: Timestamp,
) -> Result<Refund, Failure> {
    let attempt = &purchase.attempts[at];
    let left = purchase.left(attempt);
    let stage = attempt.dispute.as_ref().map(|dispute| dispute.stage);
    if attempt.status != Status::Approved || !matches!(stage, None | Some(Stage::Won)) {
        return Err(Failure::because(
            2063,
            "The action requested is not valid for the current payment state",
        ));
    }
    if left == 0 {
        return Err(Failure::because(4296, "The payment is already refunded"));
    }
    if attempt.decided_at.is_some_and(|decided| now.duration_since(decided) > MAX_AGE) {
        return Err(Failure::because(2024, "Payment too old to be refunded"));
    }
    if amount.is_some_and(|amount| amount > left) {
        return Err(Failure::because(2085, "Invalid amount: more than what is left of the payment"));
    }
    if attempt.method == Method::Bank && amount.is_some_and(|amount| amount < left) {
        return Err(Failure::because(3024, "Partial refund unsupported for this transaction"));
    }
    let refund = Refund::done(ids, amount.unwrap_or(left), amount.is_some(), Origin::Api, now);
    Ok(Refund { key: Some(key.to_owned()), ..refund })
}

pub(super) async fn list(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let views = look(&wire, &account, &id, |purchase| {
        let attempt = &purchase.attempts[purchase.position(&id)?];
        let view = |refund| RefundView::new(purchase, attempt, refund);
        Some(Json(attempt.refunds.iter().map(view).collect::<Vec<_>>()))
    })?;
    views.map(IntoResponse::into_response).ok_or_else(|| Failure::not_found(2000, "Payment"))
}

pub(super) async fn read(
    State(wire): State<Wire>,
    account: Account,
    Path((id, refund_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let view = look(&wire, &account, &id, |purchase| {
        let attempt = &purchase.attempts[purchase.position(&id)?];
        let refund = attempt.refunds.iter().find(|refund| refund.id == refund_id)?;
        Some(Json(RefundView::new(purchase, attempt, refund)))
    })?;
    view.map(IntoResponse::into_response).ok_or_else(|| Failure::not_found(2032, "Refund"))
}
