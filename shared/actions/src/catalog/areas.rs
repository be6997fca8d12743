//! The areas of a show: current prices, and the free places down to the seat.

use std::sync::Arc;

use domain::event::{Area, AreaKind};
use domain::pricing::{CurrentPrice, current_price};
use domain::seat::SeatState;
use domain::{AreaId, Error, Result, Timestamp};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use store::{RowState, StoredEvent};

use super::{Catalog, always};

/// An area with its current price and the places that it has left.
#[derive(Debug)]
pub struct AreaOffer<'a> {
    /// The area.
    pub area: &'a Area,
    /// The current price of one ticket.
    pub price: CurrentPrice,
    /// The number of tickets that are left.
    pub left: u32,
}

/// The free places of an area.
#[derive(Debug)]
pub struct AreaAvailability<'a> {
    /// The area.
    pub area: &'a Area,
    /// The number of tickets that are left.
    pub left: u32,
    /// The rows of numbered seats, the nearest to the stage first; empty without numbers.
    pub rows: Vec<SeatRow>,
}

/// A row of numbered seats.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Row")]
pub struct SeatRow {
    /// The name of the row, such as `A`.
    pub label: String,
    /// The number of the first of `seats`; the others follow in steps of `step`.
    pub first: u16,
    /// The difference of neighbouring numbers, if it is not 1.
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(with = "Option<u16>")]
    pub step: u16,
    /// The state of each seat.
    pub seats: Vec<SeatState>,
}

fn is_one(step: &u16) -> bool {
    *step == 1
}

impl Catalog {
    /// The areas of a published event with their current prices, in the organiser's order.
    pub async fn areas<'a>(&self, event: &'a StoredEvent, now: Timestamp) -> Result<Vec<AreaOffer<'a>>> {
        let stages_left = self.stages_left(event, now).await?;
        let places = self.places(event, now).await?;
        let offers = stages_left.offers(&event.stages);
        let areas = event.areas.iter().map(|area| {
            let price = current_price(&event.event, area, &offers, now)?;
            Ok(AreaOffer { area, price, left: left_in(&places, area) })
        });
        areas.collect()
    }

    /// The free places of one area. Who gets a seat is decided when it is held.
    ///
    /// # Errors
    /// `area_not_found`.
    pub async fn availability<'a>(
        &self,
        event: &'a StoredEvent,
        area: AreaId,
        now: Timestamp,
    ) -> Result<AreaAvailability<'a>> {
        let area = event.area(area);
        let area = area.ok_or_else(|| Error::not_found("area_not_found", "The event has no such area."))?;
        let (left, rows) = match area.kind {
            AreaKind::GeneralAdmission => (left_in(&self.places(event, now).await?, area), Vec::new()),
            AreaKind::Seated => {
                let blocks = self.rows(area, now).await?;
                (available(&blocks), joined(area, &blocks))
            }
        };
        Ok(AreaAvailability { area, left, rows })
    }

    /// The number of places that each area of the event has left.
    pub(super) async fn places(
        &self,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<Arc<Vec<(AreaId, u32)>>> {
        let read = || async move {
            let areas = event.areas.iter().map(|area| async move {
                let left = match area.kind {
                    AreaKind::GeneralAdmission => self.store.area_state(event, area, now).await?.left,
                    AreaKind::Seated => available(&self.rows(area, now).await?),
                };
                Ok::<_, Error>((area.id, left))
            });
            try_join_all(areas).await.map(Some)
        };
        always(self.caches.places.get(event.event.id, now, read).await?)
    }

    /// The seats of an area by its blocks.
    pub(super) async fn rows(&self, area: &Area, now: Timestamp) -> Result<Arc<Vec<RowState>>> {
        let read = || async move {
            let mut rows = self.store.area_rows(area, now).await?;
            // Blocks beyond those of the area are about to be created, or were abandoned.
            rows.retain(|row| usize::from(row.index) < area.rows.len());
            Ok(Some(rows))
        };
        always(self.caches.rows.get((area.event_id, area.id), now, read).await?)
    }
}

fn left_in(places: &[(AreaId, u32)], area: &Area) -> u32 {
    places.iter().find(|(id, _)| *id == area.id).map_or(0, |(_, left)| *left)
}

/// The number of seats that can be bought.
pub(super) fn available(rows: &[RowState]) -> u32 {
    let seats = rows.iter().flat_map(RowState::states);
    u32::try_from(seats.filter(|seat| *seat == SeatState::Available).count()).unwrap_or(u32::MAX)
}

/// The rows that the blocks of the area make up: a long row is several blocks. A seat that was taken
/// out of the plan leaves a gap, which ends a row.
fn joined(area: &Area, blocks: &[RowState]) -> Vec<SeatRow> {
    let mut rows: Vec<SeatRow> = Vec::new();
    for block in blocks {
        let Some(layout) = area.rows.get(usize::from(block.index)) else { continue };
        for (number, state) in block.places() {
            let Some(state) = state else { continue };
            match rows.last_mut() {
                Some(row) if row.label == layout.label && row.step == block.step && row.next() == number => {
                    row.seats.push(state);
                }
                _ => {
                    let (label, step) = (layout.label.clone(), block.step);
                    rows.push(SeatRow { label, first: number, step, seats: vec![state] });
                }
            }
        }
    }
    rows
}

impl SeatRow {
    /// The number of the seat after its last one.
    fn next(&self) -> u16 {
        let seats = u16::try_from(self.seats.len()).unwrap_or(u16::MAX);
        self.first.saturating_add(seats.saturating_mul(self.step))
    }
}

#[cfg(test)]
mod tests {
    use domain::event::RowLayout;
    use domain::event::fixture::seated_area;

    use super::*;

    #[test]
    fn a_long_row_is_one_row_again() {
        use SeatState::{Available as A, Blocked as B, Sold as S};
        let layout = RowLayout::new;
        let odd = RowLayout { step: 2, ..layout("C", 1, 7) };
        let rows = vec![layout("A", 1, 2), layout("A", 3, 3), layout("A", 9, 9), layout("B", 10, 12), odd];
        let area = seated_area("Platea", rows);
        let block = |index, first, step, seats: &[Option<SeatState>]| RowState {
            index,
            first,
            step,
            seats: seats.to_vec(),
        };
        let blocks = [
            block(0, 1, 1, &[Some(A), Some(S)]),
            block(1, 3, 1, &[Some(B)]),
            block(2, 9, 1, &[Some(A)]),
            block(3, 10, 1, &[Some(A), None, Some(A)]),
            block(4, 1, 2, &[Some(A), Some(S), None, Some(A)]),
            block(5, 1, 1, &[Some(A)]),
        ];
        let row = |label: &str, first, step, seats: &[SeatState]| SeatRow {
            label: label.to_owned(),
            first,
            step,
            seats: seats.to_vec(),
        };
        assert_eq!(
            joined(&area, &blocks),
            [
                row("A", 1, 1, &[A, S, B]),
                row("A", 9, 1, &[A]),
                row("B", 10, 1, &[A]),
                row("B", 12, 1, &[A]),
                row("C", 1, 2, &[A, S]),
                row("C", 7, 2, &[A]),
            ]
        );
        assert_eq!(available(&blocks), 7);
    }
}
