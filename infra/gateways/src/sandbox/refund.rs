//! Giving money back, which is always done at once.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Currency, Timestamp};
use serde::Deserialize;

use super::api::{Caller, Failure, KEY_REUSED, Key, RefundView, parse};
use super::{Wire, standing};
use crate::actions::{Happened, Ids, Refusal};
use crate::purchase::{Method, Origin, Purchase, Refund};

const NOT_REFUNDABLE: Refusal = Refusal::new("not_refundable", "Only an approved payment can be refunded.");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    amount: i64,
    currency: Currency,
}

pub(super) async fn create(
    State(wire): State<Wire>,
    _: Caller,
    Path(id): Path<String>,
    Key(key): Key,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let wanted: NewRefund = parse(&body?)?;
    let view = wire.service.edit(&id, |purchase, ids, now| {
        let (refund, happened) = refund(purchase, wanted.amount, wanted.currency, &key, ids, now)?;
        Ok::<_, Failure>((RefundView::new(purchase, &refund), happened))
    })?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Gives an amount back, once for each key: then nothing happens.
pub(super) fn refund(
    purchase: &mut Purchase,
    amount: i64,
    currency: Currency,
    key: &str,
    ids: Ids,
    now: Timestamp,
) -> Result<(Refund, Option<Happened>), Refusal> {
    let at = purchase.only().ok_or(NOT_REFUNDABLE)?;
    let attempt = &purchase.attempts[at];
    let known = attempt.refunds.iter().find(|refund| refund.key.as_deref() == Some(key));
    if let Some(done) = known {
        let same = (done.amount, purchase.amount.currency) == (amount, currency);
        return if same { Ok((done.clone(), None)) } else { Err(KEY_REUSED) };
    }
    if standing(purchase, attempt).0 != "approved" {
        return Err(NOT_REFUNDABLE);
    }
    if attempt.method == Method::Cash {
        return Err(Refusal::new("refund_unsupported", "A payment in cash cannot be refunded by API."));
    }
    if currency != purchase.amount.currency {
        return Err(Refusal::new("currency_mismatch", "The currency must be the payment's."));
    }
    if !(1..=purchase.left(attempt)).contains(&amount) {
        let why = "The amount must be at most what is left of the payment.";
        return Err(Refusal::new("refund_exceeds_payment", why));
    }
    let part = amount < purchase.left(attempt);
    let done = Refund::done(ids, amount, part, Origin::Api, now);
    let refund = Refund { key: Some(key.to_owned()), ..done };
    let happened = purchase.refund(at, refund.clone())?;
    Ok((refund, Some(happened)))
}
