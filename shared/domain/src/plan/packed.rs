//! Plans as the table keeps them: arrays in place of objects, texts as they were when they were checked,
//! so that a stricter rule for requests leaves stored plans readable.

use serde::{Deserialize, Serialize};

use super::{
    Category, Fills, LabelAt, Length, Outline, Plan, PlanRow, PlanSeat, Point, SeatKind, Section, Shape,
    ShapeKind, ShapeText, Size, View,
};
use crate::ImageId;
use crate::seat::SeatLabel;

/// The bytes are not a plan.
#[derive(Debug, thiserror::Error)]
#[error("a stored plan cannot be read: {0}")]
pub struct InvalidPlan(String);

/// The plan as bytes, to be compressed.
///
/// # Errors
/// A seat whose category the plan does not have, which [`Plan::check`] refuses.
pub fn pack(plan: &Plan) -> Result<Vec<u8>, InvalidPlan> {
    let sections = plan.sections.iter().map(|section| PackedSection::of(section, &plan.categories));
    let packed = PackedPlan {
        n: plan.name.clone(),
        z: (plan.size.width, plan.size.height),
        f: packed_point(plan.focal),
        c: plan.categories.iter().map(|category| (category.name.clone(), category.color.clone())).collect(),
        s: sections.collect::<Result<_, _>>()?,
    };
    serde_json::to_vec(&packed).map_err(|error| InvalidPlan(error.to_string()))
}

/// Reads what [`pack`] wrote.
///
/// # Errors
/// Bytes that it did not write.
pub fn unpack(bytes: &[u8]) -> Result<Plan, InvalidPlan> {
    let packed: PackedPlan = serde_json::from_slice(bytes).map_err(|error| InvalidPlan(error.to_string()))?;
    let categories: Vec<Category> =
        packed.c.into_iter().map(|(name, color)| Category { name, color }).collect();
    let sections = packed.s.into_iter().map(|section| section.section(&categories));
    Ok(Plan {
        name: packed.n,
        size: Size { width: packed.z.0, height: packed.z.1 },
        focal: point(packed.f),
        sections: sections.collect::<Result<_, _>>()?,
        categories,
    })
}

type PackedPoint = (i32, i32);
type PackedView = (String, Option<ImageId>);
type PackedText = (String, PackedPoint, Option<String>, Option<u16>);

fn packed_point(point: Point) -> PackedPoint {
    (point.x.in_hundredths(), point.y.in_hundredths())
}

fn point((x, y): PackedPoint) -> Point {
    Point::hundredths(x.into(), y.into())
}

fn view((text, image): PackedView) -> View {
    View { text, image }
}

fn packed_view(view: &View) -> PackedView {
    (view.text.clone(), view.image)
}

/// Name, size, focal point, categories, sections.
#[derive(Serialize, Deserialize)]
struct PackedPlan {
    n: String,
    z: (u32, u32),
    f: PackedPoint,
    c: Vec<(String, Option<String>)>,
    s: Vec<PackedSection>,
}

/// Name, pretix's zone, position, rows, shapes, view.
#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct PackedSection {
    n: String,
    z: Option<String>,
    p: PackedPoint,
    r: Vec<PackedRow>,
    s: Vec<PackedShape>,
    v: Option<PackedView>,
}

/// Label, its place, texts of row and seats; then of each seat number, category, x, y; then what few
/// seats have, with the seat's index: kind, aisle, guid, radius, direction, view.
#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct PackedRow {
    l: String,
    a: Option<LabelAt>,
    t: Option<String>,
    u: Option<String>,
    n: Vec<u16>,
    c: Vec<usize>,
    x: Vec<i32>,
    y: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    k: Vec<(usize, SeatKind)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    e: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    g: Vec<(usize, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    d: Vec<(usize, u16)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    i: Vec<(usize, Fills)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    v: Vec<(usize, PackedView)>,
}

/// Kind, place, outline, rotation, category, seats, text, colours.
#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct PackedShape {
    k: ShapeKind,
    p: PackedPoint,
    o: Outline,
    r: i32,
    c: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    s: Vec<SeatLabel>,
    t: Option<PackedText>,
    f: Option<String>,
    b: Option<String>,
}

impl PackedSection {
    fn of(section: &Section, categories: &[Category]) -> Result<Self, InvalidPlan> {
        let rows = section.rows.iter().map(|row| PackedRow::of(row, categories));
        Ok(Self {
            n: section.name.clone(),
            z: section.zone_id.clone(),
            p: packed_point(section.position),
            r: rows.collect::<Result<_, _>>()?,
            s: section.shapes.iter().map(PackedShape::of).collect(),
            v: section.view.as_ref().map(packed_view),
        })
    }

