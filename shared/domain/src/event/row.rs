//! Rows of numbered seats, as an area lists them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ROW_PATTERN;

/// A row of numbered seats: `label` and the numbers from `first` to `last` in steps of `step`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowLayout {
    /// The row's letter or name, such as `A` or `AA`.
    #[schemars(regex(pattern = ROW_PATTERN))]
    pub label: String,
    /// The lowest seat number.
    #[schemars(range(min = 1, max = 9999))]
    pub first: u16,
    /// The highest seat number.
    #[schemars(range(min = 1, max = 9999))]
    pub last: u16,
    /// The difference of neighbouring numbers: 2 for a side with odd or even numbers only.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 2))]
    pub step: u8,
    /// The numbers of seats that were taken out of the plan. Their places in the row stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(range(min = 1, max = 9999)))]
    pub gone: Vec<u16>,
}

const fn one() -> u8 {
    1
}

const fn is_one(step: &u8) -> bool {
    *step == 1
}

impl RowLayout {
    /// A row with all numbers from `first` to `last`.
    pub fn new(label: impl Into<String>, first: u16, last: u16) -> Self {
        Self { label: label.into(), first, last, step: 1, gone: Vec::new() }
    }

    /// The numbers that the row has or had, in order.
    pub fn places(&self) -> impl Iterator<Item = u16> + use<> {
        (self.first..=self.last).step_by(usize::from(self.step.max(1)))
    }

    /// The numbers of the row's seats, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + '_ {
        self.places().filter(|number| !self.gone.contains(number))
    }

    /// Whether the row has or had a seat with this number.
    pub fn has_place(&self, number: u16) -> bool {
        (self.first..=self.last).contains(&number)
            && (number - self.first).is_multiple_of(self.step.max(1).into())
    }

    /// Whether the row has a seat with this number.
    pub fn has_number(&self, number: u16) -> bool {
        self.has_place(number) && !self.gone.contains(&number)
    }

    /// The number of seats in the row.
    pub fn len(&self) -> u32 {
        u32::try_from(self.numbers().count()).unwrap_or(u32::MAX)
    }

    /// True if all of its seats were taken out of the plan.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
