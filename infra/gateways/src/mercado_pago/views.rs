//! Payments, merchant orders and chargebacks as the wire has them.

use domain::Money;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Account, written};
use crate::decimal::{Number, shortest};
use crate::purchase::{Attempt, Method, Purchase, Refund, Stage, Status};

/// `status` and `status_detail` of a payment.
pub(super) fn standing(purchase: &Purchase, attempt: &Attempt) -> (&'static str, &'static str) {
    match (attempt.status, attempt.dispute.as_ref().map(|dispute| dispute.stage)) {
        (Status::Open | Status::Pending, _) => match attempt.method {
            Method::Card => ("in_process", "pending_contingency"),
            Method::Wallet => ("in_process", "pending_review_manual"),
            Method::Bank => ("pending", "pending_waiting_transfer"),
            Method::Cash => ("pending", "pending_waiting_payment"),
        },
        (Status::Declined, _) => ("rejected", "cc_rejected_insufficient_amount"),
        (Status::Failed, _) => ("rejected", "cc_rejected_other_reason"),
        (Status::Cancelled, _) => ("cancelled", "by_payer"),
        (Status::Expired, _) => ("cancelled", "expired"),
        (Status::Approved, Some(Stage::Mediation)) => ("in_mediation", "pending"),
        (Status::Approved, Some(Stage::Open)) => ("charged_back", "in_process"),
        (Status::Approved, Some(Stage::Lost)) => ("charged_back", "settled"),
        // Once it is paid back after all, that counts more.
        (Status::Approved, _) if purchase.left(attempt) == 0 => ("refunded", "refunded"),
        (Status::Approved, Some(Stage::Won)) => ("charged_back", "reimbursed"),
        (Status::Approved, None) if attempt.refunded() > 0 => ("approved", "partially_refunded"),
        (Status::Approved, None) => ("approved", "accredited"),
    }
}

/// The chain of counters in the account's country.
pub(super) fn counter(account: &Account) -> &'static str {
    match account.currency.code() {
        "ARS" => "pagofacil",
        "COP" => "efecty",
        "MXN" => "oxxo",
        _ => "servipag",
    }
}

fn number(purchase: &Purchase, amount: i64) -> Number {
    Number(shortest(Money::new(amount, purchase.amount.currency)))
}

/// A payment.
#[derive(Serialize)]
pub(super) struct PaymentView {
    id: u64,
    transaction_amount: Number,
    transaction_amount_refunded: Number,
    transaction_details: Details,
    refunds: Vec<RefundView>,
    #[serde(flatten)]
    more: Value,
}

#[derive(Serialize)]
struct Details {
    net_received_amount: Number,
    total_paid_amount: Number,
    overpaid_amount: u8,
    external_resource_url: Option<String>,
    installment_amount: Number,
}

pub(super) fn payment(account: &Account, purchase: &Purchase, attempt: &Attempt) -> PaymentView {
    let (status, detail) = standing(purchase, attempt);
    let (kind, brand) = match attempt.method {
        Method::Card => ("credit_card", "visa"),
        Method::Wallet => ("account_money", "account_money"),
        Method::Bank => ("bank_transfer", "pse"),
        Method::Cash => ("ticket", counter(account)),
    };
    let is_slip = attempt.status == Status::Pending && attempt.method == Method::Cash;
    let approved = attempt.decided_at.filter(|_| attempt.status == Status::Approved);
    let all = || number(purchase, purchase.amount.amount);
    let card = (attempt.method == Method::Card).then(|| {
        json!({
            "first_six_digits": "450995",
            "last_four_digits": "3704",
            "expiration_month": 11,
            "expiration_year": 2030,
            "cardholder": { "name": "APRO", "identification": { "type": null, "number": null } },
        })
    });
    PaymentView {
        id: attempt.number,
        transaction_amount: all(),
        transaction_amount_refunded: number(purchase, attempt.refunded()),
        transaction_details: Details {
            net_received_amount: if approved.is_some() { all() } else { Number("0".to_owned()) },
            total_paid_amount: all(),
            overpaid_amount: 0,
            external_resource_url: purchase.details.get(super::PAGE).filter(|_| is_slip).cloned(),
            installment_amount: all(),
        },
        refunds: attempt.refunds.iter().map(|refund| RefundView::new(purchase, attempt, refund)).collect(),
        more: json!({
            "date_created": written(attempt.created_at),
            "date_approved": approved.map(written),
            "date_last_updated": written(attempt.updated_at),
            "date_of_expiration": attempt.slip_end.map(written),
            "money_release_date": null,
            "operation_type": "regular_payment",
            "issuer_id": card.as_ref().map(|_| "24"),
            "payment_method_id": brand,
            "payment_type_id": kind,
            "status": status,
            "status_detail": detail,
            "currency_id": purchase.amount.currency,
            "description": purchase.description,
            "live_mode": account.is_live(),
            "authorization_code": null,
            "collector_id": account.collector_id,
            "payer": {
                "id": "987654321",
                "email": purchase.buyer.email,
                "identification": { "type": null, "number": null },
                "type": "registered",
            },
            "metadata": {},
            "external_reference": purchase.reference,
            "coupon_amount": 0,
            "captured": true,
            "binary_mode": false,
            "statement_descriptor": purchase.details.get("statement_descriptor"),
            "installments": 1,
            "card": card.unwrap_or_else(|| json!({})),
            "order": { "id": purchase.number.to_string(), "type": "mercadopago" },
            "processing_mode": "aggregator",
        }),
    }
}

