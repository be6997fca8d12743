//! Misbehaviour on request: what real AWS does to its callers now and then,
//! done here often enough to be tested.
//!
//! Faults strike by lot ([`FaultRates`]), for storms in which everything happens some
//! time. A test of one thing does not wait for luck:
//!
//! - A **rendezvous** makes a race: the next writes at a key wait until all racers stand
//!   before theirs, having read what they read, and then go together. So a race and its
//!   negative control decide the same way every time, on a loaded machine too.
//!
//!   ```ignore
//!   let race = app.chaos.rendezvous(8, "DR#");       // eight supervisors, one request
//!   let answers = join_all((0..8).map(|n| race.racer(decide(n).send()))).await;
//!   assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
//!   ```
//!
//!   Dropping it fails the test if they never met. Its control does the same after
//!   `app.chaos.ignore_conditions("DR#")` and must see the harm. A racer that is refused
//!   before it comes to the write leaves the others to go without it. Racers that write
//!   more than once meet at their first write; keys can be as long as it takes to name
//!   another (`"PK/SK"`), and [`Spot::by`] names the function.
//!
//! - A **halt** has one write wait until its test has done something else meanwhile.
//!
//! - An **ambush** has a function die before or after a chosen write, or the write
//!   refused or its answer lost:
//!
//!   ```ignore
//!   for nth in 1.. {
//!       let ambush = app.chaos.ambush("E#", nth, Mishap::DiesBefore);
//!       buy(&app).await;
//!       if !ambush.has_struck() { break }           // it has fewer writes
//!       /* what it left runs out or is finished */
//!   }
//!   ```

mod mishap;
mod rendezvous;
mod spot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use fastrand::Rng;

use self::mishap::Trap;
pub use self::mishap::{Ambush, Mishap};
use self::rendezvous::Meeting;
pub use self::rendezvous::{Halt, Rendezvous};
pub use self::spot::Spot;
pub(super) use self::spot::Write;

/// What goes wrong and how often. By default nothing does.
///
/// Fields named after a fault hold its probability, from 0.0 (never) to 1.0
/// (every time).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultRates {
    /// DynamoDB refuses what exceeds 1,000 write units or 3,000 read units per
    /// second and partition key.
    pub partition_limit: bool,
    /// DynamoDB refuses a write while a transaction is in flight on the same
    /// item, and a transaction while anything is.
    pub conflicts_in_flight: bool,
    /// A write or transaction is refused as if another were in flight.
    pub conflict: f64,
    /// A DynamoDB write is committed, and then its answer is lost: half of the
    /// time the connection breaks, half of the time the caller reads a 500.
    pub lost_answer: f64,
    /// A DynamoDB call answers 500 and does nothing.
    pub server_error: f64,
    /// A DynamoDB call takes longer, evenly up to [`FaultRates::slowest`].
    pub slow: f64,
    /// The longest delay that `slow` adds.
    pub slowest: Duration,
    /// A queue message is delivered a second time although it was deleted; so is
    /// a message of SNS.
    pub duplicate_delivery: f64,
    /// A queue message is delivered before older ones, a message of SNS after later ones.
    pub reordered_delivery: f64,
    /// A queue message becomes visible late, after [`FaultRates::delivery_delay`]; a
    /// message of SNS comes so late.
    pub delayed_delivery: f64,
    /// How late `delayed_delivery` is.
    pub delivery_delay: Duration,
    /// SES refuses an e-mail with `TooManyRequestsException`.
    pub mail_throttled: f64,
    /// SES takes an e-mail, and then its answer is lost. Not even in a
    /// storm: whoever sends again, rather than not at all, sends twice.
    pub mail_answer_lost: f64,
    /// A worker dies: half of the time midway, half of the time after its work,
    /// so that the event source never learns that it was done.
    pub worker_crash: f64,
    /// Conditions are not checked for items whose partition key starts with one
    /// of these. Only for the negative controls of race tests: with the guard
    /// off, the test must see the race.
    pub ignored_conditions: Vec<String>,
    /// Queries of partitions that start with one of these find nothing, as from a replica
    /// that has heard of nothing. Only for the negative controls of checks that are made
    /// again after a write.
    pub stale_queries: Vec<String>,
}

