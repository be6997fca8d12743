//! The lease on changing how many discounts an event has for members.
//!
//! The discounts are a pool and the event is one more item: without the lease, of two requests one
//! could set the pool and the other the event.

use domain::event::Event;
use domain::{EventId, Timestamp};

use super::area::DISCOUNT_BLOCKS;
use super::{Along, DiscountsLease, StoredEvent};
use crate::allotment::{Pool, Refusal};
use crate::event::area::CapacityLease;
use crate::keys::SHARDS;
use crate::{Failure, Result, Store, keys};

impl Store {
    /// Takes the lease on the discounts of `event`. Refused if the event is not as it was read, or
    /// another request has the lease. While the lease lasts, no other request changes the event at all.
    pub async fn lease_discounts(&self, event: &Event, now: Timestamp) -> Result<CapacityLease> {
        self.take_lease(&keys::event(event.id), DISCOUNT_BLOCKS, event.version, now).await
    }

    /// Does what [`Store::update_event`] does for an event with changed discounts, and gives the lease
    /// back. Refused if the lease was lost, or another event of the tenant has the code; then the event
    /// is as it was.
    pub async fn finish_discounts(
        &self,
        change: &CapacityLease,
        before: &StoredEvent,
        after: &Event,
    ) -> Result<()> {
        self.write_event(before, after, DiscountsLease::Ours(change), &Along::default()).await
    }

    /// Writes an event on which a request died with the lease, and sets its pool to the event's number
    /// of discounts again. If more were given to members meanwhile, none is left. Fails with `refused`
    /// if there is no such lease.
    pub(super) async fn repair_and_update_event(
        &self,
        before: &StoredEvent,
        after: &Event,
        along: &Along,
        refused: Failure,
    ) -> Result<()> {
        let item = self.get_item(&keys::event(after.id), true).await?.unwrap_or_default();
        if !item.contains_key("changing") {
            return Err(refused);
        }
        let now = after.updated_at;
        let mut change = self.lease_discounts(&before.event, now).await?;
        let written = async {
            match self.resize_discounts(&mut change, after.id, after.max_discounts, now).await {
                Err(Refusal::SoldOut(free)) => {
                    let whole = Pool::discounts(after.id, SHARDS);
                    let given = self.pool_state(&whole, now).await?.capacity.saturating_sub(free);
                    self.resize_discounts(&mut change, after.id, given, now).await
                }
                resized => resized,
            }
            .map_err(|refusal| match refusal {
                Refusal::Failure(failure) => failure,
                _ => Failure::Unavailable("the discounts are contended".to_owned()),
            })?;
            self.write_event(before, after, DiscountsLease::Ours(&change), along).await
        };
        let written = written.await;
        if written.is_err() {
            self.release_discounts(&change, after.id).await?;
        }
        written
    }

    /// Gives the lease back without a change.
    pub async fn release_discounts(&self, change: &CapacityLease, event: EventId) -> Result<()> {
        self.release_lease(change, &keys::event(event)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{event, sheet};
    use super::*;
    use crate::testing::{at_once, store, store_with_clock, unguarded};

    #[tokio::test]
    async fn one_request_at_a_time_changes_the_discounts_of_an_event() {
        let (store, clock) = store_with_clock().await;
        let draft = event(&clock, "noche");
        store.create_event(&draft).await.expect("created");
        let before = sheet(&store, &draft).await;
        let attempts = at_once(6, |_| {
            let (store, draft, now) = (store.clone(), draft.clone(), clock.now());
            async move { store.lease_discounts(&draft, now).await.ok() }
        });
        let mut winners: Vec<_> = attempts.await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        let first = winners.remove(0);

        let renamed = Event { name: "Otra".to_owned(), version: 2, updated_at: clock.now(), ..draft.clone() };
        let refused = store.update_event(&before, &renamed).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "not while discounts change: {refused:?}");
        store.release_discounts(&first, draft.id).await.expect("given back");
        let second = store.lease_discounts(&draft, clock.now()).await.expect("free again");

        clock.advance(Duration::from_secs(61));
        let third =
            store.lease_discounts(&draft, clock.now()).await.expect("the second one is taken for dead");
        let after = Event { max_discounts: 40, version: 2, ..draft.clone() };
        let late = store.finish_discounts(&second, &before, &after).await;
        assert!(matches!(late, Err(Failure::Refused(_))), "{late:?}");
        assert!(matches!(store.delete_event(&second, &before).await, Err(Failure::Refused(_))));
        store.finish_discounts(&third, &before, &after).await.expect("changed");
        store.finish_discounts(&third, &before, &after).await.expect("safe to repeat");
        assert_eq!(store.event(draft.id).await.expect("reads").map(Event::from), Some(after.clone()));
        let renamed = Event { updated_at: clock.now(), name: "Otra".to_owned(), version: 3, ..after };
        store.update_event(&before, &renamed).await.expect("the right was given back");
    }

    /// Two requests set different numbers, step by step in turn. Returns whether the event and its pool
    /// agree in the end.
    async fn numbers_agree(store: &Store) -> bool {
        let draft = event(&boot::Clock::movable(), "noche");
        store.create_event(&draft).await.expect("created");
        let before = sheet(store, &draft).await;
        let (event, now) = (&before.event, before.event.updated_at);
        let mut changes = Vec::new();
        for max_discounts in [10, 20] {
            let right = store.lease_discounts(event, now).await;
            changes.extend(right.ok().map(|right| (right, max_discounts)));
        }
        // Without conditions both get the lease: the first sets the pool last, and the second the
        // event.
        for (right, max_discounts) in changes.iter_mut().rev() {
            store.resize_discounts(right, event.id, *max_discounts, now).await.expect("resized");
        }
        for (right, max_discounts) in changes {
            let after = Event { max_discounts, version: 2, ..event.clone() };
            let _ = store.finish_discounts(&right, &before, &after).await;
        }
        let event = store.event(draft.id).await.expect("reads").expect("exists");
        let state = store.pool_state(&Pool::discounts(event.id, 2), event.updated_at).await.expect("reads");
        state.capacity == event.max_discounts
    }

    #[tokio::test]
    async fn an_event_and_its_discounts_agree_although_two_requests_change_them() {
        assert!(numbers_agree(&store().await).await);
    }

    #[tokio::test]
    async fn without_the_lease_an_event_and_its_discounts_disagree() {
        assert!(!numbers_agree(&unguarded(&store().await)).await, "the race proves nothing");
    }
}
