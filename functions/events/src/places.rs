//! The places of areas: what the store counts, and how it follows the area.

use domain::event::{Area, AreaKind};
use domain::{Error, Result, Timestamp};
use store::{OnRefused, PlacesChange, Refusal, StoredEvent};

use crate::State;
use crate::units::every_seat;

impl State {
    /// Gives a general admission area `capacity` places, with the right to change them.
    ///
    /// # Errors
    /// `not_enough_free`, and nothing changed, if fewer places are free than
    /// would have to go.
    async fn resize(
        &self,
        change: &mut PlacesChange,
        area: &Area,
        capacity: u32,
        now: Timestamp,
    ) -> Result<()> {
        let resized = self.store.resize_area(change, area, capacity, now).await;
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
        let mut change = self.store.begin_places(before, now).await.on_refused(Error::changed_meanwhile)?;
        let resized = match before.kind {
            AreaKind::GeneralAdmission => self.resize(&mut change, before, after.capacity, now).await,
            AreaKind::Seated => Ok(()),
        };
        match resized {
            Ok(()) => {
                self.store.finish_places(&change, &after).await.on_refused(Error::changed_meanwhile)?;
                Ok(after)
            }
            Err(error) => {
                self.store.abandon_places(&change, before).await?;
                Err(error)
            }
        }
    }

    /// Takes every place of the area away. `false`, and nothing changed, if one is sold or
    /// held. Buyers may still know the area for some seconds, but get nothing there.
    pub(crate) async fn close(&self, event: &StoredEvent, area: &Area, now: Timestamp) -> Result<bool> {
        match area.kind {
            AreaKind::GeneralAdmission => match self.store.close_area(event, area, now).await {
                Ok(()) => Ok(true),
                Err(Refusal::Failure(failure)) => Err(failure.into()),
                Err(_) => Ok(false),
            },
            AreaKind::Seated => Ok(self.block(area, &every_seat(area), now).await?.is_empty()),
        }
    }
}
