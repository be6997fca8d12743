use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which workers run at present.
#[derive(Default)]
pub(super) struct Activity(Mutex<State>);

#[derive(Default)]
struct State {
    running: BTreeMap<String, usize>,
    changes: u64,
}

/// A worker that runs, until this is dropped.
pub(super) struct Running<'a> {
    activity: &'a Activity,
    name: String,
}

impl Activity {
    pub(super) fn begin(&self, name: &str) -> Running<'_> {
        let mut state = self.state();
        state.changes += 1;
        *state.running.entry(name.to_owned()).or_default() += 1;
        Running { activity: self, name: name.to_owned() }
    }

    /// The names of those that run, and how often each.
    pub(super) fn running(&self) -> BTreeMap<String, usize> {
        self.state().running.clone()
    }

    /// A number that grows whenever a worker starts or ends.
    pub(super) fn changes(&self) -> u64 {
        self.state().changes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.changes += 1;
        if let Some(count) = state.running.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                state.running.remove(&self.name);
            }
        }
    }
}
