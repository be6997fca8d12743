//! What merchants may ask about orders and transactions.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire::{Caller, Refused, Wire, outcome};
use super::{Account, method_word, standing};
use crate::decimal::{Number, two_decimals};
use crate::purchase::{Attempt, Purchase, Refund, RefundState, Status};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    order_id: Option<Value>,
    reference_code: Option<String>,
    transaction_id: Option<String>,
}

#[derive(Serialize)]
struct Payload {
    payload: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Pong(&'static str),
    Order(Box<Order>),
    Orders(Vec<Order>),
    Response(Value),
}

pub(super) async fn answer(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> Response {
    let found = look(&wire, &body).map(|found| found.map(|payload| Payload { payload }));
    outcome(&headers, "result", found)
}

fn look(wire: &Wire, body: &Bytes) -> Result<Option<Found>, Refused> {
    let (caller, asked) = wire.read::<Details>(body)?;
    let details = asked.details;
    let missing = || Refused::new("Required details are missing");
    match asked.command.as_str() {
        "PING" => Ok(Some(Found::Pong("PONG"))),
        "ORDER_DETAIL" => {
            let id = match details.and_then(|details| details.order_id).ok_or_else(missing)? {
                Value::Number(number) => number.to_string(),
                Value::String(text) => text,
                _ => return Err(Refused::new("orderId must be a number")),
            };
            let orders = orders(wire, &caller, &id, |purchase| purchase.number.to_string() == id)?;
            Ok(orders.into_iter().next().map(|order| Found::Order(Box::new(order))))
        }
        "ORDER_DETAIL_BY_REFERENCE_CODE" => {
            let reference = details.and_then(|details| details.reference_code).ok_or_else(missing)?;
            let orders = orders(wire, &caller, &reference, |purchase| purchase.reference == reference)?;
            Ok(Some(Found::Orders(orders))
                .filter(|found| !matches!(found, Found::Orders(orders) if orders.is_empty())))
        }
        "TRANSACTION_RESPONSE_DETAIL" => {
            let id = details.and_then(|details| details.transaction_id).ok_or_else(missing)?;
            let found = wire.service.look(&id, |purchase| {
                wire.account(&caller, &purchase.merchant)?;
                let paid = purchase.attempts.iter().find(|attempt| attempt.id == id).map(paid);
                paid.or_else(|| {
                    visible(purchase)
                        .find(|(_, refund)| refund.id == id)
                        .map(|(_, refund)| given_back(refund))
                })
            })?;
            Ok(found.map(Found::Response))
        }
        other => Err(Refused(format!("The command {other} does not exist"))),
    }
}

fn orders(
    wire: &Wire,
    caller: &Caller,
    name: &str,
    wanted: impl Fn(&Purchase) -> bool,
) -> Result<Vec<Order>, Refused> {
    let orders = wire.service.with_ledger(|ledger| {
        let ours = ledger.named(name).filter(|purchase| wanted(purchase));
        let view =
            |purchase: &Purchase| Some(Order::new(&wire.account(caller, &purchase.merchant)?, purchase));
        Ok::<_, std::io::Error>(ours.filter_map(view).collect())
    })?;
    Ok(orders)
}

/// The refunds that a person has looked at: others nobody sees.
fn visible(purchase: &Purchase) -> impl Iterator<Item = (&Attempt, &Refund)> {
    let all = purchase
        .attempts
        .iter()
        .flat_map(|attempt| attempt.refunds.iter().map(move |refund| (attempt, refund)));
    all.filter(|(_, refund)| refund.state != RefundState::InReview)
}

/// An order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    id: u64,
    transactions: Vec<Transaction>,
    additional_values: BTreeMap<&'static str, Amount>,
    #[serde(flatten)]
    more: Value,
}

/// A transaction.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    parent_transaction_id: Option<String>,
    transaction_response: Value,
    additional_values: BTreeMap<&'static str, Amount>,
    #[serde(flatten)]
    more: Value,
}

#[derive(Serialize)]
struct Amount {
    value: Number,
    currency: &'static str,
}

fn values(amount: Money) -> BTreeMap<&'static str, Amount> {
    let value = |amount: i64, currency: domain::Currency| Amount {
        value: Number(two_decimals(Money::new(amount, currency))),
        currency: currency.code(),
    };
    BTreeMap::from([
        ("TX_VALUE", value(amount.amount, amount.currency)),
        ("TX_TAX", value(0, amount.currency)),
    ])
}

