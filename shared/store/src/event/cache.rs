use std::sync::Arc;

use domain::{Error, EventId, Timestamp};

use crate::{Fresh, Store, StoredEvent};

/// Events with their areas, as they were read a moment ago; clones share them.
#[derive(Clone, Debug)]
pub struct EventCache(Arc<Fresh<EventId, StoredEvent>>);

impl EventCache {
    /// Keeps at most `bound` events for `millis` milliseconds.
    pub fn new(bound: usize, millis: i64) -> Self {
        Self(Arc::new(Fresh::new(bound, millis)))
    }

    /// The event as it was read not long before `now`, or is in `store`; `None` if there
    /// is none.
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
