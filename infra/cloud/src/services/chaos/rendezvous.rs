//! Racers that wait for each other before the same write, and one that waits for its test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::Watches;
use super::spot::{Spot, Write};

/// How long the first racer waits for the last, in real time. Nothing depends on it but
/// how soon a test fails that has too few.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a rendezvous stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    wanted: usize,
    here: usize,
    open: bool,
    /// The last racer did not come in time.
    late: bool,
}

impl Standing {
    fn open_if_complete(&mut self) {
        self.open |= self.here >= self.wanted;
    }
}

/// A meeting of racers.
#[derive(Debug)]
pub(super) struct Meeting {
    spot: Spot,
    standing: watch::Sender<Standing>,
    /// Of a halt, whether the one write that waits there has come.
    taken: Option<AtomicBool>,
}

impl Meeting {
    fn change(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_modify(change);
    }

    /// Whether the write waits here.
    pub(super) fn awaits(&self, write: &Write<'_>) -> bool {
        self.spot.includes(write)
            && !self.standing.borrow().open
            && self.taken.as_ref().is_none_or(|taken| !taken.swap(true, Ordering::SeqCst))
    }

    /// Waits until all racers stand here.
    pub(super) async fn join(&self) {
        let mut opened = self.standing.subscribe();
        self.change(|standing| {
            standing.here += 1;
            standing.open_if_complete();
        });
        // The client of a racer may lose its patience; it comes again with its next try.
        let _leaving = Leaving(self);
        if tokio::time::timeout(PATIENCE, opened.wait_for(|standing| standing.open)).await.is_err() {
            self.change(|standing| (standing.open, standing.late) = (true, true));
        }
    }
}

struct Leaving<'a>(&'a Meeting);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.change(|standing| {
            if !standing.open {
                standing.here -= 1;
            }
        });
        if let Some(taken) = &self.0.taken {
            taken.store(self.0.standing.borrow().open, Ordering::SeqCst);
        }
    }
}

/// A rendezvous of racers. Opens when it is dropped, for whoever still waits.
///
/// # Panics
/// When it is dropped before all racers met, so that no test passes without its race.
#[must_use = "the racers meet as long as this lives"]
#[derive(Debug)]
pub struct Rendezvous {
    meeting: Arc<Meeting>,
    watches: Weak<Watches>,
}

impl Rendezvous {
    pub(super) fn arrange(racers: usize, spot: Spot, watches: &Arc<Watches>) -> Self {
        let standing = watch::Sender::new(Standing { wanted: racers, ..Standing::default() });
        let meeting = Arc::new(Meeting { spot, standing, taken: None });
        watches.meetings().push(Arc::clone(&meeting));
        Self { meeting, watches: Arc::downgrade(watches) }
    }

    /// Does what one racer does. If it ends before the others met, it never came to the
    /// write, and they no longer wait for it.
    pub async fn racer<T>(&self, race: impl Future<Output = T>) -> T {
        let result = race.await;
        self.meeting.change(|standing| {
            if !standing.open {
                standing.wanted -= 1;
                standing.open_if_complete();
            }
        });
        result
    }

    /// How many racers stood before the write when they all went.
    pub fn met(&self) -> usize {
        let standing = *self.meeting.standing.borrow();
        if standing.open { standing.here } else { 0 }
    }
}

/// A place where the next write waits until its test lets it go on; those after it pass.
/// Dropping this lets it go on.
#[must_use = "writes wait as long as this lives"]
#[derive(Debug)]
pub struct Halt {
    meeting: Arc<Meeting>,
    watches: Weak<Watches>,
}

impl Halt {
    pub(super) fn set_up(spot: Spot, watches: &Arc<Watches>) -> Self {
        let standing = watch::Sender::new(Standing { wanted: usize::MAX, ..Standing::default() });
        let taken = Some(AtomicBool::new(false));
        let meeting = Arc::new(Meeting { spot, standing, taken });
        watches.meetings().push(Arc::clone(&meeting));
        Self { meeting, watches: Arc::downgrade(watches) }
    }

    /// Waits until a write waits here.
    ///
    /// # Panics
    /// If none comes.
    pub async fn reached(&self) {
        let mut standing = self.meeting.standing.subscribe();
        let reached = tokio::time::timeout(PATIENCE, standing.wait_for(|standing| standing.here > 0));
        assert!(reached.await.is_ok(), "no write came to {:?}", self.meeting.spot);
    }
}

impl Drop for Halt {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            watches.meetings().retain(|other| !Arc::ptr_eq(other, &self.meeting));
        }
        self.meeting.change(|standing| standing.open = true);
    }
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            watches.meetings().retain(|other| !Arc::ptr_eq(other, &self.meeting));
        }
        let Standing { wanted, here, open, late } = *self.meeting.standing.borrow();
        self.meeting.change(|standing| standing.open = true);
        if (!open || late) && !std::thread::panicking() {
            panic!("{here} of {wanted} racers came to {:?}", self.meeting.spot);
        }
    }
}
