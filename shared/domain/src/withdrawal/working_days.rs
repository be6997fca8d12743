//! Colombia's working days: from Monday to Friday, without its holidays (Ley 51 of 1983).

use jiff::civil::{Date, Weekday};

use super::days_after;

/// Holidays that stay on their day.
const FIXED: [(i8, i8); 6] = [(1, 1), (5, 1), (7, 20), (8, 7), (12, 8), (12, 25)];
/// Holidays that move to the Monday on or after their day.
const MOVED: [(i8, i8); 7] = [(1, 6), (3, 19), (6, 29), (8, 15), (10, 12), (11, 1), (11, 11)];
/// Holidays by their distance from Easter, in days.
const BY_EASTER: [i64; 5] = [-3, -2, 43, 64, 71];

/// The `count`th working day after `day`.
pub(super) fn after(day: Date, count: u8) -> Date {
    let mut day = day;
    for _ in 0..count {
        day = days_after(day, 1);
        while !is_working_day(day) && day < Date::MAX {
            day = days_after(day, 1);
        }
    }
    day
}

fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

fn is_holiday(day: Date) -> bool {
    let is_moved = |(month, of_month): &(i8, i8)| {
        let named = Date::new(day.year(), *month, *of_month);
        named.is_ok_and(|named| named <= day && day < days_after(named, 7))
    };
    FIXED.contains(&(day.month(), day.day()))
        || day.weekday() == Weekday::Monday && MOVED.iter().any(is_moved)
        || easter(day.year()).is_some_and(|easter| BY_EASTER.iter().any(|by| days_after(easter, *by) == day))
}

/// Easter Sunday by the Gregorian computus (the "anonymous" algorithm).
fn easter(year: i16) -> Option<Date> {
    let wide = i32::from(year);
    let (golden, century) = (wide % 19, wide / 100);
    let leap_days = century - century / 4 - (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + leap_days + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (wide % 100 / 4) - epact - wide % 100 % 4) % 7;
    let correction = (golden + 11 * epact + 22 * weekday) / 451;
    let day = epact + weekday - 7 * correction + 114;
    Date::new(year, i8::try_from(day / 31).ok()?, i8::try_from(day % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    #[test]
    fn easter_is_where_the_church_has_it() {
        for text in ["2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2285-03-22"] {
            assert_eq!(easter(day(text).year()), Some(day(text)), "{text}");
        }
    }

    #[test]
    fn the_holidays_of_2026_are_known() {
        let holidays = [
            "2026-01-01",
            "2026-01-12",
            "2026-03-23",
            "2026-04-02",
            "2026-04-03",
            "2026-05-01",
            "2026-05-18",
            "2026-06-08",
            "2026-06-15",
            "2026-06-29",
            "2026-07-20",
            "2026-08-07",
            "2026-08-17",
            "2026-10-12",
            "2026-11-02",
            "2026-11-16",
            "2026-12-08",
            "2026-12-25",
        ];
        let mut found = Vec::new();
        let mut next = day("2026-01-01");
        while next.year() == 2026 {
            found.extend(is_holiday(next).then(|| next.to_string()));
            next = days_after(next, 1);
        }
        assert_eq!(found, holidays);
    }

    #[test]
    fn working_days_leave_out_weekends_and_holidays() {
        assert_eq!(after(day("2026-03-30"), 5), day("2026-04-08"), "over Holy Week");
        assert_eq!(after(day("2026-11-27"), 5), day("2026-12-04"), "from a Friday");
        assert_eq!(after(day("2026-11-28"), 1), day("2026-11-30"), "from a Saturday");
    }
}
