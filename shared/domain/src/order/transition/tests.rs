use super::super::fixture::{extra, line, now, order};
use super::*;
use crate::payment::Dispute;

fn payment(amount: i64) -> Payment {
    let pending = Payment::pending(0, GatewayName::Sandbox, None, amount, now());
    Payment { state: PaymentState::Approved, ..pending }
}

/// The amounts due of each payment of an order of two tickets for 50 each, after these were
/// refunded.
fn due(payments: Vec<Payment>, tickets: &[u8]) -> Vec<i64> {
    let mut order = order(OrderStatus::Paid, &[]).with(|order| {
        order.lines = vec![line(2, 100)];
        order.payments = payments;
    });
    let tickets: Vec<OrderPart> = tickets.iter().map(|index| order.id.ticket(*index).into()).collect();
    let change = order.refund_parts(&tickets).expect("refunded");
    assert_eq!(change.revokes, Revocation::Parts(tickets));
    order.payments.iter().map(|payment| payment.refund_due).collect()
}

#[test]
fn tickets_are_refunded_once_from_the_payments_that_are_kept() {
    assert_eq!(due(vec![payment(100)], &[1]), [50]);
    assert_eq!(due(vec![payment(100)], &[0, 1]), [100]);
    let declined = Payment { state: PaymentState::Declined, ..payment(100) };
    let spare = Payment { refunded: 100, ..payment(100) };
    assert_eq!(due(vec![declined, spare, payment(100)], &[0]), [0, 0, 50]);
    // The price of a ticket went back at the gateway before.
    let part = Payment { refunded: 50, ..payment(100) };
    assert_eq!(due(vec![part.clone()], &[0]), [0]);
    assert_eq!(due(vec![part], &[0, 1]), [50]);
    // The bank gave the buyer everything.
    let lost = Payment { dispute: Some(Dispute::Lost), ..payment(100) };
    assert_eq!(due(vec![lost], &[0, 1]), [0]);
}

#[test]
fn a_refund_that_is_refused_changes_nothing() {
    let before = order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
        order.payments[0].refunded = 40;
        order.tickets.entry(0).or_default().refunded = true;
    });
    let mut after = before.clone();
    let rest: Vec<OrderPart> = [1, 2].map(|index| before.id.ticket(index).into()).to_vec();
    after.refund_parts(&rest).expect("what is left");
    assert_eq!((after.status, after.payments[0].refund_due), (OrderStatus::Refunded, 60));
    let mut again = after.clone();
    let refused = again.refund_parts(&[before.id.ticket(0).into()]).expect_err("nothing is left");
    assert_eq!(refused.code(), "nothing_to_refund");
    assert_eq!(again, after);
}

#[test]
fn a_task_is_closed_by_a_person_or_by_another_try() {
    let manual = RefundProgress::Manual { amount: 60, reason: ManualReason::Declined, since: now() };
    let waits = order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
        order.payments[0].refund_due = 80;
        order.payments[0].refund = Some(manual);
    });
    let mut done = waits.clone();
    let change = done.refunded_by_hand(0);
    let payment = &done.payments[0];
    assert_eq!((payment.refunded, payment.by_hand, payment.refund_due), (60, 60, 20));
    assert_eq!(change.tasks, [TaskChange::Close(0)]);
    assert!(matches!(change.outbox, Some(Outbox::Refund { news: Some(_) })), "more is due by now");

    let mut again = waits.clone();
    let change = again.retry_refund(0, now()).expect("asked again");
    assert_eq!((&again.payments[0].refund, change.tasks), (&None, vec![TaskChange::Close(0)]));
    let mut disputed = waits.with(|order| order.payments[0].dispute = Some(Dispute::Open));
    let before = disputed.clone();
    assert_eq!(disputed.retry_refund(0, now()).expect_err("refused").code(), "refund_disputed");
    assert_eq!(disputed, before);
}

#[test]
fn a_transferred_ticket_has_its_next_code() {
    let mut order = order(OrderStatus::Paid, &[PaymentState::Approved]);
    let (buyer, friend) = (order.user, UserId::generate(now()));
    let holder = |order: &Order| {
        let ticket = order.tickets().nth(1).expect("three");
        (ticket.serial, ticket.holder)
    };
    assert_eq!(order.transfer_ticket(1, friend, now()), Change::default());
    assert_eq!(holder(&order), (1, friend));
    assert_eq!(order.transfer_ticket(1, buyer, now()), Change::default());
    assert_eq!(holder(&order), (2, buyer));
    assert_eq!(order.tickets[&1].holder, None, "the buyer needs no note");
}

#[test]
fn vouchers_and_tickets_are_refunded_apart() {
    let with_drinks = |order: &mut OrderFields| {
        order.extras = vec![extra(2, 31)];
        order.total = 131;
        order.payments = vec![payment(131)];
    };
    let before = order(OrderStatus::Paid, &[]).with(with_drinks);
    let mut order = before.clone();
    let drink = OrderPart::from(order.id.voucher(0));
    let change = order.refund_parts(&[drink]).expect("refunded");
    assert_eq!(change.revokes, Revocation::Parts(vec![drink]));
    assert_eq!((order.status, order.payments[0].refund_due), (OrderStatus::PartlyRefunded, 16));
    assert_eq!((order.kept(), order.uncovered()), (115, 0));
    let tickets: Vec<OrderPart> = (0..3).map(|index| order.id.ticket(index).into()).collect();
    drop(order.refund_parts(&tickets).expect("refunded"));
    assert_eq!((order.status, order.payments[0].refund_due), (OrderStatus::PartlyRefunded, 116));
    assert_eq!(order.valid_parts(), [order.id.voucher(1).into()], "a drink is left");
    let last = order.valid_parts();
    drop(order.refund_parts(&last).expect("refunded"));
    assert_eq!((order.status, order.payments[0].refund_due), (OrderStatus::Refunded, 131));
    // Money that went back by another way counts for vouchers as for tickets.
    let mut lost = before.with(|order| order.payments[0].refunded = 20);
    assert_eq!(lost.uncovered(), 20);
    drop(lost.refund_parts(&[drink]).expect("it is back already"));
    assert_eq!((lost.payments[0].refund_due, lost.uncovered()), (0, 4));
}
