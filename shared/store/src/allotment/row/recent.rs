use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{AreaId, Timestamp};

use super::RowState;

/// The row blocks of an area, in the order of their indexes.
pub(crate) type Rows = Vec<Arc<RowState>>;

/// The rows of areas as this process lately saw them, so that choosing seats does not read the whole area
/// each time. Only a hint: each choice is read again before it is claimed.
#[derive(Debug, Default)]
pub(crate) struct RecentRows(Mutex<HashMap<AreaId, Seen>>);

#[derive(Debug)]
struct Seen {
    rows: Rows,
    /// Until then, in milliseconds since 1970, the rows are recent.
    until: i64,
}

/// How long rows are recent, in milliseconds.
const RECENT: i64 = 2_000;
/// The most areas remembered; one more clears them all.
const MOST: usize = 64;

impl RecentRows {
    /// The rows of an area, if they were seen lately.
    pub(crate) fn get(&self, area: AreaId, now: Timestamp) -> Option<Rows> {
        let seen = self.lock();
        seen.get(&area).filter(|seen| now.as_millisecond() < seen.until).map(|seen| seen.rows.clone())
    }

    /// Keeps the rows of an area that were just read.
    pub(crate) fn keep(&self, area: AreaId, rows: Rows, now: Timestamp) {
        let mut seen = self.lock();
        if seen.len() >= MOST && !seen.contains_key(&area) {
            seen.clear();
        }
        seen.insert(area, Seen { rows, until: now.as_millisecond() + RECENT });
    }

    /// Keeps what one row has become.
    pub(crate) fn note(&self, area: AreaId, row: &Arc<RowState>) {
        if let Some(seen) = self.lock().get_mut(&area) {
            replace(&mut seen.rows, row);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AreaId, Seen>> {
        // No code that can panic runs while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a row in the place of the one with its index.
pub(crate) fn replace(rows: &mut Rows, row: &Arc<RowState>) {
    match rows.binary_search_by_key(&row.index, |other| other.index) {
        Ok(place) => rows[place] = Arc::clone(row),
        Err(place) => rows.insert(place, Arc::clone(row)),
    }
}
