//! Seating plans: where the seats of an event are, and what stands between them.
//!
//! A plan is a superset of what pretix's editor reads and writes ([`pretix`]). Its versions never
//! change; an event pins one ([`PinnedPlan`]). An event without a stored plan has a [generated](generate)
//! one, so that every seated show has a plan. Seats name a *category*; an area says which one it sells
//! ([`categories`]). What an area sells changes only when a plan is published, by [`changes`].

mod category;
mod changes;
mod check;
mod generate;
mod layout;
mod packed;
mod point;
pub mod pretix;
mod seating;
mod shape;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::event::ROW_PATTERN;
use crate::seat::{SeatLabel, normal_row};
use crate::text::Line;
use crate::{EventId, ImageId, PlanId};

pub use category::categories;
pub use changes::{AreaChange, changes};
pub use generate::{generate, in_order};
pub use layout::{Direction, RowsLayout, Sides};
pub use packed::{InvalidPlan, pack, unpack};
pub use point::{Length, MOST_LENGTH, Point};
pub use seating::{Place, Run, Seating, Seatings};
pub use shape::{Outline, Shape, ShapeKind, ShapeText};

/// The most seats of a plan.
pub const MAX_SEATS: usize = 20_000;
/// The most shapes of a plan.
pub const MAX_SHAPES: usize = 500;
/// The largest width and height of a plan.
pub const MAX_SIZE: u32 = 100_000;

/// The version of a plan that an event's buyers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedPlan {
    /// The plan; the dates of one show may share it.
    pub id: PlanId,
    /// The version, from 1.
    pub version: u32,
}

impl PlanId {
    /// The plan that an event has of its own until it pins another.
    pub fn of_event(event: EventId) -> Self {
        Self::from_uuid(event.uuid())
    }
}

/// The seats of a venue with their places, in units of the drawing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The name of the plan, for the organiser.
    #[serde(default, deserialize_with = "line::<_, 0, 100>")]
    #[schemars(with = "Line<0, 100>")]
    pub name: String,
    /// The size of the drawing.
    pub size: Size,
    /// The point that everybody wants to be near to: the middle of the stage.
    pub focal: Point,
    /// The categories that seats and areas name; an area of the event sells each.
    #[schemars(length(max = 100))]
    pub categories: Vec<Category>,
    /// The parts of the plan. Within a section, rows follow each other from the stage.
    #[schemars(length(max = 500))]
    pub sections: Vec<Section>,
}

/// The size of a plan's drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlanSize")]
pub struct Size {
    /// The width.
    #[schemars(range(min = 1, max = 100_000))]
    pub width: u32,
    /// The height.
    #[schemars(range(min = 1, max = 100_000))]
    pub height: u32,
}

/// What seats and areas of a plan are sold as.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlanCategory")]
pub struct Category {
    /// The name, such as `Platea`.
    #[serde(deserialize_with = "line::<_, 1, 110>")]
    #[schemars(with = "Line<1, 110>")]
    pub name: String,
    /// The colour in which its seats are drawn, as CSS writes it.
    #[serde(default, deserialize_with = "some_line::<_, 40>")]
    #[schemars(with = "Option<Line<0, 40>>")]
    pub color: Option<String>,
}

/// A part of a plan, such as a balcony.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlanSection")]
pub struct Section {
    /// The name, such as `Balcón`.
    #[serde(default, deserialize_with = "line::<_, 0, 100>")]
    #[schemars(with = "Line<0, 100>")]
    pub name: String,
    /// pretix's id of the zone, from which its editor makes ids of seats.
    #[serde(default, deserialize_with = "some_line::<_, 100>")]
    #[schemars(with = "Option<Line<0, 100>>")]
    pub zone_id: Option<String>,
    /// The origin of its drawing. Its seats have places of their own, so it moves none of them.
    #[serde(default)]
    pub position: Point,
    /// The rows, the nearest to the stage first.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub rows: Vec<PlanRow>,
    /// What is not a seat: the stage, tables, areas without numbers, texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub shapes: Vec<Shape>,
    /// What one sees from here.
    #[serde(default)]
    pub view: Option<View>,
}

/// A row of a plan. One name may stand for several rows, as on both sides of an aisle.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRow {
    /// The row's letter or name, such as `A` or `AA`.
    #[serde(deserialize_with = "row_name")]
    #[schemars(regex(pattern = ROW_PATTERN))]
    pub label: String,
    /// The seats from left to right, seen by who sits there.
    #[schemars(length(max = 1000))]
    pub seats: Vec<PlanSeat>,
    /// Where its name is drawn.
    #[serde(default)]
    pub label_at: Option<LabelAt>,
    /// The words for the row in texts, such as `Fila`.
    #[serde(default, deserialize_with = "some_line::<_, 60>")]
    #[schemars(with = "Option<Line<0, 60>>")]
    pub row_text: Option<String>,
    /// The words for its seats in texts; `%s` stands for the number.
    #[serde(default, deserialize_with = "some_line::<_, 60>")]
    #[schemars(with = "Option<Line<0, 60>>")]
    pub seat_text: Option<String>,
}

