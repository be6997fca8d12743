//! The discounts of an event for members: how the allotment in the store follows a change
//! of the event. Also changes of an event that no other request may interrupt.

use domain::event::Event;
use domain::{Error, Result, Timestamp};
use store::{CapacityLease, EventRecord, Failure, OnRefused, Refusal, StoredEvent};

use crate::State;

impl State {
    /// Stores the event `after` with another number of discounts or in another currency, under
    /// the right to change the event alone. Also repairs what an interrupted earlier change
    /// left.
    ///
    /// # Errors
    /// `refused_fields`, with nothing changed, if members were given more discounts already;
    /// `currency_fixed` if another request entered an amount in the former currency meanwhile.
    pub(crate) async fn change_exclusively(
        &self,
        before: &StoredEvent,
        after: Event,
        now: Timestamp,
    ) -> Result<Event> {
        let event = &before.event;
        let mut change = self.store.lease_discounts(event, now).await.on_refused(Error::changed_meanwhile)?;
        let changed = self.change_with_lease(before, after, &mut change, now).await;
        if changed.is_err() {
            self.store.release_discounts(&change, event.id).await?;
        }
        changed
    }

    async fn change_with_lease(
        &self,
        before: &StoredEvent,
        after: Event,
        change: &mut CapacityLease,
        now: Timestamp,
    ) -> Result<Event> {
        // The other checks come first, so that nothing has to be undone when one refuses.
        self.check_claims(Some(&before.event), &after).await?;
        if after.currency != before.event.currency {
            // While this request has the right, no other one can enter a price.
            let sheet = self.sheet(after.tenant_id, after.id).await?;
            sheet.check_unpriced()?;
        }
        self.resize_discounts(change, &before.event, after.max_discounts, now).await?;
        match self.store.finish_discounts(change, before, &after).await {
            Ok(()) => {}
            Err(refused @ Failure::Refused(_)) => {
                // Another event got the code or the last place of the series at the same moment.
                self.resize_discounts(change, &before.event, before.event.max_discounts, now).await?;
                self.check_claims(Some(&before.event), &after).await?;
                return Err(refused).on_refused(Error::changed_meanwhile);
            }
            // The write may have succeeded. Repeating the request makes event and discounts agree.
            Err(failure) => return Err(failure.into()),
        }
        Ok(after)
    }

    async fn resize_discounts(
        &self,
        change: &mut CapacityLease,
        event: &Event,
        capacity: u32,
        now: Timestamp,
    ) -> Result<()> {
        match self.store.resize_discounts(change, event.id, capacity, now).await {
            Ok(()) => Ok(()),
            Err(Refusal::Failure(failure)) => Err(failure.into()),
            Err(_) => {
                let event = self.event(event.tenant_id, event.id).await?;
                let given = self.discounts_given(&event, now).await?;
                let detail =
                    format!("{given} discounts were given to members already. Set at least {given}.");
                Err(Error::refused_field("/max_discounts", detail).with("given", given))
            }
        }
    }

    /// The number of the event's discounts that members were given.
    pub(crate) async fn discounts_given(&self, event: &EventRecord, now: Timestamp) -> Result<u32> {
        let state = self.store.discounts_state(event, now).await?;
        Ok(state.capacity - state.left)
    }

    /// Takes every discount away, or fails with `event_has_discounts` if a member has one. Only
    /// under the right to change them (`lease_discounts`).
    pub(crate) async fn close_discounts(
        &self,
        change: &mut CapacityLease,
        event: &Event,
        now: Timestamp,
    ) -> Result<()> {
        let closed = self.store.resize_discounts(change, event.id, 0, now).await;
        closed.map_err(|refusal| refusal.meaning(|_| has_discounts()))
    }
}

pub(crate) fn has_discounts() -> Error {
    Error::conflict(
        "event_has_discounts",
        "Members were given discounts for this event. Leave it unpublished instead of deleting it.",
    )
}
