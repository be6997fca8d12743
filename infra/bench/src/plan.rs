//! The seats of a show, for buyers who choose on a plan.

use std::time::Instant;

use fastrand::Rng;
use serde_json::Value;

use crate::Problem;

/// The seats of a show as one buyer last saw them.
pub(crate) struct Plan {
    /// When that was.
    pub(crate) seen: Instant,
    rows: Vec<Row>,
    /// Seats that are reserved and may come back.
    reserved: usize,
}

struct Row {
    label: String,
    first: usize,
    free: Vec<bool>,
}

impl Plan {
    pub(crate) fn read(availability: &Value) -> Result<Self, Problem> {
        let mut plan = Self { seen: Instant::now(), rows: Vec::new(), reserved: 0 };
        for row in availability["rows"].as_array().ok_or("the house has no rows")? {
            let states = row["seats"].as_array().map(Vec::as_slice).unwrap_or_default();
            plan.reserved += states.iter().filter(|state| *state == "reserved").count();
            plan.rows.push(Row {
                label: row["label"].as_str().unwrap_or_default().to_owned(),
                first: row["first"].as_u64().map(usize::try_from).transpose()?.unwrap_or_default(),
                free: states.iter().map(|state| state == "available").collect(),
            });
        }
        Ok(plan)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.iter().all(|row| !row.free.contains(&true))
    }

    pub(crate) fn is_sold_out(&self) -> bool {
        self.reserved == 0 && self.is_full()
    }

    /// One to six neighbours from the start of a free stretch, so that no single seat is left
    /// behind. `None` if nothing is free.
    pub(crate) fn choose(&self, rng: &mut Rng) -> Option<Vec<String>> {
        let wanted = rng.usize(1..=6);
        let offset = rng.usize(..self.rows.len().max(1));
        let row = (0..self.rows.len())
            .map(|index| &self.rows[(index + offset) % self.rows.len()])
            .find(|row| row.free.contains(&true))?;
        let start = row.free.iter().position(|free| *free)?;
        let run = row.free[start..].iter().take_while(|free| **free).count();
        Some(
            (start..start + wanted.min(run))
                .map(|seat| format!("{}-{}", row.label, row.first + seat))
                .collect(),
        )
    }

    pub(crate) fn take(&mut self, seats: &[String]) {
        for seat in seats {
            let Some((label, number)) = seat.split_once('-') else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            for row in self.rows.iter_mut().filter(|row| row.label == label && row.first <= number) {
                if let Some(free) = row.free.get_mut(number - row.first) {
                    *free = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn buyers_choose_neighbours_from_the_start_of_a_free_stretch() {
        let states = ["sold", "available", "available", "available", "reserved", "available"];
        let mut plan =
            Plan::read(&json!({"rows": [{"label": "7", "first": 11, "seats": states}]})).expect("rows");
        let mut rng = Rng::with_seed(1);
        for _ in 0..50 {
            let seats = plan.choose(&mut rng).expect("something is free");
            assert!("7-12 7-13 7-14".starts_with(&seats.join(" ")), "{seats:?}");
        }
        plan.take(&["7-12".to_owned(), "7-13".to_owned(), "7-14".to_owned()]);
        assert_eq!(plan.choose(&mut rng), Some(vec!["7-16".to_owned()]));
        plan.take(&["7-16".to_owned(), "8-16".to_owned(), "7-1".to_owned(), "nonsense".to_owned()]);
        assert_eq!(plan.choose(&mut rng), None);
        assert!(plan.is_full() && !plan.is_sold_out());
    }
}
