use domain::UserId;
use domain::order::{Change, Input, OrderStatus, PaymentState, RefundAsk, Revocation, Step, fixture};
use domain::payment::GatewayName;
use domain::testing::at;

use super::*;
use crate::gate::tests::{paid_order, scan};
use crate::testing::{at_once, forgetful, store, unguarded_puts};
use crate::{Closed, GateError};

/// An order with a payment of which 700 are to be refunded.
fn refunding() -> Order {
    let payments = fixture::order(OrderStatus::Paid, &[PaymentState::Approved]);
    paid_order().with(|order| {
        order.payments = payments.payments.clone();
        let payment = &mut order.payments[0];
        payment.gateway = GatewayName::Wompi;
        payment.payment_id = Some("1234-1610641025-49201".to_owned());
        (payment.amount, payment.refund_due) = (2000, 700);
    })
}

/// The order whose refund is left to a person, with its change; not written yet.
fn left_to_person(order: &Order) -> (Order, Change) {
    match order.next(Input::NoAccount(0), at(1)) {
        Step::Save(order, change) => (order, change),
        other => panic!("{other:?}"),
    }
}

/// The order in the table after its refund was left to a person.
async fn with_task(store: &Store) -> Order {
    let before = refunding();
    store.create_order(&before).await.expect("created");
    let (order, change) = left_to_person(&before);
    store.save_order(&order, &change, at(1)).await.expect("written")
}

async fn open(store: &Store, tenant: TenantId) -> Vec<RefundTask> {
    store.refund_tasks(tenant, None, 10).await.expect("read").items
}

#[tokio::test]
async fn a_task_is_opened_and_closed_with_its_order() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before).await.expect("created");
    let (left, change) = left_to_person(&before);
    let order = store.save_order(&left, &change, at(1)).await.expect("written");
    // As a client whose answer was lost.
    assert_eq!(store.save_order(&left, &change, at(1)).await.expect("written"), order);
    let [open_task] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    assert_eq!(Some(open_task), RefundTask::of(&order, 0).as_ref());
    let found = store.refund_task(order.tenant, order.id, 0).await.expect("read");
    assert_eq!(found.as_ref(), Some(open_task));

    // A change that is based on a stale order changes neither order nor task.
    let close = Change { tasks: vec![TaskChange::Close(0)], ..Change::default() };
    let reopen = Change { tasks: vec![TaskChange::Open(0)], ..Change::default() };
    let senseless = store.save_order(&before, &reopen, at(2)).await;
    assert!(matches!(senseless, Err(GateError::Failure(Failure::Fault(_)))), "it needs no person");
    let refused = store.save_order(&before, &close, at(2)).await;
    assert!(matches!(refused, Err(GateError::Failure(Failure::Refused(_)))));
    assert_eq!(open(&store, order.tenant).await.len(), 1);

    let mut done = order.clone();
    let change = done.refunded_by_hand(0);
    let done = store.save_order(&done, &change, at(3)).await.expect("written");
    assert!(open(&store, order.tenant).await.is_empty());
    assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(done));
}

#[tokio::test]
async fn an_answer_that_got_lost_is_no_refusal() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before).await.expect("created");
    let (order, change) = left_to_person(&before);
    forgetful(&store, 1).save_order(&order, &change, at(1)).await.expect("written");
    assert_eq!(open(&store, order.tenant).await.len(), 1);
}

#[tokio::test]
async fn a_task_closes_with_the_tickets_that_a_dispute_costs() {
    let store = store().await;
    let order = with_task(&store).await;
    let tickets = [0, 1].map(|index| order.id.ticket(index));
    store.redeem(order.event, tickets[0], 0, &scan("a", 2)).await.expect("answers");

    let close = |revokes| Change { tasks: vec![TaskChange::Close(0)], revokes, ..Change::default() };
    let all = close(Revocation::Parts(tickets.map(Into::into).to_vec()));
    let both = store.save_order(&order, &all, at(3)).await;
    assert!(matches!(both, Err(GateError::Closed(Closed::Used(_)))));
    assert_eq!(open(&store, order.tenant).await.len(), 1, "all or nothing");
    let after = store.save_order(&order, &close(Revocation::Unused), at(3)).await.expect("revoked");
    assert!(!after.tickets.contains_key(&0) && after.tickets[&1].refunded, "one was used");
    assert!(open(&store, order.tenant).await.is_empty());
    assert!(matches!(store.gate(order.event, tickets[1], 0).await, Ok(Some(Closed::Revoked(_)))));
}

#[tokio::test]
async fn a_second_reminder_is_refused() {
    let store = store().await;
    let order = with_task(&store).await;
    let [task] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    store.remind_of_refund_task(task, None, at(10)).await.expect("noted");
    store.remind_of_refund_task(task, None, at(10)).await.expect("the same reminder is no conflict");
    assert!(matches!(store.remind_of_refund_task(task, None, at(11)).await, Err(Failure::Refused(_))));
    let [noted] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    assert_eq!(noted.reminded_at, Some(at(10)));
    store.remind_of_refund_task(noted, None, at(20)).await.expect("noted");

    let mut done = order.clone();
    let change = done.refunded_by_hand(0);
    store.save_order(&done, &change, at(25)).await.expect("written");
    assert!(matches!(store.remind_of_refund_task(noted, None, at(30)).await, Err(Failure::Refused(_))));
    assert!(open(&store, order.tenant).await.is_empty(), "a reminder brings no task back");
}

/// How many of a crowd of workers claim one refund, after which each would ask the gateway for it.
async fn claims(store: &Store, through: &Store, workers: usize) -> usize {
    let order = refunding().with(|order| order.user = UserId::generate(at(0)));
    store.create_order(&order).await.expect("created");
    at_once(workers, |_| {
        let (store, mut order) = (through.clone(), order.clone());
        async move {
            // All in the same millisecond: a worker must not take another's claim for its own.
            let asked = RefundAsk { amount: 700, begun: at(0), may_have_been_asked: false };
            let change = order.claim_refund(0, asked.claim(at(60)));
            store.save_order(&order, &change, at(0)).await.is_ok()
        }
    })
    .await
    .into_iter()
    .filter(|claimed| *claimed)
    .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_of_a_crowd_claims_a_refund() {
    let store = store().await;
    assert_eq!(claims(&store, &store, 16).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_several_would_give_the_money_back() {
    let store = store().await;
    assert!(claims(&store, &unguarded_puts(&store), 16).await > 1);
}
