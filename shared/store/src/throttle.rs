//! Counting tries in fixed windows of time.

use domain::{Error, Timestamp};
use serde::Deserialize;

use crate::items::number;
use crate::{Failure, Store, keys};

/// The length of a window, in seconds: 15 minutes.
pub const WINDOW_SECONDS: i64 = 15 * 60;

/// How many tries of one sort somebody has within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is tried and by what it is counted; part of the key.
    pub scope: &'static str,
    /// The most tries.
    pub most: u32,
}

#[derive(Debug, Deserialize)]
struct Tries {
    n: u32,
}

impl Store {
    /// Checks that whoever has this fingerprint has a try left.
    ///
    /// # Errors
    /// `too_many_tries`, with the time until the next window.
    pub async fn check_tries(&self, limit: Limit, fingerprint: &str, now: Timestamp) -> domain::Result<()> {
        let key = keys::tries(limit.scope, fingerprint, window(now));
        let tries: Option<Tries> = self.get_consistent(&key).await?;
        if tries.is_some_and(|tries| tries.n >= limit.most) { Err(too_many(now)) } else { Ok(()) }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// `too_many_tries` if there was none left, however many came at once.
    pub async fn count_try(&self, limit: Limit, fingerprint: &str, now: Timestamp) -> domain::Result<()> {
        let window = window(now);
        let counted = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::tries(limit.scope, fingerprint, window).attributes()))
            .update_expression("SET #ttl = :ttl ADD n :one")
            .condition_expression("attribute_not_exists(n) OR n < :most")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(window_end(window) + WINDOW_SECONDS))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(limit.most))
            .send()
            .await;
        match counted.map_err(Failure::from) {
            Ok(_) => Ok(()),
            Err(Failure::Refused(_)) => Err(too_many(now)),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn window(now: Timestamp) -> i64 {
    now.as_second().div_euclid(WINDOW_SECONDS)
}

fn window_end(window: i64) -> i64 {
    (window + 1) * WINDOW_SECONDS
}

fn too_many(now: Timestamp) -> Error {
    let seconds = window_end(window(now)) - now.as_second();
    Error::too_many("too_many_tries", "There were too many tries. Wait a while, then try again.")
        .retry_after(u32::try_from(seconds).unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{at_once, store};

    /// A hundred seconds into a window.
    fn start() -> Timestamp {
        Timestamp::from_second(2_000_000 * WINDOW_SECONDS + 100).expect("in range")
    }

    const LIMIT: Limit = Limit { scope: "test", most: 3 };

    #[tokio::test]
    async fn however_many_come_at_once_no_more_than_the_limit_are_counted() {
        let (store, now) = (Arc::new(store().await), start());
        let results = at_once(12, |_| {
            let store = store.clone();
            async move { store.count_try(LIMIT, "ana", now).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    }

    #[tokio::test]
    async fn who_has_no_try_left_waits_for_the_next_window() {
        let (store, now) = (store().await, start());
        for _ in 0..LIMIT.most {
            store.check_tries(LIMIT, "ana", now).await.expect("a try left");
            store.count_try(LIMIT, "ana", now).await.expect("a try left");
        }
        let error = store.check_tries(LIMIT, "ana", now).await.expect_err("none left");
        assert_eq!((error.code(), error.retry_after_seconds()), ("too_many_tries", Some(800)));
        store.check_tries(LIMIT, "eva", now).await.expect("counted apart");
        store.check_tries(Limit { scope: "other", ..LIMIT }, "ana", now).await.expect("counted apart");

        let almost = now + SignedDuration::from_secs(799);
        assert!(store.check_tries(LIMIT, "ana", almost).await.is_err());
        let next = now + SignedDuration::from_secs(800);
        store.check_tries(LIMIT, "ana", next).await.expect("a new window");
        store.count_try(LIMIT, "ana", next).await.expect("a new window");
    }
}
