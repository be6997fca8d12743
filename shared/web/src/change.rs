//! Fields of PATCH requests.

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

/// The default of fields that are true if missing.
pub const fn yes() -> bool {
    true
}
