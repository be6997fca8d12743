use super::super::fixture::{now, order};
use super::super::{OrderFields, OrderStatus};
use super::*;
use crate::Currency;

/// The kinds of differences between a paid order, changed by `change`, and the gateway's reports
/// about it.
fn found(
    status: PaymentStatus,
    change: impl FnOnce(&mut OrderFields, &mut Vec<PaymentReport>),
) -> Vec<DifferenceKind> {
    let mut order = order(OrderStatus::Paid, &[PaymentState::Approved]);
    let amount = Money::new(100, Currency::CLP);
    let mut reports = vec![PaymentReport::new("known".to_owned(), String::new(), status, amount)];
    order.edit(|order| {
        order.payments[0].payment_id = Some("known".to_owned());
        change(order, &mut reports);
    });
    let found = differences(&order, &reports, now() + DECIDED_WITHIN);
    found.into_iter().map(|difference| difference.kind).collect()
}

#[test]
fn every_kind_of_difference_is_found_and_none_without_one() {
    use DifferenceKind::{
        AmountDiffers, PaymentMissing, PaymentUnexpected, RefundDiffers, Uncovered, Undecided,
    };
    use PaymentStatus::{Approved, Declined, Pending};
    assert_eq!(found(Approved, |_, _| {}), []);
    assert_eq!(found(Declined, |_, _| {}), [PaymentMissing]);
    assert_eq!(found(Approved, |_, reports| reports.clear()), [PaymentMissing]);
    assert_eq!(
        found(Approved, |order, _| order.payments[0].payment_id = None),
        [PaymentUnexpected, PaymentMissing]
    );
    let undecided = found(Pending, |order, _| {
        order.status = OrderStatus::AwaitingPayment;
        order.payments[0].state = PaymentState::Pending;
    });
    assert_eq!(undecided, [Undecided]);
    let mismatched = found(Approved, |order, reports| {
        order.status = OrderStatus::AwaitingPayment;
        order.payments[0].state = PaymentState::Mismatched;
        reports[0].amount = Money::new(99, Currency::CLP);
    });
    assert_eq!(mismatched, [AmountDiffers]);
    assert_eq!(
        found(Approved, |_, reports| reports[0].refunded = Money::new(7, Currency::CLP)),
        [RefundDiffers]
    );
    // The gateway does not know of a refund that a person made by another way.
    let by_hand = |order: &mut OrderFields| {
        (order.payments[0].refunded, order.payments[0].by_hand) = (34, 34);
        order.tickets.entry(0).or_default().refunded = true;
    };
    assert_eq!(found(Approved, |order, _| by_hand(order)), []);
    // A refund that is under way is no difference yet.
    let under_way = found(Approved, |order, reports| {
        order.payments[0].refund_due = 34;
        order.tickets.entry(0).or_default().refunded = true;
        reports[0].refunded = Money::new(34, Currency::CLP);
    });
    assert_eq!(under_way, []);
    let lost = found(Approved, |order, reports| {
        order.payments[0].dispute = Some(Dispute::Lost);
        (reports[0].dispute, reports[0].status) = (Some(Dispute::Lost), PaymentStatus::ChargedBack);
    });
    assert_eq!(lost, [Uncovered], "somebody was let in before the bank took the money");
    // The bank keeps the money until it has decided: the organiser was told.
    let open = found(PaymentStatus::ChargedBack, |order, reports| {
        (order.payments[0].dispute, reports[0].dispute) = (Some(Dispute::Open), Some(Dispute::Open));
    });
    assert_eq!(open, []);
    assert_eq!(found(PaymentStatus::ChargedBack, |_, _| {}), [PaymentMissing], "and here nobody was");
}
