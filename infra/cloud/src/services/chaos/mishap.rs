//! What befalls one write that a test has chosen.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::super::life::Life;
use super::Watches;
use super::spot::{Spot, Write};

/// What befalls a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The table answers 500 and does nothing, also when the same invocation tries again.
    Refused,
    /// The write is done, but its answer is lost, also when the same invocation tries again.
    AnswerLost,
    /// The function dies before the write is done.
    DiesBefore,
    /// The write is done, and the function dies before it hears so.
    DiesAfter,
}

/// A mishap that waits for its write.
#[derive(Debug)]
pub(super) struct Trap {
    spot: Spot,
    mishap: Mishap,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many more writes of the spot pass, the one that is meant among them.
    to_go: usize,
    struck: Option<Victim>,
}

/// Which write it was, to know its repetitions.
#[derive(Debug)]
struct Victim {
    life: Option<Life>,
    keys: Vec<String>,
}

impl Trap {
    /// What befalls this write.
    pub(super) fn befalls(&self, write: &Write<'_>) -> Option<Mishap> {
        if !self.spot.includes(write) {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let life = Life::current();
        if let Some(victim) = &state.struck {
            let same_life = match (&victim.life, &life) {
                (Some(one), Some(other)) => one.is(other),
                (None, None) => true,
                _ => false,
            };
            return (same_life && victim.keys == write.keys).then_some(self.mishap);
        }
        state.to_go -= 1;
        if state.to_go > 0 {
            return None;
        }
        state.struck = Some(Victim { life, keys: write.keys.clone() });
        Some(self.mishap)
    }
}

/// A mishap that a test has prepared; dropping it calls it off.
#[must_use = "it waits for its write as long as this lives"]
#[derive(Debug)]
pub struct Ambush {
    trap: Arc<Trap>,
    watches: Weak<Watches>,
}

impl Ambush {
    pub(super) fn lay(spot: Spot, nth: usize, mishap: Mishap, watches: &Arc<Watches>) -> Self {
        assert!(nth > 0, "the first write has the number 1");
        let state = Mutex::new(State { to_go: nth, struck: None });
        let trap = Arc::new(Trap { spot, mishap, state });
        watches.traps().push(Arc::clone(&trap));
        Self { trap, watches: Arc::downgrade(watches) }
    }

    /// Whether it has befallen its write.
    pub fn has_struck(&self) -> bool {
        self.trap.state.lock().unwrap_or_else(PoisonError::into_inner).struck.is_some()
    }
}

impl Drop for Ambush {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            watches.traps().retain(|other| !Arc::ptr_eq(other, &self.trap));
        }
    }
}
