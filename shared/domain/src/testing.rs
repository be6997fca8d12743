//! The clock of tests, also of those of other crates.

use jiff::Timestamp;

/// The time `second` seconds after 2026-11-18T11:06:40Z, which is second 1,795,000,000 since 1970.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).expect("in range")
}
