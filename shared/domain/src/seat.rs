//! Numbered seats: their labels, and the rule that keeps a row sellable.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Area, RowLayout};

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
        (self.first..=self.last).contains(&seat.number)
            && normal_row(&self.label).is_some_and(|row| row == seat.row)
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

/// Whether buying the seats at the indexes `chosen` would leave a single seat alone that another
/// choice in the same place would not.
///
/// `states` are the seats of one row from one end to the other; a wall, an aisle and a seat that is
/// not available are the same to the rule. The rule looks at each run of available neighbours from
/// which the buyer takes seats. If a run has exactly one seat more than the buyer takes there, then
/// one seat stays alone with any choice, and the choice is fine. A single seat that was alone
/// before does not count. So a buyer who fills a run from one of its ends is never refused, and
/// every available seat of a row stays for sale.
///
/// Indexes of seats that are not available are ignored: the hold decides whether a seat is free.
pub fn strands_single_seat(states: &[SeatState], chosen: &[usize]) -> bool {
    let is_available = |seat: &usize| states.get(*seat) == Some(&SeatState::Available);
    let mut start = 0;
    while start < states.len() {
        if !is_available(&start) {
            start += 1;
            continue;
        }
        let end = (start..states.len()).find(|seat| !is_available(seat)).unwrap_or(states.len());
        if strands_in_run(start, end, chosen) {
            return true;
        }
        start = end;
    }
    false
}

/// [`strands_single_seat`] within the available seats `start..end`.
fn strands_in_run(start: usize, end: usize, chosen: &[usize]) -> bool {
    let left_free: Vec<usize> = (start..end).filter(|seat| !chosen.contains(seat)).collect();
    let untouched = left_free.len() == end - start;
    // One seat that is left is alone with any choice.
    if untouched || left_free.len() < 2 {
        return false;
    }
    left_free.iter().enumerate().any(|(index, seat)| {
        let follows = index > 0 && left_free[index - 1] + 1 == *seat;
        let is_followed = left_free.get(index + 1) == Some(&(seat + 1));
        !follows && !is_followed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let row = RowLayout { label: "b".into(), first: 5, last: 9 };
        assert!(row.has(&seat("B-5")) && row.has(&seat("B-9")));
        assert!(!row.has(&seat("B-4")) && !row.has(&seat("B-10")) && !row.has(&seat("A-5")));
    }

    /// `.` available, `x` not available, `c` chosen.
    fn strands(row: &str) -> bool {
        let states: Vec<SeatState> =
            row.chars().map(|c| if c == 'x' { SeatState::Sold } else { SeatState::Available }).collect();
        let chosen: Vec<usize> = row.chars().enumerate().filter(|(_, c)| *c == 'c').map(|(i, _)| i).collect();
        strands_single_seat(&states, &chosen)
    }

    #[test]
    fn a_single_seat_is_left_alone_only_when_nothing_else_is_possible() {
        for row in
            ["cc..", "..cc", "....", "cccc", "x.x..cc", "xccx", "c..c", ".x..", "xcc..x", "..cc..", "c"]
        {
            assert!(!strands(row), "{row} leaves no new single seat");
        }
        for row in ["c.", ".c", ".cc", "c.c", "xcc.x", "x.cx", "x.ccc", "cc.xcc"] {
            assert!(!strands(row), "{row} can not be avoided");
        }
        for row in [".c..", ".cc.", "c.c.", "..c.", "x.cc..", "xc.c..x", "..xcc...c.x", "c.c.c"] {
            assert!(strands(row), "{row} leaves a single seat without need");
        }
    }

    #[test]
    fn unavailable_seats_are_ignored() {
        assert!(!strands_single_seat(
            &[SeatState::Available, SeatState::Blocked, SeatState::Reserved],
            &[1, 2, 99]
        ));
        assert!(!strands_single_seat(&[], &[0]));
    }

    /// The starts and ends of the runs of available seats.
    fn runs(states: &[SeatState]) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (seat, _) in states.iter().enumerate().filter(|(_, state)| **state == SeatState::Available) {
            match runs.last_mut() {
                Some((_, end)) if *end == seat => *end += 1,
                _ => runs.push((seat, seat + 1)),
            }
        }
        runs
    }

    fn row_strategy() -> impl Strategy<Value = Vec<SeatState>> {
        proptest::collection::vec(
            prop_oneof![3 => Just(SeatState::Available), 1 => Just(SeatState::Sold), 1 => Just(SeatState::Blocked)],
            1..40,
        )
    }

    proptest! {
        #[test]
        fn any_number_of_neighbours_can_be_bought_wherever_they_fit(states in row_strategy()) {
            for (start, end) in runs(&states) {
                for size in 1..=(end - start) {
                    let from_left: Vec<usize> = (start..start + size).collect();
                    let from_right: Vec<usize> = (end - size..end).collect();
                    prop_assert!(!strands_single_seat(&states, &from_left));
                    prop_assert!(!strands_single_seat(&states, &from_right));
                }
            }
        }

        #[test]
        fn a_row_sells_to_its_last_seat(
            mut states in row_strategy(),
            wishes in proptest::collection::vec((1_usize..6, 0_usize..40), 200),
        ) {
            // Buyers want some neighbours somewhere; a refused buyer takes seats from the start of
            // the run.
            for (size, offset) in wishes {
                let free = runs(&states);
                let Some((start, end)) = free.get(offset % free.len().max(1)).copied() else { break };
                let size = size.min(end - start);
                let first = start + offset % (end - start - size + 1);
                let wanted: Vec<usize> = (first..first + size).collect();
                let bought = if strands_single_seat(&states, &wanted) { (start..start + size).collect() } else { wanted };
                prop_assert!(!strands_single_seat(&states, &bought));
                for seat in bought {
                    states[seat] = SeatState::Sold;
                }
            }
            prop_assert!(runs(&states).is_empty(), "40 seats and 200 buyers, but some seats are left");
        }

        #[test]
        fn an_accepted_choice_leaves_no_new_single_seat_unless_one_seat_is_left(
            states in row_strategy(),
            picks in proptest::collection::btree_set(0_usize..40, 1..6),
        ) {
            let chosen: Vec<usize> =
                picks.into_iter().filter(|seat| states.get(*seat) == Some(&SeatState::Available)).collect();
            let mut after = states.clone();
            for seat in &chosen {
                after[*seat] = SeatState::Sold;
            }
            let avoidable = runs(&after).into_iter().any(|(start, end)| {
                let run = runs(&states).into_iter().find(|(s, e)| (*s..*e).contains(&start)).expect("was available before");
                let left = (run.0..run.1).filter(|seat| after[*seat] == SeatState::Available).count();
                end - start == 1 && run != (start, end) && left > 1
            });
            prop_assert_eq!(strands_single_seat(&states, &chosen), avoidable);
        }
    }
}
