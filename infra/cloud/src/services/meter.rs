//! What the DynamoDB calls of everybody cost: the source of every figure about
//! write units, read units and round trips.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What some DynamoDB calls used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Round trips, each attempt of the SDK counted.
    pub calls: u64,
    /// Write units of the table and its indexes, as `ReturnConsumedCapacity`
    /// tells them; a refused condition is charged as AWS charges it.
    pub write_units: f64,
    /// Read units, likewise.
    pub read_units: f64,
    /// Writes refused by their condition; in a transaction, each refused item.
    pub failed_conditions: u64,
    /// Calls refused by the partition limit.
    pub throttled: u64,
    /// Calls refused because of a transaction in flight.
    pub conflicts: u64,
    /// Calls that chaos answered with a 500, or with nothing, be it before or
    /// after the write.
    pub faults: u64,
}

impl Usage {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.write_units += other.write_units;
        self.read_units += other.read_units;
        self.failed_conditions += other.failed_conditions;
        self.throttled += other.throttled;
        self.conflicts += other.conflicts;
        self.faults += other.faults;
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            write_units: self.write_units - earlier.write_units,
            read_units: self.read_units - earlier.read_units,
            failed_conditions: self.failed_conditions - earlier.failed_conditions,
            throttled: self.throttled - earlier.throttled,
            conflicts: self.conflicts - earlier.conflicts,
            faults: self.faults - earlier.faults,
        }
    }
}

/// The counters at one moment, or what was counted between two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// By operation, such as `UpdateItem`.
    pub operations: BTreeMap<String, Usage>,
    /// By kind of item: the partition key up to its first `#`. A call that
    /// touches several items counts once for each, and its units are divided
    /// evenly among them.
    pub prefixes: BTreeMap<String, Usage>,
    /// By who called: the name of the function.
    pub callers: BTreeMap<String, Usage>,
}

impl Reading {
    /// What was counted after `earlier` was read from the same meter.
    pub fn since(&self, earlier: &Self) -> Self {
        let subtract = |now: &BTreeMap<String, Usage>, then: &BTreeMap<String, Usage>| {
            now.iter()
                .map(|(name, usage)| {
                    (name.clone(), usage.since(&then.get(name).copied().unwrap_or_default()))
                })
                .filter(|(_, usage)| *usage != Usage::default())
                .collect()
        };
        Self {
            operations: subtract(&self.operations, &earlier.operations),
            prefixes: subtract(&self.prefixes, &earlier.prefixes),
            callers: subtract(&self.callers, &earlier.callers),
        }
    }

    /// All operations together.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.operations.values().for_each(|usage| total.add(usage));
        total
    }

    /// The usage of one operation, such as `UpdateItem`.
    pub fn operation(&self, name: &str) -> Usage {
        self.operations.get(name).copied().unwrap_or_default()
    }
}

/// Counts DynamoDB calls. Clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Reading>>);

impl Meter {
    /// The counters now.
    pub fn snapshot(&self) -> Reading {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts one call of `caller`, which touched items with these partition keys.
    pub(super) fn count<'a>(
        &self,
        caller: &str,
        operation: &'static str,
        usage: &Usage,
        partitions: impl ExactSizeIterator<Item = &'a str>,
    ) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entry(&mut reading.operations, operation).add(usage);
        entry(&mut reading.callers, caller).add(usage);
        let items = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        let share = Usage {
            write_units: usage.write_units / f64::from(items),
            read_units: usage.read_units / f64::from(items),
            ..*usage
        };
        for partition in partitions {
            let prefix = partition.split('#').next().unwrap_or(partition);
            entry(&mut reading.prefixes, prefix).add(&share);
        }
    }
}

/// The entry of `name`, without a new string when it exists.
fn entry<'a>(counters: &'a mut BTreeMap<String, Usage>, name: &str) -> &'a mut Usage {
    if !counters.contains_key(name) {
        counters.insert(name.to_owned(), Usage::default());
    }
    counters.get_mut(name).expect("it was inserted if it was missing")
}
