//! Simulated settlers that can be stopped, interleaved and killed between any two of their reads
//! and writes.

use std::pin::Pin;
use std::task::{Context, Poll};

use domain::order::{
    Change, Input, Order, OrderStatus, RefundAsk, RefundOutcome, RefundProgress, Report, Revocation, Secured,
    Source, Step,
};
use domain::payment::{ManualReason, PaymentReport};

use super::world::{Shared, World};
use crate::refund::CLAIM;
use store::SETTLING;

/// The settler's safeguards. With any one of them switched off, the test must fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guards {
    /// A payment is identified by its own id, not by its attempt.
    pub(super) own_id: bool,
    /// A refund is claimed before the gateway is asked.
    pub(super) claim: bool,
    /// A payment counts only for orders of its account's organiser.
    pub(super) account: bool,
    /// Lost updates are refused.
    pub(super) version: bool,
    /// No two claims are equal.
    pub(super) owner: bool,
    /// A worker that takes over a claim knows that the gateway may have been asked.
    pub(super) warned: bool,
    /// The places are claimed before the order says until when it has them.
    pub(super) claims_first: bool,
    /// What was claimed for an order that ended meanwhile is returned.
    pub(super) returns: bool,
}

pub(super) const ALL: Guards = Guards {
    own_id: true,
    claim: true,
    account: true,
    version: true,
    owner: true,
    warned: true,
    claims_first: true,
    returns: true,
};

pub(super) type Worker = Pin<Box<dyn Future<Output = ()>>>;

/// A point at which other workers may run.
struct YieldPoint(bool);

