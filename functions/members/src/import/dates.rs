//! Dates as people and spreadsheets write them.

use domain::{Moment, Timestamp};
use jiff::civil::{Date, DateTime, Time, time};
use jiff::tz::TimeZone;

use super::reason::Reason;

/// Whether day or month comes first in dates with numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The day, as nearly everywhere; also if no date shows the order.
    DayFirst,
    /// The month, as in the United States.
    MonthFirst,
    /// Some dates can only have the day first, others only the month.
    Mixed,
}

impl Order {
    /// The order that all dates of a column show together: a number above twelve is a day.
    pub(super) fn of<'a>(dates: impl Iterator<Item = &'a str>) -> Self {
        let (mut day_first, mut month_first) = (false, false);
        for (first, second) in
            dates.filter_map(|date| numbers(date).map(|(first, second, _)| (first, second)))
        {
            day_first |= first > 12;
            month_first |= second > 12;
        }
        match (day_first, month_first) {
            (true, true) => Self::Mixed,
            (false, true) => Self::MonthFirst,
            _ => Self::DayFirst,
        }
    }
}

const MONTHS: [[&str; 3]; 12] = [
    ["ene", "enero", "january"],
    ["feb", "febrero", "february"],
    ["mar", "marzo", "march"],
    ["abr", "abril", "april"],
    ["may", "mayo", "may"],
    ["jun", "junio", "june"],
    ["jul", "julio", "july"],
    ["ago", "agosto", "august"],
    ["sep", "septiembre", "september"],
    ["oct", "octubre", "october"],
    ["nov", "noviembre", "november"],
    ["dic", "diciembre", "december"],
];

