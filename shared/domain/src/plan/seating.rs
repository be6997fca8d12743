//! The seats of an area in the order in which they stand.

use std::collections::{HashMap, HashSet};

use super::{Plan, Point, SeatKind, categories, in_order};
use crate::AreaId;
use crate::event::{Area, AreaKind};
use crate::seat::SeatLabel;

/// An event's plan, and where the seats of its areas stand in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seatings {
    /// The plan.
    pub plan: Plan,
    areas: Vec<(AreaId, Seating)>,
}

impl Seatings {
    /// The seats that the areas of an event have, as they stand in its plan.
    pub fn new(plan: Plan, areas: &[Area]) -> Self {
        let seated = areas.iter().zip(categories(areas));
        let seated = seated.filter(|(area, _)| area.kind == AreaKind::Seated);
        let areas = seated.map(|(area, (id, category))| (id, Seating::new(&plan, &category, area)));
        Self { areas: areas.collect(), plan }
    }

    /// Where the seats of an area stand; `None` for one without seats.
    pub fn of(&self, area: AreaId) -> Option<&Seating> {
        self.areas.iter().find(|(id, _)| *id == area).map(|(_, seating)| seating)
    }
}

/// The seats of one area as they stand in a plan: what choosing and checking of seats goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Seating {
    /// The point that everybody wants to be near to.
    pub focal: Point,
    /// Its runs, row by row.
    pub runs: Vec<Run>,
}

/// Seats beside each other without an aisle, from left to right.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The section's index in the plan.
    pub section: usize,
    /// The row's index in the section; rows whose indexes follow are one behind the other.
    pub row: usize,
    /// The seats.
    pub seats: Vec<Place>,
}

/// A seat where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The seat.
    pub label: SeatLabel,
    /// The index of its block among the area's.
    pub block: u16,
    /// Its place.
    pub at: Point,
    /// For whom it is.
    pub kind: SeatKind,
}

impl Seating {
    /// The seats that `area` has, as they stand in `plan`, which calls them `category`. Seats that the
    /// plan does not have, because it is about to be published, stand behind the others by their
    /// numbers; seats that the area does not have are left out like a wall.
    pub fn new(plan: &Plan, category: &str, area: &Area) -> Self {
        let mut blocks: HashMap<&str, Vec<(u16, &crate::event::RowLayout)>> = HashMap::new();
        for (index, row) in (0..).zip(&area.rows) {
            blocks.entry(&row.label).or_default().push((index, row));
        }
        let block_of = |label: &SeatLabel| {
            let of_row = blocks.get(label.row())?;
            of_row.iter().find(|(_, row)| row.has_number(label.number())).map(|(index, _)| *index)
        };
        let (mut runs, mut seen) = (Vec::new(), HashSet::new());
        for (section, part) in plan.sections.iter().enumerate() {
            for (row, line) in part.rows.iter().enumerate() {
                let mut run = Vec::new();
                for seat in &line.seats {
                    let label = SeatLabel::new(&line.label, seat.number).ok();
                    let label = label.filter(|_| seat.category == category);
                    match label.and_then(|label| Some((block_of(&label)?, label))) {
                        Some((block, label)) => {
                            seen.insert(label.clone());
                            run.push(Place { label, block, at: seat.at, kind: seat.kind });
                        }
                        None => end(&mut runs, section, row, &mut run),
                    }
                    if seat.aisle_after {
                        end(&mut runs, section, row, &mut run);
                    }
                }
                end(&mut runs, section, row, &mut run);
            }
        }
        unplanned(&mut runs, plan, area, &seen);
        Self { focal: plan.focal, runs }
    }

    /// The runs in which at least one of the seats is.
    pub fn runs_of<'a>(&'a self, seats: &'a [SeatLabel]) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(|run| run.seats.iter().any(|place| seats.contains(&place.label)))
    }
}

/// Ends a run, if it has seats.
fn end(runs: &mut Vec<Run>, section: usize, row: usize, run: &mut Vec<Place>) {
    if !run.is_empty() {
        runs.push(Run { section, row, seats: std::mem::take(run) });
    }
}

/// Adds the area's seats that are not among `seen`, each block a run.
fn unplanned(runs: &mut Vec<Run>, plan: &Plan, area: &Area, seen: &HashSet<SeatLabel>) {
    let layout = area.layout.clone().unwrap_or_default();
    let bottom = Point { x: plan.focal.x, y: super::Length::units(plan.size.height.into()) };
    for (index, row) in (0_u16..).zip(&area.rows) {
        let mut run = Vec::new();
        for (number, aisle_after) in in_order(row.numbers().collect(), &layout) {
            let label = SeatLabel::new(&row.label, number).ok().filter(|label| !seen.contains(label));
            if let Some(label) = label {
                run.push(Place { label, block: index, at: bottom, kind: SeatKind::Standard });
            }
            if aisle_after {
                end(runs, plan.sections.len(), usize::from(index) * 2, &mut run);
            }
        }
        end(runs, plan.sections.len(), usize::from(index) * 2, &mut run);
    }
}
