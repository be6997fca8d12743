//! Random histories of one order: several payments of one reference, refunds, disputes, duplicated,
//! reordered and stale reports, and settlers that are interleaved and die.

mod rules;
mod workers;
mod world;

use std::task::{Context, Waker};
use std::time::Duration;

use domain::OrderPart;
use domain::order::{Order, OrderStatus, PaymentState, RefundProgress};
use domain::payment::{Dispute, PaymentStatus};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::workers::{ALL, Guards, Worker, ask_about_refund, refund, settle};
use self::world::{GatewayPayment, PRICE, RefundBehaviour, Shared, World};
use crate::refund::CLAIM;

struct History {
    world: Shared,
    guards: Guards,
    workers: Vec<Worker>,
    /// True if money was moved at the gateway by hand, so that sums need not match.
    meddled: bool,
}

impl History {
    fn new(guards: Guards) -> Self {
        Self { world: World::new(), guards, workers: Vec::new(), meddled: false }
    }

    /// Performs one act; `kind` says which, `choice` its details.
    fn act(&mut self, kind: u8, choice: u8) {
        match kind % 20 {
            0 | 1 => self.pay(choice),
            2 | 3 => self.decide(choice),
            4..=6 => self.notify(choice),
            7 => self.organiser_refunds(choice),
            8 => self.world.borrow_mut().moods.push(mood(choice)),
            9 => self.disturb(choice),
            10 => self.dispute(choice),
            11 => self.deliver(choice),
            12 => self.kill(choice),
            16 => self.begin_slip(choice),
            17 => self.pass_hours(choice),
            18 => self.pay_at_the_last_second(choice),
            19 if choice.is_multiple_of(8) => self.cancel_meanwhile(choice),
            // Workers take turns, as if they had started together.
            13 => {
                for step in 0..=choice % 16 {
                    self.run_worker(usize::from(choice) + usize::from(step));
                }
            }
            _ => {
                for _ in 0..=choice % 8 {
                    self.run_worker(usize::from(choice));
                }
            }
        }
    }

    fn pay(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        if world.payments.len() < 4 {
            let id = format!("p{}", world.payments.len());
            world.payments.push(GatewayPayment {
                id,
                attempt: choice % 2,
                foreign: choice % 16 == 15,
                amount: if choice % 16 == 14 { PRICE - 1 } else { PRICE },
                status: PaymentStatus::Pending,
                due: None,
                dispute: None,
                refunds: Vec::new(),
            });
        }
    }

    /// The buyer gets a slip, of which the gateway tells sooner or later.
    fn begin_slip(&mut self, choice: u8) {
        self.pay(choice);
        let mut world = self.world.borrow_mut();
        let due = world.now + Duration::from_secs(1800 * (1 + u64::from(choice) / 4));
        if let Some(last) = world.payments.last_mut().filter(|last| last.status == PaymentStatus::Pending) {
            last.due = Some(due);
        }
    }

    /// Slips expire, and who waits for places gets those that nobody claims any more.
    fn pass_hours(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        world.now += Duration::from_secs(900 * (1 + u64::from(choice) / 8));
        let now = world.now;
        for payment in &mut world.payments {
            if payment.due.is_some_and(|due| due < now) && payment.status == PaymentStatus::Pending {
                payment.status = PaymentStatus::Expired;
            }
        }
        let is_free = world.claimed_until.is_none_or(|end| end < now);
        world.places_gone |= is_free && choice.is_multiple_of(2) && !world.order.status.is_settled();
    }

    /// The money of a slip comes in its last second, and is reported then.
    fn pay_at_the_last_second(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        let waits = |payment: &&mut GatewayPayment| {
            payment.status == PaymentStatus::Pending && payment.due.is_some_and(|due| due >= now)
        };
        let Some(payment) = world.payments.iter_mut().find(waits) else { return };
        payment.status = PaymentStatus::Approved;
        let due = payment.due.unwrap_or(now);
        // Counters tell some hours later what they took.
        world.now = due + Duration::from_secs(60 * u64::from(choice));
    }

