//! Every key of the table, typed on the way in and on the way out.
//!
//! Ids are in keys without their prefix; the letter before them says the kind.

mod community;
mod event;
mod order;
mod product;
mod tenant;
mod user;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;

pub(crate) use community::*;
pub(crate) use event::*;
pub(crate) use order::*;
pub(crate) use product::*;
pub(crate) use tenant::*;
pub(crate) use user::*;

/// The attribute of an item's partition.
pub(crate) const PK: &str = "PK";
/// The attribute of its place within the partition.
pub(crate) const SK: &str = "SK";
/// The attribute of its partition in the sparse index.
pub(crate) const GSI1PK: &str = "GSI1PK";
/// The attribute of its place in the sparse index.
pub(crate) const GSI1SK: &str = "GSI1SK";

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key within the partition.
    pub sk: String,
}

impl Key {
    /// The item `sk` of the partition `pk`.
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as DynamoDB's two attributes.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// Partitions over which the blocks of one pool, the rows of one area and the
/// gates of one event spread: 16 times DynamoDB's 1,000 writes per second.
pub(crate) const SHARDS: u16 = 16;

/// The count of a limit for `who`, within one window of so many seconds.
pub(crate) fn tries(scope: &str, who: &str, seconds: u32, window: i64) -> Key {
    Key::new(format!("TRY#{scope}#{who}"), format!("W#{seconds}#{window}"))
}

/// Block `index` of the allotment named `prefix`.
pub(crate) fn block(prefix: &str, index: u16) -> Key {
    Key::new(format!("{prefix}#{}", index % SHARDS), format!("B#{index:04}"))
}

/// The block's index, from its sort key.
pub(crate) fn block_index(sk: &str) -> Option<u16> {
    sk.strip_prefix("B#")?.parse().ok()
}

/// The sort key of the item that a partition is named after.
pub(crate) const META: &str = "META";

/// The record of a request that must not be carried out twice. `scope` says who
/// sent it and to which route.
pub(crate) fn idempotency(scope: &str, key: &str) -> Key {
    Key::new(format!("I#{scope}#{key}"), "I")
}

/// A time as keys hold it: whole seconds, so that text sorts as time does.
pub(crate) fn key_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The progress of the daily audit of payments.
pub(crate) fn audit_walk() -> Key {
    Key::new("JANITOR", "AUDIT")
}
