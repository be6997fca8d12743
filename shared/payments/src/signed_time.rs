//! The time that gateways sign along with a notification.

use std::time::Duration;

use domain::Timestamp;

use crate::WebhookRefused;

/// The greatest age of a signature. No gateway says whether it signs again when it
/// repeats a notification, and the last repetition comes after a day and more. A
/// replay within this time only makes us ask the gateway once more.
pub const MAX_SIGNATURE_AGE: Duration = Duration::from_secs(48 * 3600);

/// The furthest that a signature may be in the future: clocks differ, but not by more.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5 * 60);

/// From here on a number of seconds would be in the year 33658, so that it must be
/// one of milliseconds.
const MILLISECONDS_FROM: i64 = 1_000_000_000_000;

/// Checks a time in seconds or milliseconds since 1970. Gateways document one and
/// send the other.
pub(super) fn check(digits: &str, received_at: Timestamp) -> Result<(), WebhookRefused> {
    if !(1..=16).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WebhookRefused::Malformed);
    }
    let number: i64 = digits.parse().map_err(|_| WebhookRefused::Malformed)?;
    let signed_at = if number < MILLISECONDS_FROM {
        Timestamp::from_second(number)
    } else {
        Timestamp::from_millisecond(number)
    };
    let signed_at = signed_at.map_err(|_| WebhookRefused::OutOfTime)?;
    let age = received_at.duration_since(signed_at);
    let in_time = if age.is_negative() {
        age.unsigned_abs() <= MAX_CLOCK_DIFFERENCE
    } else {
        age.unsigned_abs() <= MAX_SIGNATURE_AGE
    };
    if in_time { Ok(()) } else { Err(WebhookRefused::OutOfTime) }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;

    #[test]
    fn seconds_and_milliseconds_mean_the_same_time() {
        for digits in ["1795000000", "1795000000000"] {
            let two_days = 48 * 3600;
            for (late, in_time) in
                [(0, true), (two_days, true), (two_days + 1, false), (-300, true), (-301, false)]
            {
                assert_eq!(check(digits, at(late)).is_ok(), in_time, "{digits} {late}");
            }
        }
        assert_eq!(check("1795000000", at(-301)), Err(WebhookRefused::OutOfTime));
    }

    #[test]
    fn what_is_no_time_is_malformed() {
        for wrong in ["", "-1795000000", "+1795000000", "1795000000.5", "17950000000000000", "yesterday"] {
            assert_eq!(check(wrong, at(0)), Err(WebhookRefused::Malformed), "{wrong}");
        }
        assert_eq!(check("0", at(0)), Err(WebhookRefused::OutOfTime));
        assert_eq!(check("9999999999999999", at(0)), Err(WebhookRefused::OutOfTime));
    }
}
