//! The places of areas: how the allotments in the store follow a change of an area.

use domain::event::{Area, AreaKind};
use domain::{Error, Result, Timestamp};
use store::{CapacityLease, OnRefused, Refusal, StoredEvent};

use crate::State;
use crate::units::every_seat;

impl State {
    /// Sets the places of a general admission area to `capacity`, under the lease on them.
    ///
    /// # Errors
    /// `not_enough_free`, with nothing changed, if fewer places are free than would have to
    /// be removed.
    async fn resize(
        &self,
        change: &mut CapacityLease,
        area: &Area,
        capacity: u32,
        now: Timestamp,
    ) -> Result<()> {
        let resized = self.store.resize_area(change, area, capacity, now).await;
        resized.map_err(|refusal| {
            refusal.not_enough_free(|free| {
                format!("Only {free} places are free; the others are sold or held. Take away fewer.")
            })
        })
    }

    /// Stores the area `after`, and makes its places as many as it says. Also repairs what an
    /// interrupted earlier change left, except seats that an interrupted deletion blocked: it
    /// is not known which of them were blocked before.
    pub(crate) async fn change_places(&self, before: &Area, after: Area, now: Timestamp) -> Result<Area> {
        let mut change = self.store.lease_places(before, now).await.on_refused(Error::changed_meanwhile)?;
        let resized = match before.kind {
            AreaKind::GeneralAdmission => self.resize(&mut change, before, after.capacity, now).await,
            AreaKind::Seated => Ok(self.store.mend_rows(before, now).await?),
        };
        match resized {
            Ok(()) => {
                self.store.finish_places(&change, &after).await.on_refused(Error::changed_meanwhile)?;
                Ok(after)
            }
            Err(error) => {
                self.store.release_places(&change, before).await?;
                Err(error)
            }
        }
    }

    /// Takes every place of the area off sale; `false`, with nothing changed, if one is sold
    /// or held. Buyers may still see the area for some seconds, but get no places there.
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
