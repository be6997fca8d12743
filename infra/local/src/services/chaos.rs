//! Misbehaviour on request: what real AWS does to its callers now and then,
//! done here often enough to be tested.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use fastrand::Rng;

/// What goes wrong and how often. The default is fair weather: nothing.
///
/// Fields named after a fault hold its probability, from 0.0 (never) to 1.0
/// (every time).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weather {
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
    /// A DynamoDB call takes longer, evenly up to [`Weather::slowest`].
    pub slow: f64,
    /// The longest delay that `slow` adds.
    pub slowest: Duration,
    /// A queue message is delivered a second time although it was deleted; so is
    /// a message of SNS.
    pub duplicate_delivery: f64,
    /// A queue message is delivered before older ones, a message of SNS after later ones.
    pub reordered_delivery: f64,
    /// A queue message becomes visible late, after [`Weather::delivery_delay`]; a
    /// message of SNS comes so late.
    pub delayed_delivery: f64,
    /// How late `delayed_delivery` is.
    pub delivery_delay: Duration,
    /// SES refuses an e-mail with `TooManyRequestsException`.
    pub mail_throttled: f64,
    /// SES takes an e-mail, and then its answer is lost. Fair weather even in a
    /// storm: whoever sends again, rather than not at all, sends twice.
    pub mail_answer_lost: f64,
    /// A worker dies: half of the time midway, half of the time after its work,
    /// so that the event source never learns that it was done.
    pub worker_crash: f64,
    /// Conditions are not checked for items whose partition key starts with one
    /// of these. Only for the negative controls of race tests: with the guard
    /// off, the test must see the race.
    pub ignored_conditions: Vec<String>,
}

impl Weather {
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
    weather: Arc<RwLock<Arc<Weather>>>,
    dice: Arc<[Mutex<Rng>]>,
}

impl Default for Chaos {
    /// Fair weather, seeded with zero.
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Chaos {
    /// Fair weather until [`Chaos::set`] or [`Chaos::change`] says otherwise.
    pub fn seeded(seed: u64) -> Self {
        let mut parent = Rng::with_seed(seed);
        Self { weather: Arc::default(), dice: (0..FAULTS).map(|_| Mutex::new(parent.fork())).collect() }
    }

    /// What goes wrong at present.
    pub fn weather(&self) -> Arc<Weather> {
        Arc::clone(&self.weather.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the weather, for calls that arrive from now on.
    pub fn set(&self, weather: Weather) {
        *self.weather.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(weather);
    }

    /// Changes part of the weather.
    pub fn change(&self, change: impl FnOnce(&mut Weather)) {
        let mut current = self.weather.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut current));
    }

    /// Stops checking conditions on items whose partition key starts with
    /// `prefix` (see [`Weather::ignored_conditions`]).
    pub fn ignore_conditions(&self, prefix: impl Into<String>) {
        self.change(|weather| weather.ignored_conditions.push(prefix.into()));
    }

    /// Whether and how the worker that is about to be invoked dies.
    pub fn should_crash_worker(&self) -> Option<Crash> {
        let struck = self.strikes(Fault::WorkerCrash, self.weather().worker_crash);
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

    fn dice(&self, fault: Fault) -> std::sync::MutexGuard<'_, Rng> {
        self.dice[fault as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
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
    fn fair_weather_never_strikes_and_a_certain_fault_always_does() {
        let chaos = Chaos::default();
        assert_eq!(*chaos.weather(), Weather::default());
        assert!((0..50).all(|_| chaos.should_crash_worker().is_none()));
        chaos.change(|weather| weather.worker_crash = 1.0);
        let crashes: Vec<Crash> = (0..50).filter_map(|_| chaos.should_crash_worker()).collect();
        assert_eq!(crashes.len(), 50);
        assert!(crashes.contains(&Crash::Midway) && crashes.contains(&Crash::AfterWork));
    }
}
