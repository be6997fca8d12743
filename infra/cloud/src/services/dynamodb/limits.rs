//! What DynamoDB refuses under load: too much for one partition key, and writes
//! to an item that a transaction is working on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Write units per second and partition key.
const WRITE_LIMIT: f64 = 1_000.0;
/// Read units per second and partition key.
const READ_LIMIT: f64 = 3_000.0;
/// With more buckets than this, the full ones are forgotten.
const MOST_BUCKETS: usize = 20_000;

/// Which of the two limits of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    Read,
    Write,
}

impl Axis {
    fn limit(self) -> f64 {
        match self {
            Self::Read => READ_LIMIT,
            Self::Write => WRITE_LIMIT,
        }
    }
}

/// A bucket of tokens per partition key, holding what one second allows and
/// refilled evenly. AWS also lets a partition save up unused units for bursts,
/// but does not promise it, so nobody gets it here.
#[derive(Default)]
pub(super) struct PartitionLimits(Mutex<HashMap<(Axis, String), Bucket>>);

struct Bucket {
    /// Units left; below zero after a call that took more than was there.
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn refill(&mut self, axis: Axis, now: Timestamp) {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.left = (self.left + passed * axis.limit()).min(axis.limit());
        self.at = now;
    }
}

impl PartitionLimits {
    /// False if the partition's units of this second are used up.
    pub(super) fn admits(&self, axis: Axis, partition: &str, now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_mut(&(axis, partition.to_owned())).is_none_or(|bucket| {
            bucket.refill(axis, now);
            bucket.left >= 1.0
        })
    }

    /// Takes units from a partition, after the call that used them. As at AWS,
    /// the cost of a call is known only then.
    pub(super) fn take(&self, axis: Axis, partition: &str, units: f64, now: Timestamp) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.retain(|(axis, _), bucket| {
                bucket.refill(*axis, now);
                bucket.left < axis.limit()
            });
        }
        let bucket =
            buckets.entry((axis, partition.to_owned())).or_insert(Bucket { left: axis.limit(), at: now });
        bucket.refill(axis, now);
        bucket.left -= units;
    }
}

/// The items that are being written at the moment.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashMap<String, Writers>>>);

#[derive(Default)]
struct Writers {
    plain: u32,
    /// A transaction excludes all others.
    transaction: bool,
}

/// Items in flight, until it is dropped.
pub(super) struct Flight {
    items: InFlight,
    keys: Vec<String>,
    transaction: bool,
}

impl InFlight {
    /// Starts writing the items with these keys, or tells which of them are in
    /// conflict with somebody else's write.
    pub(super) fn start(&self, keys: Vec<String>, transaction: bool) -> Result<Flight, Vec<bool>> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let conflicts: Vec<bool> = keys
            .iter()
            .map(|key| items.get(key).is_some_and(|w| w.transaction || (transaction && w.plain > 0)))
            .collect();
        if conflicts.contains(&true) {
            return Err(conflicts);
        }
        for key in &keys {
            let writers = items.entry(key.clone()).or_default();
            if transaction {
                writers.transaction = true;
            } else {
                writers.plain += 1;
            }
        }
        Ok(Flight { items: self.clone(), keys, transaction })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut items = self.items.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.keys.drain(..) {
            if let Entry::Occupied(mut entry) = items.entry(key) {
                let writers = entry.get_mut();
                if self.transaction {
                    writers.transaction = false;
                } else {
                    writers.plain = writers.plain.saturating_sub(1);
                }
                if writers.plain == 0 && !writers.transaction {
                    entry.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use boot::Clock;

    use super::*;

    #[test]
    fn a_partition_takes_a_thousand_units_and_then_as_many_as_time_allows() {
        let (limits, clock) = (PartitionLimits::default(), Clock::movable());
        let start = clock.now();
        let taken = |now| {
            let mut taken = 0;
            while limits.admits(Axis::Write, "T/E#1", now) {
                limits.take(Axis::Write, "T/E#1", 1.0, now);
                taken += 1;
            }
            taken
        };
        assert_eq!(taken(start), 1_000);
        assert_eq!(taken(start), 0);
        assert!(limits.admits(Axis::Write, "T/E#2", start), "another partition has its own units");
        assert!(limits.admits(Axis::Read, "T/E#1", start), "reads have their own units");
        assert_eq!(taken(start + Duration::from_millis(250)), 250);
        assert_eq!(taken(start + Duration::from_secs(60)), 1_000, "units are not saved up");
    }

    #[test]
    fn what_a_call_took_too_much_is_paid_back_first() {
        let limits = PartitionLimits::default();
        let start = Timestamp::UNIX_EPOCH;
        limits.take(Axis::Read, "T/X", 6_000.0, start);
        assert!(!limits.admits(Axis::Read, "T/X", start + Duration::from_millis(900)));
        assert!(limits.admits(Axis::Read, "T/X", start + Duration::from_millis(1_100)));
    }

    #[test]
    fn transactions_exclude_everybody_and_plain_writes_only_transactions() {
        let items = InFlight::default();
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let one = items.start(keys(&["a"]), false).ok().unwrap();
        let two = items.start(keys(&["a"]), false).ok().unwrap();
        assert_eq!(items.start(keys(&["b", "a"]), true).err().unwrap(), [false, true]);
        drop(one);
        assert!(items.start(keys(&["a"]), true).is_err(), "the second write is still there");
        drop(two);
        let transaction = items.start(keys(&["a", "b"]), true).ok().unwrap();
        assert!(items.start(keys(&["b"]), false).is_err());
        drop(transaction);
        assert!(items.0.lock().unwrap().is_empty(), "nothing is left behind");
    }
}
