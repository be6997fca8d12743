//! Fields and versions of PATCH requests.

use domain::Error;
use serde::{Deserialize, Deserializer};

/// Reads a field that a PATCH may set, clear with `null`, or leave out: absent
/// is `None`, `null` is `Some(None)`. For `#[serde(default, deserialize_with = ..)]`.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Checks that a change is based on the `current` version of a thing, if the
/// caller says on which it is based.
pub fn based_on(version: Option<u32>, current: u32) -> Result<(), Error> {
    match version {
        Some(version) if version != current => Err(Error::conflict(
            "changed_meanwhile",
            "Somebody changed this since you read it. Read it again and repeat your change.",
        )
        .with("version", current)),
        _ => Ok(()),
    }
}

/// The default of fields that are true if missing.
pub const fn yes() -> bool {
    true
}