impl Future for YieldPoint {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn turn() -> YieldPoint {
    YieldPoint(false)
}

async fn read(world: &Shared) -> Order {
    turn().await;
    world.borrow().order.clone()
}

async fn save(world: &Shared, guards: Guards, order: &Order, change: &Change) -> Option<Order> {
    let mut revoked = Vec::new();
    if change.revokes == Revocation::Unused {
        turn().await;
        revoked = order.valid_parts();
        revoked.retain(|part| !world.borrow().used.contains(part));
    }
    let (mut order, outbox) = order.written(change, &revoked);
    turn().await;
    let mut world = world.borrow_mut();
    if !guards.version {
        order.edit(|order| order.version = world.order.version + 1);
    }
    world.write(&order, outbox.as_ref(), &change.tasks, &revoked).then_some(order)
}

/// Drives [`Order::next`] as `settle::settle` does.
pub(super) async fn settle(
    world: Shared,
    guards: Guards,
    source: Source,
    attempt: u8,
    mut report: PaymentReport,
) {
    let id = report.payment_id.clone();
    let source = if guards.account { source } else { world.borrow().own };
    for _ in 0..50 {
        let order = read(&world).await;
        if !guards.own_id
            && let Some(first) = order.payments.iter().find(|payment| payment.attempt == attempt)
        {
            report.payment_id = first.payment_id.clone().unwrap_or(report.payment_id);
        }
        let now = world.borrow().now;
        let heard = Report { source, attempt, is: &report };
        let mut step = order.next(Input::Reported(heard), now);
        let sells = step == Step::Secure && !world.borrow().places_gone;
        if step == Step::Secure {
            let secured = if sells { Secured::All(Vec::new()) } else { Secured::Gone(Vec::new()) };
            if sells {
                world.borrow_mut().claim(now + SETTLING);
            }
            step = order.next(Input::Secured(heard, &secured), now);
        }
        let mut until = None;
        if let Step::Extend(end) = step {
            let is_gone = world.borrow().places_gone;
            let secured = if is_gone { Secured::Gone(Vec::new()) } else { Secured::All(Vec::new()) };
            until = Some(end).filter(|_| !is_gone);
            if let Some(until) = until.filter(|_| guards.claims_first) {
                turn().await;
                world.borrow_mut().claim(until);
                turn().await;
            }
            step = order.next(Input::Extended(heard, &secured, end), now);
        }
        let Step::Save(changed, change) = step else {
            if step == Step::Release && guards.returns {
                turn().await;
                world.borrow_mut().claimed_until = None;
            }
            return;
        };
        let is_saved = save(&world, guards, &changed, &change).await.is_some();
        if is_saved && sells {
            world.borrow_mut().payer = Some(id.clone());
        }
        if let Some(until) = until.filter(|_| is_saved && !guards.claims_first) {
            turn().await;
            world.borrow_mut().claim(until);
        }
    }
    panic!("it never ends");
}

/// Drives [`Order::next`] as `refund::refund` does; a failed message is queued again.
pub(super) async fn refund(world: Shared, guards: Guards) {
    for round in 0..50 {
        let order = read(&world).await;
        if round == 0 && order.status == OrderStatus::RefundDue {
            world.borrow_mut().claimed_until = None;
        }
        let now = world.borrow().now;
        match order.next(Input::Due(&[]), now) {
            Step::Ask(place, asked) => {
                if !ask(&world, guards, order, place, asked).await {
                    world.borrow_mut().refund_messages += 1;
                    return;
                }
            }
            Step::Save(changed, change) => drop(save(&world, guards, &changed, &change).await),
            step => {
                world.borrow_mut().refund_messages += u8::from(matches!(step, Step::Wait(_)));
                return;
            }
        }
    }
    panic!("it never ends");
}

/// As `refund::ask`; false if the message must come again.
async fn ask(world: &Shared, guards: Guards, order: Order, place: usize, asked: RefundAsk) -> bool {
    let id = order.payments[place].payment_id.clone().expect("an approved payment has an id");
    let before = order.payments[place].refunded;
    let mut claim = asked.claim(world.borrow().now + CLAIM);
    if let RefundProgress::Claimed { owner, .. } = &mut claim {
        *owner = owner.filter(|_| guards.owner).or(Some(0));
    }
    let mut order = order;
    let change = order.claim_refund(place, claim.clone());
    if guards.claim {
        match save(world, guards, &order, &change).await {
            Some(claimed) => order = claimed,
            None => return true,
        }
    }
    turn().await;
    let seen = world.borrow().seen_back(&id);
    turn().await;
    let warned = RefundAsk { may_have_been_asked: asked.may_have_been_asked && guards.warned, ..asked };
    let outcome = world.borrow_mut().refund(&id, warned, before, seen);
    let refunded = Input::Refunded { place, asked: &claim, outcome: &outcome };
    loop {
        let now = world.borrow().now;
        let Step::Save(changed, change) = order.next(refunded, now) else { return true };
        if save(world, guards, &changed, &change).await.is_some() {
            return outcome != RefundOutcome::Again;
        }
        order = read(world).await;
        // Without saved claims, the order read back needs one all the same.
        if !guards.claim && order.payments[place].refund_due > 0 {
            drop(order.claim_refund(place, claim.clone()));
        }
    }
}

/// Asks about a refund that the gateway decides later, as `reconcile` does.
pub(super) fn ask_about_refund(world: &mut World, place: usize) {
    let payment = &world.order.payments[place];
    let Some(asked @ RefundProgress::Pending { .. }) = payment.refund.clone() else { return };
    let id = payment.payment_id.as_deref().expect("approved");
    let known = world.payments.iter().find(|known| known.id == id).expect("known");
    let ours = known.refunds.iter().rev().find(|refund| refund.ours).expect("asked for");
    let outcome = match ours.done {
        None => return,
        Some(true) => RefundOutcome::Done,
        Some(false) => RefundOutcome::Manual(ManualReason::Declined),
    };
    let refunded = Input::Refunded { place, asked: &asked, outcome: &outcome };
    let Step::Save(changed, change) = world.order.next(refunded, world.now) else {
        panic!("it is under way")
    };
    let (order, outbox) = changed.written(&change, &[]);
    assert!(world.write(&order, outbox.as_ref(), &change.tasks, &[]), "nobody is in between");
}