    /// The buyer cancels while a worker is about to keep the places for a slip.
    fn cancel_meanwhile(&mut self, choice: u8) {
        self.begin_slip(choice);
        let last = self.world.borrow().payments.len();
        self.notify(u8::try_from(last.saturating_sub(1)).expect("few"));
        for _ in 0..choice / 8 % 6 {
            self.run_worker(self.workers.len().saturating_sub(1));
        }
        self.world.borrow_mut().cancel();
    }

    fn decide(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        if let Some(payment) = pick(&mut world.payments, choice) {
            // Some payments are approved after they were declined.
            match payment.status {
                PaymentStatus::Approved => {}
                _ if choice % 4 == 3 => payment.status = PaymentStatus::Declined,
                _ => payment.status = PaymentStatus::Approved,
            }
        }
    }

    /// The gateway notifies its present state; a worker may act on it much later.
    fn notify(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        let Some(payment) = pick(&mut world.payments, choice) else { return };
        let (report, attempt, foreign) = (payment.report(), payment.attempt, payment.foreign);
        let source = world.source(foreign);
        drop(world);
        let worker = settle(self.world.clone(), self.guards, source, attempt, report);
        self.workers.push(Box::pin(worker));
    }

    /// As `purchases` does.
    fn organiser_refunds(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        let mut order = world.order.clone();
        let mut wanted = order.valid_parts();
        wanted.retain(|part| !world.used.contains(part));
        if wanted.is_empty() {
            return;
        }
        // Tickets alone, vouchers alone, or some of both.
        let first = usize::from(choice / 3) % wanted.len();
        wanted.rotate_left(first);
        wanted.truncate(1 + usize::from(choice % 3));
        let Ok(change) = order.refund_parts(&wanted) else { return };
        let promised = |order: &Order| order.payments.iter().map(|payment| payment.refund_due).sum::<i64>();
        let promised = promised(&order) - promised(&world.order);
        let (order, outbox) = order.written(&change, &[]);
        assert!(world.write(&order, outbox.as_ref(), &[], &wanted), "in one step");
        world.promised += promised;
    }

    fn dispute(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        if let Some(payment) = pick(&mut world.payments, choice).filter(|payment| payment.is_paid()) {
            payment.dispute = match (payment.dispute, choice % 3) {
                (None, _) => Some(Dispute::Open),
                (Some(Dispute::Open), 0) => Some(Dispute::Won),
                // The bank takes what is left.
                (Some(Dispute::Open), _) => Some(Dispute::Lost),
                (decided, _) => decided,
            };
            self.meddled |= payment.dispute == Some(Dispute::Lost);
        }
    }

    /// Changes from elsewhere: places, scans, refunds in the gateway's panel, the buyer.
    fn disturb(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        match choice % 4 {
            0 => {
                let is_free = world.claimed_until.is_none_or(|end| end < world.now);
                world.places_gone |= is_free && !world.order.status.is_settled();
            }
            1 => {
                let valid = world.order.valid_parts();
                let part = valid.get(usize::from(choice / 4) % 6).copied();
                world.used.extend(part);
            }
            2 => {
                if let Some(payment) = pick(&mut world.payments, choice / 4) {
                    let amount = if choice >= 128 { payment.amount } else { i64::from(choice / 8) };
                    self.meddled |= payment.give(amount, false, Some(true));
                }
            }
            // The buyer cancels.
            _ if choice >= 224 => world.cancel(),
            // Another field of the order changed, such as when the tickets were mailed.
            _ => world.order.edit(|order| order.version += 1),
        }
    }

    fn deliver(&mut self, choice: u8) {
        let mut world = self.world.borrow_mut();
        // A message may be delivered twice, even at the same moment, so it stays queued.
        if world.refund_messages > 0 {
            drop(world);
            for _ in 0..=choice % 2 {
                self.workers.push(Box::pin(refund(self.world.clone(), self.guards)));
            }
        } else {
            world.now += Duration::from_secs(1);
        }
    }

