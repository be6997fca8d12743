//! Single rules that random histories meet too rarely.

use std::time::Duration;

use domain::TenantId;
use domain::order::{
    Holding, ManualReason, OrderStatus, PaymentState, RefundProgress, Settlement, UnusedReason,
};
use domain::payment::{Dispute, GatewayName, PaymentStatus};
use domain::payment_difference::DifferenceKind;
use integrations::payment::{GatewayError, RefundReport, RefundStatus};
use queue::{OrderNews, Outbox};
use store::Secured;

use super::world::{GatewayPayment, PRICE, World};
use crate::differences::{DECIDED_WITHIN, differences};
use crate::note::{self, Change, Source};
use crate::patience;
use crate::refund::Outcome;

#[test]
fn a_payment_counts_for_orders_of_its_own_account_only() {
    let world = World::new();
    let world = world.borrow();
    let (order, own) = (&world.order, world.own);
    let other_account = |tenant_id| {
        let source = world.source(true).account.expect("an account");
        let account = domain::gateway_account::AccountRef { tenant_id, ..source };
        Source { account: Some(account), ..own }
    };
    let (strangers, second) = (other_account(TenantId::generate(world.now)), other_account(order.tenant));
    // The first try was noted, the second was not.
    assert_eq!([own, strangers, second].map(|source| source.may_pay(order, 0)), [true, false, false]);
    assert_eq!([own, strangers, second].map(|source| source.may_pay(order, 1)), [true, false, true]);
    let sandbox = Source { gateway: GatewayName::Sandbox, account: None };
    let wompi = Source { gateway: GatewayName::Wompi, ..own };
    assert_eq!([sandbox, wompi].map(|source| source.may_pay(order, 0)), [false, false]);
}

#[test]
fn every_answer_to_a_refund_has_a_meaning() {
    let meaning = |answer| {
        let (outcome, error) = Outcome::of(answer);
        (outcome, error.is_some())
    };
    let report = |status| Ok(RefundReport { refund_id: "r".to_owned(), status });
    let manual = |reason| (Outcome::Manual(reason), false);
    let pause = Duration::from_secs(60);
    assert_eq!(meaning(report(RefundStatus::Done)), (Outcome::Done, false));
    assert_eq!(meaning(report(RefundStatus::Pending)), (Outcome::Pending("r".to_owned()), false));
    assert_eq!(meaning(report(RefundStatus::Declined)), manual(ManualReason::Declined));
    let refused = GatewayError::Refused { code: "c".to_owned(), message: "m".to_owned() };
    assert_eq!(meaning(Err(refused)), manual(ManualReason::Declined));
    assert_eq!(meaning(Err(GatewayError::Unsupported)), manual(ManualReason::Unsupported));
    let uncertain = GatewayError::Uncertain { source: "x".into() };
    assert_eq!(meaning(Err(uncertain)), manual(ManualReason::Uncertain));
    assert_eq!(meaning(Err(GatewayError::TooEarly { retry_after: pause })), (Outcome::Later(pause), false));
    let down = GatewayError::Unavailable { retry_after: None, source: "x".into() };
    for trouble in [down, GatewayError::NotFound, GatewayError::Protocol(String::new())] {
        assert_eq!(meaning(Err(trouble)), (Outcome::Again, true));
    }
}

#[test]
fn notifications_are_given_up_before_anybody_is_alarmed_or_not_before_somebody_is() {
    // As the template has it: 40 tries of three minutes.
    let alarm = Duration::from_secs(40 * 180);
    let refused = GatewayError::Refused { code: "c".to_owned(), message: "m".to_owned() };
    for nothing in [GatewayError::NotFound, refused, GatewayError::Unsupported] {
        assert!(patience(&nothing).is_some_and(|patience| patience < alarm), "{nothing}");
    }
    let senseless = GatewayError::Protocol(String::new());
    assert!(patience(&senseless).is_some_and(|patience| patience > alarm));
    let down = GatewayError::Unavailable { retry_after: None, source: "x".into() };
    assert_eq!(patience(&down), None);
}

/// Whoever settles may die before they go back, and the order is all that is left.
#[test]
fn an_order_that_comes_too_late_knows_which_places_it_has_to_give_back() {
    let world = World::new();
    let world = world.borrow();
    let mut order = world.order.clone();
    let row = |row| Holding::Seats { line: 0, row, seats: vec![1, 2] };
    order.holdings = vec![row(3), row(4)];
    note::settled(&mut order, 0, Secured::Gone(vec![row(3)]), world.now);
    assert_eq!((order.status, order.holdings), (OrderStatus::RefundDue, vec![row(3)]));
}

/// The buyer did nothing late, and is not told so.
#[test]
fn who_paid_in_time_and_lost_the_places_hears_that() {
    let world = World::new();
    let world = world.borrow();
    let mut order = world.order.clone();
    note::settled(&mut order, 0, Secured::All(Vec::new()), world.now);
    let change = note::lost(&mut order);
    assert!(change.revokes, "the tickets are worthless");
    let payment = &order.payments[0];
    assert_eq!((payment.unused, payment.refund_due), (Some(UnusedReason::PlacesLost), payment.amount));
}

