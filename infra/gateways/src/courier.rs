//! Notifications on their way: delayed, delivered, repeated, given up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use boot::Clock;
use domain::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::lock;

/// Deliveries that are on the wire at the same time.
const AT_ONCE: usize = 32;
/// Deliveries that are waiting or on the wire; more are lost, as at any gateway
/// whose receiver is down for too long.
const MAX_PENDING: usize = 100_000;

/// One request that brings a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// When a notification that was not accepted is sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Retries {
    /// Soon, by a real clock. The pause doubles each time.
    Soon { backoff: Duration, tries: u32 },
    /// After these pauses, by the gateway's clock, then no more.
    Later(&'static [Duration]),
}

impl Retries {
    /// Not at all.
    pub(crate) const NONE: Self = Self::Later(&[]);

    /// As often, and soon.
    pub(crate) fn sooner(self, backoff: Duration) -> Self {
        let tries = match self {
            Self::Soon { tries, .. } => tries,
            Self::Later(pauses) => u32::try_from(pauses.len()).unwrap_or(u32::MAX).saturating_add(1),
        };
        Self::Soon { backoff, tries }
    }
}

/// One copy of a notification, and how to deliver it.
#[derive(Clone)]
pub(crate) struct Parcel {
    /// Writes the letter: for which try, counted from 0, and when.
    pub(crate) write: Arc<dyn Fn(u32, Timestamp) -> Letter + Send + Sync>,
    /// How long it waits before the first try, by a real clock.
    pub(crate) wait: Duration,
    /// How long the receiver may take to answer.
    pub(crate) patience: Duration,
    /// Which answers mean that it arrived.
    pub(crate) accepted: fn(StatusCode) -> bool,
    pub(crate) retries: Retries,
}

/// Delivers notifications, and again if the receiver does not accept them.
pub(crate) struct Courier {
    road: Arc<Road>,
    deliveries: Mutex<JoinSet<()>>,
    /// The runtime of deliveries, whoever causes them: a test's thread may have no runtime.
    runtime: Handle,
}

/// What all deliveries share.
struct Road {
    http: reqwest::Client,
    clock: Clock,
    slots: Semaphore,
    /// How many wait or are on the wire, without those that wait for the clock.
    pending: watch::Sender<usize>,
    later: Mutex<Later>,
}

/// What waits for the clock: when, in which order, and what.
#[derive(Default)]
struct Later {
    parcels: BTreeMap<(Timestamp, u64), (Parcel, u32)>,
    count: u64,
}

impl Courier {
    /// Must be called in a runtime, which then runs the deliveries.
    pub(crate) fn new(http: reqwest::Client, clock: Clock) -> Self {
        let road = Road {
            http,
            clock,
            slots: Semaphore::new(AT_ONCE),
            pending: watch::Sender::new(0),
            later: Mutex::default(),
        };
        Self { road: Arc::new(road), deliveries: Mutex::default(), runtime: Handle::current() }
    }

    /// Delivers a notification for the first time.
    pub(crate) fn send(&self, parcel: Parcel) {
        if *self.road.pending.borrow() >= MAX_PENDING {
            tracing::warn!("too many pending notifications: one is lost");
            return;
        }
        self.spawn(parcel, 0);
    }

    fn spawn(&self, parcel: Parcel, attempt: u32) {
        self.road.pending.send_modify(|count| *count += 1);
        let road = Arc::clone(&self.road);
        let mut deliveries = lock(&self.deliveries);
        while deliveries.try_join_next().is_some() {}
        let delivering = async move {
            road.deliver(parcel, attempt).await;
            road.pending.send_modify(|count| *count -= 1);
        };
        deliveries.spawn_on(delivering, &self.runtime);
    }

    /// Sends again what the clock says is due.
    pub(crate) fn send_due(&self) {
        let now = self.road.clock.now();
        loop {
            let due = {
                let mut later = lock(&self.road.later);
                match later.parcels.first_entry() {
                    Some(first) if first.key().0 <= now => first.remove(),
                    _ => return,
                }
            };
            self.spawn(due.0, due.1);
        }
    }

    /// How many notifications wait for the clock to be sent again.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.road.later).parcels.len()
    }

    /// Waits until nothing is due or on the wire.
    pub(crate) async fn idle(&self) {
        self.send_due();
        // Fails only if the sender is gone, which this borrow rules out.
        let _ = self.road.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Drops everything that is not delivered.
    pub(crate) fn stop(&self) {
        lock(&self.deliveries).abort_all();
    }
}

impl Road {
    async fn deliver(&self, parcel: Parcel, mut attempt: u32) {
        if attempt == 0 {
            tokio::time::sleep(parcel.wait).await;
        }
        loop {
            {
                // Fails only if the semaphore is closed, which nobody does.
                let Ok(_slot) = self.slots.acquire().await else { return };
                match self.post(&parcel, attempt).await {
                    Ok(status) if (parcel.accepted)(status) => return,
                    Ok(status) => tracing::debug!(%status, attempt, "a notification was not accepted"),
                    Err(error) => tracing::debug!(%error, attempt, "a notification did not arrive"),
                }
            }
            match parcel.retries {
                Retries::Soon { backoff, tries } if attempt + 1 < tries => {
                    tokio::time::sleep(backoff * 2_u32.pow(attempt.min(10))).await;
                    attempt += 1;
                }
                Retries::Later(pauses) if usize::try_from(attempt).is_ok_and(|done| done < pauses.len()) => {
                    self.put_off(parcel, attempt, pauses);
                    return;
                }
                Retries::Soon { .. } | Retries::Later(_) => {
                    tracing::warn!(tries = attempt + 1, "gave up on a notification");
                    return;
                }
            }
        }
    }

    /// Lets a notification wait for the clock.
    fn put_off(&self, parcel: Parcel, attempt: u32, pauses: &[Duration]) {
        let pause = usize::try_from(attempt).ok().and_then(|done| pauses.get(done)).copied();
        let pause = jiff::SignedDuration::try_from(pause.unwrap_or_default());
        let due = self.clock.now() + pause.expect("the pauses are hours");
        let mut later = lock(&self.later);
        if later.parcels.len() >= MAX_PENDING {
            tracing::warn!("too many notifications to repeat: one is lost");
            return;
        }
        later.count += 1;
        let count = later.count;
        later.parcels.insert((due, count), (parcel, attempt + 1));
    }

    async fn post(&self, parcel: &Parcel, attempt: u32) -> reqwest::Result<StatusCode> {
        let letter = (parcel.write)(attempt, self.clock.now());
        let mut request = self.http.post(&letter.url).timeout(parcel.patience).body(letter.body);
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        Ok(request.send().await?.status())
    }
}
