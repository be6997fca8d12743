//! Limits on the number of items, where no write can have the limit as its condition.
//!
//! A count that was read before a write is stale when the write is done: of twenty requests that read
//! three, all twenty write the fourth. So the count is read again after the write, consistently, and a
//! request that finds too many removes its own item. If all is well, that costs a read and no write.

use std::time::Duration;

use crate::Result;

/// How often the first requests count again, waiting for the others to go.
pub const MAX_COUNTS: u32 = 40;
/// After so many counts the last of the waiting requests goes; each of the others waits two more.
const LAST_GOES: u32 = 20;
/// Pause between two counts.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Whether `own`, which is written, may stay as one of at most `most` items. `there` reads the names of
/// all existing items, consistently.
///
/// A request may stay only if it has counted no more than `most` after its own write; so however many
/// come at once, no more than `most` stay. Of the requests that count more, those with the lowest names
/// wait a moment for the others to go. If the others do not go, because they were allowed to stay
/// before, the waiting requests go one by one, the highest name first.
///
/// # Errors
/// If reading fails.
pub async fn is_within_limit<T: Ord, F>(most: usize, own: &T, there: impl Fn() -> F) -> Result<bool>
where
    F: Future<Output = Result<Vec<T>>>,
{
    for look in 0..MAX_COUNTS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let all = there().await?;
        if all.len() <= most {
            return Ok(true);
        }
        let before = all.iter().filter(|other| *other < own).count();
        let Some(behind) = most.checked_sub(before + 1) else { return Ok(false) };
        if look >= LAST_GOES.saturating_add(u32::try_from(2 * behind).unwrap_or(MAX_COUNTS)) {
            return Ok(false);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::at_once;

    type There = Arc<Mutex<BTreeSet<usize>>>;

    async fn stays(there: &There, own: usize) -> bool {
        there.lock().expect("no panic").insert(own);
        tokio::task::yield_now().await;
        let read = || async { Ok(there.lock().expect("no panic").iter().copied().collect()) };
        let stays = is_within_limit(4, &own, read).await.expect("read");
        if !stays {
            there.lock().expect("no panic").remove(&own);
        }
        stays
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_crowd_as_many_stay_as_the_limit_allows() {
        let there = There::default();
        let stayed = at_once(20, |own| {
            let there = Arc::clone(&there);
            async move { stays(&there, own).await }
        });
        assert_eq!(stayed.await.into_iter().filter(|stays| *stays).count(), 4);
        assert_eq!(there.lock().expect("no panic").len(), 4);
    }

    #[tokio::test]
    async fn a_crowd_fills_the_room_that_an_earlier_item_leaves() {
        let there = There::default();
        assert!(stays(&there, 9).await);
        let stayed = futures::future::join_all((1..5).map(|own| stays(&there, own))).await;
        assert_eq!(stayed, [true, true, true, false]);
    }

    #[tokio::test]
    async fn a_late_item_goes_whatever_its_name() {
        let there = There::default();
        for own in 5..9 {
            assert!(stays(&there, own).await);
        }
        for late in [9, 1] {
            assert!(!stays(&there, late).await, "{late}");
        }
        there.lock().expect("no panic").remove(&7);
        assert!(stays(&there, 3).await);
    }
}
