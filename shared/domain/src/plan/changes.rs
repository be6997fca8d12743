//! What becomes of an area's seats when a plan is published.

use std::collections::{BTreeMap, HashSet};

use super::Plan;
use crate::event::{Area, RowLayout};
use crate::seat::SeatLabel;

/// What the seats of an area lack of those in a plan, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AreaChange {
    /// Rows for seats that the area never had, each with numbers that follow in steps.
    pub add: Vec<RowLayout>,
    /// Seats that the area once had, by the index of their block.
    pub restore: BTreeMap<u16, Vec<u16>>,
    /// Seats that the plan has no more, by the index of their block.
    pub remove: BTreeMap<u16, Vec<u16>>,
}

impl AreaChange {
    /// True if nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.restore.is_empty() && self.remove.is_empty()
    }

    /// How many seats are added, restored and removed.
    pub fn counts(&self) -> [u32; 3] {
        let count = |seats: &BTreeMap<u16, Vec<u16>>| {
            u32::try_from(seats.values().map(Vec::len).sum::<usize>()).unwrap_or(0)
        };
        [self.add.iter().map(RowLayout::len).sum(), count(&self.restore), count(&self.remove)]
    }
}

/// The change that gives `area` the seats that `plan` has of `category`.
pub fn changes(area: &Area, category: &str, plan: &Plan) -> AreaChange {
    let wanted: HashSet<SeatLabel> = plan.labels(category).collect();
    let (mut change, mut had) = (AreaChange::default(), HashSet::new());
    for (index, row) in (0..).zip(&area.rows) {
        for number in row.places() {
            let Ok(label) = SeatLabel::new(&row.label, number) else { continue };
            let seats = match (row.has_number(number), wanted.contains(&label)) {
                (true, false) => Some(&mut change.remove),
                (false, true) => Some(&mut change.restore),
                _ => None,
            };
            if let Some(seats) = seats {
                seats.entry(index).or_default().push(number);
            }
            had.insert(label);
        }
    }
    let mut rows: Vec<(String, Vec<u16>)> = Vec::new();
    for label in plan.labels(category).filter(|label| !had.contains(label)) {
        match rows.iter_mut().find(|(row, _)| row == label.row()) {
            Some((_, numbers)) => numbers.push(label.number()),
            None => rows.push((label.row().to_owned(), vec![label.number()])),
        }
    }
    change.add = rows.into_iter().flat_map(|(label, numbers)| in_steps(&label, numbers)).collect();
    change
}

/// Rows with these numbers, each in steps of 1 or 2.
fn in_steps(label: &str, mut numbers: Vec<u16>) -> Vec<RowLayout> {
    numbers.sort_unstable();
    numbers.dedup();
    let mut rows: Vec<RowLayout> = Vec::new();
    for number in numbers {
        match rows.last_mut() {
            Some(row) if row.first == row.last && (1..=2).contains(&(number - row.last)) => {
                row.step = u8::try_from(number - row.last).unwrap_or(1);
                row.last = number;
            }
            Some(row) if row.first < row.last && number - row.last == u16::from(row.step) => {
                row.last = number;
            }
            _ => rows.push(RowLayout::new(label, number, number)),
        }
    }
    rows
}

impl Area {
    /// The area after `change`, whose added rows are these `blocks`. No block changes its index, because
    /// orders name blocks by it.
    #[must_use]
    pub fn changed(&self, change: &AreaChange, blocks: Vec<RowLayout>) -> Self {
        let mut after = self.clone();
        for (index, numbers) in &change.remove {
            if let Some(row) = after.rows.get_mut(usize::from(*index)) {
                row.gone.extend(numbers);
                row.gone.sort_unstable();
                row.gone.dedup();
            }
        }
        for (index, numbers) in &change.restore {
            if let Some(row) = after.rows.get_mut(usize::from(*index)) {
                row.gone.retain(|number| !numbers.contains(number));
            }
        }
        after.rows.extend(blocks);
        after.capacity = after.rows.iter().map(RowLayout::len).sum();
        after
    }
}
