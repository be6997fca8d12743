//! The plan of an event that has none: drawn from the rows of its areas and their layouts.

use super::{
    Category, Direction, Outline, Plan, PlanRow, PlanSeat, Point, RowsLayout, SeatKind, Section, Shape,
    ShapeKind, ShapeText, Sides, Size, categories,
};
use crate::event::{Area, AreaKind};

/// Around the plan, and between its areas.
const MARGIN: i64 = 60;
/// The height of the stage and of areas without numbers.
const STRIP: i64 = 60;
/// The least width of a plan.
const LEAST_WIDTH: i64 = 400;

/// The plan of these areas: the stage, below it area after area, each with its rows as its layout
/// says. The same areas give the same plan.
pub fn generate(areas: &[Area]) -> Plan {
    let drawings: Vec<Drawing> = areas.iter().zip(categories(areas)).map(Drawing::new).collect();
    let width = drawings.iter().map(|drawing| drawing.width).max().unwrap_or(0).max(LEAST_WIDTH * 100);
    let width = (width + 2 * MARGIN * 100).div_euclid(100);
    let middle = width * 50;
    let mut top = MARGIN * 100;
    let stage = strip(ShapeKind::Stage, middle, top, LEAST_WIDTH / 2, None);
    let focal = Point::hundredths(middle, top);
    top += STRIP * 100;
    let mut sections = vec![Section { shapes: vec![stage], ..section(String::new(), Point::default()) }];
    let categories =
        drawings.iter().map(|drawing| Category { name: drawing.category.clone(), color: None }).collect();
    for drawing in drawings {
        top += MARGIN * 100;
        let (section, height) = drawing.at(Point::hundredths(middle, top), width - 2 * MARGIN);
        sections.push(section);
        top += height;
    }
    let height = (top + MARGIN * 100).div_euclid(100);
    let size = [width, height].map(|length| u32::try_from(length).unwrap_or(u32::MAX).min(super::MAX_SIZE));
    Plan { name: String::new(), size: Size { width: size[0], height: size[1] }, focal, categories, sections }
}

fn section(name: String, position: Point) -> Section {
    Section { name, zone_id: None, position, rows: Vec::new(), shapes: Vec::new(), view: None }
}

/// A rectangle with its middle at `middle`.
fn strip(kind: ShapeKind, middle: i64, top: i64, width: i64, text: Option<(&str, &str)>) -> Shape {
    let label = |text: &str| ShapeText {
        text: text.chars().take(120).collect(),
        at: Point::hundredths(width * 50, STRIP * 50),
        color: None,
        size: None,
    };
    Shape {
        kind,
        at: Point::hundredths(middle - width * 50, top),
        outline: Outline::Rectangle {
            width: u32::try_from(width).unwrap_or(0),
            height: u32::try_from(STRIP).unwrap_or(0),
        },
        rotation: super::Length::default(),
        category: text.map(|(_, category)| category.to_owned()),
        seats: Vec::new(),
        text: text.map(|(name, _)| label(name)),
        color: None,
        border_color: None,
    }
}

/// An area as it is drawn, around the middle of its first row, in hundredths.
struct Drawing<'a> {
    area: &'a Area,
    category: String,
    rows: Vec<PlanRow>,
    width: i64,
}

