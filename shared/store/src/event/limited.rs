//! Changes of what has a limited number: a stage with its quota, a promotion with its uses, a variant of a
//! product with its stock.
//!
//! The number is a pool and what has it one more item. Without a lease on the item, of two
//! requests one could set the pool and the other the item, and more would be sold at the price than
//! the organiser sees.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;

use super::area::{AREA_BLOCKS, CapacityLease};
use crate::allotment::{Pool, Refusal};
use crate::failure::accept_if_written;
use crate::keys::Key;
use crate::{Failure, Result, Store};

/// A change of a limited number, and of the item that says it.
#[derive(Debug)]
pub(crate) struct NumberChange<'a> {
    /// The key of the item.
    pub(crate) key: &'a Key,
    /// The version of the item that the change is based on.
    pub(crate) version: u32,
    /// The pool, spread wide enough for both numbers.
    pub(crate) pool: Pool,
    /// The number before; `None` if it was not limited.
    pub(crate) before: Option<u32>,
    /// The number after; `None` if it is not limited.
    pub(crate) after: Option<u32>,
}

impl Store {
    /// Sets the pool and then writes the item by `write`, under the lease on it, which says over how many
    /// blocks the pool is spread then. Every change of the
    /// item comes here, also one that leaves the number: so the pool gets the item's number again if a
    /// request died between both.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many are free, and nothing changed, if more than that would have
    /// to be removed; [`Failure::Refused`], and nothing changed, if the item was changed meanwhile or
    /// another request is changing it.
    pub(crate) async fn change_number(
        &self,
        change: NumberChange<'_>,
        write: impl FnOnce(&CapacityLease) -> Result<Vec<TransactWriteItem>>,
        is_written: impl Future<Output = Result<bool>>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut lease = self.take_lease(change.key, AREA_BLOCKS, change.version, now).await?;
        match self.set_number(&change, now).await {
            Ok(blocks) => lease.blocks = lease.blocks.max(blocks),
            Err(refusal) => {
                // After a failure the pool may be half changed: the next change takes the lease over.
                if matches!(refusal, Refusal::SoldOut(_)) {
                    self.release_lease(&lease, change.key).await?;
                }
                return Err(refusal);
            }
        }
        match accept_if_written(self.transact(write(&lease)?).await, is_written).await {
            Ok(()) => Ok(()),
            Err(refused @ Failure::Refused(_)) => {
                if let Some(before) = change.before {
                    self.resize_pool(&change.pool, before, now).await?;
                }
                self.release_lease(&lease, change.key).await?;
                Err(refused.into())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns over how many blocks the pool is spread, or 0 if it is not limited.
    async fn set_number(&self, change: &NumberChange<'_>, now: Timestamp) -> Result<u16, Refusal> {
        let Some(number) = change.after else { return Ok(0) };
        match self.resize_pool(&change.pool, number, now).await {
            // A request died after it raised the pool, and orders have taken more than the item says.
            Err(Refusal::SoldOut(free)) if change.before == change.after => {
                let taken = self.pool_state(&change.pool, now).await?.capacity.saturating_sub(free);
                self.resize_pool(&change.pool, taken, now).await
            }
            resized => resized,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::pricing::SaleStage;

    use super::super::tests::{event, stage};
    use super::*;
    use crate::items::{Part, string, to_item};
    use crate::keys;
    use crate::testing::{interrupted, store_with_clock, unguarded};

    /// A stage of a draft with this quota, which is stored.
    async fn limited_stage(store: &Store, quota: u32, now: Timestamp) -> SaleStage {
        let draft = event(&boot::Clock::movable(), "noche");
        let stage = SaleStage { quantity_available: Some(quota), ..stage(&draft, 0) };
        store.create_quota(&stage).await.expect("created");
        store.create_sale_stage(&stage, draft.currency, now).await.expect("created")
    }

    fn changed(before: &SaleStage, quota: u32) -> SaleStage {
        SaleStage { quantity_available: Some(quota), version: before.version + 1, ..before.clone() }
    }

    /// The quota as the stage and as its pool has it.
    async fn quotas(store: &Store, stage: &SaleStage, now: Timestamp) -> (Option<u32>, u32) {
        let key = keys::sale_stage(stage.event_id, stage.id);
        let stored: SaleStage = store.get_consistent(&key).await.expect("reads").expect("exists");
        let pool = Pool::stage(stage.event_id, stage.id, 200);
        (stored.quantity_available, store.pool_state(&pool, now).await.expect("reads").capacity)
    }

    async fn replace(
        store: &Store,
        before: &SaleStage,
        after: &SaleStage,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        store.replace_sale_stage(before, after, domain::Currency::COP, now).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_quota_is_changed_by_one_request_at_a_time() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let before = limited_stage(&store, 100, now).await;
        let (other, other_before) = (store.clone(), before.clone());
        let meanwhile = async move {
            let refused = replace(&other, &other_before, &changed(&other_before, 30), now).await;
            assert!(matches!(refused, Err(Refusal::Failure(Failure::Refused(_)))), "{refused:?}");
        };
        // The first update takes the lease, the second changes the pool.
        let first = interrupted(&store, 2, meanwhile);
        replace(&first, &before, &changed(&before, 60), now).await.expect("changed");
        assert_eq!(quotas(&store, &before, now).await, (Some(60), 60));
        let late = replace(&store, &before, &changed(&before, 80), now).await;
        assert!(matches!(late, Err(Refusal::Failure(Failure::Refused(_)))), "{late:?}");
        assert_eq!(quotas(&store, &before, now).await, (Some(60), 60));
    }

    #[tokio::test]
    async fn a_refused_quota_leaves_everything_as_it_was() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let before = limited_stage(&store, 100, now).await;
        let sold = domain::OrderId::of_quote(domain::QuoteId::generate(now), domain::UserId::generate(now));
        let pool = Pool::stage(before.event_id, before.id, 100);
        let claim = crate::allotment::Claim::Sold;
        store.claim_admissions(&pool, 40, crate::allotment::Token::of(sold), claim, now).await.expect("sold");
        let refused = replace(&store, &before, &changed(&before, 39), now).await;
        assert!(matches!(refused, Err(Refusal::SoldOut(60))), "{refused:?}");
        assert_eq!(quotas(&store, &before, now).await, (Some(100), 100));
        replace(&store, &before, &changed(&before, 40), now).await.expect("the lease was given back");
        assert_eq!(quotas(&store, &before, now).await, (Some(40), 40));
    }

    #[tokio::test]
    async fn the_next_change_repairs_the_quota_of_a_request_that_died() {
        let (store, clock) = store_with_clock().await;
        let before = limited_stage(&store, 100, clock.now()).await;
        let key = keys::sale_stage(before.event_id, before.id);
        let pool = Pool::stage(before.event_id, before.id, 200);
        store.take_lease(&key, AREA_BLOCKS, 1, clock.now()).await.expect("the lease");
        store.resize_pool(&pool, 200, clock.now()).await.expect("resized");
        let renamed = SaleStage { stage_name: "Otra".to_owned(), ..changed(&before, 100) };
        let refused = replace(&store, &before, &renamed, clock.now()).await;
        assert!(matches!(refused, Err(Refusal::Failure(Failure::Refused(_)))), "not within a minute");
        clock.advance(Duration::from_secs(61));
        replace(&store, &before, &renamed, clock.now()).await.expect("the dead request's lease is taken");
        assert_eq!(quotas(&store, &before, clock.now()).await, (Some(100), 100));
    }

    /// Two requests set different quotas, step by step in turn. True if the stage and its pool agree in
    /// the end.
    async fn quotas_agree(store: &Store, now: Timestamp) -> bool {
        let before = limited_stage(store, 100, now).await;
        let key = keys::sale_stage(before.event_id, before.id);
        let pool = Pool::stage(before.event_id, before.id, 100);
        let mut leases = Vec::new();
        for quota in [10, 20] {
            let lease = store.take_lease(&key, AREA_BLOCKS, before.version, now).await;
            leases.extend(lease.ok().map(|lease| (lease, quota)));
        }
        // Without conditions both get the lease: the first sets the pool last, and the second the stage.
        for (_, quota) in leases.iter().rev() {
            store.resize_pool(&pool, *quota, now).await.expect("resized");
        }
        for (lease, quota) in leases {
            let put = store.putting(to_item(&key, &changed(&before, quota)).expect("an item"));
            let put = put.condition_expression("changing = :token");
            let put = put.expression_attribute_values(":token", string(&lease.token)).part().expect("whole");
            let _ = store.transact(vec![put]).await;
        }
        let (said, has) = quotas(store, &before, now).await;
        said == Some(has)
    }

    #[tokio::test]
    async fn a_stage_and_its_pool_agree_although_two_requests_change_them() {
        let (store, clock) = store_with_clock().await;
        assert!(quotas_agree(&store, clock.now()).await);
    }

    #[tokio::test]
    async fn without_the_lease_a_stage_and_its_pool_disagree() {
        let (store, clock) = store_with_clock().await;
        assert!(!quotas_agree(&unguarded(&store), clock.now()).await, "the race proves nothing");
    }
}
