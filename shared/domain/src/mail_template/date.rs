//! Dates and times in the notation of each language.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Language;

const DAYS: [[&str; 2]; 7] = [
    ["lunes", "Monday"],
    ["martes", "Tuesday"],
    ["miércoles", "Wednesday"],
    ["jueves", "Thursday"],
    ["viernes", "Friday"],
    ["sábado", "Saturday"],
    ["domingo", "Sunday"],
];

const MONTHS: [[&str; 2]; 12] = [
    ["enero", "January"],
    ["febrero", "February"],
    ["marzo", "March"],
    ["abril", "April"],
    ["mayo", "May"],
    ["junio", "June"],
    ["julio", "July"],
    ["agosto", "August"],
    ["septiembre", "September"],
    ["octubre", "October"],
    ["noviembre", "November"],
    ["diciembre", "December"],
];

/// Day and time in the IANA zone `time_zone`; in UTC, marked as such, if there is no such zone.
pub fn date(time: Timestamp, time_zone: &str, language: Language) -> String {
    let (zone, note) = TimeZone::get(time_zone).map_or((TimeZone::UTC, " UTC"), |zone| (zone, ""));
    let time = time.to_zoned(zone);
    let column = match language {
        Language::Es => 0,
        Language::En => 1,
    };
    let day = DAYS[usize::try_from(time.weekday().to_monday_zero_offset()).unwrap_or(0) % 7][column];
    let month = MONTHS[usize::try_from(time.month() - 1).unwrap_or(0) % 12][column];
    let (date, year) = (time.day(), time.year());
    let (hour, minute) = (time.hour(), time.minute());
    match language {
        Language::Es => format!("{day} {date} de {month} de {year}, {hour:02}:{minute:02} h{note}"),
        Language::En => format!("{day}, {date} {month} {year}, {hour:02}:{minute:02}{note}"),
    }
}
