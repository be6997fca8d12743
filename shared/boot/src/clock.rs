use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The time, as the whole function sees it. Tests move it instead of sleeping.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that the clock runs ahead of the system's; `None` outside of tests.
    ahead: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that starts at the system's time and can be moved forward. Clones
    /// move together.
    pub fn movable() -> Self {
        Self { ahead: Some(Arc::default()) }
    }

    /// The time in UTC, to the millisecond: what is stored and what is compared
    /// are then the same.
    pub fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
        let now = Timestamp::now().as_millisecond();
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.load(Ordering::Relaxed));
        Timestamp::from_millisecond(now + ahead).unwrap_or(Timestamp::MAX)
    }

    /// Moves a [`Clock::movable`] clock forward; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Some(ahead) = &self.ahead {
            ahead.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

/// The time that something takes: real time, also where tests move the clock. For measuring only;
/// nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// A stopwatch that runs from now on.
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
