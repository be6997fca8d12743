//! Limits: how often something may be done within fixed windows of time.
//!
//! A [`Limit`] is a rule, a [`Count`] the rule for one network, account or other thing that is counted.
//! Limits stop harm by repetition, so each must count against its author: a limit on something that a
//! stranger can name, such as an e-mail address, locks its owner out, unless the owner has another way.

use domain::{Error, Timestamp};
use futures::future::{join_all, try_join_all};
use serde::Deserialize;

use crate::failure::was_done;
use crate::items::number;
use crate::keys::Key;
use crate::{Failure, Result, Store, keys};

/// A quarter of an hour, in seconds.
pub const QUARTER: u32 = 15 * 60;
/// An hour, in seconds.
pub const HOUR: u32 = 3600;
/// A day, in seconds.
pub const DAY: u32 = 24 * HOUR;

/// Tries of promotion codes that the buyer may not have, from one network and over all routes that take
/// codes: at most 100 in a quarter of an hour. Organisers choose codes that people remember, so they
/// can be guessed. But an office or a telephone company's customers share one network, and some of them
/// mistype.
pub const CODES_TRIED: Limit = Limit::exact("promotion-code", 100, QUARTER);

/// How long a count outlives its window in the table, in seconds.
const SWEPT_AFTER: i64 = 60;

/// How often something may be done within a window of time.
///
/// Windows begin at multiples of their length, so up to twice as many fit around the end of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    scope: &'static str,
    most: u32,
    seconds: u32,
    one_in: u32,
}

impl Limit {
    /// At most `most` times in each window of `seconds`. Costs a write unit each time.
    ///
    /// `scope` says what is counted, and is part of the key. A count whose answer is lost may count
    /// twice.
    pub const fn exact(scope: &'static str, most: u32, seconds: u32) -> Self {
        assert!(seconds > 0, "a window has a length");
        Self { scope, most, seconds, one_in: 1 }
    }

    /// About `most` times in each window of `seconds`: one call in `one_in` is written, and counts for
    /// all of them. For routes that are called so often that counting each call would cost more than
    /// the call. The number that gets through varies around `most` by the root of `most` × `one_in`.
    pub const fn sampled(scope: &'static str, most: u32, seconds: u32, one_in: u32) -> Self {
        assert!(one_in > 0, "one in none is never");
        Self { one_in, ..Self::exact(scope, most, seconds) }
    }

    /// The count of this limit for what these parts name together, such as an address and a network.
    /// Parts that can be guessed go in as their [fingerprint](crate::Fingerprints).
    pub fn of(self, parts: &[&str]) -> Count {
        Count { limit: self, who: parts.join("#") }
    }

    fn window(self, now: Timestamp) -> i64 {
        now.as_second().div_euclid(i64::from(self.seconds))
    }

    fn window_end(self, now: Timestamp) -> i64 {
        (self.window(now) + 1) * i64::from(self.seconds)
    }

    /// Seconds until the window ends, at least 1.
    pub fn seconds_left(self, now: Timestamp) -> u32 {
        u32::try_from(self.window_end(now) - now.as_second()).unwrap_or(1).max(1)
    }
}

/// A [`Limit`] for one network, account or other thing that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    limit: Limit,
    who: String,
}

impl Count {
    fn key(&self, now: Timestamp) -> Key {
        keys::tries(self.limit.scope, &self.who, self.limit.seconds, self.limit.window(now))
    }
}

#[derive(Debug, Deserialize)]
struct Tries {
    n: i64,
}

impl Store {
    /// Checks that none of the counts is full, and counts nothing. Costs a read unit for
    /// each, half of one if it is sampled.
    ///
    /// # Errors
    /// `too_many_tries`, with the time until all of them have room again.
    pub async fn check_limits(&self, counts: &[Count], now: Timestamp) -> domain::Result<()> {
        let looks = counts.iter().map(|count| async move {
            let key = count.key(now);
            let tries: Option<Tries> = match count.limit.one_in {
                1 => self.get_consistent(&key).await?,
                _ => self.get(&key).await?,
            };
            Ok::<_, Failure>(tries.is_none_or(|tries| tries.n < i64::from(count.limit.most)))
        });
        verdict(counts, join_all(looks).await, now)
    }

