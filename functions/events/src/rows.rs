//! Rows of seats as organisers write them, and the blocks that hold them.
//!
//! A block is one item of the table and has at most 44 seats. A longer row is
//! several blocks with the same name, and is one row everywhere but in the table.

use std::collections::HashMap;

use domain::event::{ROW_PATTERN, RowLayout};
use domain::seat::{MAX_ROW_CHARS, MAX_SEAT_NUMBER, normal_row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most blocks of one area: their names and numbers are part of the area's
/// own item, which must stay small enough to be read with every quote.
pub(crate) const MAX_BLOCKS: usize = 2_000;

/// A row of seats to create.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRow {
    /// The row's letter or name, such as `A` or `AA`.
    #[schemars(regex(pattern = ROW_PATTERN))]
    label: String,
    /// The lowest seat number.
    #[schemars(range(min = 1, max = 9999))]
    first: u16,
    /// The highest seat number.
    #[schemars(range(min = 1, max = 9999))]
    last: u16,
    /// The difference of neighbouring numbers: 2 for a side with odd or even numbers only.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 2))]
    step: u8,
}

const fn one() -> u8 {
    1
}

impl From<NewRow> for RowLayout {
    fn from(NewRow { label, first, last, step }: NewRow) -> Self {
        Self { step, ..Self::new(label, first, last) }
    }
}

/// The names from `from` to `to`, at most `most` of them: letters count as
/// columns of a spreadsheet do (`A` to `Z`, then `AA`), digits as numbers.
/// `None` if the names are neither, or the first does not come before the last.
pub(crate) fn names(from: &str, to: &str, most: u32) -> Option<Vec<String>> {
    let (from, to) = (normal_row(from)?, normal_row(to)?);
    let of_letters = (place_of_letters(&from), place_of_letters(&to));
    let of_digits = (from.parse::<u32>().ok(), to.parse::<u32>().ok());
    let (first, last, name): (u32, u32, fn(u32) -> String) = match (of_letters, of_digits) {
        ((Some(first), Some(last)), _) => (first, last, letters_at),
        (_, (Some(first), Some(last))) => (first, last, |number| number.to_string()),
        _ => return None,
    };
    let is_range = first <= last && last - first < most;
    is_range.then(|| (first..=last).map(name).collect())
}

/// The place of a row named by letters: 1 for `A`, 26 for `Z`, 27 for `AA`.
fn place_of_letters(letters: &str) -> Option<u32> {
    letters.bytes().try_fold(0_u32, |place, letter| {
        let digit = letter.is_ascii_uppercase().then(|| u32::from(letter - b'A') + 1)?;
        place.checked_mul(26)?.checked_add(digit)
    })
}

fn letters_at(mut place: u32) -> String {
    let mut letters = Vec::new();
    while place > 0 {
        place -= 1;
        letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place as usize % 26]));
        place /= 26;
    }
    letters.iter().rev().collect()
}

/// A new row that is refused, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Its place among the new rows.
    pub(crate) index: usize,
    /// Its field as the end of a JSON pointer, or empty for the whole row.
    pub(crate) field: &'static str,
    /// The rule that it breaks, for the organiser.
    pub(crate) detail: String,
}

/// The `new` rows of an area that has `existing` blocks, their names in capital
/// letters, and what is wrong with them.
pub(crate) fn check(existing: &[RowLayout], new: Vec<RowLayout>) -> (Vec<RowLayout>, Vec<BadRow>) {
    let mut taken: HashMap<String, Vec<RowLayout>> = HashMap::new();
    for row in existing {
        taken.entry(row.label.clone()).or_default().push(row.clone());
    }
    let (mut rows, mut bad) = (Vec::with_capacity(new.len()), Vec::new());
    for (index, row) in new.into_iter().enumerate() {
        let Some(label) = normal_row(&row.label) else {
            let detail = format!("Must be 1 to {MAX_ROW_CHARS} letters and digits, such as A or 12.");
            bad.push(BadRow { index, field: "/label", detail });
            continue;
        };
        let numbers = 1..=MAX_SEAT_NUMBER;
        if !numbers.contains(&row.first) || !numbers.contains(&row.last) || row.last < row.first {
            let detail =
                format!("`first` and `last` must be 1 to {MAX_SEAT_NUMBER}, and `last` not below `first`.");
            bad.push(BadRow { index, field: "", detail });
            continue;
        }
        if !(1..=2).contains(&row.step) || !(row.last - row.first).is_multiple_of(row.step.into()) {
            let detail = "Must be 1, or 2 if `first` and `last` are both odd or both even.".to_owned();
            bad.push(BadRow { index, field: "/step", detail });
            continue;
        }
        let row = RowLayout { label: label.clone(), ..row };
        let others = taken.entry(label).or_default();
        let overlaps = |other: &RowLayout| {
            row.first <= other.last && other.first <= row.last && row.places().any(|n| other.has_place(n))
        };
        if others.iter().any(overlaps) {
            let detail = "Some of these seats exist already, or stand here twice.".to_owned();
            bad.push(BadRow { index, field: "", detail });
        }
        others.push(row.clone());
        rows.push(row);
    }
    (rows, bad)
}

