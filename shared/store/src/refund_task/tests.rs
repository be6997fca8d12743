use domain::UserId;
use domain::order::{ManualReason, Payment, PaymentState, RefundAsk};
use domain::payment::GatewayName;

use super::*;
use crate::gate::tests::{at, paid_order, scan};
use crate::testing::{at_once, forgetful, store, unguarded_puts};
use crate::{Closed, GateError};

/// An order with a payment of which 700 are to go back.
fn refunding() -> Order {
    let mut order = paid_order();
    order.payments.push(Payment {
        attempt: 0,
        gateway: GatewayName::Wompi,
        account: None,
        payment_id: Some("1234-1610641025-49201".to_owned()),
        checkout_url: None,
        state: PaymentState::Approved,
        amount: 2000,
        refunded: 0,
        by_hand: 0,
        refund_due: 700,
        refund: None,
        unused: None,
        dispute: None,
        created_at: at(0),
        idempotency: None,
        closed: false,
    });
    order
}

/// The order after its refund was left to a person.
fn left_to_person(order: &Order) -> Order {
    let mut order = order.clone();
    order.payments[0].leave_to_person(700, ManualReason::Unsupported, at(1));
    order.version += 1;
    order
}

async fn open(store: &Store, tenant: TenantId) -> Vec<RefundTask> {
    store.refund_tasks(tenant, None, 10).await.expect("read").items
}

#[tokio::test]
async fn a_task_comes_and_goes_with_its_order() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before, None).await.expect("created");
    let order = left_to_person(&before);
    for _ in 0..2 {
        // The second time as a client that did not hear the answer.
        let outbox = Some("{}".to_owned());
        store.update_order_with(&order, outbox, &[TaskChange::Open(0)]).await.expect("written");
    }
    let [open_task] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    assert_eq!(Some(open_task), RefundTask::of(&order, 0).as_ref());
    let found = store.refund_task(order.tenant, order.id, 0).await.expect("read");
    assert_eq!(found.as_ref(), Some(open_task));

    // Who acts on what is no longer so changes neither.
    let close = [TaskChange::Close(0)];
    let senseless = store.update_order_with(&before, None, &[TaskChange::Open(0)]).await;
    assert!(matches!(senseless, Err(Failure::Fault(_))), "it needs no person");
    let stale = Order { total: 1, ..order.clone() };
    let refused = store.update_order_with(&stale, None, &close).await;
    assert!(matches!(refused, Err(Failure::Refused(_))));
    assert_eq!(open(&store, order.tenant).await.len(), 1);

    let mut done = order.clone();
    done.payments[0].book_refund(700);
    done.version += 1;
    store.update_order_with(&done, None, &close).await.expect("written");
    assert!(open(&store, order.tenant).await.is_empty());
    assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(done));
}

#[tokio::test]
async fn an_answer_that_got_lost_is_no_refusal() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before, None).await.expect("created");
    let order = left_to_person(&before);
    forgetful(&store, 1).update_order_with(&order, None, &[TaskChange::Open(0)]).await.expect("written");
    assert_eq!(open(&store, order.tenant).await.len(), 1);
}

#[tokio::test]
async fn a_task_closes_with_the_tickets_that_a_dispute_costs() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before, None).await.expect("created");
    let order = left_to_person(&before);
    store.update_order_with(&order, None, &[TaskChange::Open(0)]).await.expect("written");
    let tickets = [0, 1].map(|index| order.id.ticket(index));
    store.redeem(order.event, tickets[0], 0, &scan("a", 2)).await.expect("answers");

    let mut after = order.clone();
    after.tickets.entry(1).or_default().refunded = true;
    after.version += 1;
    let close = [TaskChange::Close(0)];
    let both = store.revoke_tickets_with(&after, &tickets, (None, &close), at(3)).await;
    assert!(matches!(both, Err(GateError::Closed(Closed::Used(_)))));
    assert_eq!(open(&store, order.tenant).await.len(), 1, "all or nothing");
    let unused = store.unused_tickets(order.event, &tickets).await.expect("read");
    assert_eq!(unused, [tickets[1]]);
    store.revoke_tickets_with(&after, &unused, (None, &close), at(3)).await.expect("revoked");
    assert!(open(&store, order.tenant).await.is_empty());
    assert!(matches!(store.gate(order.event, tickets[1], 0).await, Ok(Some(Closed::Revoked(_)))));
}

#[tokio::test]
async fn who_reminds_second_does_not() {
    let store = store().await;
    let before = refunding();
    store.create_order(&before, None).await.expect("created");
    let order = left_to_person(&before);
    store.update_order_with(&order, None, &[TaskChange::Open(0)]).await.expect("written");
    let [task] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    store.remind_of_refund_task(task, None, at(10)).await.expect("noted");
    store.remind_of_refund_task(task, None, at(10)).await.expect("the same reminder is no conflict");
    assert!(matches!(store.remind_of_refund_task(task, None, at(11)).await, Err(Failure::Refused(_))));
    let [noted] = &open(&store, order.tenant).await[..] else { panic!("one task") };
    assert_eq!(noted.reminded_at, Some(at(10)));
    store.remind_of_refund_task(noted, None, at(20)).await.expect("noted");

    let mut done = order.clone();
    done.payments[0].book_refund(700);
    done.version += 1;
    store.update_order_with(&done, None, &[TaskChange::Close(0)]).await.expect("written");
    assert!(matches!(store.remind_of_refund_task(noted, None, at(30)).await, Err(Failure::Refused(_))));
    assert!(open(&store, order.tenant).await.is_empty(), "a reminder brings no task back");
}

/// How many of a crowd of workers ask the gateway for one refund, each after it wrote
/// down its claim.
async fn claims(store: &Store, through: &Store, workers: usize) -> usize {
    let order = Order { user: UserId::generate(at(0)), ..refunding() };
    store.create_order(&order, None).await.expect("created");
    at_once(workers, |_| {
        let (store, mut order) = (through.clone(), order.clone());
        async move {
            // All in the same millisecond: what is there is not to be taken for one's own.
            let asked = RefundAsk { amount: 700, begun: at(0), may_have_been_asked: false };
            order.payments[0].refund = Some(asked.claim(at(60)));
            order.version += 1;
            store.update_order(&order, None).await.is_ok()
        }
    })
    .await
    .into_iter()
    .filter(|claimed| *claimed)
    .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_crowd_claims_a_refund() {
    let store = store().await;
    assert_eq!(claims(&store, &store, 16).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_several_would_give_the_money_back() {
    let store = store().await;
    assert!(claims(&store, &unguarded_puts(&store), 16).await > 1);
}