    /// How many more may be counted. For a caller that has many at once and begins only as many as fit.
    pub async fn room(&self, count: &Count, now: Timestamp) -> Result<u32> {
        let tries: Option<Tries> = self.get_consistent(&count.key(now)).await?;
        let left = i64::from(count.limit.most) - tries.map_or(0, |tries| tries.n);
        Ok(u32::try_from(left).unwrap_or(0))
    }

    /// Counts once in each of the counts that have room.
    ///
    /// # Errors
    /// `too_many_tries` if one of them was full, also of many calls at once; with the time until all of
    /// them have room again.
    pub async fn count(&self, counts: &[Count], now: Timestamp) -> domain::Result<()> {
        // All counts, even if one is full: a full count must not keep the others from counting.
        let counted = join_all(counts.iter().map(|count| self.count_one(count, now))).await;
        verdict(counts, counted, now)
    }

    /// Counts once. False if the count was full.
    pub async fn count_one(&self, count: &Count, now: Timestamp) -> Result<bool> {
        let Limit { most, one_in, .. } = count.limit;
        if fastrand::u32(0..one_in) != 0 {
            return Ok(true);
        }
        let counted = self
            .update_of(&count.key(now))
            .update_expression("SET #ttl = :ttl ADD n :step")
            .condition_expression("attribute_not_exists(n) OR n < :most")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(count.limit.window_end(now) + SWEPT_AFTER))
            .expression_attribute_values(":step", number(one_in))
            .expression_attribute_values(":most", number(most))
            .send()
            .await;
        was_done(counted)
    }

    /// Carries out what may be a guess, and counts it if it was wrong.
    ///
    /// The counts are checked after the attempt: of many guesses that are sent at once, the right one
    /// must not get through beyond the limit.
    ///
    /// # Errors
    /// The errors of `attempt`; as [`Store::count`] for a wrong guess, and as [`Store::check_limits`]
    /// for a right one.
    pub async fn guess<T>(
        &self,
        counts: &[Count],
        now: Timestamp,
        attempt: impl Future<Output = domain::Result<T>>,
        is_wrong: impl FnOnce(&T) -> bool,
    ) -> domain::Result<T> {
        let outcome = attempt.await?;
        match is_wrong(&outcome) {
            true => self.count(counts, now).await?,
            false => self.check_limits(counts, now).await?,
        }
        Ok(outcome)
    }

    /// Takes back one count made at `now`, because what it was counted for did not happen.
    pub async fn uncount(&self, count: &Count, now: Timestamp) -> Result<()> {
        let taken_back = self
            .update_of(&count.key(now))
            .update_expression("ADD n :step")
            .condition_expression("n > :zero")
            .expression_attribute_values(":step", number(-1))
            .expression_attribute_values(":zero", number(0))
            .send()
            .await;
        was_done(taken_back).map(drop)
    }

    /// Resets the counts of the present window to zero.
    pub async fn reset_counts(&self, counts: &[Count], now: Timestamp) -> Result<()> {
        let forgotten = counts.iter().map(|count| async { self.delete(&count.key(now)).await });
        try_join_all(forgotten).await.map(drop)
    }
}

