//! What is drawn in a plan besides seats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Length, Point, line, some_line};
use crate::seat::SeatLabel;
use crate::text::Line;

/// Something of a plan that is not a seat.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlanShape")]
pub struct Shape {
    /// What it stands for.
    #[serde(default, skip_serializing_if = "ShapeKind::is_decoration")]
    pub kind: ShapeKind,
    /// Its point of reference: the middle of circles and ellipses, the upper left corner of the others.
    pub at: Point,
    /// Its outline.
    pub outline: Outline,
    /// The degrees by which it is turned around its point of reference, clockwise.
    #[serde(default, skip_serializing_if = "Length::is_zero")]
    pub rotation: Length,
    /// The category that is sold there, of an area without numbers.
    #[serde(default, deserialize_with = "some_line::<_, 110>")]
    #[schemars(with = "Option<Line<0, 110>>")]
    pub category: Option<String>,
    /// The seats at it, of a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub seats: Vec<SeatLabel>,
    /// The text on it.
    #[serde(default)]
    pub text: Option<ShapeText>,
    /// The colour within, as CSS writes it.
    #[serde(default, deserialize_with = "some_line::<_, 40>")]
    #[schemars(with = "Option<Line<0, 40>>")]
    pub color: Option<String>,
    /// The colour of its outline, as CSS writes it.
    #[serde(default, deserialize_with = "some_line::<_, 40>")]
    #[schemars(with = "Option<Line<0, 40>>")]
    pub border_color: Option<String>,
}

/// What a shape stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeKind {
    /// Nothing that is sold: a wall, a bar, a text.
    #[default]
    Decoration,
    /// The stage.
    Stage,
    /// An area without numbers.
    GeneralArea,
    /// A table.
    Table,
}

impl ShapeKind {
    pub(super) fn is_decoration(&self) -> bool {
        *self == Self::Decoration
    }
}

/// The outline of a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "PlanOutline")]
pub enum Outline {
    /// A rectangle.
    Rectangle {
        /// The width.
        #[schemars(range(min = 0, max = 100_000))]
        width: u32,
        /// The height.
        #[schemars(range(min = 0, max = 100_000))]
        height: u32,
    },
    /// A circle.
    Circle {
        /// The radius.
        #[schemars(range(min = 0, max = 100_000))]
        radius: u32,
    },
    /// An ellipse.
    Ellipse {
        /// The two radii.
        radius: Point,
    },
    /// A polygon.
    Polygon {
        /// Its corners, from its point of reference.
        #[schemars(length(max = 200))]
        points: Vec<Point>,
    },
    /// Only the text.
    Text {},
}

/// The text on a shape.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlanShapeText")]
pub struct ShapeText {
    /// The text.
    #[serde(deserialize_with = "line::<_, 0, 120>")]
    #[schemars(with = "Line<0, 120>")]
    pub text: String,
    /// The middle of the text, from the shape's point of reference.
    pub at: Point,
    /// The colour, as CSS writes it.
    #[serde(default, deserialize_with = "some_line::<_, 40>")]
    #[schemars(with = "Option<Line<0, 40>>")]
    pub color: Option<String>,
    /// The size of the letters.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub size: Option<u16>,
}
