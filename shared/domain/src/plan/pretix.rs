//! Plans as pretix's editor exchanges them: `seating-plan.schema.json`.
//!
//! That schema refuses keys that it does not know, so what only our plans have is left out of an export:
//! focal point, kinds of seats, aisles (read from the distances of seats), views, and what shapes
//! stand for. `uuid`s, which the schema
//! leaves to the editor, are not kept.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{
    Category, Fills, LabelAt, Length, Outline, Plan, PlanRow, PlanSeat, Point, SeatKind, Section, Shape,
    ShapeKind, ShapeText, Size,
};
use crate::error::Fields;
use crate::seat::{MAX_SEAT_NUMBER, normal_row};

/// A plan of pretix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PretixPlan {
    name: String,
    categories: Vec<PretixCategory>,
    zones: Vec<PretixZone>,
    size: PretixSize,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixCategory {
    name: String,
    color: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixSize {
    width: u32,
    height: u32,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixZone {
    #[serde(default)]
    name: String,
    zone_id: Option<String>,
    #[serde(skip_serializing)]
    uuid: Option<String>,
    /// Of former versions of the schema.
    #[serde(skip_serializing)]
    displayed: Option<bool>,
    position: PretixPoint,
    rows: Vec<PretixRow>,
    #[serde(default)]
    areas: Vec<PretixArea>,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixRow {
    row_number: String,
    row_label: Option<String>,
    seat_label: Option<String>,
    #[serde(skip_serializing)]
    uuid: Option<String>,
    row_number_position: Option<LabelAt>,
    position: Option<PretixPoint>,
    /// Of former versions of the schema, as the next.
    #[serde(skip_serializing)]
    number_of_seats: Option<u32>,
    #[serde(skip_serializing)]
    seats_spacing: Option<u32>,
    seats: Vec<PretixSeat>,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixSeat {
    seat_guid: String,
    seat_number: String,
    #[serde(skip_serializing)]
    uuid: Option<String>,
    start_direction: Option<Fills>,
    radius: Option<u16>,
    position: PretixPoint,
    category: String,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixArea {
    shape: Option<PretixShape>,
    color: Option<String>,
    border_color: Option<String>,
    rotation: Option<Number>,
    position: Option<PretixPoint>,
    #[serde(skip_serializing)]
    uuid: Option<String>,
    polygon: Option<PretixPolygon>,
    rectangle: Option<PretixSize>,
    ellipse: Option<PretixEllipse>,
    circle: Option<PretixCircle>,
    text: Option<PretixText>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PretixShape {
    Polygon,
    Rectangle,
    Ellipse,
    Circle,
    Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixPolygon {
    points: Vec<PretixPoint>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixEllipse {
    radius: PretixPoint,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixCircle {
    radius: u32,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixText {
    text: String,
    position: PretixPoint,
    color: Option<String>,
    size: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PretixPoint {
    x: Number,
    y: Number,
}

impl PretixPoint {
    fn of(point: Point) -> Self {
        Self { x: point.x.number(), y: point.y.number() }
    }

    fn point(&self, pointer: &str, fields: &mut Fields) -> Point {
        let mut length = |number: &Number, name: &str| {
            let length = number.as_f64().and_then(Length::of_number);
            let detail = format!("Must be at most {} from the origin.", super::MOST_LENGTH);
            fields.rule(length.is_some(), format!("{pointer}/{name}"), detail);
            length.unwrap_or_default()
        };
        Point { x: length(&self.x, "x"), y: length(&self.y, "y") }
    }
}

/// Reads a plan of pretix. Its numbers of seats are texts: one that is no number is refused, unless
/// `renumber` asks for new ones, from 1 in each row's order; seats keep their `guid`.
///
/// What does not fit our plans is noted with its pointer; [`Plan::check`] says the rest of the *result*.
pub fn read_pretix(pretix: PretixPlan, renumber: bool, fields: &mut Fields) -> Plan {
    let focal = Point { x: Length::hundredths(i64::from(pretix.size.width) * 50), ..Point::default() };
    let mut next: HashMap<(String, String), u16> = HashMap::new();
    let mut number = |row: &str, seat: &PretixSeat, pointer: String, fields: &mut Fields| {
        if renumber {
            let next = next.entry((seat.category.clone(), row.to_owned())).or_insert(0);
            *next = next.saturating_add(1);
            return *next;
        }
        let number = seat.seat_number.parse().ok().filter(|number| (1..=MAX_SEAT_NUMBER).contains(number));
        let detail =
            format!("Must be a number from 1 to {MAX_SEAT_NUMBER}, or import the plan with `renumber=true`.");
        fields.rule(number.is_some(), format!("{pointer}/seat_number"), detail);
        number.unwrap_or(1)
    };
    let mut sections = Vec::new();
    for (index, zone) in pretix.zones.into_iter().enumerate() {
        let base = format!("/zones/{index}");
        let position = zone.position.point(&format!("{base}/position"), fields);
        let mut rows = Vec::new();
        for (index, row) in zone.rows.into_iter().enumerate() {
            let base = format!("{base}/rows/{index}");
            let label = normal_row(row.row_number.trim());
            let detail = "Must be 1 to 8 letters and digits, such as A or 12.";
            fields.rule(label.is_some(), format!("{base}/row_number"), detail);
            let label = label.unwrap_or_else(|| "A".to_owned());
            let at = row.position.map(|at| at.point(&format!("{base}/position"), fields)).unwrap_or_default();
            let mut seats = Vec::new();
            for (index, seat) in row.seats.into_iter().enumerate() {
                let base = format!("{base}/seats/{index}");
                seats.push(PlanSeat {
                    number: number(&label, &seat, base.clone(), fields),
                    at: position + at + seat.position.point(&format!("{base}/position"), fields),
                    category: seat.category,
                    kind: SeatKind::Standard,
                    aisle_after: false,
                    guid: Some(seat.seat_guid).filter(|guid| !guid.is_empty()),
                    radius: seat.radius,
                    fills: seat.start_direction,
                    view: None,
                });
            }
            mark_aisles(&mut seats);
            let (row_text, seat_text) = (row.row_label, row.seat_label);
            rows.push(PlanRow { label, seats, label_at: row.row_number_position, row_text, seat_text });
        }
        let shapes = zone.areas.into_iter().enumerate();
        let shapes =
            shapes.map(|(index, area)| area.shape(&format!("{base}/areas/{index}"), position, fields));
        let shapes = shapes.collect();
        sections.push(Section { name: zone.name, zone_id: zone.zone_id, position, rows, shapes, view: None });
    }
    let categories = pretix.categories.into_iter();
    Plan {
        name: pretix.name,
        size: Size { width: pretix.size.width, height: pretix.size.height },
        focal,
        categories: categories.map(|PretixCategory { name, color }| Category { name, color }).collect(),
        sections,
    }
}

/// Notes an aisle wherever two seats of a row stand much farther from each other than most do: pretix
/// draws aisles and does not name them.
fn mark_aisles(seats: &mut [PlanSeat]) {
    let gaps: Vec<i64> = seats.windows(2).map(|pair| pair[0].at.distance(pair[1].at)).collect();
    let mut sorted = gaps.clone();
    sorted.sort_unstable();
    let Some(usual) = sorted.get(sorted.len() / 2).filter(|_| sorted.len() > 1) else { return };
    for (seat, gap) in seats.iter_mut().zip(gaps) {
        seat.aisle_after = gap * 4 > usual * 7;
    }
}

/// The plan for pretix. A seat without a `guid` gets one of its section, row and number.
pub fn write_pretix(plan: &Plan) -> PretixPlan {
    let categories = plan.categories.iter();
    PretixPlan {
        name: plan.name.clone(),
        categories: categories
            .map(|category| PretixCategory { name: category.name.clone(), color: category.color.clone() })
            .collect(),
        zones: plan.sections.iter().enumerate().map(|(index, section)| zone(index, section)).collect(),
        size: PretixSize { width: plan.size.width, height: plan.size.height },
    }
}

fn zone(index: usize, section: &Section) -> PretixZone {
    let seat = |row: &PlanRow, seat: &PlanSeat| PretixSeat {
        seat_guid: seat
            .guid
            .clone()
            .unwrap_or_else(|| format!("{index}-{}-{}-{}", seat.category, row.label, seat.number)),
        seat_number: seat.number.to_string(),
        uuid: None,
        start_direction: seat.fills,
        radius: seat.radius,
        position: PretixPoint::of(seat.at - section.position),
        category: seat.category.clone(),
    };
    let row = |row: &PlanRow| PretixRow {
        row_number: row.label.clone(),
        row_label: row.row_text.clone(),
        seat_label: row.seat_text.clone(),
        uuid: None,
        row_number_position: row.label_at,
        position: Some(PretixPoint::of(Point::default())),
        number_of_seats: None,
        seats_spacing: None,
        seats: row.seats.iter().map(|of_row| seat(row, of_row)).collect(),
    };
    PretixZone {
        name: section.name.clone(),
        zone_id: section.zone_id.clone(),
        uuid: None,
        displayed: None,
        position: PretixPoint::of(section.position),
        rows: section.rows.iter().map(row).collect(),
        areas: section.shapes.iter().map(|shape| PretixArea::of(shape, section.position)).collect(),
    }
}

impl PretixArea {
    fn of(shape: &Shape, origin: Point) -> Self {
        let text = |text: &ShapeText| PretixText {
            text: text.text.clone(),
            position: PretixPoint::of(text.at),
            color: text.color.clone(),
            size: text.size,
        };
        let mut area = Self {
            shape: None,
            color: shape.color.clone(),
            border_color: shape.border_color.clone(),
            rotation: Some(shape.rotation.number()).filter(|_| !shape.rotation.is_zero()),
            position: Some(PretixPoint::of(shape.at - origin)),
            uuid: None,
            polygon: None,
            rectangle: None,
            ellipse: None,
            circle: None,
            text: shape.text.as_ref().map(text),
        };
        area.shape = Some(match &shape.outline {
            Outline::Rectangle { width, height } => {
                area.rectangle = Some(PretixSize { width: *width, height: *height });
                PretixShape::Rectangle
            }
            Outline::Circle { radius } => {
                area.circle = Some(PretixCircle { radius: *radius });
                PretixShape::Circle
            }
            Outline::Ellipse { radius } => {
                area.ellipse = Some(PretixEllipse { radius: PretixPoint::of(*radius) });
                PretixShape::Ellipse
            }
            Outline::Polygon { points } => {
                let points = points.iter().copied().map(PretixPoint::of).collect();
                area.polygon = Some(PretixPolygon { points });
                PretixShape::Polygon
            }
            Outline::Text {} => PretixShape::Text,
        });
        area
    }

    /// The shape; an area of which the schema lets everything be missing is a text.
    fn shape(self, pointer: &str, origin: Point, fields: &mut Fields) -> Shape {
        let missing = |fields: &mut Fields, name: &str| {
            fields.rule(false, format!("{pointer}/{name}"), "Must be there for this `shape`.");
            Outline::Text {}
        };
        let outline = match (self.shape, self.rectangle, self.circle, self.ellipse, self.polygon) {
            (Some(PretixShape::Rectangle) | None, Some(PretixSize { width, height }), ..) => {
                Outline::Rectangle { width, height }
            }
            (Some(PretixShape::Circle), _, Some(circle), ..) => Outline::Circle { radius: circle.radius },
            (Some(PretixShape::Ellipse), _, _, Some(ellipse), _) => {
                let radius = ellipse.radius.point(&format!("{pointer}/ellipse/radius"), fields);
                Outline::Ellipse { radius }
            }
            (Some(PretixShape::Polygon), _, _, _, Some(polygon)) => {
                let points = polygon.points.iter().enumerate();
                let point = |(index, point): (usize, &PretixPoint)| {
                    point.point(&format!("{pointer}/polygon/points/{index}"), fields)
                };
                Outline::Polygon { points: points.map(point).collect() }
            }
            (Some(PretixShape::Text) | None, ..) => Outline::Text {},
            (Some(PretixShape::Rectangle), ..) => missing(fields, "rectangle"),
            (Some(PretixShape::Circle), ..) => missing(fields, "circle"),
            (Some(PretixShape::Ellipse), ..) => missing(fields, "ellipse"),
            (Some(PretixShape::Polygon), ..) => missing(fields, "polygon"),
        };
        let at = self.position.map(|at| at.point(&format!("{pointer}/position"), fields)).unwrap_or_default();
        let rotation = self.rotation.as_ref().and_then(Number::as_f64).and_then(Length::of_number);
        let text = self.text.map(|text| ShapeText {
            at: text.position.point(&format!("{pointer}/text/position"), fields),
            text: text.text,
            color: text.color,
            size: text.size,
        });
        Shape {
            kind: ShapeKind::Decoration,
            at: origin + at,
            outline,
            rotation: rotation.unwrap_or_default(),
            category: None,
            seats: Vec::new(),
            text,
            color: self.color,
            border_color: self.border_color,
        }
    }
}
