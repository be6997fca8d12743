//! The rules of a plan that no schema can state.

use std::collections::{HashMap, HashSet};

use super::{MAX_SEATS, MAX_SHAPES, Outline, Plan, RowsLayout, ShapeKind};
use crate::error::Fields;
use crate::seat::{MAX_SEAT_NUMBER, SeatLabel};

/// The most faults of one plan that an answer names.
const MOST_NAMED: usize = 50;

impl Plan {
    /// Notes what is wrong with the plan, at pointers that begin with `base`.
    pub fn check(&self, base: &str, fields: &mut Fields) {
        let mut noted = 0;
        let mut note = |fields: &mut Fields, schema: bool, pointer: String, detail: String| {
            noted += 1;
            if noted > MOST_NAMED {
                return;
            }
            if schema {
                fields.check(false, pointer, detail);
            } else {
                fields.rule(false, pointer, detail);
            }
        };
        let bounds = 1..=super::MAX_SIZE;
        for (length, name) in [(self.size.width, "width"), (self.size.height, "height")] {
            if !bounds.contains(&length) {
                let detail = format!("Must be 1 to {}.", super::MAX_SIZE);
                note(fields, true, format!("{base}/size/{name}"), detail);
            }
        }
        let shapes: usize = self.sections.iter().map(|section| section.shapes.len()).sum();
        for (count, most, what) in
            [(self.seats().count(), MAX_SEATS, "seats"), (shapes, MAX_SHAPES, "shapes")]
        {
            if count > most {
                note(fields, false, format!("{base}/sections"), format!("Must have at most {most} {what}."));
            }
        }
        for (pointer, count, most) in self.lists() {
            if count > most {
                note(fields, true, format!("{base}{pointer}"), format!("Must have at most {most} elements."));
            }
        }
        let mut known = HashSet::new();
        for (index, category) in self.categories.iter().enumerate() {
            if !known.insert(category.name.as_str()) {
                let detail = "Another category has this name.".to_owned();
                note(fields, false, format!("{base}/categories/{index}/name"), detail);
            }
        }
        let (mut labels, mut guids) = (HashMap::new(), HashMap::new());
        for (section, part) in self.sections.iter().enumerate() {
            for (row, line) in part.rows.iter().enumerate() {
                for (index, seat) in line.seats.iter().enumerate() {
                    let pointer = || format!("{base}/sections/{section}/rows/{row}/seats/{index}");
                    if !(1..=MAX_SEAT_NUMBER).contains(&seat.number) {
                        let detail = format!("Must be 1 to {MAX_SEAT_NUMBER}.");
                        note(fields, true, format!("{}/number", pointer()), detail);
                    }
                    if !known.contains(seat.category.as_str()) {
                        let detail = "`categories` has no such category.".to_owned();
                        note(fields, false, format!("{}/category", pointer()), detail);
                    }
                    let label = (seat.category.as_str(), line.label.as_str(), seat.number);
                    if let Some(other) = labels.insert(label, pointer()) {
                        let detail = format!("The same category has this seat at {other}, too.");
                        note(fields, false, pointer(), detail);
                    }
                    let guid = seat.guid.as_deref();
                    if let Some(other) = guid.and_then(|guid| guids.insert(guid, pointer())) {
                        let detail = format!("The seat at {other} has it, too.");
                        note(fields, false, format!("{}/guid", pointer()), detail);
                    }
                }
            }
            for (index, shape) in part.shapes.iter().enumerate() {
                let pointer = format!("{base}/sections/{section}/shapes/{index}");
                if shape.category.as_ref().is_some_and(|category| !known.contains(category.as_str())) {
                    let detail = "`categories` has no such category.".to_owned();
                    note(fields, false, format!("{pointer}/category"), detail);
                }
                if (shape.kind == ShapeKind::GeneralArea) != shape.category.is_some() {
                    let detail = "An area without numbers has a category, and nothing else has.".to_owned();
                    note(fields, false, format!("{pointer}/category"), detail);
                }
                if !shape.seats.is_empty() && shape.kind != ShapeKind::Table {
                    let detail = "Only a table has seats.".to_owned();
                    note(fields, false, format!("{pointer}/seats"), detail);
                }
                let is_known = |label: &SeatLabel| {
                    self.seats().any(|(row, seat)| row.label == label.row() && seat.number == label.number())
                };
                if let Some(missing) = shape.seats.iter().position(|label| !is_known(label)) {
                    let detail = "The plan has no such seat.".to_owned();
                    note(fields, false, format!("{pointer}/seats/{missing}"), detail);
                }
                let most = match &shape.outline {
                    Outline::Rectangle { width, height } => *width.max(height),
                    Outline::Circle { radius } => *radius,
                    _ => 0,
                };
                if most > super::MAX_SIZE {
                    let detail = format!("Must be at most {} wide and high.", super::MAX_SIZE);
                    note(fields, true, format!("{pointer}/outline"), detail);
                }
            }
        }
    }
}

impl Plan {
    /// The lists of the plan, each with its length and the most that it may have.
    fn lists(&self) -> Vec<(String, usize, usize)> {
        let mut lists = vec![
            ("/categories".to_owned(), self.categories.len(), 100),
            ("/sections".to_owned(), self.sections.len(), 500),
        ];
        for (section, part) in self.sections.iter().enumerate() {
            let base = format!("/sections/{section}");
            lists.push((format!("{base}/rows"), part.rows.len(), 2000));
            lists.push((format!("{base}/shapes"), part.shapes.len(), MAX_SHAPES));
            for (row, line) in part.rows.iter().enumerate() {
                lists.push((format!("{base}/rows/{row}/seats"), line.seats.len(), 1000));
            }
            for (index, shape) in part.shapes.iter().enumerate() {
                lists.push((format!("{base}/shapes/{index}/seats"), shape.seats.len(), 50));
                if let Outline::Polygon { points } = &shape.outline {
                    lists.push((format!("{base}/shapes/{index}/outline/points"), points.len(), 200));
                }
            }
        }
        lists
    }
}

impl RowsLayout {
    /// Notes what is wrong with the layout at `pointer`.
    pub fn check(&self, pointer: &str, fields: &mut Fields) {
        fields.check((-100..=100).contains(&self.bend), format!("{pointer}/bend"), "Must be -100 to 100.");
        fields.check(
            self.aisles_after.len() <= 50,
            format!("{pointer}/aisles_after"),
            "Must be at most 50 numbers.",
        );
        if let Some(index) = self.aisles_after.iter().position(|number| *number > MAX_SEAT_NUMBER) {
            let detail = format!("Must be 0 to {MAX_SEAT_NUMBER}.");
            fields.check(false, format!("{pointer}/aisles_after/{index}"), detail);
        }
        let spacing = (10..=1000).contains(&self.spacing);
        fields.check(spacing, format!("{pointer}/spacing"), "Must be 10 to 1000.");
        fields.check((10..=2000).contains(&self.gap), format!("{pointer}/gap"), "Must be 10 to 2000.");
        fields.rule(self.gap >= self.spacing, format!("{pointer}/gap"), "Must not be less than `spacing`.");
    }
}