#[test]
fn a_dispute_that_is_won_has_nobody_asked_again_who_may_have_given_the_money_back() {
    let world = World::new();
    let world = world.borrow();
    let mut order = world.order.clone();
    order.payments[0].state = PaymentState::Approved;
    order.payments[0].dispute = Some(Dispute::Open);
    order.payments[0].refund_due = PRICE;
    let report = known(PaymentStatus::Approved).report();
    let won = |reason| {
        let mut order = order.clone();
        order.payments[0].leave_to_person(PRICE, reason, world.now);
        let change = note::note(&mut order, 0, Settlement::Dispute(Dispute::Won), &report);
        (change, order.payments[0].refund.take())
    };
    let (change, refund) = won(ManualReason::Uncertain);
    let told = Outbox::News { news: OrderNews::DisputeWon { payment: 0 } };
    assert_eq!(change, Change { outbox: Some(told), ..Change::default() }, "the task stays");
    assert!(matches!(refund, Some(RefundProgress::Manual { .. })));
    let (change, refund) = won(ManualReason::Disputed);
    assert!(matches!(change.outbox, Some(Outbox::Refund { .. })) && change.tasks.len() == 1);
    assert_eq!(refund, None);
}

/// A payment of the first try at the gateway.
fn known(status: PaymentStatus) -> GatewayPayment {
    GatewayPayment {
        id: "known".to_owned(),
        attempt: 0,
        foreign: false,
        amount: PRICE,
        status,
        dispute: None,
        refunds: Vec::new(),
    }
}

/// What differs between an order that is paid by `known`, as `change` leaves it, and
/// the gateway.
fn found(
    status: PaymentStatus,
    change: impl FnOnce(&mut domain::order::Order, &mut Vec<GatewayPayment>),
) -> Vec<DifferenceKind> {
    let world = World::new();
    let world = world.borrow();
    let mut order = world.order.clone();
    order.status = OrderStatus::Paid;
    order.payments[0].state = PaymentState::Approved;
    order.payments[0].payment_id = Some("known".to_owned());
    let mut payments = vec![known(status)];
    change(&mut order, &mut payments);
    let reports: Vec<_> = payments.iter().map(GatewayPayment::report).collect();
    let found = differences(&order, &reports, world.now + DECIDED_WITHIN);
    found.into_iter().map(|difference| difference.kind).collect()
}

#[test]
fn the_report_is_empty_when_all_is_well_and_names_what_is_not() {
    use DifferenceKind::{
        AmountDiffers, PaymentMissing, PaymentUnexpected, RefundDiffers, Uncovered, Undecided,
    };
    use PaymentStatus::{Approved, Declined, Pending};
    assert_eq!(found(Approved, |_, _| {}), []);
    assert_eq!(found(Declined, |_, _| {}), [PaymentMissing]);
    assert_eq!(found(Approved, |_, payments| payments.clear()), [PaymentMissing]);
    assert_eq!(
        found(Approved, |order, _| order.payments[0].payment_id = None),
        [PaymentUnexpected, PaymentMissing]
    );
    let undecided = found(Pending, |order, _| {
        order.status = OrderStatus::AwaitingPayment;
        order.payments[0].state = PaymentState::Pending;
    });
    assert_eq!(undecided, [Undecided]);
    let mismatched = found(Approved, |order, payments| {
        order.status = OrderStatus::AwaitingPayment;
        order.payments[0].state = PaymentState::Mismatched;
        payments[0].amount = PRICE - 1;
    });
    assert_eq!(mismatched, [AmountDiffers]);
    assert_eq!(
        found(Approved, |_, payments| assert!(payments[0].give(7, (false, Some(true))))),
        [RefundDiffers]
    );
    // What a person gave back by another way, the gateway knows nothing of.
    let by_hand = |order: &mut domain::order::Order| {
        order.payments[0].refund_due = 34;
        order.payments[0].book_refund_by_hand(34);
        order.tickets.entry(0).or_default().refunded = true;
    };
    assert_eq!(found(Approved, |order, _| by_hand(order)), []);
    // What is under way is no difference yet.
    let under_way = found(Approved, |order, payments| {
        order.payments[0].refund_due = 34;
        order.tickets.entry(0).or_default().refunded = true;
        assert!(payments[0].give(34, (true, Some(true))));
    });
    assert_eq!(under_way, []);
    let lost = found(Approved, |order, payments| {
        (order.payments[0].dispute, payments[0].dispute) = (Some(Dispute::Lost), Some(Dispute::Lost));
    });
    assert_eq!(lost, [Uncovered], "somebody was let in before the bank took the money");
    // The bank keeps the money until it has decided: the organiser was told.
    let open = found(PaymentStatus::ChargedBack, |order, payments| {
        (order.payments[0].dispute, payments[0].dispute) = (Some(Dispute::Open), Some(Dispute::Open));
    });
    assert_eq!(open, []);
    assert_eq!(found(PaymentStatus::ChargedBack, |_, _| {}), [PaymentMissing], "and here nobody was");
}
