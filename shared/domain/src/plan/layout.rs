//! How rows that are made in bulk are drawn and numbered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the rows of an area that were made in bulk are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RowsLayout {
    /// How much rows are bent, in per cent: more than 0 brings their ends nearer to the stage.
    #[schemars(range(min = -100, max = 100))]
    pub bend: i8,
    /// The numbers of seats after which there is an aisle; 0 is the middle between odd and even ones.
    #[schemars(length(max = 50), inner(range(max = 9999)))]
    pub aisles_after: Vec<u16>,
    /// Whether odd and even numbers have a side each.
    pub sides: Sides,
    /// The side on which numbers begin, or odd numbers stand.
    pub direction: Direction,
    /// The distance of neighbours, from the middle of a seat to that of the next.
    #[schemars(range(min = 10, max = 1000))]
    pub spacing: u16,
    /// The distance of rows, at least that of neighbours.
    #[schemars(range(min = 10, max = 2000))]
    pub gap: u16,
}

impl Default for RowsLayout {
    fn default() -> Self {
        Self {
            bend: 0,
            aisles_after: Vec::new(),
            sides: Sides::Sequential,
            direction: Direction::LeftToRight,
            spacing: 25,
            gap: 30,
        }
    }
}

/// Whether odd and even numbers of a row have a side each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Numbers follow each other.
    Sequential,
    /// Odd numbers on one side, even ones on the other, the lowest in the middle.
    OddEven,
}

/// The direction of numbers, seen by who sits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NumberingDirection")]
pub enum Direction {
    /// From the left, with odd numbers on the left.
    LeftToRight,
    /// From the right, with odd numbers on the right.
    RightToLeft,
}