impl FaultRates {
    /// Everything at once, at rates that a correct system survives: what
    /// `--chaos` switches on.
    pub fn stormy() -> Self {
        Self {
            partition_limit: true,
            conflicts_in_flight: true,
            conflict: 0.02,
            lost_answer: 0.02,
            server_error: 0.02,
            slow: 0.05,
            slowest: Duration::from_millis(50),
            duplicate_delivery: 0.05,
            reordered_delivery: 0.1,
            delayed_delivery: 0.05,
            delivery_delay: Duration::from_millis(500),
            mail_throttled: 0.05,
            mail_answer_lost: 0.0,
            worker_crash: 0.02,
            ignored_conditions: Vec::new(),
            stale_queries: Vec::new(),
        }
    }
}

/// How a worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Before it finished: drop the invocation while it runs.
    Midway,
    /// After it finished: let it do its work, then throw the answer away.
    AfterWork,
}

/// The faults that are drawn by lot. Each has its own sequence of numbers, so
/// that switching one on does not change when another strikes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Conflict,
    LostAnswer,
    ServerError,
    Slow,
    DuplicateDelivery,
    ReorderedDelivery,
    DelayedDelivery,
    MailThrottled,
    WorkerCrash,
    MailAnswerLost,
    Notification,
}

const FAULTS: u64 = Fault::Notification as u64 + 1;

/// The source of misbehaviour. Clones share one state.
///
/// The same seed gives each fault the same sequence of decisions; who meets
/// which of them depends on the order in which calls arrive.
#[derive(Clone, Debug)]
pub struct Chaos {
    rates: Arc<RwLock<Arc<FaultRates>>>,
    dice: Arc<[Mutex<Rng>]>,
    watches: Arc<Watches>,
}

/// What tests have prepared for chosen writes.
#[derive(Debug, Default)]
struct Watches {
    meetings: Mutex<Vec<Arc<Meeting>>>,
    traps: Mutex<Vec<Arc<Trap>>>,
}

