//! Allotments by what they belong to: the places of areas, the quotas of sale stages, the uses of
//! promotions, the discounts of events. Only [`allotment`](crate::allotment) knows how they are
//! counted.

use domain::event::{Area, AreaKind, Event, RowLayout};
use domain::pricing::{Promotion, SaleStage};
use domain::seat::SeatState;
use domain::{EventId, Timestamp};

use crate::allotment::{AllotmentState, BLOCK_SEATS, Pool, Refusal, RowState};
use crate::keys::SHARDS;
use crate::{CapacityLease, EventRecord, Result, Store, StoredEvent};

/// How many blocks the places of a new area are spread over; 0 for seats, whose blocks are rows.
pub(crate) fn area_blocks(kind: AreaKind, capacity: u32) -> u16 {
    match kind {
        AreaKind::GeneralAdmission => Pool::blocks_for(capacity),
        AreaKind::Seated => 0,
    }
}

/// How many blocks the discounts of a new event are spread over; 0 if it has none.
pub(crate) fn discount_blocks(max_discounts: u32) -> u16 {
    if max_discounts == 0 { 0 } else { Pool::blocks_for(max_discounts) }
}

/// Splits a row into as few blocks as its seats need, all of about the same size, so that buyers spread
/// evenly over them.
pub fn row_blocks(row: &RowLayout) -> Vec<RowLayout> {
    let numbers: Vec<u16> = row.places().collect();
    let seats = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
    let count = seats.div_ceil(BLOCK_SEATS).max(1);
    let (length, longer) = (seats / count, seats % count);
    let mut rest = numbers.as_slice();
    let block = |index: u16| {
        let (numbers, others) = rest.split_at(usize::from(length + u16::from(index < longer)));
        rest = others;
        let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
        let gone = row.gone.iter().copied().filter(|gone| numbers.contains(gone)).collect();
        RowLayout { label: row.label.clone(), first, last, step: row.step, gone }
    };
    (0..count).map(block).collect()
}

/// [`row_blocks`] of a row whose odd and even numbers stand on different sides: if one block is too
/// small for it, each side has blocks of its own, so that neighbours are in one.
pub fn side_blocks(row: &RowLayout) -> Vec<RowLayout> {
    if row.step != 1 || row.len() <= u32::from(BLOCK_SEATS) {
        return row_blocks(row);
    }
    let side = |first: u16| {
        let last = row.last - (row.last - first) % 2;
        RowLayout { label: row.label.clone(), first, last, step: 2, gone: Vec::new() }
    };
    [row.first, row.first + 1].into_iter().flat_map(|first| row_blocks(&side(first))).collect()
}

pub(super) fn stage_pool(stage: &SaleStage, quantity: u32) -> Pool {
    Pool::stage(stage.event_id, stage.id, quantity)
}

pub(super) fn uses_pool(promotion: &Promotion, uses: u32) -> Pool {
    Pool::promotion(promotion.tenant_id, promotion.promotion_code.as_str(), uses)
}

pub(crate) fn discounts_pool(event: &EventRecord) -> Pool {
    Pool::discounts(event.id, event.discount_blocks)
}

fn area_pool(event: &StoredEvent, area: &Area) -> Pool {
    Pool::area(area.event_id, area.id, event.area_blocks(area.id))
}

impl Store {
    /// Creates the places of a new area; existing ones stay as they are. Before that, none can be held.
    pub async fn create_places(&self, area: &Area) -> Result<()> {
        match area.kind {
            AreaKind::GeneralAdmission => {
                let pool = Pool::area(area.event_id, area.id, area_blocks(area.kind, area.capacity));
                self.create_pool(&pool, area.capacity).await
            }
            AreaKind::Seated => self.create_rows(area.event_id, area.id, 0, &area.rows).await,
        }
    }

    /// The counts of an area's places, read consistently.
    pub async fn area_state(
        &self,
        event: &StoredEvent,
        area: &Area,
        now: Timestamp,
    ) -> Result<AllotmentState> {
        match area.kind {
            AreaKind::GeneralAdmission => self.pool_state(&area_pool(event, area), now).await,
            AreaKind::Seated => {
                let rows = self.area_rows(area, now).await?;
                let count = |wanted| {
                    let seats = rows.iter().flat_map(RowState::states).filter(|seat| *seat == wanted);
                    u32::try_from(seats.count()).unwrap_or(u32::MAX)
                };
                let [left, sold] = [SeatState::Available, SeatState::Sold].map(count);
                Ok(AllotmentState { capacity: area.capacity, left, sold })
            }
        }
    }

    /// The seats of an area by its row blocks, including blocks that the area does not list, because
    /// they are about to be created or were given up.
    pub async fn area_rows(&self, area: &Area, now: Timestamp) -> Result<Vec<RowState>> {
        let blocks = u16::try_from(area.rows.len()).unwrap_or(u16::MAX);
        self.rows_state(area.event_id, area.id, blocks, now).await
    }

