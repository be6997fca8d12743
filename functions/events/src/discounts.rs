//! The discounts that an event has for members: what the store counts, and how
//! it follows the event. Also changes of an event that nobody else may come between.

use domain::event::Event;
use domain::{Error, FieldError, Result, Timestamp};
use store::{EventSheet, Failure, OnRefused, PlacesChange, Refusal};

use crate::State;
use crate::events::check_unpriced;

impl State {
    /// Stores the event `after` together with as many discounts as it says, or in another
    /// currency. Also sets right what an earlier try that was cut off has left.
    ///
    /// # Errors
    /// A bad field, and nothing changed, if members were given more already; a conflict
    /// if somebody entered a price in the former currency meanwhile.
    pub(crate) async fn change_with_right(
        &self,
        before: &EventSheet,
        after: Event,
        now: Timestamp,
    ) -> Result<Event> {
        let event = &before.event;
        let change = self.store.begin_discounts(event, now).await.on_refused(Error::changed_meanwhile)?;
        let changed = self.change_under(before, after, &change, now).await;
        if changed.is_err() {
            self.store.abandon_discounts(&change, event.id).await?;
        }
        changed
    }

    async fn change_under(
        &self,
        before: &EventSheet,
        after: Event,
        change: &PlacesChange,
        now: Timestamp,
    ) -> Result<Event> {
        // First what could be refused for another reason: then nothing is to be undone.
        self.check_code(&after).await?;
        if after.currency != before.event.currency {
            // As long as the right lasts, no price is entered.
            check_unpriced(&self.sheet(after.tenant_id, after.id).await?)?;
        }
        let discount_blocks = self.resize_discounts(&before.event, after.max_discounts, now).await?;
        let after = Event { discount_blocks, ..after };
        match self.store.finish_discounts(change, before, &after).await {
            Ok(()) => {}
            Err(refused @ Failure::Refused(_)) => {
                // Another event was given the code in this moment.
                self.resize_discounts(&before.event, before.event.max_discounts, now).await?;
                self.check_code(&after).await?;
                return Err(refused).on_refused(Error::changed_meanwhile);
            }
            // Perhaps it came through: a repetition brings event and discounts together.
            Err(failure) => return Err(failure.into()),
        }
        Ok(after)
    }

    async fn resize_discounts(&self, event: &Event, capacity: u32, now: Timestamp) -> Result<u16> {
        match self.store.resize_discounts(event, capacity, now).await {
            Ok(blocks) => Ok(blocks),
            Err(Refusal::Failure(failure)) => Err(failure.into()),
            Err(_) => {
                let given = self.discounts_given(event, now).await?;
                let detail =
                    format!("{given} discounts were given to members already. Set at least {given}.");
                let field = FieldError { pointer: "/max_discounts".to_owned(), detail };
                Err(Error::refused_fields(vec![field]).with("given", given))
            }
        }
    }

    /// How many discounts of the event members were given.
    pub(crate) async fn discounts_given(&self, event: &Event, now: Timestamp) -> Result<u32> {
        let state = self.store.discounts_state(event, now).await?;
        Ok(state.capacity - state.left)
    }

    /// Takes every discount away, or fails if a member has one. Only for who has
    /// the right to change them.
    pub(crate) async fn close_discounts(&self, event: &Event, now: Timestamp) -> Result<()> {
        let closed = self.resize_discounts(event, 0, now).await.map(drop);
        closed.map_err(|error| if error.code() == "refused_fields" { has_discounts() } else { error })
    }
}

pub(crate) fn has_discounts() -> Error {
    Error::conflict(
        "event_has_discounts",
        "Members were given discounts for this event. Leave it unpublished instead of deleting it.",
    )
}