impl Watches {
    fn meetings(&self) -> MutexGuard<'_, Vec<Arc<Meeting>>> {
        self.meetings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traps(&self) -> MutexGuard<'_, Vec<Arc<Trap>>> {
        self.traps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Chaos {
    /// No faults, seeded with zero.
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Chaos {
    /// No faults until [`Chaos::set`] or [`Chaos::change`] says otherwise.
    pub fn seeded(seed: u64) -> Self {
        let mut parent = Rng::with_seed(seed);
        let dice = (0..FAULTS).map(|_| Mutex::new(parent.fork())).collect();
        Self { rates: Arc::default(), dice, watches: Arc::default() }
    }

    /// What goes wrong at present.
    pub fn rates(&self) -> Arc<FaultRates> {
        Arc::clone(&self.rates.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the rates, for calls that arrive from now on.
    pub fn set(&self, rates: FaultRates) {
        *self.rates.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rates);
    }

    /// Changes some of the rates.
    pub fn change(&self, change: impl FnOnce(&mut FaultRates)) {
        let mut current = self.rates.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut current));
    }

    /// Stops checking conditions on items whose partition key starts with
    /// `prefix` (see [`FaultRates::ignored_conditions`]).
    pub fn ignore_conditions(&self, prefix: impl Into<String>) {
        self.change(|rates| rates.ignored_conditions.push(prefix.into()));
    }

    /// Has the next `racers` writes at `spot` wait for each other and go together.
    pub fn rendezvous(&self, racers: usize, spot: impl Into<Spot>) -> Rendezvous {
        Rendezvous::arrange(racers, spot.into(), &self.watches)
    }

    /// Has the next write at `spot` wait until the test lets it go on. Not for long: the
    /// client of a function tries for 20 seconds.
    pub fn halt(&self, spot: impl Into<Spot>) -> Halt {
        Halt::set_up(spot.into(), &self.watches)
    }

    /// Has something befall the write number `nth`, from 1, at `spot` from now on.
    pub fn ambush(&self, spot: impl Into<Spot>, nth: usize, mishap: Mishap) -> Ambush {
        Ambush::lay(spot.into(), nth, mishap, &self.watches)
    }

    /// True if some write is waited for.
    pub(super) fn watches_writes(&self) -> bool {
        !self.watches.meetings().is_empty() || !self.watches.traps().is_empty()
    }

    /// Lets a write wait for those it is to meet, and tells what befalls it.
    pub(super) async fn about_to(&self, write: &Write<'_>) -> Option<Mishap> {
        let befallen = self.watches.traps().iter().find_map(|trap| trap.befalls(write));
        if befallen != Some(Mishap::DiesBefore) {
            let meeting = self.watches.meetings().iter().find(|meeting| meeting.awaits(write)).cloned();
            if let Some(meeting) = meeting {
                meeting.join().await;
            }
        }
        befallen
    }

    /// Whether and how the worker that is about to be invoked dies.
    pub fn should_crash_worker(&self) -> Option<Crash> {
        let struck = self.strikes(Fault::WorkerCrash, self.rates().worker_crash);
        struck.then(|| if self.coin(Fault::WorkerCrash) { Crash::Midway } else { Crash::AfterWork })
    }

    /// Draws whether `fault` strikes now. A fault that is off draws nothing.
    pub(super) fn strikes(&self, fault: Fault, probability: f64) -> bool {
        probability > 0.0 && self.dice(fault).f64() < probability
    }

    /// One of two, evenly.
    pub(super) fn coin(&self, fault: Fault) -> bool {
        self.dice(fault).bool()
    }

    /// A duration between nothing and `most`.
    pub(super) fn up_to(&self, fault: Fault, most: Duration) -> Duration {
        most.mul_f64(self.dice(fault).f64())
    }

    /// One of the numbers below `end`, which must not be zero.
    pub(super) fn below(&self, fault: Fault, end: usize) -> usize {
        self.dice(fault).usize(..end)
    }

    fn dice(&self, fault: Fault) -> MutexGuard<'_, Rng> {
        self.dice[fault as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod dice_tests {
    use super::*;

    fn draws(chaos: &Chaos, fault: Fault) -> Vec<bool> {
        (0..200).map(|_| chaos.strikes(fault, 0.3)).collect()
    }

    #[test]
    fn the_same_seed_strikes_at_the_same_calls() {
        let (one, same, other) = (Chaos::seeded(7), Chaos::seeded(7), Chaos::seeded(8));
        let first = draws(&one, Fault::LostAnswer);
        // Another fault in between does not disturb the sequence.
        draws(&same, Fault::Conflict);
        assert_eq!(first, draws(&same, Fault::LostAnswer));
        assert_ne!(first, draws(&other, Fault::LostAnswer));
        let struck = first.iter().filter(|struck| **struck).count();
        assert!((30..90).contains(&struck), "{struck} of 200 at a probability of 0.3");
    }

    #[test]
    fn no_fault_never_strikes_and_a_certain_fault_always_does() {
        let chaos = Chaos::default();
        assert_eq!(*chaos.rates(), FaultRates::default());
        assert!((0..50).all(|_| chaos.should_crash_worker().is_none()));
        chaos.change(|rates| rates.worker_crash = 1.0);
        let crashes: Vec<Crash> = (0..50).filter_map(|_| chaos.should_crash_worker()).collect();
        assert_eq!(crashes.len(), 50);
        assert!(crashes.contains(&Crash::Midway) && crashes.contains(&Crash::AfterWork));
    }
}
