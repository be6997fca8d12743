//! The seats of an event's areas when a plan is published.
//!
//! Nothing that is sold or held is lost, because taking a seat out is its row's own conditional write.
//! Whoever dies midway leaves leases behind; the next change of these areas takes them over and makes the
//! rows what the areas say ([`Store::mend_rows`]), and the next publication goes on from there.

use domain::event::{Area, RowLayout};
use domain::plan::AreaChange;
use domain::seat::{SeatLabel, SeatState};
use domain::{AreaId, Timestamp};

use crate::allotment::{Refusal, RowKey};
use crate::{CapacityLease, Failure, Result, Store};

/// An area whose seats are to change.
#[derive(Debug)]
pub struct SeatChange {
    /// The area as it was read.
    pub before: Area,
    /// The area afterwards, its version counted up if anything is different.
    pub after: Area,
    /// The seats to restore and to remove.
    pub change: AreaChange,
    /// The blocks to add.
    pub blocks: Vec<RowLayout>,
}

/// Seats that cannot be taken out of their areas, with their states.
pub type LostSeats = Vec<(AreaId, Vec<(SeatLabel, SeatState)>)>;

/// Why the seats of an event were not changed.
#[derive(Debug)]
pub enum SeatChangeRefusal {
    /// An area is being changed, or was changed since it was read.
    Changed,
    /// Seats that were to be removed are sold or held.
    Lost(LostSeats),
    /// The table failed. The next change of the areas takes up what is left to do.
    Failure(Failure),
}

impl<F: Into<Failure>> From<F> for SeatChangeRefusal {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

impl Store {
    /// Gives the areas of an event the seats of a plan: all of the changes or none.
    ///
    /// # Errors
    /// See [`SeatChangeRefusal`].
    pub async fn change_seats(
        &self,
        changes: &mut [SeatChange],
        now: Timestamp,
    ) -> Result<(), SeatChangeRefusal> {
        // In one order, so that of two publications one gets all leases.
        changes.sort_by_key(|change| change.before.id);
        let mut leases: Vec<CapacityLease> = Vec::with_capacity(changes.len());
        for change in changes.iter() {
            match self.lease_places(&change.before, now).await {
                Ok(lease) => leases.push(lease),
                Err(Failure::Refused(_)) => {
                    self.return_leases(&leases, changes).await?;
                    return Err(SeatChangeRefusal::Changed);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        for change in changes.iter() {
            self.mend_rows(&change.before, now).await?;
        }
        if let Some(lost) = self.take_out(changes, now).await? {
            self.return_leases(&leases, changes).await?;
            return Err(SeatChangeRefusal::Lost(lost));
        }
        for (lease, SeatChange { before, after, change, blocks }) in leases.iter().zip(changes.iter()) {
            let first = u16::try_from(before.rows.len()).unwrap_or(u16::MAX);
            self.create_rows(before.event_id, before.id, first, blocks).await?;
            for (index, seats) in &change.restore {
                self.restore_seats(RowKey::of(before, *index), seats).await?;
            }
            if before == after {
                self.release_places(lease, before).await?;
                continue;
            }
            match self.finish_places(lease, after).await {
                Err(Failure::Refused(_)) => return Err(SeatChangeRefusal::Changed),
                finished => finished?,
            }
        }
        Ok(())
    }

    async fn return_leases(&self, leases: &[CapacityLease], changes: &[SeatChange]) -> Result<()> {
        for (lease, change) in leases.iter().zip(changes) {
            self.release_places(lease, &change.before).await?;
        }
        Ok(())
    }

    /// Takes the seats out that the changes remove; returns those that cannot be taken out, and then
    /// all are as they were.
    async fn take_out(&self, changes: &[SeatChange], now: Timestamp) -> Result<Option<LostSeats>> {
        let lost = self.sold_or_held(changes, now).await?;
        if !lost.is_empty() {
            return Ok(Some(lost));
        }
        let mut done: Vec<(RowKey, &[u16])> = Vec::new();
        for SeatChange { before, change, .. } in changes {
            for (index, seats) in &change.remove {
                let row = RowKey::of(before, *index);
                match self.remove_seats(row, seats, now).await {
                    Ok(()) => done.push((row, seats)),
                    Err(Refusal::Failure(failure)) => return Err(failure),
                    // A buyer came between the look and the write.
                    Err(_) => {
                        for (row, seats) in done {
                            self.restore_seats(row, seats).await?;
                        }
                        return self.sold_or_held(changes, now).await.map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The seats to be removed that are sold or held.
    async fn sold_or_held(&self, changes: &[SeatChange], now: Timestamp) -> Result<LostSeats> {
        let mut lost = LostSeats::new();
        for SeatChange { before, change, .. } in
            changes.iter().filter(|change| !change.change.remove.is_empty())
        {
            let mut seats = Vec::new();
            for state in self.area_rows(before, now).await? {
                let Some(layout) = before.rows.get(usize::from(state.index)) else { continue };
                for number in change.remove.get(&state.index).into_iter().flatten() {
                    let taken = state
                        .seat(*number)
                        .filter(|seat| matches!(seat, SeatState::Reserved | SeatState::Sold));
                    let label = SeatLabel::new(&layout.label, *number).ok();
                    seats.extend(label.zip(taken));
                }
            }
            if !seats.is_empty() {
                lost.push((before.id, seats));
            }
        }
        Ok(lost)
    }
}
