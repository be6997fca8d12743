//! How long a buyer may have to pay at a counter: the organiser's rule, the show and the gateways'
//! pace.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Fields;

/// How long after its due time a slip's money may still be credited: counters report in batches.
/// Places are kept for as long.
pub const CREDITED_WITHIN: Duration = Duration::from_secs(150 * 60);

/// The least time to reach a counter. Slips that would end sooner are not offered.
pub const WORTH_IT: Duration = Duration::from_secs(3 * 3600);

/// How long a transfer of which the gateway tells no due time keeps its places.
pub const TRANSFERRED_WITHIN: Duration = Duration::from_secs(3600);

/// The longest time that an organiser may give for slips, in hours: five days.
pub const MAX_CASH_HOURS: u16 = 120;

/// The most orders of one buyer and show that may wait for cash at a time. Otherwise a show could be
/// blocked for nothing.
pub const MAX_OPEN_SLIPS: usize = 2;

/// An organiser's rule for payments in cash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashPolicy {
    /// How long a slip may be good for, in hours; 0 takes no cash.
    pub hours: u16,
}

impl Default for CashPolicy {
    /// A day: who gets a slip in the evening can pay it the next morning.
    fn default() -> Self {
        Self { hours: 24 }
    }
}

impl CashPolicy {
    /// True if it is the rule of an organiser that has none of its own.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Notes hours that can not be given, at `pointer`.
    pub fn check(self, pointer: &str, fields: &mut Fields) {
        fields.check(
            self.hours <= MAX_CASH_HOURS,
            pointer,
            format!("Must be at most {MAX_CASH_HOURS}; 0 takes no cash."),
        );
    }

    /// Until when a slip that is begun at `now` may be paid, in whole minutes; `None` if slips
    /// are not offered. The money must be there before the doors open, and `open_slips` are those
    /// that the buyer has for the show already.
    pub fn until(self, opens_at: Timestamp, open_slips: usize, now: Timestamp) -> Option<Timestamp> {
        let hours = Duration::from_secs(u64::from(self.hours) * 3600);
        let end = (now + hours).min(opens_at - CREDITED_WITHIN);
        let minutes = end.as_second().div_euclid(60);
        let until = Timestamp::from_second(minutes * 60).ok()?;
        let is_offered = self.hours > 0 && open_slips < MAX_OPEN_SLIPS && until >= now + WORTH_IT;
        is_offered.then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    const HOUR: i64 = 3600;

    /// The offer in seconds from now, for a show that opens after so many hours.
    fn offered(hours: u16, opens_after: i64, open: usize) -> Option<i64> {
        let until = CashPolicy { hours }.until(at(opens_after * HOUR), open, at(0));
        until.map(|until| until.as_second() - at(0).as_second())
    }

    #[test]
    fn slips_end_with_the_organisers_hours_and_before_the_doors() {
        assert_eq!(CashPolicy::default().hours, 24);
        assert_eq!(at(0).as_second() % 60, 40, "whole minutes are rounded down");
        assert_eq!(offered(24, 1000, 0), Some(24 * HOUR - 40));
        assert_eq!(offered(120, 1000, 0), Some(120 * HOUR - 40));
        assert_eq!(offered(24, 10, 0), Some(10 * HOUR - 9000 - 40));
        // Nobody reaches a counter in less than three hours.
        assert_eq!(offered(2, 1000, 0), None);
        assert_eq!(offered(24, 5, 0), None);
        assert_eq!(offered(24, -5, 0), None, "the show has begun");
    }

    #[test]
    fn slips_are_not_offered_without_end() {
        assert_eq!(offered(0, 1000, 0), None, "the organiser takes no cash");
        assert!(offered(24, 1000, MAX_OPEN_SLIPS - 1).is_some());
        assert_eq!(offered(24, 1000, MAX_OPEN_SLIPS), None);
        let mut fields = Fields::new();
        CashPolicy { hours: MAX_CASH_HOURS }.check("/cash_hours", &mut fields);
        fields.finish().expect("allowed");
        let mut fields = Fields::new();
        CashPolicy { hours: MAX_CASH_HOURS + 1 }.check("/cash_hours", &mut fields);
        fields.finish().expect_err("too long");
    }
}
