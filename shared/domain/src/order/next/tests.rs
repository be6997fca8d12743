use super::super::fixture::{now, order};
use super::*;
use crate::gateway_account::AccountRef;
use crate::payment::{GatewayName, PaymentStatus};
use crate::{Currency, GatewayAccountId, Money, TenantId};

fn report(status: PaymentStatus) -> PaymentReport {
    PaymentReport::new("known".to_owned(), String::new(), status, Money::new(100, Currency::CLP))
}

/// An order that awaits a payment at an account of its organiser's, and the account.
fn awaiting() -> (Order, Source) {
    let account = GatewayAccountId::generate(now());
    let order = order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]).with(|order| {
        order.payments[0].gateway = GatewayName::Payu;
        order.payments[0].account = Some(account);
    });
    let account = AccountRef { tenant_id: order.tenant, id: account };
    (order, Source { gateway: GatewayName::Payu, account: Some(account) })
}

fn saved(step: Step) -> (Order, Change) {
    match step {
        Step::Save(order, change) => (order, change),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_counts_for_orders_of_its_own_account_only() {
    let (order, own) = awaiting();
    let account = |tenant_id| {
        let id = GatewayAccountId::generate(now());
        Source { account: Some(AccountRef { tenant_id, id }), ..own }
    };
    let (strangers, second) = (account(TenantId::generate(now())), account(order.tenant));
    // The first try was noted, the second was not.
    assert_eq!([own, strangers, second].map(|source| source.may_pay(&order, 0)), [true, false, false]);
    assert_eq!([own, strangers, second].map(|source| source.may_pay(&order, 1)), [true, false, true]);
    let sandbox = Source { gateway: GatewayName::Sandbox, account: None };
    let wompi = Source { gateway: GatewayName::Wompi, ..own };
    assert_eq!([sandbox, wompi].map(|source| source.may_pay(&order, 0)), [false, false]);
    let is = report(PaymentStatus::Approved);
    let heard = Report { source: strangers, attempt: 0, is: &is };
    assert_eq!(order.next(Input::Reported(heard), now()), Step::Foreign);
}

/// A worker may die before it releases the places; then only the order names them.
#[test]
fn an_order_whose_places_are_gone_keeps_those_it_has_to_release() {
    let (order, own) = awaiting();
    let row = |row| Holding::Seats { line: 0, row, seats: vec![1, 2] };
    let order = order.with(|order| order.holdings = vec![row(3), row(4)]);
    let is = report(PaymentStatus::Approved);
    let heard = Report { source: own, attempt: 0, is: &is };
    assert_eq!(order.next(Input::Reported(heard), now()), Step::Secure);
    let gone = Secured::Gone(vec![row(3)]);
    let (order, _) = saved(order.next(Input::Secured(heard, &gone), now()));
    assert_eq!((order.status, &order.holdings), (OrderStatus::RefundDue, &vec![row(3)]));
}

/// The buyer paid in time, so the news is not that of a late payment.
#[test]
fn a_buyer_who_paid_in_time_learns_that_the_places_were_lost() {
    let paid = order(OrderStatus::Paid, &[PaymentState::Approved]);
    let gone = Secured::Gone(Vec::new());
    let unsold = |is_over| Input::Unsold { secured: &gone, is_over };
    let (lost, change) = saved(paid.next(unsold(false), now()));
    assert_eq!(change.revokes, Revocation::Unused, "the tickets are worthless");
    assert_eq!((lost.payments[0].unused, lost.payments[0].refund_due), (Some(UnusedReason::PlacesLost), 100));
    // Used tickets stay as they are; a difference is noted for a person.
    assert!(matches!(paid.next(unsold(true), now()), Step::Note(_)));
    assert!(lost.is_over(0) && !lost.is_over(1) && !paid.is_over(0));
}

#[test]
fn a_won_dispute_does_not_repeat_an_uncertain_refund() {
    let source = Source { gateway: GatewayName::Sandbox, account: None };
    let is = PaymentReport { dispute: Some(Dispute::Won), ..report(PaymentStatus::Approved) };
    let won = |reason| {
        let order = order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
            let payment = &mut order.payments[0];
            payment.payment_id = Some("known".to_owned());
            payment.dispute = Some(Dispute::Open);
            payment.refund_due = 100;
            payment.refund = Some(RefundProgress::Manual { amount: 100, reason, since: now() });
        });
        let (order, change) =
            saved(order.next(Input::Reported(Report { source, attempt: 0, is: &is }), now()));
        (change, order.payments[0].refund.clone())
    };
    let (change, refund) = won(ManualReason::Uncertain);
    assert_eq!(change, tell(OrderNews::DisputeWon { payment: 0 }), "the task stays");
    assert!(matches!(refund, Some(RefundProgress::Manual { .. })));
    let (change, refund) = won(ManualReason::Disputed);
    assert!(matches!(change.outbox, Some(Outbox::Refund { .. })) && change.tasks.len() == 1);
    assert_eq!(refund, None);
}

#[test]
fn payments_are_refunded_one_by_one_and_a_failure_stops_no_other() {
    let order = order(OrderStatus::Paid, &[PaymentState::Approved; 3]).with(|order| {
        order.payments.iter_mut().for_each(|payment| payment.refund_due = 30);
        order.payments[1].dispute = Some(Dispute::Open);
    });
    let place = |failed: &[usize]| match order.next(Input::Due(failed), now()) {
        Step::Ask(place, asked) => (place, asked.amount),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(&[]), (0, 30));
    // The second is for a person, whose task is written first.
    let (by_hand, change) = saved(order.next(Input::Due(&[0]), now()));
    assert_eq!(change.tasks, [super::super::TaskChange::Open(1)]);
    assert!(matches!(by_hand.next(Input::Due(&[0]), now()), Step::Ask(2, _)));
    assert_eq!(by_hand.next(Input::Due(&[0, 2]), now()), Step::Nothing);
    // Another worker has it in hand.
    let until = now() + Duration::from_secs(90);
    let mut claimed = by_hand;
    let RefundStep::Ask(asked) = claimed.payments[0].refund_step(now()) else { panic!("nothing is due") };
    let change = claimed.claim_refund(0, asked.claim(until));
    assert_eq!(change, Change::default());
    assert_eq!(claimed.next(Input::Due(&[2]), now()), Step::Wait(until));
    let stranger = asked.claim(until);
    let refunded = Input::Refunded { place: 0, asked: &stranger, outcome: &RefundOutcome::Done };
    assert_eq!(claimed.next(refunded, now()), Step::Nothing, "it is another worker's claim");
}
