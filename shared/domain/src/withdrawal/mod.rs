//! The right to withdraw from a purchase, as the refund policy names it that the buyer accepted.
//!
//! Days are those of the venue's clock. A day that is counted ends at midnight, in favour of the buyer.

mod working_days;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::OrderId;
use crate::event::Event;
use crate::policy::Law;

/// Argentina: calendar days after the purchase (Ley 24.240, article 34).
const ARGENTINAS_DAYS: i64 = 10;
/// Argentina: a show that is nearer than this cannot be given back.
const BEFORE_THE_SHOW: SignedDuration = SignedDuration::from_hours(24);
/// Colombia: working days after the purchase (Ley 1480 of 2011, article 47).
const COLOMBIAS_DAYS: u8 = 5;

/// The first moment at which what was paid at `paid_at` cannot be given back any more.
pub fn until(law: Law, paid_at: Timestamp, event: &Event) -> Timestamp {
    let zone = TimeZone::get(&event.time_zone).unwrap_or(TimeZone::UTC);
    let bought = zone.to_datetime(paid_at).date();
    let (last, cut_off) = match law {
        Law::ArgentinaButton => {
            (days_after(bought, ARGENTINAS_DAYS), event.starts_at.checked_sub(BEFORE_THE_SHOW))
        }
        Law::ColombiaRetracto => (working_days::after(bought, COLOMBIAS_DAYS), Ok(event.starts_at)),
    };
    let ends = zone.to_zoned(days_after(last, 1).to_datetime(jiff::civil::Time::midnight()));
    let ends = ends.map_or(Timestamp::MAX, |ends| ends.timestamp());
    ends.min(cut_off.unwrap_or(Timestamp::MIN))
}

/// The name of an order's withdrawal, which the buyer is told: the same however often it is asked for.
pub fn code(order: OrderId) -> String {
    let suffix = order.suffix().to_ascii_uppercase();
    format!("R-{}", &suffix[suffix.len() - 10..])
}

fn days_after(day: Date, days: i64) -> Date {
    day.checked_add(Span::new().days(days)).unwrap_or(Date::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::fixture::event as sample;
    use crate::testing::at;
    use crate::{QuoteId, UserId};

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn show(time_zone: &str, starts_at: &str) -> Event {
        Event { time_zone: time_zone.to_owned(), starts_at: time(starts_at), ..sample() }
    }

    #[test]
    fn argentinas_ten_days_end_at_midnight_or_a_day_before_the_show() {
        let far = show("America/Argentina/Buenos_Aires", "2027-03-01T21:00:00-03:00");
        let law = Law::ArgentinaButton;
        for paid in ["2027-01-05T00:00:00-03:00", "2027-01-05T23:59:59-03:00"] {
            assert_eq!(until(law, time(paid), &far), time("2027-01-16T00:00:00-03:00"), "{paid}");
        }
        let near = show("America/Argentina/Buenos_Aires", "2027-01-10T21:00:00-03:00");
        assert_eq!(until(law, time("2027-01-05T12:00:00-03:00"), &near), time("2027-01-09T21:00:00-03:00"));
    }

    #[test]
    fn colombias_five_days_leave_out_weekends_and_holidays() {
        let far = show("America/Bogota", "2027-03-01T21:00:00-05:00");
        let law = Law::ColombiaRetracto;
        // A Friday before the Monday of Epiphany: the twelfth to the fifteenth, and Monday the eighteenth.
        let paid = time("2027-01-08T18:00:00-05:00");
        assert_eq!(until(law, paid, &far), time("2027-01-19T00:00:00-05:00"));
        let tonight = show("America/Bogota", "2027-01-08T21:00:00-05:00");
        assert_eq!(until(law, paid, &tonight), tonight.starts_at);
    }

    #[test]
    fn a_withdrawal_has_one_name() {
        let order = OrderId::of_quote(QuoteId::generate(at(0)), UserId::generate(at(0)));
        let name = code(order);
        assert_eq!((name.len(), name.starts_with("R-"), &name), (12, true, &code(order)));
    }
}
