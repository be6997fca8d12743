//! Numbered seats: their labels, the best of those that are free, and the rule that keeps a row
//! sellable.

mod best;
mod run;
mod single;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Area, RowLayout};

pub use best::{Choice, Wanted, choose, may_have};
pub use run::RunState;
pub use single::leaves_single;

/// The most characters in the name of a row.
pub const MAX_ROW_CHARS: usize = 8;
/// The highest number of a seat.
pub const MAX_SEAT_NUMBER: u16 = 9_999;

/// A seat as tickets and people name it: its row and its number, `A-12`.
///
/// Rows are named with capital letters (`Ñ` among them) and digits; small letters are read as
/// capital ones. Numbers start at 1, without leading zeros, so that every seat has exactly one
/// label. Labels sort in walking order: `A, B, ... Z, AA`, and `2` before `10`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeatLabel {
    row: String,
    number: u16,
}

/// The text is not the label of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a seat such as \"A-12\": a row of at most {MAX_ROW_CHARS} letters and digits, \
     a hyphen, and a number from 1 to {MAX_SEAT_NUMBER}"
)]
pub struct InvalidSeat;

impl SeatLabel {
    /// The seat `number` in the row named `row`.
    pub fn new(row: &str, number: u16) -> Result<Self, InvalidSeat> {
        let row = normal_row(row).ok_or(InvalidSeat)?;
        if (1..=MAX_SEAT_NUMBER).contains(&number) { Ok(Self { row, number }) } else { Err(InvalidSeat) }
    }

    /// The name of the row, in capital letters.
    pub fn row(&self) -> &str {
        &self.row
    }

    /// The number within the row, from 1.
    pub const fn number(&self) -> u16 {
        self.number
    }
}

/// The name of a row as labels write it, or `None` if no row can be named so.
pub fn normal_row(text: &str) -> Option<String> {
    let row: String = text
        .chars()
        .take(MAX_ROW_CHARS + 1)
        .map(|c| if c == 'ñ' { 'Ñ' } else { c.to_ascii_uppercase() })
        .collect();
    let length = row.chars().count();
    let valid = (1..=MAX_ROW_CHARS).contains(&length)
        && row.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == 'Ñ');
    valid.then_some(row)
}

impl FromStr for SeatLabel {
    type Err = InvalidSeat;

    fn from_str(text: &str) -> Result<Self, InvalidSeat> {
        let (row, number) = text.split_once('-').ok_or(InvalidSeat)?;
        let canonical = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| canonical).ok_or(InvalidSeat)?;
        Self::new(row, number)
    }
}

impl fmt::Display for SeatLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.row, self.number)
    }
}

impl PartialOrd for SeatLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SeatLabel {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = |row: &str| row.chars().count();
        length(&self.row)
            .cmp(&length(&other.row))
            .then_with(|| self.row.chars().map(alphabet_rank).cmp(other.row.chars().map(alphabet_rank)))
            .then_with(|| self.number.cmp(&other.number))
    }
}

/// The rank of a character in the Spanish alphabet: `Ñ` directly after `N`.
fn alphabet_rank(c: char) -> (char, bool) {
    if c == 'Ñ' { ('N', true) } else { (c, false) }
}

impl Serialize for SeatLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeatLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

inline_schema!(SeatLabel, {
    "type": "string",
    "pattern": "^[A-Za-zÑñ0-9]{1,8}-[1-9][0-9]{0,3}$",
    "description": "A numbered seat: its row, a hyphen, its number.",
    "examples": ["A-12"],
});

impl RowLayout {
    /// Whether the row has this seat.
    pub fn has(&self, seat: &SeatLabel) -> bool {
        self.has_number(seat.number) && normal_row(&self.label).is_some_and(|row| row == seat.row)
    }
}

impl Area {
    /// Whether one of the area's rows has this seat.
    pub fn has_seat(&self, seat: &SeatLabel) -> bool {
        self.rows.iter().any(|row| row.has(seat))
    }
}

/// Whether a seat is for sale. The first three wire names are the WaRo seed's `status` of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// It can be bought.
    Available,
    /// It is held by an order that is not paid yet.
    Reserved,
    /// It is sold to a buyer.
    Sold,
    /// The organiser blocked it: it is not for sale.
    Blocked,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(text: &str) -> SeatLabel {
        text.parse().expect("a seat")
    }

    #[test]
    fn labels_have_one_spelling() {
        for (text, label) in [("A-12", "A-12"), ("aa-1", "AA-1"), ("ñ-3", "Ñ-3"), ("12-9999", "12-9999")] {
            assert_eq!(seat(text).to_string(), label);
            assert_eq!(serde_json::from_str::<SeatLabel>(&format!("\"{text}\"")).expect("json"), seat(label));
        }
        assert_eq!((seat("aa-7").row(), seat("aa-7").number()), ("AA", 7));
    }

    #[test]
    fn texts_other_than_labels_are_refused() {
        let bad = [
            "",
            "A",
            "A-",
            "-1",
            "A-0",
            "A-01",
            "A-+1",
            "A--1",
            "A 1",
            "A-1-2",
            "A-10000",
            "A-99999999999",
            "ABCDEFGHI-1",
            "Á-1",
            "A\u{0}-1",
            " A-1",
            "A-1 ",
            "A-１",
        ];
        for text in bad {
            assert_eq!(text.parse::<SeatLabel>(), Err(InvalidSeat), "{text:?}");
        }
        assert_eq!(SeatLabel::new("A", 0), Err(InvalidSeat));
    }

    #[test]
    fn labels_sort_in_walking_order() {
        let mut seats: Vec<SeatLabel> = ["AA-1", "O-1", "B-10", "Ñ-1", "N-1", "B-2", "A-3", "10-1", "2-1"]
            .into_iter()
            .map(seat)
            .collect();
        seats.sort();
        let text: Vec<String> = seats.iter().map(ToString::to_string).collect();
        assert_eq!(text.join(" "), "2-1 A-3 B-2 B-10 N-1 Ñ-1 O-1 10-1 AA-1");
    }

    #[test]
    fn a_row_knows_its_seats() {
        let row = RowLayout::new("b", 5, 9);
        assert!(row.has(&seat("B-5")) && row.has(&seat("B-9")));
        assert!(!row.has(&seat("B-4")) && !row.has(&seat("B-10")) && !row.has(&seat("A-5")));
        let odd = RowLayout { step: 2, gone: vec![7], ..row };
        assert!(odd.has(&seat("B-5")) && odd.has(&seat("B-9")));
        assert!(!odd.has(&seat("B-6")) && !odd.has(&seat("B-7")));
        assert_eq!((odd.len(), odd.places().count()), (2, 3));
    }
}