/// Reads a moment, or a day: then its noon in UTC, which is the same day everywhere in the
/// Americas. A time without an offset is in UTC. An offset and a time zone must agree, as
/// in requests.
///
/// # Errors
/// Why the text is refused, and what to do.
pub(super) fn moment(text: &str, order: Order) -> Result<Timestamp, Reason> {
    if let Ok(moment) = text.parse::<Moment>() {
        return Ok(moment.time());
    }
    if text.ends_with(']') {
        return Err(ZONE);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if is_number && text.len() >= 4 && text.matches(['.', ',']).count() < 2 {
        return Err(SERIAL);
    }
    let text = text.to_lowercase().replace("a. m.", "am").replace("p. m.", "pm").replace(" de ", " ");
    let (day, hour) = split_hour(&text);
    let day = read_day(day, order)?;
    let hour = if hour.is_empty() { Some(time(12, 0, 0, 0)) } else { read_hour(hour) };
    let moment = hour.map(|hour| DateTime::from_parts(day, hour)).ok_or(NO_DATE)?;
    moment.to_zoned(TimeZone::UTC).map(|moment| moment.timestamp()).map_err(|_| NO_DATE)
}

/// Splits a text into its day and the hour after it, which is empty if there is none.
fn split_hour(text: &str) -> (&str, &str) {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let mut places =
        text.match_indices(['t', ' ']).map(|(place, _)| (&text[..place], text[place + 1..].trim()));
    let is_hour = |(day, hour): &(&str, &str)| {
        day.ends_with(is_digit) && day.contains(['/', '-', '.']) && hour.starts_with(is_digit)
    };
    places.find(is_hour).unwrap_or((text, ""))
}

const SERIAL: Reason = Reason::of(
    "This is the number with which spreadsheets count days. Format the column as dates, such as 2026-11-21.",
    "Es el número con que las hojas de cálculo cuentan los días. Da formato de fecha a la columna, como 2026-11-21.",
);
const ZONE: Reason = Reason::of(
    "The offset contradicts the time zone, or there is no such time zone. Leave one of them out.",
    "El desfase contradice la zona horaria, o esa zona no existe. Deja solo uno de los dos.",
);
const NO_DATE: Reason = Reason::of(
    "Must be a date such as 2026-11-21 or 21/11/2026, or a time such as 2026-11-21T20:00:00Z.",
    "Debe ser una fecha como 2026-11-21 o 21/11/2026, o un momento como 2026-11-21T20:00:00Z.",
);
const SHORT_YEAR: Reason = Reason::of(
    "Write the year with four digits, such as 21/11/2026.",
    "Escribe el año con cuatro dígitos, como 21/11/2026.",
);
const EITHER_ORDER: Reason = Reason::of(
    "Other dates of the column have the month in the other place. Write this one as 2026-11-21.",
    "Otras fechas de la columna tienen el mes en el otro lugar. Escribe esta como 2026-11-21.",
);

fn read_day(text: &str, order: Order) -> Result<Date, Reason> {
    if domain::birth_date::has_short_year(text) || is_short_after_month(text) {
        return Err(SHORT_YEAR);
    }
    if let Some((first, second, year)) = numbers(text) {
        let is_month_first = match order {
            Order::DayFirst => false,
            Order::MonthFirst => true,
            Order::Mixed if first > 12 || first == second => false,
            Order::Mixed if second > 12 => true,
            Order::Mixed => {
                return Err(EITHER_ORDER);
            }
        };
        let (day, month) = if is_month_first { (second, first) } else { (first, second) };
        return Date::new(year, month, day).map_err(|_| NO_DATE);
    }
    let parts: Vec<&str> = text.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts[..] else { return Err(NO_DATE) };
    let number = |text: &str| text.parse::<i16>().map_err(|_| NO_DATE);
    let (year, month, day) = match (month(first), month(second)) {
        (_, Some(month)) => (number(third)?, month, number(first)?),
        (Some(month), None) => (number(third)?, month, number(second)?),
        (None, None) => (number(first)?, i8::try_from(number(second)?).map_err(|_| NO_DATE)?, number(third)?),
    };
    let day = i8::try_from(day).map_err(|_| NO_DATE)?;
    if (1000..=9999).contains(&year) {
        Date::new(year, month, day).map_err(|_| NO_DATE)
    } else {
        Err(NO_DATE)
    }
}

/// The three numbers of `21/11/2026`.
fn numbers(text: &str) -> Option<(i8, i8, i16)> {
    let text = text.split([' ', 't', 'T']).next()?;
    let mut parts = text.split(['/', '-', '.']);
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    let is_year = year.len() == 4 && parts.next().is_none();
    Some((first.parse().ok()?, second.parse().ok()?, year.parse().ok().filter(|_| is_year)?))
}

/// True for a year of two digits after a named month, as in `21-nov-26`.
fn is_short_after_month(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '/', ' ']).collect();
    matches!(parts[..], [_, name, year] if month(name).is_some() && year.len() == 2)
}

fn month(name: &str) -> Option<i8> {
    let name = name.trim_end_matches('.');
    let is = |names: &[&str; 3]| {
        names.contains(&name) || names[1..].iter().any(|whole| name.len() == 3 && whole.starts_with(name))
    };
    let place = MONTHS.iter().position(|names| is(names) || names[0] == "sep" && name == "sept")?;
    i8::try_from(place + 1).ok()
}