/// Where the name of a row is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelAt {
    /// On the left.
    Start,
    /// On the right.
    End,
    /// On both sides.
    Both,
}

/// A seat of a plan.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSeat {
    /// The number within its row. With the row's name it is unique within the category.
    #[schemars(range(min = 1, max = 9999))]
    pub number: u16,
    /// The category that it is sold as.
    #[serde(deserialize_with = "line::<_, 1, 110>")]
    #[schemars(with = "Line<1, 110>")]
    pub category: String,
    /// Its place in the drawing.
    pub at: Point,
    /// For whom it is.
    #[serde(default, skip_serializing_if = "SeatKind::is_standard")]
    pub kind: SeatKind,
    /// True if an aisle follows on its right, so that its neighbour is none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub aisle_after: bool,
    /// The id that another system knows it by; unique within the plan.
    #[serde(default, deserialize_with = "some_line::<_, 100>")]
    #[schemars(with = "Option<Line<0, 100>>")]
    pub guid: Option<String>,
    /// The radius of its drawing, if it has one of its own.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub radius: Option<u16>,
    /// The direction in which pretix fills the row from here.
    #[serde(default)]
    pub fills: Option<Fills>,
    /// What one sees from here, if not what one sees from the section.
    #[serde(default)]
    pub view: Option<View>,
}

/// For whom a seat is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatKind {
    /// For everybody.
    #[default]
    Standard,
    /// For a wheelchair. It is offered to who asks for it.
    Accessible,
    /// For who comes with a person in a wheelchair. It is offered to who asks for it.
    Companion,
    /// For everybody, behind a column or the like.
    ObstructedView,
}

impl SeatKind {
    fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// True if it is offered only to who asks for it.
    pub const fn is_reserved(self) -> bool {
        matches!(self, Self::Accessible | Self::Companion)
    }
}

/// The direction in which pretix fills a row from a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Fills {
    /// To the left.
    #[serde(rename = "<")]
    Left,
    /// To the right.
    #[serde(rename = ">")]
    Right,
    /// Both ways.
    #[serde(rename = "<>")]
    Both,
}

/// What one sees from a seat.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SeatView")]
pub struct View {
    /// In words, such as `Columna a la izquierda`; possibly empty.
    #[serde(default, deserialize_with = "line::<_, 0, 120>")]
    #[schemars(with = "Line<0, 120>")]
    pub text: String,
    /// One of the event's pictures.
    #[serde(default)]
    pub image: Option<ImageId>,
}

impl Plan {
    /// All seats, each with its row.
    pub fn seats(&self) -> impl Iterator<Item = (&PlanRow, &PlanSeat)> {
        let rows = self.sections.iter().flat_map(|section| &section.rows);
        rows.flat_map(|row| row.seats.iter().map(move |seat| (row, seat)))
    }

    /// The seats of a category, by their labels.
    pub fn labels<'a>(&'a self, category: &'a str) -> impl Iterator<Item = SeatLabel> + 'a {
        let of_category = self.seats().filter(move |(_, seat)| seat.category == category);
        of_category.filter_map(|(row, seat)| SeatLabel::new(&row.label, seat.number).ok())
    }

    /// The seat of a category, and what one sees from there.
    pub fn seat(&self, category: &str, label: &SeatLabel) -> Option<(&PlanSeat, Option<&View>)> {
        self.sections.iter().find_map(|section| {
            let rows = section.rows.iter().filter(|row| row.label == label.row());
            let mut seats = rows.flat_map(|row| &row.seats);
            let seat = seats.find(|seat| seat.number == label.number() && seat.category == category)?;
            Some((seat, seat.view.as_ref().or(section.view.as_ref())))
        })
    }

    /// As [`Plan::seat`], to change it.
    pub fn seat_mut(&mut self, category: &str, label: &SeatLabel) -> Option<&mut PlanSeat> {
        let rows = self.sections.iter_mut().flat_map(|section| &mut section.rows);
        let mut seats = rows.filter(|row| row.label == label.row()).flat_map(|row| &mut row.seats);
        seats.find(|seat| seat.number == label.number() && seat.category == category)
    }

    /// How many seats of this plan stand elsewhere in `other`.
    pub fn moved(&self, other: &Self) -> usize {
        let key = |(row, seat): (&PlanRow, &PlanSeat)| {
            ((seat.category.clone(), row.label.clone(), seat.number), seat.at)
        };
        let places: std::collections::HashMap<_, _> = other.seats().map(key).collect();
        self.seats().map(key).filter(|(seat, at)| places.get(seat).is_some_and(|other| other != at)).count()
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// Reads a line of a request into the text that is kept.
fn line<'de, D: Deserializer<'de>, const MIN: usize, const MAX: usize>(
    deserializer: D,
) -> Result<String, D::Error> {
    Line::<MIN, MAX>::deserialize(deserializer).map(String::from)
}

/// Reads a line of a request; an empty one is none.
fn some_line<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<Line<0, MAX>>::deserialize(deserializer)?.and_then(Line::some))
}

/// Reads the name of a row, in capital letters.
fn row_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    normal_row(&text).ok_or_else(|| serde::de::Error::custom("expected the name of a row, such as A or 12"))
}
