//! Dates of birth.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A date of birth from 1901 on, written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Date", try_from = "Cow<'_, str>")]
pub struct BirthDate(Date);

/// The reason why a text is not a date of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBirthDate {
    /// It is not a date, or not written as `YYYY-MM-DD`.
    #[error("must be a date of birth such as 1990-02-28: year, month, day")]
    Form,
    /// Its year has two digits, so the century is unknown.
    #[error("must have a year of four digits, such as 1990-02-28")]
    ShortYear,
    /// It is before 1901.
    #[error("must be a date of birth between 1901 and today, with a year of four digits")]
    TooEarly,
}

impl BirthDate {
    /// The date of birth as a calendar date.
    pub fn date(self) -> Date {
        self.0
    }
}

impl FromStr for BirthDate {
    type Err = InvalidBirthDate;

    fn from_str(text: &str) -> Result<Self, InvalidBirthDate> {
        let text = text.trim();
        let is_iso = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = text.parse::<Date>().ok().filter(|_| is_iso);
        match date {
            Some(date) if date.year() > 1900 => Ok(Self(date)),
            Some(_) => Err(InvalidBirthDate::TooEarly),
            None if has_short_year(text) => Err(InvalidBirthDate::ShortYear),
            None => Err(InvalidBirthDate::Form),
        }
    }
}

/// True for three numbers of which none can be a year: `28/02/90`, `90-2-28`.
pub fn has_short_year(text: &str) -> bool {
    let numbers: Vec<&str> = text.split(['/', '-', '.', ' ']).collect();
    numbers.len() == 3
        && numbers
            .iter()
            .all(|number| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl TryFrom<Cow<'_, str>> for BirthDate {
    type Error = InvalidBirthDate;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidBirthDate> {
        text.parse()
    }
}

impl From<BirthDate> for Date {
    fn from(born: BirthDate) -> Self {
        born.0
    }
}

inline_schema!(BirthDate, {
    "type": "string",
    "format": "date",
    "pattern": r"^(19(0[1-9]|[1-9]\d)|[2-9]\d{3})-\d\d-\d\d$",
    "examples": ["1990-02-28"],
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_has_four_digits() {
        use InvalidBirthDate::{Form, ShortYear, TooEarly};
        let read = |text: &str| text.parse::<BirthDate>().map(|born| born.date().to_string());
        assert_eq!(read("1990-02-28").as_deref(), Ok("1990-02-28"));
        for text in ["90-02-28", "28/02/90", "28-2-90", "1.2.03", "01 02 03"] {
            assert_eq!(read(text), Err(ShortYear), "{text}");
        }
        for text in ["0090-02-28", "1900-12-31"] {
            assert_eq!(read(text), Err(TooEarly), "{text}");
        }
        for text in
            ["", "28/02/1990", "1990-02-30", "1990-2-28", "19900228", "+001990-02-28", "mañana", "90-02"]
        {
            assert_eq!(read(text), Err(Form), "{text}");
        }
    }
}
