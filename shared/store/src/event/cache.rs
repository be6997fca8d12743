use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use domain::plan::Seatings;
use domain::{Error, EventId, Timestamp};

use crate::{Cache, Store, StoredEvent};

/// A cache of events with their areas and stages; clones share it.
#[derive(Clone, Debug)]
pub struct EventCache(Arc<Cache<EventId, StoredEvent>>);

impl EventCache {
    /// Keeps at most `bound` events for `millis` milliseconds.
    pub fn new(bound: usize, millis: i64) -> Self {
        Self(Arc::new(Cache::new(bound, millis)))
    }

    /// The event from the cache, or from `store` if the cache has none that is young enough at `now`;
    /// `None` if there is no such event.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn get(
        &self,
        store: &Store,
        event: EventId,
        now: Timestamp,
    ) -> Result<Option<Arc<StoredEvent>>, Error> {
        self.0.get(event, now, || async { Ok(store.priced_event(event).await?) }).await
    }
}

/// A cache of where the seats of events stand; clones share it.
///
/// It goes by the versions of plan and areas, so what it has is never stale.
#[derive(Clone, Debug)]
pub struct SeatingCache(Arc<Cache<(EventId, u64), Seatings>>);

/// The most events whose seats are kept; large ones have megabytes.
const MOST_SEATINGS: usize = 16;
/// How long they are kept, in milliseconds.
const SEATINGS_MILLIS: i64 = 600_000;

impl Default for SeatingCache {
    fn default() -> Self {
        Self(Arc::new(Cache::new(MOST_SEATINGS, SEATINGS_MILLIS)))
    }
}

impl SeatingCache {
    /// Where the seats of the event stand, by its published plan or the generated one.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn get(
        &self,
        store: &Store,
        sheet: &StoredEvent,
        now: Timestamp,
    ) -> Result<Arc<Seatings>, Error> {
        let mut versions = DefaultHasher::new();
        sheet.event.plan.map(|plan| (plan.id, plan.version)).hash(&mut versions);
        for area in &sheet.areas {
            (area.id, area.version).hash(&mut versions);
        }
        let read = || async { Ok(Some(Seatings::new(store.published_plan(sheet).await?, &sheet.areas))) };
        let seatings = self.0.get((sheet.event.id, versions.finish()), now, read).await?;
        seatings.ok_or_else(|| Error::internal("every event has a plan"))
    }
}
