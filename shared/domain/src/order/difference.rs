//! The payment differences between gateways and an order that remain after settling.

use std::time::Duration;

use super::{Order, Payment, PaymentState};
use crate::payment::{Dispute, PaymentReport, PaymentStatus};
use crate::payment_difference::{DifferenceKind, PaymentDifference};
use crate::{Money, OrderId, Timestamp};

/// How long a gateway may take to decide about a payment: 24 hours.
pub(super) const DECIDED_WITHIN: Duration = Duration::from_secs(24 * 3600);

fn difference(
    order: OrderId,
    payment_id: Option<&str>,
    kind: DifferenceKind,
    detail: String,
    at: Timestamp,
) -> PaymentDifference {
    PaymentDifference { order, payment_id: payment_id.map(str::to_owned), kind, detail, at }
}

pub(super) fn amount_differs(order: &Order, report: &PaymentReport, now: Timestamp) -> PaymentDifference {
    let detail = format!("Asked for {}, paid {}.", order.total(), report.amount);
    difference(order.id, Some(&report.payment_id), DifferenceKind::AmountDiffers, detail, now)
}

/// The difference of an order whose tickets were used, while its places went to other orders.
pub(super) fn used_without_places(order: &Order, now: Timestamp) -> PaymentDifference {
    let used = order.tickets().filter(|ticket| !ticket.refunded).count();
    let detail = format!("{used} of its tickets were used at the door, and others have their places.");
    difference(order.id, None, DifferenceKind::Uncovered, detail, now)
}

/// The differences that remain after everything was settled. `reports` has all payments that the
/// gateways know of the order.
pub fn differences(order: &Order, reports: &[PaymentReport], now: Timestamp) -> Vec<PaymentDifference> {
    let mut found: Vec<_> = reports.iter().filter_map(|report| of_report(order, report, now)).collect();
    let unknown = order.payments.iter().filter(|payment| payment.state == PaymentState::Approved);
    found.extend(unknown.filter_map(|payment| {
        let id = payment.payment_id.as_deref();
        let known = reports.iter().any(|report| Some(report.payment_id.as_str()) == id);
        let detail = "The gateway does not know the payment.".to_owned();
        (!known).then(|| difference(order.id, id, DifferenceKind::PaymentMissing, detail, now))
    }));
    if order.uncovered() > 0 {
        let (lost, currency) = (order.uncovered(), order.currency);
        let detail = format!("Valid tickets worth {} are not paid any more.", Money::new(lost, currency));
        found.push(difference(order.id, None, DifferenceKind::Uncovered, detail, now));
    }
    found
}

fn of_report(order: &Order, report: &PaymentReport, now: Timestamp) -> Option<PaymentDifference> {
    let noted = |payment: &&Payment| payment.payment_id.as_deref() == Some(&report.payment_id);
    let payment = order.payments.iter().find(noted);
    let (kind, detail) = match (payment.map(|payment| (payment, payment.state)), report.status) {
        (Some((payment, PaymentState::Approved)), _) => of_approved(order, payment, report)?,
        (Some((_, PaymentState::Mismatched)), PaymentStatus::Approved) => {
            return (report.refunded.amount < report.amount.amount)
                .then(|| amount_differs(order, report, now));
        }
        (_, status) if status.is_undecided() => {
            let by = payment.map_or(order.id.created_at() + DECIDED_WITHIN, Payment::decided_by);
            return (now >= by).then(|| undecided(order.id, report, now));
        }
        (_, PaymentStatus::Approved) => {
            let detail = format!("The gateway has {} that pays for nothing.", report.amount);
            (DifferenceKind::PaymentUnexpected, detail)
        }
        _ => return None,
    };
    Some(difference(order.id, Some(&report.payment_id), kind, detail, now))
}

/// The difference of a payment about which its gateway has not decided in time: see
/// [`Payment::decided_by`].
pub fn undecided(order: OrderId, report: &PaymentReport, now: Timestamp) -> PaymentDifference {
    let reason = report.reason.as_deref().unwrap_or("no reason");
    let detail = format!("The gateway has not decided about {} ({reason}).", report.amount);
    difference(order, Some(&report.payment_id), DifferenceKind::Undecided, detail, now)
}

fn of_approved(order: &Order, payment: &Payment, report: &PaymentReport) -> Option<(DifferenceKind, String)> {
    let back = match report.status {
        PaymentStatus::Approved => report.refunded.amount,
        PaymentStatus::Refunded => payment.amount,
        // The organiser was told of the dispute when it was opened or lost.
        PaymentStatus::ChargedBack if matches!(payment.dispute, Some(Dispute::Open | Dispute::Lost)) => {
            return None;
        }
        status => {
            let detail = format!("The order is paid with it, and the gateway has it as {status:?}.");
            return Some((DifferenceKind::PaymentMissing, detail));
        }
    };
    // The gateway may not know what a person gave back.
    let agrees = (payment.refunded - payment.by_hand..=payment.refunded).contains(&back);
    // A refund that is under way is no difference yet.
    (!agrees && payment.refund_due == 0).then(|| {
        let [back, refunded] = [back, payment.refunded].map(|amount| Money::new(amount, order.currency));
        let detail = format!("At the gateway {back} went back, in the order {refunded}.");
        (DifferenceKind::RefundDiffers, detail)
    })
}

#[cfg(test)]
mod tests;