    /// A worker dies; its message comes again. No worker outlives its claim.
    fn kill(&mut self, choice: u8) {
        if choice.is_multiple_of(2) {
            self.workers.clear();
            let mut world = self.world.borrow_mut();
            world.now += CLAIM;
            world.refund_messages += 1;
        } else if !self.workers.is_empty() {
            let at = usize::from(choice) % self.workers.len();
            drop(self.workers.swap_remove(at));
            self.world.borrow_mut().refund_messages += 1;
        }
    }

    fn run_worker(&mut self, choice: usize) {
        if self.workers.is_empty() {
            return;
        }
        let at = choice % self.workers.len();
        let mut context = Context::from_waker(Waker::noop());
        if self.workers[at].as_mut().poll(&mut context).is_ready() {
            drop(self.workers.swap_remove(at));
        }
    }

    fn finish_workers(&mut self) {
        while !self.workers.is_empty() {
            self.run_worker(0);
        }
    }

    /// Decides, delivers and settles everything until nothing changes any more.
    fn end(&mut self) {
        self.finish_workers();
        // Well before a gateway decides about the refunds that it reviews.
        self.world.borrow_mut().now += CLAIM;
        self.world.borrow_mut().moods.clear();
        self.workers.push(Box::pin(refund(self.world.clone(), self.guards)));
        self.finish_workers();
        for round in 0..40 {
            let before = self.world.borrow().order.clone();
            let mut world = self.world.borrow_mut();
            world.now += Duration::from_secs(900);
            world.moods.clear();
            for payment in &mut world.payments {
                if payment.dispute == Some(Dispute::Open) {
                    payment.dispute = Some(Dispute::Won);
                }
                for (refund, at) in payment.refunds.iter_mut().zip(0..) {
                    refund.done = refund.done.or(Some(at % 3 != 2));
                }
            }
            for place in 0..before.payments.len() {
                ask_about_refund(&mut world, place);
            }
            // A person does by hand what is left; the gateway's report shows it.
            if round > 1 {
                by_hand(&mut world);
            }
            let payments = u8::try_from(world.payments.len()).expect("few");
            drop(world);
            for at in 0..payments {
                self.notify(at);
                self.finish_workers();
            }
            self.workers.push(Box::pin(refund(self.world.clone(), self.guards)));
            self.finish_workers();
            if round > 3 && self.world.borrow().order == before {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// The properties that every history must have at its end.
    fn check(&self) -> Result<(), String> {
        let world = self.world.borrow();
        let order = &world.order;
        ensure(world.wrong.is_empty(), || world.wrong.join("; "))?;
        let has_ended = matches!(order.status, OrderStatus::Released | OrderStatus::RefundDue);
        let blocks = has_ended && world.claimed_until.is_some_and(|end| end > world.now);
        ensure(!blocks, || format!("its places are claimed until {:?}", world.claimed_until))?;
        let mut paying = 0;
        for known in &world.payments {
            let noted = order.payments.iter().find(|payment| payment.payment_id.as_ref() == Some(&known.id));
            if known.foreign || known.amount != PRICE {
                let counts = noted.is_some_and(|noted| noted.kept() > 0);
                ensure(!counts, || format!("{} pays for tickets", known.id))?;
                continue;
            }
            if !known.is_paid() {
                continue;
            }
            let back = known.back();
            let Some(noted) = noted else {
                ensure(back == known.amount || known.dispute == Some(Dispute::Lost), || {
                    format!("{} is approved, and nobody noted it", known.id)
                })?;
                continue;
            };
            let lost = known.dispute == Some(Dispute::Lost);
            paying += u32::from(noted.kept() > 0);
            let booked = lost || noted.refunded == back || noted.state == PaymentState::Returned;
            ensure(booked, || format!("{}: {back} went back, {} noted", known.id, noted.refunded))?;
            ensure(lost || noted.refund_due == 0, || format!("{}: some is still due", known.id))?;
            if world.payer.as_ref() == Some(&known.id) {
                let (ours, promised) = (known.ours(), world.promised);
                ensure(ours <= promised, || format!("{ours} given back of {promised} promised"))?;
            } else {
                ensure(lost || back == known.amount, || format!("{} is kept for nothing", known.id))?;
            }
        }
        ensure(paying <= 1, || "two payments are kept".to_owned())?;
        let valid = value(order, &order.valid_parts());
        if !self.meddled {
            ensure(order.kept() == valid, || {
                format!("{} kept, tickets and vouchers for {valid}", order.kept())
            })?;
        }
        ensure(order.kept() <= valid || self.meddled, || "kept for nothing".to_owned())?;
        let tickets = order.tickets().filter(|ticket| ticket.refunded).map(|ticket| ticket.id.into());
        let vouchers = order.vouchers().filter(|voucher| voucher.refunded).map(|voucher| voucher.id.into());
        ensure(
            tickets.chain(vouchers).collect::<Vec<OrderPart>>()
                == world.revoked.iter().copied().collect::<Vec<_>>(),
            || "doors and order differ".to_owned(),
        )?;
        ensure(world.revoked.is_disjoint(&world.used), || "what was used was revoked".to_owned())?;
        if order.kept() <= 0 {
            let unused = order.valid_parts().into_iter().find(|part| !world.used.contains(part));
            ensure(unused.is_none(), || "a ticket or voucher is good that nobody paid".to_owned())?;
        }
        let manual =
            |payment: &domain::order::Payment| matches!(payment.refund, Some(RefundProgress::Manual { .. }));
        let manual = (0..).zip(&order.payments).filter(|(_, payment)| manual(payment)).map(|(at, _)| at);
        ensure(manual.eq(world.tasks.iter().copied()), || "tasks and order differ".to_owned())
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn pick(payments: &mut [GatewayPayment], choice: u8) -> Option<&mut GatewayPayment> {
    let count = payments.len().max(1);
    payments.get_mut(usize::from(choice) % count)
}

fn mood(choice: u8) -> RefundBehaviour {
    let moods = [
        RefundBehaviour::Does,
        // PayU usually decides later.
        RefundBehaviour::DecidesLater,
        RefundBehaviour::DecidesLater,
        RefundBehaviour::DecidesLater,
        RefundBehaviour::Declines,
        RefundBehaviour::HasNoCall,
        RefundBehaviour::DoesInSilence,
        RefundBehaviour::IsDown,
        RefundBehaviour::IsTooSoon,
        RefundBehaviour::IsUncertain,
    ];
    moods[usize::from(choice) % moods.len()]
}

/// The price of these tickets and vouchers, in minor units.
fn value(order: &Order, parts: &[OrderPart]) -> i64 {
    order.part_totals().filter(|(part, _)| parts.contains(part)).map(|(_, price)| price).sum()
}

/// A person looks at the gateway first, and gives back what is missing.
fn by_hand(world: &mut World) {
    for payment in world.order.payments.clone() {
        let Some(RefundProgress::Manual { amount, .. }) = payment.refund else { continue };
        let known = world.payments.iter_mut().find(|known| Some(&known.id) == payment.payment_id.as_ref());
        let known = known.expect("approved, so known");
        let missing = payment.refunded + amount - known.back();
        known.give(missing, true, Some(true));
    }
}

/// Runs that many random histories; the shortest failing one is the error.
fn run(guards: Guards, histories: u32) -> Result<(), String> {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: histories, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let acts = proptest::collection::vec(any::<(u8, u8)>(), 0..140);
    let outcome = runner.run(&acts, |acts| {
        let mut history = History::new(guards);
        for (kind, choice) in acts {
            history.act(kind, choice);
        }
        history.end();
        history.check().map_err(TestCaseError::fail)
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
fn money_kept_always_equals_the_value_of_what_is_valid() {
    run(ALL, 3000).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn histories_detect_every_missing_guard() {
    let without = [
        Guards { own_id: false, ..ALL },
        Guards { claim: false, ..ALL },
        Guards { account: false, ..ALL },
        Guards { version: false, ..ALL },
        Guards { owner: false, ..ALL },
        Guards { warned: false, ..ALL },
        Guards { claims_first: false, ..ALL },
        Guards { returns: false, ..ALL },
    ];
    for guards in without {
        let seen = std::panic::catch_unwind(|| run(guards, 30_000));
        assert!(!matches!(seen, Ok(Ok(()))), "nothing notices: {guards:?}");
    }
}
