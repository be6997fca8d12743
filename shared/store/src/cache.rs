use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Error, Timestamp};

/// Cache time, in milliseconds, of an organiser's data where tickets are sold. Prices come from the
/// quote and places from the allotments; only the rest may be this stale.
pub const ON_SALE_MILLIS: i64 = 3_000;
/// Cache time, in milliseconds, of an organiser's data everywhere else, such as on tickets and at the
/// door.
pub const SOLD_MILLIS: i64 = 30_000;

/// A cache of values from the table, so that a popular event costs almost no reads.
///
/// Holds at most `bound` values, each for `millis` milliseconds. When a value is stale, one caller
/// reads it again while the others get the old value. Absence and failures are never cached.
#[derive(Debug)]
pub struct Cache<K, V> {
    millis: i64,
    bound: usize,
    values: Mutex<HashMap<K, CacheEntry<V>>>,
}

#[derive(Debug)]
struct CacheEntry<V> {
    value: Arc<V>,
    /// From this time on, in milliseconds since 1970, a caller has to read it again.
    due: i64,
}

/// How long the other callers get the stale value while one caller reads it again.
const GRACE_MILLIS: i64 = 1000;

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// Keeps at most `bound` values for `millis` milliseconds.
    pub fn new(bound: usize, millis: i64) -> Self {
        Self { millis, bound, values: Mutex::default() }
    }

    /// The cached value at `key`, or what `read` gives if there is none or it is stale at `now`.
    pub async fn get<F>(
        &self,
        key: K,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<V>>, Error>
    where
        F: Future<Output = Result<Option<V>, Error>>,
    {
        let now = now.as_millisecond();
        if let Some(value) = self.kept(&key, now) {
            return Ok(Some(value));
        }
        let Some(value) = read().await?.map(Arc::new) else {
            self.lock().remove(&key);
            return Ok(None);
        };
        let mut values = self.lock();
        if values.len() >= self.bound && !values.contains_key(&key) {
            values.retain(|_, kept| now < kept.due);
            if values.len() >= self.bound {
                values.clear();
            }
        }
        values.insert(key, CacheEntry { value: value.clone(), due: now + self.millis });
        Ok(Some(value))
    }

    fn kept(&self, key: &K, now: i64) -> Option<Arc<V>> {
        let mut values = self.lock();
        let kept = values.get_mut(key)?;
        if now >= kept.due {
            kept.due = now + GRACE_MILLIS;
            return None;
        }
        Some(kept.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, CacheEntry<V>>> {
        // No code that can panic runs while the lock is held.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::testing::at;

    use super::*;

    /// The cached value, which is the millisecond at which it was read.
    async fn get(cache: &Cache<u8, u64>, key: u8, now: u64) -> u64 {
        let time = at(0) + Duration::from_millis(now);
        let value = cache.get(key, time, || async move { Ok(Some(now)) }).await;
        *value.expect("reads").expect("exists")
    }

    #[tokio::test]
    async fn a_value_is_read_again_only_when_it_is_due() {
        let cache = Cache::new(8, 3000);
        assert_eq!(get(&cache, 1, 0).await, 0);
        assert_eq!(get(&cache, 1, 2999).await, 0);
        assert_eq!(get(&cache, 1, 3000).await, 3000);
        assert_eq!(get(&cache, 1, 5999).await, 3000);
    }

    #[tokio::test]
    async fn one_caller_reads_again_while_others_get_the_stale_value() {
        let cache = Cache::new(8, 3000);
        get(&cache, 1, 0).await;
        let second = cache.get(1, at(3), || async { Ok(Some(get(&cache, 1, 3001).await)) }).await;
        assert_eq!(*second.expect("reads").expect("exists"), 0, "the inner caller got the old value at once");
    }

    #[tokio::test]
    async fn failures_and_absence_are_not_cached() {
        let cache = Cache::<u8, u64>::new(8, 3000);
        let failed = cache.get(1, at(0), || async { Err(Error::unavailable("busy", "Busy.")) }).await;
        assert_eq!(failed.expect_err("failed").code(), "busy");
        assert!(cache.get(1, at(0), || async { Ok(None) }).await.expect("reads").is_none());
        assert_eq!(get(&cache, 1, 1).await, 1);
    }

    #[tokio::test]
    async fn the_number_of_values_is_bounded() {
        let cache = Cache::new(4, 3000);
        for key in 0..100 {
            get(&cache, key, u64::from(key)).await;
            assert!(cache.lock().len() <= 4);
        }
        assert_eq!(get(&cache, 99, 100).await, 99);
    }
}