    /// True if no place of the area is sold or held.
    pub async fn is_untouched(&self, event: &StoredEvent, area: &Area, now: Timestamp) -> Result<bool> {
        match area.kind {
            AreaKind::GeneralAdmission => {
                // A request that died may have left blocks that the item does not know of.
                let whole = Pool::area(area.event_id, area.id, event.area_blocks(area.id).max(SHARDS));
                let state = self.pool_state(&whole, now).await?;
                Ok(state.left == state.capacity)
            }
            AreaKind::Seated => {
                let is_free = |seat: SeatState| matches!(seat, SeatState::Available | SeatState::Blocked);
                Ok(self.area_rows(area, now).await?.iter().flat_map(RowState::states).all(is_free))
            }
        }
    }

    /// Sets the capacity of a general admission area, under the lease on its places.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many are free, and nothing changed, if more than that would have
    /// to be removed.
    pub async fn resize_area(
        &self,
        change: &mut CapacityLease,
        area: &Area,
        capacity: u32,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let pool = Pool::area(area.event_id, area.id, change.blocks);
        change.blocks = self.resize_pool(&pool, capacity, now).await?;
        Ok(())
    }

    /// Takes every place of a general admission area away: only what is about to be deleted.
    ///
    /// # Errors
    /// As [`Store::resize_area`].
    pub async fn close_area(&self, event: &StoredEvent, area: &Area, now: Timestamp) -> Result<(), Refusal> {
        self.resize_pool(&area_pool(event, area), 0, now).await.map(drop)
    }

    /// Creates the quota of a new stage; does nothing if the stage is unlimited.
    pub async fn create_quota(&self, stage: &SaleStage) -> Result<()> {
        match stage.quantity_available {
            Some(quantity) => self.create_pool(&stage_pool(stage, quantity), quantity).await,
            None => Ok(()),
        }
    }

    /// Creates the uses of a new promotion; does nothing if they are unlimited, or there already.
    pub async fn create_uses(&self, promotion: &Promotion) -> Result<()> {
        match promotion.total_uses {
            Some(uses) => self.create_pool(&uses_pool(promotion, uses), uses).await,
            None => Ok(()),
        }
    }

    /// Gives a new promotion its uses, also if a deleted one with its code left some behind.
    ///
    /// # Errors
    /// As [`Store::resize_area`].
    pub async fn reset_uses(&self, promotion: &Promotion, now: Timestamp) -> Result<(), Refusal> {
        let Some(uses) = promotion.total_uses else { return Ok(()) };
        self.create_uses(promotion).await?;
        self.resize_pool(&uses_pool(promotion, uses), uses, now).await.map(drop)
    }

    /// Creates the discounts that a new event has for members; does nothing if it has none.
    pub async fn create_discounts(&self, event: &Event) -> Result<()> {
        match event.max_discounts {
            0 => Ok(()),
            discounts => {
                let pool = Pool::discounts(event.id, discount_blocks(discounts));
                self.create_pool(&pool, discounts).await
            }
        }
    }

    /// Sets how many discounts an event has for members, under the lease on them.
    ///
    /// # Errors
    /// As [`Store::resize_area`].
    pub async fn resize_discounts(
        &self,
        change: &mut CapacityLease,
        event: EventId,
        discounts: u32,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        change.blocks = self.resize_pool(&Pool::discounts(event, change.blocks), discounts, now).await?;
        Ok(())
    }

    /// The counts of an event's discounts: members were given those that are not left.
    pub async fn discounts_state(&self, event: &EventRecord, now: Timestamp) -> Result<AllotmentState> {
        // A request that died may have left blocks that the item does not know of.
        let whole = Pool::discounts(event.id, event.discount_blocks.max(SHARDS));
        self.pool_state(&whole, now).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_of_a_row_are_of_about_the_same_size(first in 1_u16..500, seats in 1_u16..2000, step in 1_u8..=2) {
            let whole = RowLayout { step, ..RowLayout::new("A", first, first + (seats - 1) * u16::from(step)) };
            let parts = row_blocks(&whole);
            prop_assert!(parts.iter().all(|part| part.len() <= u32::from(BLOCK_SEATS)));
            prop_assert_eq!(parts.len(), usize::from(seats.div_ceil(BLOCK_SEATS)));
            let lengths: Vec<u32> = parts.iter().map(RowLayout::len).collect();
            prop_assert!(lengths.iter().max().unwrap_or(&0) - lengths.iter().min().unwrap_or(&0) <= 1);
            let numbers: Vec<u16> = parts.iter().flat_map(RowLayout::numbers).collect();
            prop_assert_eq!(numbers, whole.numbers().collect::<Vec<_>>());
        }

        #[test]
        fn sides_of_a_long_row_are_in_blocks_of_their_own(first in 1_u16..500, seats in 1_u16..2000) {
            let whole = RowLayout::new("A", first, first + seats - 1);
            let parts = side_blocks(&whole);
            prop_assert!(parts.iter().all(|part| part.len() <= u32::from(BLOCK_SEATS)));
            prop_assert!(seats <= BLOCK_SEATS || parts.iter().all(|part| part.step == 2));
            let mut numbers: Vec<u16> = parts.iter().flat_map(RowLayout::numbers).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, whole.numbers().collect::<Vec<_>>());
        }
    }
}
