//! The places of areas: what the store counts, and how it follows the area.

use domain::event::{Area, AreaKind};
use domain::{Error, Result, Timestamp};
use store::{OnRefused, Refusal};

use crate::State;
use crate::units::every_seat;

impl State {
    /// Gives a general admission area `capacity` places. Gives over how many
    /// blocks they are spread. Only for who has the right to change the places.
    ///
    /// # Errors
    /// `not_enough_free`, and nothing changed, if fewer places are free than
    /// would have to go.
    pub(crate) async fn resize(&self, area: &Area, capacity: u32, now: Timestamp) -> Result<u16> {
        let resized = self.store.resize_area(area, capacity, now).await;
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