/// A refund.
#[derive(Serialize)]
pub(super) struct RefundView {
    id: u64,
    payment_id: u64,
    amount: Number,
    amount_refunded_to_payer: Number,
    #[serde(flatten)]
    more: Value,
}

impl RefundView {
    pub(super) fn new(purchase: &Purchase, attempt: &Attempt, refund: &Refund) -> Self {
        Self {
            id: refund.number,
            payment_id: attempt.number,
            amount: number(purchase, refund.amount),
            amount_refunded_to_payer: number(purchase, refund.amount),
            more: json!({
                "metadata": {},
                "source": [{ "id": purchase.merchant, "name": purchase.seller, "type": "collector" }],
                "date_created": written(refund.created_at),
                "unique_sequence_number": null,
                "refund_mode": "standard",
                "adjustment_amount": 0,
                "status": "approved",
                "reason": refund.reason,
                "label": null,
                "partition_details": [],
            }),
        }
    }
}

/// A merchant order.
#[derive(Serialize)]
pub(super) struct OrderView {
    id: u64,
    payments: Vec<OrderPayment>,
    total_amount: Number,
    paid_amount: Number,
    refunded_amount: Number,
    #[serde(flatten)]
    more: Value,
}

#[derive(Serialize)]
struct OrderPayment {
    id: u64,
    transaction_amount: Number,
    total_paid_amount: Number,
    shipping_cost: u8,
    #[serde(flatten)]
    more: Value,
}

/// `status` of a merchant order.
pub(super) fn order_status(purchase: &Purchase) -> &'static str {
    if purchase.newest(Status::Approved).is_some() { "closed" } else { "opened" }
}

pub(super) fn merchant_order(account: &Account, purchase: &Purchase) -> OrderView {
    let approved = || purchase.attempts.iter().filter(|attempt| attempt.status == Status::Approved);
    let paid = approved().map(|_| purchase.amount.amount).sum::<i64>();
    let refunded = approved().map(Attempt::refunded).sum::<i64>();
    let status = match (paid, refunded) {
        (0, _) if purchase.newest(Status::Pending).is_some() => "payment_in_process",
        (0, _) => "payment_required",
        (paid, refunded) if refunded >= paid => "refunded",
        (_, 0) => "paid",
        _ => "partially_refunded",
    };
    let payment = |attempt: &Attempt| {
        let (status, detail) = standing(purchase, attempt);
        let paid = if attempt.status == Status::Approved { purchase.amount.amount } else { 0 };
        OrderPayment {
            id: attempt.number,
            transaction_amount: number(purchase, purchase.amount.amount),
            total_paid_amount: number(purchase, paid),
            shipping_cost: 0,
            more: json!({
                "currency_id": purchase.amount.currency,
                "status": status,
                "status_detail": detail,
                "date_created": written(attempt.created_at),
            }),
        }
    };
    OrderView {
        id: purchase.number,
        payments: purchase.attempts.iter().map(payment).collect(),
        total_amount: number(purchase, purchase.amount.amount),
        paid_amount: number(purchase, paid),
        refunded_amount: number(purchase, refunded),
        more: json!({
            "status": order_status(purchase),
            "order_status": status,
            "preference_id": purchase.id,
            "external_reference": purchase.reference,
            "date_created": written(purchase.created_at),
            "collector": { "id": account.collector_id },
            "site_id": account.site(),
        }),
    }
}

/// A chargeback.
#[derive(Serialize)]
pub(super) struct ChargebackView {
    id: String,
    payments: [u64; 1],
    amount: Number,
    #[serde(flatten)]
    more: Value,
}

pub(super) fn chargeback(account: &Account, purchase: &Purchase, attempt: &Attempt) -> ChargebackView {
    let dispute = attempt.dispute.as_ref();
    let stage = dispute.map(|dispute| dispute.stage);
    ChargebackView {
        id: dispute.map(|dispute| dispute.number).unwrap_or_default().to_string(),
        payments: [attempt.number],
        amount: number(purchase, purchase.left(attempt)),
        more: json!({
            "currency": purchase.amount.currency,
            "coverage_applied": stage.and_then(|stage| match stage {
                Stage::Won => Some(true),
                Stage::Lost => Some(false),
                Stage::Mediation | Stage::Open => None,
            }),
            "coverage_elegible": true,
            "documentation_required": stage == Some(Stage::Open),
            "documentation_status": if stage == Some(Stage::Open) { "pending" } else { "not_applicable" },
            "documentation": [],
            "date_created": dispute.map(|dispute| written(dispute.opened_at)),
            "date_last_updated": written(attempt.updated_at),
            "live_mode": account.is_live(),
        }),
    }
}
