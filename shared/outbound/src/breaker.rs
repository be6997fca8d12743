//! Calls to a service that does not answer stop for a while: each would cost its caller
//! the whole time limit, and the service gets room to recover.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boot::Clock;
use reliakit_circuit::{CircuitBreaker, State};

/// Calls in a row without an answer after which none is made for a while.
pub const FAILURES: u32 = 5;
/// The time without calls; then one at a time is made, until one is answered.
pub const PAUSE: Duration = Duration::from_secs(60);
/// The pause that a caller is told while another caller's call finds out whether the
/// service is back.
pub const TRIAL: Duration = Duration::from_secs(2);

/// A circuit breaker of one service, in the memory of one execution environment.
#[derive(Debug)]
pub struct Breaker {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    circuit: CircuitBreaker,
    /// The time of its last opening, in the circuit's milliseconds.
    opened_at: u64,
    /// True while a call finds out whether the service is back.
    trying: bool,
}

/// The result of a call, as far as it tells whether the service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service answered, be it with a refusal.
    Answered,
    /// No answer, or one that says that the service is down.
    Unanswered,
    /// Says nothing: perhaps the service was not called at all.
    Unknown,
}

impl Breaker {
    /// A breaker that lets calls through.
    pub fn new(clock: Clock) -> Self {
        let circuit = CircuitBreaker::new(FAILURES, u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX));
        Self { clock, inner: Mutex::new(Inner { circuit, opened_at: 0, trying: false }) }
    }

    /// The time until the next call may be made; `None` if one may be made now.
    pub fn pause(&self) -> Option<Duration> {
        self.lock().pause(self.now())
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// The pause, if the call should not be made.
    pub fn enter(&self) -> Result<Pass<'_>, Duration> {
        let now = self.now();
        let mut inner = self.lock();
        if let Some(pause) = inner.pause(now) {
            return Err(pause);
        }
        inner.circuit.allow(now);
        let trial = inner.circuit.state() == State::HalfOpen;
        inner.trying |= trial;
        Ok(Pass { breaker: self, trial })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_millisecond()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pause(&self, now: u64) -> Option<Duration> {
        let until = self.opened_at.saturating_add(self.circuit.cooldown());
        match self.circuit.state() {
            State::Open if now < until => Some(Duration::from_millis(until - now)),
            State::Open | State::HalfOpen if self.trying => Some(TRIAL),
            State::Open | State::HalfOpen | State::Closed => None,
        }
    }
}

/// A call that is let through. Dropped without an outcome, by a caller that waits no
/// longer, it makes way for the next.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    trial: bool,
}

impl Pass<'_> {
    /// Notes the outcome. True if the circuit opened or closed by it.
    pub fn note(self, outcome: Outcome) -> bool {
        let now = self.breaker.now();
        let mut inner = self.breaker.lock();
        let before = inner.circuit.state();
        // A call from before the circuit opened does not close it or open it again.
        if before == State::Closed || self.trial {
            match outcome {
                Outcome::Answered => inner.circuit.on_success(),
                Outcome::Unanswered => inner.circuit.on_failure(now),
                Outcome::Unknown => {}
            }
        }
        let after = inner.circuit.state();
        if after == State::Open && before != State::Open {
            inner.opened_at = now;
        }
        before != after
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.breaker.lock().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_and_closes_by_one_trial() {
        let clock = Clock::movable();
        let breaker = Breaker::new(clock.clone());
        for _ in 1..FAILURES {
            assert!(!breaker.enter().expect("closed").note(Outcome::Unanswered));
        }
        assert!(breaker.enter().expect("closed").note(Outcome::Unanswered), "it opens");
        assert_eq!(breaker.enter().err(), Some(PAUSE));
        clock.advance(PAUSE);
        let trial = breaker.enter().expect("half open");
        assert_eq!(breaker.enter().err(), Some(TRIAL), "one at a time");
        assert!(trial.note(Outcome::Answered), "it closes");
        assert_eq!(breaker.pause(), None);
    }
}
