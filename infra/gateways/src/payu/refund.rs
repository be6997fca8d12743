//! Asking for money to go back.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Currency, Timestamp};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::wire::{Refused, Wire, outcome};
use crate::actions::Ids;
use crate::decimal::minor_units;
use crate::purchase::{Origin, Purchase, Refund, RefundState, Status};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewTransaction {
    order: OrderId,
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    parent_transaction_id: Option<String>,
    additional_values: Option<Values>,
}

#[derive(Deserialize)]
struct OrderId {
    id: Value,
}

#[derive(Deserialize)]
struct Values {
    #[serde(rename = "TX_VALUE")]
    value: Option<Amount>,
}

#[derive(Deserialize)]
struct Amount {
    value: Box<RawValue>,
    currency: String,
}

/// What holds for refunds in a country.
struct CountryRules {
    /// How soon after the approval.
    earliest: SignedDuration,
    /// How long after it.
    latest: SignedDuration,
    /// Minor units.
    least: i64,
    /// No decimals, whatever the currency has.
    whole_units: bool,
    /// One part of an order at most.
    one_part: bool,
}

fn rules(currency: Currency) -> CountryRules {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let free = CountryRules {
        earliest: SignedDuration::ZERO,
        latest: days(357),
        least: 1,
        whole_units: false,
        one_part: false,
    };
    match currency.code() {
        "ARS" => CountryRules { whole_units: true, ..free },
        "CLP" => CountryRules { whole_units: true, latest: days(327), ..free },
        "COP" => {
            CountryRules { earliest: SignedDuration::from_mins(10), least: 10_000, one_part: true, ..free }
        }
        _ => free,
    }
}

pub(super) async fn answer(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> Response {
    outcome(&headers, "transactionResponse", submit(&wire, &body).map(Some))
}

fn submit(wire: &Wire, body: &Bytes) -> Result<Value, Refused> {
    let (caller, asked) = wire.read::<NewTransaction>(body)?;
    if asked.command != "SUBMIT_TRANSACTION" {
        return Err(Refused(format!("The command {} does not exist", asked.command)));
    }
    let wanted = asked.details.ok_or_else(|| Refused::new("The transaction is missing"))?;
    let order = match &wanted.order.id {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(Refused::new("The order's id must be a number")),
    };
    let parent = wanted.parent_transaction_id.as_deref();
    let parent = parent.ok_or_else(|| Refused::new("parentTransactionId is missing"))?;
    let found = wire.service.look(&order, |purchase| {
        wire.account(&caller, &purchase.merchant)?;
        let at = purchase.attempts.iter().position(|attempt| attempt.id == parent)?;
        (purchase.number.to_string() == order).then(|| (purchase.id.clone(), at))
    })?;
    let (purchase_id, at) =
        found.ok_or_else(|| Refused::new("The order or its transaction does not exist"))?;
    let review_after = wire.service.review_after.and_then(|after| SignedDuration::try_from(after).ok());
    wire.service.edit(&purchase_id, |purchase, ids, now| {
        let review_at = review_after.map(|after| now + after);
        let refund = refund(purchase, at, &wanted, ids, now)?;
        let happened = purchase
            .refund(at, Refund { review_at, ..refund })
            .map_err(|refusal| Refused::new(refusal.message))?;
        // Until a person has looked there is no transaction.
        let response = json!({
            "orderId": purchase.number,
            "transactionId": null,
            "state": "PENDING",
            "paymentNetworkResponseCode": null,
            "paymentNetworkResponseErrorMessage": null,
            "trazabilityCode": null,
            "authorizationCode": null,
            "pendingReason": "PENDING_REVIEW",
            "responseCode": null,
            "errorCode": null,
            "responseMessage": purchase.number.to_string(),
            "transactionDate": null,
            "transactionTime": null,
            "operationDate": null,
            "referenceQuestionnaire": null,
            "extraParameters": null,
            "additionalInfo": null,
        });
        Ok((response, Some(happened)))
    })
}

/// The refund, if the country allows it.
fn refund(
    purchase: &Purchase,
    at: usize,
    wanted: &NewTransaction,
    ids: Ids,
    now: Timestamp,
) -> Result<Refund, Refused> {
    let attempt = &purchase.attempts[at];
    let (currency, left) = (purchase.amount.currency, purchase.left(attempt));
    let rules = rules(currency);
    let approved = attempt.decided_at.filter(|_| attempt.status == Status::Approved);
    let approved = approved.ok_or_else(|| Refused::new("The transaction is not approved"))?;
    let age = now.duration_since(approved);
    if age < rules.earliest || age > rules.latest {
        return Err(Refused::new("The transaction is too new or too old to be refunded"));
    }
    let part = match wanted.kind.as_str() {
        "REFUND" => false,
        "PARTIAL_REFUND" => true,
        _ => return Err(Refused::new("Only REFUND and PARTIAL_REFUND are supported")),
    };
    let amount = if part { amount(wanted, currency)? } else { purchase.amount.amount };
    if left == 0 || (!part && left < purchase.amount.amount) {
        return Err(Refused::new("The order was refunded before"));
    }
    if amount > left || amount < rules.least {
        return Err(Refused::new("The amount is more than can be refunded, or too little"));
    }
    if part && rules.whole_units && amount % 10_i64.pow(currency.exponent()) != 0 {
        return Err(Refused::new("The amount must have no decimals"));
    }
    let parts = attempt.refunds.iter().filter(|refund| refund.part && refund.state == RefundState::Done);
    if part && rules.one_part && parts.count() > 0 {
        return Err(Refused::new("An order has one partial refund at most"));
    }
    Ok(Refund {
        state: RefundState::InReview,
        reason: wanted.reason.clone(),
        decided_at: None,
        ..Refund::done(ids, amount, part, Origin::Api, now)
    })
}

fn amount(wanted: &NewTransaction, currency: Currency) -> Result<i64, Refused> {
    let value = wanted.additional_values.as_ref().and_then(|values| values.value.as_ref());
    let value = value.ok_or_else(|| Refused::new("additionalValues.TX_VALUE is missing"))?;
    if value.currency != currency.code() {
        return Err(Refused::new("The currency must be the order's"));
    }
    let amount = minor_units(value.value.get().trim_matches('"'), currency).filter(|amount| *amount > 0);
    amount.ok_or_else(|| Refused::new("The amount is invalid"))
}