/// The rows that consist of these `blocks`.
pub(crate) fn rows(blocks: &[RowLayout]) -> Vec<RowLayout> {
    let mut rows: Vec<RowLayout> = Vec::new();
    for block in blocks {
        match rows.last_mut() {
            Some(row)
                if (&row.label, row.step) == (&block.label, block.step)
                    && row.last + u16::from(row.step) == block.first =>
            {
                row.last = block.last;
                row.gone.extend(&block.gone);
            }
            _ => rows.push(block.clone()),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(label: &str, first: u16, last: u16) -> RowLayout {
        RowLayout::new(label, first, last)
    }

    fn named(from: &str, to: &str) -> Option<String> {
        names(from, to, 1000).map(|names| names.join(" "))
    }

    #[test]
    fn ranges_of_letters_and_numbers_are_counted() {
        assert_eq!(named("a", "E").as_deref(), Some("A B C D E"));
        assert_eq!(named("Y", "AB").as_deref(), Some("Y Z AA AB"));
        assert_eq!(named("ZY", "AAA").as_deref(), Some("ZY ZZ AAA"));
        assert_eq!(named("9", "11").as_deref(), Some("9 10 11"));
        assert_eq!(named("C", "C").as_deref(), Some("C"));
        assert_eq!(names("A", "Z", 1000).map(|names| names.len()), Some(26));
    }

    #[test]
    fn invalid_ranges_are_refused() {
        for (from, to) in
            [("B", "A"), ("A", "9"), ("A1", "A9"), ("", "B"), ("Ñ", "O"), ("A", "ZZZZ"), ("1", "2000")]
        {
            assert_eq!(named(from, to), None, "{from} to {to}");
        }
        assert_eq!(named("AAAAAAAA", "ZZZZZZZZ"), None, "more than can be counted");
    }

    fn bad(existing: &[RowLayout], new: Vec<RowLayout>) -> Vec<(usize, &'static str)> {
        check(existing, new).1.into_iter().map(|bad| (bad.index, bad.field)).collect()
    }

    #[test]
    fn a_seat_exists_once() {
        let existing = [row("A", 1, 20), row("A", 21, 40)];
        assert_eq!(bad(&existing, vec![row("A", 41, 50), row("B", 1, 40)]), []);
        assert_eq!(bad(&existing, vec![row("a", 40, 41)]), [(0, "")]);
        assert_eq!(bad(&[], vec![row("B", 1, 5), row("C", 1, 5), row("b", 5, 6)]), [(2, "")]);
        let odd = RowLayout { step: 2, ..row("B", 1, 9) };
        let even = RowLayout { step: 2, ..row("B", 2, 8) };
        assert_eq!(bad(&existing, vec![odd.clone(), even.clone()]), []);
        assert_eq!(bad(&existing, vec![odd.clone(), even, row("B", 8, 8), row("B", 10, 10)]), [(2, "")]);
        assert_eq!(
            bad(&existing, vec![RowLayout { last: 8, ..odd.clone() }, RowLayout { step: 3, ..odd }]),
            [(0, "/step"), (1, "/step"),]
        );
        let wrong = vec![row("B-", 1, 5), row("B", 0, 5), row("B", 9, 8), row("B", 1, 10_000)];
        assert_eq!(bad(&[], wrong), [(0, "/label"), (1, ""), (2, ""), (3, "")]);
    }

    proptest! {
        #[test]
        fn blocks_make_up_their_row(first in 1_u16..500, seats in 1_u16..2000, step in 1_u8..=2) {
            let whole = RowLayout { step, ..row("A", first, first + (seats - 1) * u16::from(step)) };
            prop_assert_eq!(rows(&store::row_blocks(&whole)), vec![whole]);
        }
    }
}