    fn section(self, categories: &[Category]) -> Result<Section, InvalidPlan> {
        let rows = self.r.into_iter().map(|row| row.row(categories));
        Ok(Section {
            name: self.n,
            zone_id: self.z,
            position: point(self.p),
            rows: rows.collect::<Result<_, _>>()?,
            shapes: self.s.into_iter().map(PackedShape::shape).collect(),
            view: self.v.map(view),
        })
    }
}

impl PackedRow {
    fn of(row: &PlanRow, categories: &[Category]) -> Result<Self, InvalidPlan> {
        let category = |seat: &PlanSeat| {
            let index = categories.iter().position(|category| category.name == seat.category);
            index.ok_or_else(|| InvalidPlan(format!("no category {}", seat.category)))
        };
        let seats = || row.seats.iter().enumerate();
        Ok(Self {
            l: row.label.clone(),
            a: row.label_at,
            t: row.row_text.clone(),
            u: row.seat_text.clone(),
            n: row.seats.iter().map(|seat| seat.number).collect(),
            c: row.seats.iter().map(category).collect::<Result<_, _>>()?,
            x: row.seats.iter().map(|seat| seat.at.x.in_hundredths()).collect(),
            y: row.seats.iter().map(|seat| seat.at.y.in_hundredths()).collect(),
            k: seats().filter(|(_, seat)| !seat.kind.is_standard()).map(|(i, seat)| (i, seat.kind)).collect(),
            e: seats().filter(|(_, seat)| seat.aisle_after).map(|(i, _)| i).collect(),
            g: seats().filter_map(|(i, seat)| Some((i, seat.guid.clone()?))).collect(),
            d: seats().filter_map(|(i, seat)| Some((i, seat.radius?))).collect(),
            i: seats().filter_map(|(i, seat)| Some((i, seat.fills?))).collect(),
            v: seats().filter_map(|(i, seat)| Some((i, packed_view(seat.view.as_ref()?)))).collect(),
        })
    }

    fn row(self, categories: &[Category]) -> Result<PlanRow, InvalidPlan> {
        let count = self.n.len();
        if [self.c.len(), self.x.len(), self.y.len()] != [count; 3] {
            return Err(InvalidPlan(format!("row {} has arrays of different lengths", self.l)));
        }
        let seat = |(((number, category), x), y): (((u16, usize), i32), i32)| {
            let category = categories.get(category).map(|category| category.name.clone());
            Ok(PlanSeat {
                number,
                category: category.ok_or_else(|| InvalidPlan("a category without a name".to_owned()))?,
                at: point((x, y)),
                kind: SeatKind::Standard,
                aisle_after: false,
                guid: None,
                radius: None,
                fills: None,
                view: None,
            })
        };
        let seats = self.n.into_iter().zip(self.c).zip(self.x).zip(self.y).map(seat);
        let mut seats: Vec<PlanSeat> = seats.collect::<Result<_, _>>()?;
        each(&mut seats, self.k, |seat, kind| seat.kind = kind);
        each(&mut seats, self.e.into_iter().map(|index| (index, ())), |seat, ()| seat.aisle_after = true);
        each(&mut seats, self.g, |seat, guid| seat.guid = Some(guid));
        each(&mut seats, self.d, |seat, radius| seat.radius = Some(radius));
        each(&mut seats, self.i, |seat, fills| seat.fills = Some(fills));
        each(&mut seats, self.v, |seat, packed| seat.view = Some(view(packed)));
        Ok(PlanRow { label: self.l, seats, label_at: self.a, row_text: self.t, seat_text: self.u })
    }
}

/// Sets something of the seats with these indexes.
fn each<T>(
    seats: &mut [PlanSeat],
    values: impl IntoIterator<Item = (usize, T)>,
    mut set: impl FnMut(&mut PlanSeat, T),
) {
    for (index, value) in values {
        if let Some(seat) = seats.get_mut(index) {
            set(seat, value);
        }
    }
}

impl PackedShape {
    fn of(shape: &Shape) -> Self {
        let text =
            |text: &ShapeText| (text.text.clone(), packed_point(text.at), text.color.clone(), text.size);
        Self {
            k: shape.kind,
            p: packed_point(shape.at),
            o: shape.outline.clone(),
            r: shape.rotation.in_hundredths(),
            c: shape.category.clone(),
            s: shape.seats.clone(),
            t: shape.text.as_ref().map(text),
            f: shape.color.clone(),
            b: shape.border_color.clone(),
        }
    }

    fn shape(self) -> Shape {
        let text = |(text, at, color, size): PackedText| ShapeText { text, at: point(at), color, size };
        Shape {
            kind: self.k,
            at: point(self.p),
            outline: self.o,
            rotation: Length::hundredths(self.r.into()),
            category: self.c,
            seats: self.s,
            text: self.t.map(text),
            color: self.f,
            border_color: self.b,
        }
    }
}
