//! Settlers that can be stopped, interleaved and killed between any two things that
//! they do to the world.

use std::pin::Pin;
use std::task::{Context, Poll};

use domain::order::{ManualReason, Order, RefundAsk, RefundProgress, RefundStep, Settlement};
use domain::payment::PaymentReport;
use store::Secured;

use super::world::{Shared, World};
use crate::note::{self, Change, Source};
use crate::refund::{CLAIM, finish, left};

/// What keeps a settler from doing harm; switched off one by one, a test must see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guards {
    /// A payment is judged by its own id, not by its try.
    pub(super) own_id: bool,
    /// A refund is claimed before the gateway is asked.
    pub(super) claim: bool,
    /// A payment counts for orders of its account only.
    pub(super) account: bool,
    /// Who writes second is told.
    pub(super) version: bool,
    /// No two claims are the same.
    pub(super) owner: bool,
    /// Who takes a claim over knows that the gateway may have been asked.
    pub(super) warned: bool,
}

pub(super) const ALL: Guards =
    Guards { own_id: true, claim: true, account: true, version: true, owner: true, warned: true };

pub(super) type Worker = Pin<Box<dyn Future<Output = ()>>>;

/// Lets others go on in between.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn turn() -> Turn {
    Turn(false)
}

async fn read(world: &Shared) -> Order {
    turn().await;
    world.borrow().order.clone()
}

async fn write(world: &Shared, guards: Guards, order: &mut Order, change: &Change) -> bool {
    order.version += 1;
    let mut revoked = Vec::new();
    if change.revokes {
        turn().await;
        revoked = note::valid_tickets(order);
        revoked.retain(|ticket| !world.borrow().used.contains(ticket));
        note::revoke(order, &revoked);
    }
    turn().await;
    let mut world = world.borrow_mut();
    if !guards.version {
        order.version = world.order.version + 1;
    }
    world.write(order, (change.outbox.as_ref(), &change.tasks, &revoked))
}

/// As `settle::settle`.
pub(super) async fn settle(
    world: Shared,
    guards: Guards,
    (source, attempt): (Source, u8),
    mut report: PaymentReport,
) {
    let id = report.payment_id.clone();
    for _ in 0..50 {
        let mut order = read(&world).await;
        if guards.account && !source.may_pay(&order, attempt) {
            return;
        }
        if !guards.own_id
            && let Some(first) = order.payments.iter().find(|payment| payment.attempt == attempt)
        {
            report.payment_id = first.payment_id.clone().unwrap_or(report.payment_id);
        }
        let settlement = order.settlement(attempt, &report);
        if settlement == Settlement::Nothing {
            return;
        }
        let now = world.borrow().now;
        let place = note::place_of(&mut order, (source, attempt), &report, now);
        let sells = settlement == Settlement::Settle && !world.borrow().places_gone;
        let change = if settlement == Settlement::Settle {
            let secured = if sells { Secured::All(Vec::new()) } else { Secured::Gone(Vec::new()) };
            note::settled(&mut order, place, secured, now)
        } else {
            note::note(&mut order, place, settlement, &report)
        };
        if write(&world, guards, &mut order, &change).await && sells {
            world.borrow_mut().payer = Some(id.clone());
        }
    }
    panic!("it never ends");
}

/// As `refund::refund`; a message that fails comes again.
pub(super) async fn refund(world: Shared, guards: Guards) {
    for _ in 0..50 {
        let mut order = read(&world).await;
        let now = world.borrow().now;
        let steps = order.payments.iter().map(|payment| payment.refund_step(now));
        let steps: Vec<_> = steps.collect();
        let next = steps.iter().position(|step| matches!(step, RefundStep::Ask(_) | RefundStep::ByHand(_)));
        let Some(place) = next else {
            let waits = steps.iter().any(|step| matches!(step, RefundStep::Wait(_)));
            world.borrow_mut().refund_messages += u8::from(waits);
            return;
        };
        let asked = match steps[place] {
            RefundStep::Ask(asked) => asked,
            RefundStep::ByHand(reason) => {
                let payment = &order.payments[place];
                let amount = payment.refund_under_way().unwrap_or(payment.refund_due);
                let change = left(&mut order, place, (amount, reason), now);
                write(&world, guards, &mut order, &change).await;
                continue;
            }
            step => panic!("{step:?} is nothing to do"),
        };
        if !ask(&world, guards, order, (place, asked)).await {
            world.borrow_mut().refund_messages += 1;
            return;
        }
    }
    panic!("it never ends");
}

/// As `refund::ask`; false if the message must come again.
async fn ask(world: &Shared, guards: Guards, mut order: Order, (place, asked): (usize, RefundAsk)) -> bool {
    let id = order.payments[place].payment_id.clone().expect("an approved payment has an id");
    let before = order.payments[place].refunded;
    let mut claim = asked.claim(world.borrow().now + CLAIM);
    if let RefundProgress::Claimed { owner, .. } = &mut claim {
        *owner = owner.filter(|_| guards.owner).or(Some(0));
    }
    if guards.claim {
        order.payments[place].refund = Some(claim.clone());
        if !write(world, guards, &mut order, &Change::default()).await {
            return true;
        }
    }
    turn().await;
    let seen = world.borrow().seen_back(&id);
    turn().await;
    let warned = asked.may_have_been_asked && guards.warned;
    let outcome = world.borrow_mut().refund(&id, (asked.amount, warned), (before, seen));
    loop {
        let now = world.borrow().now;
        let change = finish(&mut order, place, asked.amount, &outcome, now);
        if write(world, guards, &mut order, &change).await {
            return outcome != crate::refund::Outcome::Again;
        }
        order = read(world).await;
        let ours = order.payments[place].refund.as_ref() == Some(&claim);
        if !ours && (guards.claim || order.payments[place].refund_due == 0) {
            return true;
        }
    }
}

/// Asks about a refund that the gateway decides later, as `reconcile` does.
pub(super) fn ask_about_refund(world: &mut World, place: usize) {
    let mut order = world.order.clone();
    let payment = &order.payments[place];
    let Some(RefundProgress::Pending { amount, .. }) = payment.refund else { return };
    let id = payment.payment_id.as_deref().expect("approved");
    let known = world.payments.iter().find(|known| known.id == id).expect("known");
    let ours = known.refunds.iter().rev().find(|refund| refund.ours).expect("asked for");
    let outcome = match ours.done {
        None => return,
        Some(true) => crate::refund::Outcome::Done,
        Some(false) => crate::refund::Outcome::Manual(ManualReason::Declined),
    };
    let change = finish(&mut order, place, amount, &outcome, world.now);
    order.version += 1;
    assert!(world.write(&order, (change.outbox.as_ref(), &change.tasks, &[])), "nobody is in between");
}