/// Reads an hour such as `20:30`, `20:30:15` or `8:30 pm`.
fn read_hour(text: &str) -> Option<Time> {
    let (clock, half) = match text.strip_suffix("pm").or(text.strip_suffix("p.m.")) {
        Some(clock) => (clock, Some(12)),
        None => match text.strip_suffix("am").or(text.strip_suffix("a.m.")) {
            Some(clock) => (clock, Some(0)),
            None => (text, None),
        },
    };
    let mut parts = clock.trim().split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, order: Order) -> Result<String, Reason> {
        moment(text, order).map(|moment| moment.to_string())
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2024-05-31", "2024-05-31T12:00:00Z"),
            ("2024/5/31", "2024-05-31T12:00:00Z"),
            ("31/05/2024", "2024-05-31T12:00:00Z"),
            ("1-6-2024", "2024-06-01T12:00:00Z"),
            ("1.6.2024", "2024-06-01T12:00:00Z"),
            ("31-may-2024", "2024-05-31T12:00:00Z"),
            ("3 de sept. de 2024", "2024-09-03T12:00:00Z"),
            ("12 de diciembre de 2024", "2024-12-12T12:00:00Z"),
            ("May 31, 2024", "2024-05-31T12:00:00Z"),
            ("12-oct-2024", "2024-10-12T12:00:00Z"),
            ("31-Jan-2024", "2024-01-31T12:00:00Z"),
            ("2024-05-31 23:59:59", "2024-05-31T23:59:59Z"),
            ("2024-05-31T23:59:59", "2024-05-31T23:59:59Z"),
            ("31/05/2024 8:30", "2024-05-31T08:30:00Z"),
            ("31/05/2024 8:30:15 p. m.", "2024-05-31T20:30:15Z"),
            ("31/05/2024 12:05 am", "2024-05-31T00:05:00Z"),
            ("2024-05-31T20:00:00-05:00", "2024-06-01T01:00:00Z"),
            ("2024-05-31T20:00:00-05:00[America/Bogota]", "2024-06-01T01:00:00Z"),
            ("2024-06-01T01:00:00Z[America/Bogota]", "2024-06-01T01:00:00Z"),
        ] {
            assert_eq!(read(text, Order::DayFirst), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(read("5/31/2024 8:30 PM", Order::MonthFirst), Ok("2024-05-31T20:30:00Z".to_owned()));
        for text in [
            "31/31/2024",
            "ayer",
            "2024",
            "05/2024",
            "2024-02-30",
            "31/05/2024 25:00",
            "31/05/2024 13:00 pm",
            "1/2/3/2024",
            "0024-05-31",
        ] {
            assert!(read(text, Order::DayFirst).is_err(), "{text}");
        }
        for text in
            ["2024-05-31T20:00:00-04:00[America/Bogota]", "2024-05-31T20:00:00-05:00[America/Macondo]"]
        {
            assert!(read(text, Order::DayFirst).expect_err("no time").en.contains("time zone"), "{text}");
        }
        for text in ["31/05/24", "24-05-31", "31-may-24", "31-dic-24"] {
            assert!(read(text, Order::DayFirst).expect_err("short").en.contains("four digits"), "{text}");
        }
        for text in ["45443", "45443.5", "45443,75"] {
            assert!(read(text, Order::DayFirst).expect_err("a number").en.contains("count days"), "{text}");
        }
    }

    #[test]
    fn the_dates_of_a_column_show_their_order() {
        let order = |dates: &[&str]| Order::of(dates.iter().copied());
        assert_eq!(order(&["03/04/2025", "ayer", "2025-13-01"]), Order::DayFirst);
        assert_eq!(order(&["03/04/2025", "31/05/2024 20:30"]), Order::DayFirst);
        assert_eq!(order(&["03/04/2025", "5/31/2024"]), Order::MonthFirst);
        assert_eq!(order(&["31/05/2024", "5/31/2024"]), Order::Mixed);
        assert_eq!(read("5/31/2024", Order::Mixed), read("31/05/2024", Order::Mixed));
        assert!(read("03/04/2025", Order::Mixed).expect_err("either").es.contains("2026-11-21"));
    }

    proptest! {
        #[test]
        fn any_day_is_read_in_either_order(days in 0_i32..20_000) {
            let day = date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).expect("in range");
            let moment = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a moment").timestamp().to_string();
            for (format, order) in [("%d/%m/%Y", Order::DayFirst), ("%m/%d/%Y", Order::MonthFirst), ("%Y-%m-%d", Order::Mixed), ("%d-%b-%Y", Order::DayFirst)] {
                prop_assert_eq!(read(&day.strftime(format).to_string(), order), Ok(moment.clone()));
            }
        }

        #[test]
        fn reading_any_text_does_not_panic(text in "[0-9a-z/:. ,-]{0,30}") {
            let _ = read(&text, Order::of([text.as_str()].into_iter()));
        }
    }
}
