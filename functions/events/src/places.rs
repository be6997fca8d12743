//! The places of areas: what the store counts, and how it follows the area.

use domain::event::{Area, AreaKind};
use domain::seat::SeatState;
use domain::{Error, Result, Timestamp};
use store::OnRefused;
use store::allotment::{Pool, Refusal};
use store::keys::SHARDS;

use crate::State;
use crate::units::every_seat;

/// The pool of a general admission area.
fn pool(area: &Area) -> Pool {
    Pool::area(area.event_id, area.id, area.blocks)
}

/// The same pool, looked at in every partition: a request that died may have
/// left blocks there that the area does not know of yet.
fn whole_pool(area: &Area) -> Pool {
    Pool::area(area.event_id, area.id, area.blocks.max(SHARDS))
}

impl State {
    /// Creates the places of a new area. Nobody may know of the area yet.
    pub(crate) async fn create_places(&self, area: &Area) -> Result<()> {
        match area.kind {
            AreaKind::GeneralAdmission => self.store.create_pool(&pool(area), area.capacity).await?,
            AreaKind::Seated => self.store.create_rows(area.event_id, area.id, 0, &area.rows).await?,
        }
        Ok(())
    }

    /// True if nothing of the area is sold or held.
    pub(crate) async fn is_untouched(&self, area: &Area) -> Result<bool> {
        let now = self.clock.now();
        match area.kind {
            AreaKind::GeneralAdmission => {
                let state = self.store.pool_state(&whole_pool(area), now).await?;
                Ok(state.left == state.capacity)
            }
            AreaKind::Seated => {
                let blocks = u16::try_from(area.rows.len()).unwrap_or(u16::MAX);
                let rows = self.store.rows_state(area.event_id, area.id, blocks, now).await?;
                let is_free = |seat: &SeatState| matches!(seat, SeatState::Available | SeatState::Blocked);
                Ok(rows.iter().flat_map(|row| &row.seats).all(is_free))
            }
        }
    }

    /// Gives a general admission area `capacity` places. Gives over how many
    /// blocks they are spread. Only for who has the right to change the places.
    ///
    /// # Errors
    /// `not_enough_free`, and nothing changed, if fewer places are free than
    /// would have to go.
    pub(crate) async fn resize(&self, area: &Area, capacity: u32, now: Timestamp) -> Result<u16> {
        let resized = self.store.resize_pool(&pool(area), capacity, now).await;
        resized.map_err(|refusal| {
            refusal.meaning(|refusal| {
                let free = if let Refusal::SoldOut(free) = refusal { free } else { 0 };
                Error::conflict(
                    "not_enough_free",
                    format!("Only {free} places are free; the others are sold or held. Take away fewer."),
                )
                .with("free", free)
            })
        })
    }

    /// Stores the area `after` together with as many places as it says. Also sets right
    /// what an earlier try that was cut off has left, but for seats that a deletion blocked:
    /// nobody knows which of them were blocked before.
    pub(crate) async fn change_places(&self, before: &Area, after: Area, now: Timestamp) -> Result<Area> {
        let change = self.store.begin_places(before, now).await.on_refused(Error::changed_meanwhile)?;
        let resized = match before.kind {
            AreaKind::GeneralAdmission => self.resize(before, after.capacity, now).await,
            AreaKind::Seated => Ok(after.blocks),
        };
        match resized {
            Ok(blocks) => {
                let after = Area { blocks, ..after };
                self.store.finish_places(&change, &after).await.on_refused(Error::changed_meanwhile)?;
                Ok(after)
            }
            Err(error) => {
                self.store.abandon_places(&change, before).await?;
                Err(error)
            }
        }
    }

    /// Takes every place of the area away, or fails if somebody has one. Buyers
    /// may still know the area for some seconds, but get nothing there.
    pub(crate) async fn close(&self, area: &Area, now: Timestamp) -> Result<()> {
        let closed = match area.kind {
            AreaKind::GeneralAdmission => self.resize(area, 0, now).await.map(drop),
            AreaKind::Seated => self.block(area, &every_seat(area), now).await,
        };
        closed.map_err(|error| match error.code() {
            "not_enough_free" | "seats_taken" => Error::conflict(
                "area_has_sales",
                "Tickets of this area are sold or held. Take what is free off sale instead of deleting it.",
            ),
            _ => error,
        })
    }
}