/// The error for the caller if one of the counts had no room.
fn verdict(counts: &[Count], room: Vec<Result<bool>>, now: Timestamp) -> domain::Result<()> {
    let mut wait = None;
    for (count, room) in counts.iter().zip(room) {
        if !room? {
            wait = wait.max(Some(count.limit.seconds_left(now)));
        }
    }
    match wait {
        None => Ok(()),
        Some(seconds) => {
            Err(Error::too_many("too_many_tries", "There were too many tries. Wait a while, then try again.")
                .retry_after(seconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{at_once, store};

    /// A hundred seconds into a window of a quarter of an hour.
    fn start() -> Timestamp {
        Timestamp::from_second(2_000_000 * i64::from(QUARTER) + 100).expect("in range")
    }

    const LIMIT: Limit = Limit::exact("test", 3, QUARTER);

    #[tokio::test]
    async fn of_many_calls_at_once_no_more_than_the_limit_are_counted() {
        let (store, now) = (Arc::new(store().await), start());
        let results = at_once(12, |_| {
            let store = store.clone();
            async move { store.count(&[LIMIT.of(&["ana"])], now).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    }

    #[tokio::test]
    async fn the_right_one_of_many_guesses_at_once_does_not_get_through_beyond_the_limit() {
        let (store, now) = (Arc::new(store().await), start());
        let counts = [LIMIT.of(&["ana"])];
        let wrong = Arc::new(tokio::sync::Semaphore::new(0));
        let results = at_once(12, |index| {
            let (store, wrong, counts) = (store.clone(), wrong.clone(), counts.clone());
            async move {
                let is_right = index == 0;
                let attempt = async {
                    if is_right {
                        // The right guess ends when the wrong ones have been counted.
                        drop(wrong.acquire_many(11).await);
                    }
                    Ok(is_right)
                };
                let guessed = store.guess(&counts, now, attempt, |right| !right).await;
                wrong.add_permits(1);
                guessed
            }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
        assert!(results[0].is_err(), "it was right, and is not told so");
    }

    #[tokio::test]
    async fn a_full_count_has_room_in_the_next_window() {
        let (store, now) = (store().await, start());
        let ana = [LIMIT.of(&["ana"])];
        for _ in 0..3 {
            store.check_limits(&ana, now).await.expect("room");
            store.count(&ana, now).await.expect("room");
        }
        let error = store.check_limits(&ana, now).await.expect_err("full");
        assert_eq!((error.code(), error.retry_after_seconds()), ("too_many_tries", Some(800)));
        for apart in [
            LIMIT.of(&["eva"]),
            LIMIT.of(&["ana", "elsewhere"]),
            Limit { scope: "other", ..LIMIT }.of(&["ana"]),
            Limit { seconds: HOUR, ..LIMIT }.of(&["ana"]),
        ] {
            store.check_limits(&[apart], now).await.expect("counted apart");
        }

        let almost = now + SignedDuration::from_secs(799);
        assert!(store.check_limits(&ana, almost).await.is_err());
        let next = now + SignedDuration::from_secs(800);
        store.check_limits(&ana, next).await.expect("a new window");
        store.count(&ana, next).await.expect("a new window");
    }

    #[tokio::test]
    async fn several_counts_are_counted_each_and_the_longest_wait_is_told() {
        let (store, now) = (store().await, start());
        let wide = Limit::exact("wide", 2, HOUR).of(&["network"]);
        let narrow = Limit::exact("narrow", 1, QUARTER).of(&["ana", "network"]);
        let both = [wide.clone(), narrow];
        store.count(&both, now).await.expect("room in both");
        let error = store.count(&both, now).await.expect_err("the narrow one is full");
        assert_eq!(error.retry_after_seconds(), Some(800));
        // The refused try counted in the wide one, which is full now.
        assert!(!store.count_one(&wide, now).await.expect("counts"));
        let error = store.count(&both, now).await.expect_err("both are full");
        let of_the_hour = u32::try_from(3600 - now.as_second() % 3600).expect("positive");
        assert_eq!(error.retry_after_seconds(), Some(of_the_hour));
    }

    #[tokio::test]
    async fn a_count_can_be_taken_back_and_reset() {
        let (store, now) = (store().await, start());
        let ana = LIMIT.of(&["ana"]);
        store.uncount(&ana, now).await.expect("nothing to take back");
        for _ in 0..3 {
            assert!(store.count_one(&ana, now).await.expect("counts"));
        }
        store.uncount(&ana, now).await.expect("taken back");
        assert!(store.count_one(&ana, now).await.expect("counts"));
        assert!(!store.count_one(&ana, now).await.expect("counts"), "full again");
        store.reset_counts(std::slice::from_ref(&ana), now).await.expect("forgotten");
        for _ in 0..3 {
            assert!(store.count_one(&ana, now).await.expect("counts"));
        }
        assert!(!store.count_one(&ana, now).await.expect("counts"));
    }

    #[tokio::test]
    async fn a_sampled_count_lets_about_its_limit_through_for_a_fraction_of_the_writes() {
        let (store, now) = (store().await, start());
        fastrand::seed(7);
        let count = Limit::sampled("test", 400, QUARTER, 10).of(&["ana"]);
        let mut passed = 0;
        while store.check_limits(std::slice::from_ref(&count), now).await.is_ok() {
            store.count(std::slice::from_ref(&count), now).await.expect("room");
            passed += 1;
        }
        // The mean is 400, with four standard deviations of 63 on each side.
        assert!((150..650).contains(&passed), "{passed}");
        let tries: Tries = store.get_consistent(&count.key(now)).await.expect("reads").expect("there");
        assert_eq!(tries.n, 400, "40 writes of 10");
    }
}
