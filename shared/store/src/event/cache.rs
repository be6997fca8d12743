use std::sync::Arc;

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
