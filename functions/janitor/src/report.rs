//! Mails organisers their payment differences: one mail about each day, after its end, and none if
//! there are no differences.

use std::time::Duration;

use domain::outbox::Outbox;
use domain::{Result, Timestamp};

use crate::State;

/// The most organisers that one run notifies; the next run notifies the rest.
const ORGANISERS: usize = 1000;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Queues the mails that are not queued yet; returns the number of organisers. Goes back two days,
/// in case all runs of a day failed.
pub(crate) async fn report(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let today = start_of_day(now);
    let mut told = 0;
    for day in [today - 2 * DAY, today - DAY] {
        let (mut last, outbox) = (None, Outbox::PaymentDifferences { day });
        while told < ORGANISERS {
            let Some(tenant) = state.store.next_with_payment_differences(day, last).await? else { break };
            last = Some(tenant);
            if state.store.tell_of_payment_differences(tenant, day, &outbox, now).await? {
                told += 1;
            }
        }
    }
    Ok(told)
}

/// Midnight (UTC) at which the day of `now` begins.
fn start_of_day(now: Timestamp) -> Timestamp {
    let into_the_day = now.as_second().rem_euclid(24 * 3600);
    Timestamp::from_second(now.as_second() - into_the_day).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_in_utc() {
        for time in ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59.9Z"] {
            let start = start_of_day(time.parse().expect("a time"));
            assert_eq!(start.to_string(), "2026-11-21T00:00:00Z");
        }
    }
}