/// The answer of a transaction.
fn response(state: &str, code: Option<&str>, number: u64, at: Timestamp) -> Value {
    json!({
        "state": state,
        "paymentNetworkResponseCode": null,
        "paymentNetworkResponseErrorMessage": null,
        "trazabilityCode": number.to_string(),
        "authorizationCode": if state == "APPROVED" { Some(number.to_string()) } else { None },
        "pendingReason": if state == "PENDING" { Some("AWAITING_NOTIFICATION") } else { None },
        "responseCode": code,
        "errorCode": null,
        "responseMessage": null,
        "transactionDate": null,
        "transactionTime": null,
        "operationDate": at.as_millisecond(),
        "extraParameters": null,
    })
}

fn paid(attempt: &Attempt) -> Value {
    let (state, code, _) = standing(attempt.status);
    response(state, Some(code), attempt.number, attempt.decided_at.unwrap_or(attempt.created_at))
}

/// What is told of a payment at a counter, where anything is.
fn slip(purchase: &Purchase, attempt: &Attempt) -> Value {
    let is_told = purchase.details.contains_key(super::TELLS) && attempt.status == Status::Pending;
    match attempt.slip_end.filter(|_| is_told) {
        None => Value::Null,
        Some(end) => json!({
            "EXPIRATION_DATE": end.as_millisecond(),
            "REFERENCE": attempt.number,
            "URL_PAYMENT_RECEIPT_HTML": purchase.details.get("page"),
        }),
    }
}

fn given_back(refund: &Refund) -> Value {
    let (state, code) = match refund.state {
        RefundState::Done => ("APPROVED", "APPROVED"),
        RefundState::Declined | RefundState::InReview => ("DECLINED", "ENTITY_DECLINED"),
    };
    response(state, Some(code), refund.number, refund.decided_at.unwrap_or(refund.created_at))
}

impl Order {
    fn new(account: &Account, purchase: &Purchase) -> Self {
        let payments = purchase.attempts.iter().map(|attempt| {
            let at = attempt.decided_at.unwrap_or(attempt.created_at);
            let transaction = Transaction {
                id: attempt.id.clone(),
                kind: "AUTHORIZATION_AND_CAPTURE",
                parent_transaction_id: None,
                transaction_response: paid(attempt),
                additional_values: values(purchase.amount),
                more: json!({
                    "order": null,
                    "creditCard": null,
                    "bankAccount": null,
                    "paymentMethod": method_word(attempt.method).0,
                    "source": null,
                    "extraParameters": slip(purchase, attempt),
                }),
            };
            (at, transaction)
        });
        let refunds = visible(purchase).map(|(attempt, refund)| {
            let amount = Money::new(refund.amount, purchase.amount.currency);
            let transaction = Transaction {
                id: refund.id.clone(),
                kind: if refund.part { "PARTIAL_REFUND" } else { "REFUND" },
                parent_transaction_id: Some(attempt.id.clone()),
                transaction_response: given_back(refund),
                additional_values: values(amount),
                more: json!({ "order": null, "source": null, "reason": refund.reason }),
            };
            (refund.decided_at.unwrap_or(refund.created_at), transaction)
        });
        // The newest first, of two at the same moment the one that came later.
        let mut transactions: Vec<_> = payments.chain(refunds).collect();
        transactions.reverse();
        transactions.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        if account.lists_newest_only {
            transactions.truncate(1);
        }
        let transactions: Vec<_> = transactions.into_iter().map(|(_, transaction)| transaction).collect();
        let status = order_status(transactions.first());
        Self {
            id: purchase.number,
            transactions,
            additional_values: values(purchase.amount),
            more: json!({
                "accountId": account.account_id.parse::<u64>().ok(),
                "status": status,
                "referenceCode": purchase.reference,
                "description": purchase.description,
                "airlineCode": null,
                "language": if purchase.language == domain::Language::Es { "es" } else { "en" },
                "notifyUrl": purchase.notification_url,
                "shippingAddress": null,
                "buyer": { "fullName": purchase.buyer.name, "emailAddress": purchase.buyer.email },
                "antifraudMerchantId": null,
                "isTest": purchase.details.get("test").is_some_and(|test| test == "1"),
            }),
        }
    }
}

/// `status` of an order: what became of its last transaction. A refund of a part is one
/// like any other.
fn order_status(last: Option<&Transaction>) -> &'static str {
    let Some(last) = last else { return "NEW" };
    match (last.transaction_response["state"].as_str(), last.parent_transaction_id.is_some()) {
        (Some("APPROVED"), true) => "REFUNDED",
        (Some("APPROVED"), false) => "CAPTURED",
        (Some("PENDING"), _) => "IN_PROGRESS",
        _ => "DECLINED",
    }
}