impl<'a> Drawing<'a> {
    fn new((area, (_, category)): (&'a Area, (crate::AreaId, String))) -> Self {
        let layout = area.layout.clone().unwrap_or_default();
        let mut rows: Vec<(String, Vec<u16>)> = Vec::new();
        for block in &area.rows {
            // A long row is several blocks, and so are its two sides.
            match rows.iter_mut().find(|(label, _)| *label == block.label) {
                Some((_, numbers)) => numbers.extend(block.numbers()),
                None => rows.push((block.label.clone(), block.numbers().collect())),
            }
        }
        rows.retain(|(_, numbers)| !numbers.is_empty());
        let rows: Vec<(String, Vec<(u16, bool)>)> =
            rows.into_iter().map(|(label, numbers)| (label, in_order(numbers, &layout))).collect();
        let spacing = i64::from(layout.spacing) * 100;
        let row_width = |row: &[(u16, bool)]| spacing * places(row).last().copied().unwrap_or(0);
        let width = rows.iter().map(|(_, row)| row_width(row)).max().unwrap_or(0);
        let rows = (0..).zip(rows).map(|(index, (label, row))| {
            let half = row_width(&row) / 2;
            let seats = row.iter().zip(places(&row)).map(|((number, aisle_after), place)| {
                let x = place * spacing - half;
                let y = index * i64::from(layout.gap) * 100 - bent(&layout, x, width);
                seat(*number, *aisle_after, &category, Point::hundredths(x, y))
            });
            let seats = seats.collect();
            PlanRow { label, seats, label_at: None, row_text: None, seat_text: None }
        });
        let rows = rows.collect();
        Self { area, category, rows, width: width + spacing }
    }

    /// The section with its middle and upper edge there, and its height.
    fn at(self, place: Point, width: i64) -> (Section, i64) {
        let position = Point { y: place.y, ..Point::default() };
        let mut section = section(self.area.area_name.clone(), position);
        let (middle, top) = (place.x.in_hundredths().into(), place.y.in_hundredths().into());
        if self.area.kind == AreaKind::GeneralAdmission {
            let text = (self.area.area_name.as_str(), self.category.as_str());
            section.shapes.push(strip(ShapeKind::GeneralArea, middle, top, width, Some(text)));
            return (section, STRIP * 100);
        }
        let ys =
            || self.rows.iter().flat_map(|row| &row.seats).map(|seat| i64::from(seat.at.y.in_hundredths()));
        let (least, most) = (ys().min().unwrap_or(0), ys().max().unwrap_or(0));
        let offset = Point::hundredths(middle, top - least);
        section.rows = self.rows;
        for seat in section.rows.iter_mut().flat_map(|row| &mut row.seats) {
            seat.at = seat.at + offset;
        }
        (section, most - least)
    }
}

fn seat(number: u16, aisle_after: bool, category: &str, at: Point) -> PlanSeat {
    PlanSeat {
        number,
        category: category.to_owned(),
        at,
        kind: SeatKind::Standard,
        aisle_after,
        guid: None,
        radius: None,
        fills: None,
        view: None,
    }
}

/// The places of a row's seats from left to right; an aisle is as wide as a seat.
fn places(row: &[(u16, bool)]) -> Vec<i64> {
    let mut next = 0;
    let place = |(_, aisle_after): &(u16, bool)| {
        let place = next;
        next += 1 + i64::from(*aisle_after);
        place
    };
    row.iter().map(place).collect()
}

/// How much nearer to the stage a seat is than the middle of its row. A parabola whose slope is at most
/// one in two, so that rows do not come too near to each other.
fn bent(layout: &RowsLayout, x: i64, width: i64) -> i64 {
    if width == 0 { 0 } else { i64::from(layout.bend) * x * x / (200 * width) }
}

/// The numbers of a row from left to right, each with whether an aisle follows.
pub fn in_order(mut numbers: Vec<u16>, layout: &RowsLayout) -> Vec<(u16, bool)> {
    numbers.sort_unstable();
    numbers.dedup();
    if layout.sides == Sides::OddEven {
        // 5 3 1 2 4 6.
        let (mut odd, even): (Vec<u16>, Vec<u16>) = numbers.into_iter().partition(|number| number % 2 == 1);
        odd.reverse();
        odd.extend(even);
        numbers = odd;
    }
    if layout.direction == Direction::RightToLeft {
        numbers.reverse();
    }
    let steps = numbers.iter().zip(numbers.iter().skip(1)).map(|(a, b)| a.abs_diff(*b));
    // Of one side with odd or even numbers only, as of both, neighbours are two apart.
    let step = if layout.sides == Sides::OddEven { 2 } else { steps.min().unwrap_or(1) };
    let is_aisle = |a: u16, b: u16| {
        if layout.sides == Sides::OddEven && a % 2 != b % 2 {
            return layout.aisles_after.contains(&0);
        }
        let (low, high) = (a.min(b), a.max(b));
        // Where numbers are missing, something else stands.
        high - low > step || layout.aisles_after.iter().any(|after| (low..high).contains(after))
    };
    let nexts = numbers.iter().skip(1).map(Some).chain(std::iter::once(None));
    let ordered = numbers.iter().zip(nexts);
    ordered.map(|(number, next)| (*number, next.is_some_and(|next| is_aisle(*number, *next)))).collect()
}
