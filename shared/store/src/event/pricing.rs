//! Sale stages and promotions. Their limited quantities are counted by pools (see
//! [`allotment`](crate::allotment)).

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::pricing::{AdjustmentType, Promotion, SaleStage, StageOffer};
use domain::{Currency, EventId, SaleStageId, TenantId, Timestamp, UserId};
use futures::future::try_join_all;
use serde::Serialize;

use super::area::CapacityLease;
use super::limited::NumberChange;
use super::places::{stage_pool, uses_pool};
use crate::allotment::{Pool, Refusal};
use crate::items::{Part, string, to_item};
use crate::keys::Key;
use crate::{Failure, Listing, Result, Store, keys};

/// How many tickets are left in each limited stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StagesLeft(BTreeMap<SaleStageId, u32>);

impl StagesLeft {
    /// Tickets left in a stage; `None` if it is unlimited, or was not asked for.
    pub fn of(&self, stage: SaleStageId) -> Option<u32> {
        self.0.get(&stage).copied()
    }

    /// The stages with what is left of each, as a quote takes them.
    pub fn offers<'a>(&self, stages: &'a [SaleStage]) -> Vec<StageOffer<'a>> {
        stages.iter().map(|stage| StageOffer { stage, remaining: self.of(stage.id) }).collect()
    }
}

fn promotion_key(promotion: &Promotion) -> Key {
    keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str())
}

fn uses_change<'a>(key: &'a Key, before: &Promotion, after: Option<u32>) -> NumberChange<'a> {
    let most = before.total_uses.max(after).unwrap_or(0);
    let (version, pool) = (before.version, uses_pool(before, most));
    NumberChange { key, version, pool, before: before.total_uses, after }
}

impl Store {
    /// Writes a new stage, or returns the stored one if there is one. The pool of a limited stage must
    /// exist already. A stage with an amount is refused if the event does not sell in `currency`, or
    /// that may be changing right now.
    pub async fn create_sale_stage(
        &self,
        stage: &SaleStage,
        currency: Currency,
        now: Timestamp,
    ) -> Result<SaleStage> {
        let key = keys::sale_stage(stage.event_id, stage.id);
        let written = match stage.price_adjustment_type {
            AdjustmentType::Percentage => self.put_new(&key, stage).await,
            AdjustmentType::Fixed => {
                let in_currency = self.currency_check(stage.event_id, currency, now)?;
                self.transact(vec![self.put_new_part(&key, stage)?, in_currency]).await
            }
        };
        match written {
            Ok(()) => Ok(stage.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// Stores a changed stage, its version counted up, and sets its quota to the stage's number.
    ///
    /// # Errors
    /// As those of [`Store::replace_promotion`]; refused also as [`Store::create_sale_stage`] is.
    pub async fn replace_sale_stage(
        &self,
        before: &SaleStage,
        after: &SaleStage,
        currency: Currency,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = keys::sale_stage(after.event_id, after.id);
        let number = (before.quantity_available, after.quantity_available);
        let change = NumberChange {
            key: &key,
            version: before.version,
            pool: stage_pool(after, number.0.max(number.1).unwrap_or(0)),
            before: number.0,
            after: number.1,
        };
        let write = |lease: &CapacityLease| {
            let mut writes = vec![self.put_leased_part(&key, after, lease)?];
            if after.price_adjustment_type == AdjustmentType::Fixed {
                writes.push(self.currency_check(after.event_id, currency, now)?);
            }
            Ok(writes)
        };
        let is_written = async { Ok(self.get_consistent(&key).await?.as_ref() == Some(after)) };
        self.change_number(change, write, is_written, now).await
    }

    /// Deletes a stage. Its pool stays, for the orders that have claims on it.
    pub async fn delete_sale_stage(&self, event: EventId, stage: SaleStageId) -> Result<()> {
        self.delete(&keys::sale_stage(event, stage)).await
    }

    /// Writes a new promotion, or returns the stored one if it is the same. Refused if another
    /// promotion of the tenant has the code.
    pub async fn create_promotion(&self, promotion: &Promotion) -> Result<Promotion> {
        let key = promotion_key(promotion);
        match self.put_new(&key, promotion).await {
            Ok(()) => Ok(promotion.clone()),
            Err(refused @ Failure::Refused(_)) => {
                let stored: Option<Promotion> = self.get_consistent(&key).await?;
                stored.filter(|stored| stored.id == promotion.id).ok_or(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The tenant's promotion with this code in capital letters, read consistently.
    pub async fn promotion(&self, tenant: TenantId, code: &str) -> Result<Option<Promotion>> {
        self.get_consistent(&keys::promotion(tenant, code)).await
    }

    /// A page of the tenant's promotions, sorted by code.
    pub async fn promotions(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Promotion>> {
        self.list(&keys::tenant_partition(tenant), keys::PROMOTION_PREFIX, after, limit, false).await
    }

    /// Stores a changed promotion, its version counted up, and sets its uses to the promotion's number.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many uses are free if orders have taken too many of them;
    /// [`Failure::Refused`] if the promotion was changed since `before` was read, or is being changed.
    pub async fn replace_promotion(
        &self,
        before: &Promotion,
        after: &Promotion,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = promotion_key(after);
        let write = |lease: &CapacityLease| Ok(vec![self.put_leased_part(&key, after, lease)?]);
        let is_written = async { Ok(self.get_consistent(&key).await?.as_ref() == Some(after)) };
        self.change_number(uses_change(&key, before, after.total_uses), write, is_written, now).await
    }

    /// Deletes a promotion. Its uses are taken away first, so that no order takes one any more, and the
    /// code may get another promotion.
    ///
    /// # Errors
    /// As those of [`Store::replace_promotion`]: sold out means that orders have uses.
    pub async fn delete_promotion(&self, promotion: &Promotion, now: Timestamp) -> Result<(), Refusal> {
        let key = promotion_key(promotion);
        let write = |lease: &CapacityLease| {
            let delete = self.deleting(&key).condition_expression("changing = :token");
            Ok(vec![delete.expression_attribute_values(":token", string(&lease.token)).part()?])
        };
        let is_written = async { Ok(!self.exists(&key).await?) };
        let after = promotion.total_uses.map(|_| 0);
        self.change_number(uses_change(&key, promotion, after), write, is_written, now).await
    }

    /// The part of a transaction that puts an item and ends the lease on it.
    pub(crate) fn put_leased_part<T: Serialize>(
        &self,
        key: &Key,
        value: &T,
        lease: &CapacityLease,
    ) -> Result<TransactWriteItem> {
        self.putting(to_item(key, value)?)
            .condition_expression("changing = :token")
            .expression_attribute_values(":token", string(&lease.token))
            .part()
    }

    /// How many tickets are left in the limited ones among `stages`, read consistently.
    pub async fn stages_left(
        &self,
        stages: impl IntoIterator<Item = &SaleStage>,
        now: Timestamp,
    ) -> Result<StagesLeft> {
        let pools: Vec<(SaleStageId, Pool)> = stages
            .into_iter()
            .filter_map(|stage| {
                Some((stage.id, Pool::stage(stage.event_id, stage.id, stage.quantity_available?)))
            })
            .collect();
        let states = try_join_all(pools.iter().map(|(_, pool)| self.pool_state(pool, now))).await?;
        Ok(StagesLeft(pools.iter().zip(states).map(|((id, _), state)| (*id, state.left)).collect()))
    }

    /// How many more orders can use the promotion; `None` if its uses are unlimited.
    pub async fn promotion_left(&self, promotion: &Promotion, now: Timestamp) -> Result<Option<u32>> {
        let Some(uses) = promotion.total_uses else { return Ok(None) };
        let pool = Pool::promotion(promotion.tenant_id, promotion.promotion_code.as_str(), uses);
        Ok(Some(self.pool_state(&pool, now).await?.left))
    }

    /// How many more orders of `buyer` can use the promotion; `None` if a buyer's uses are unlimited.
    pub async fn promotion_buyer_left(
        &self,
        promotion: &Promotion,
        buyer: UserId,
        now: Timestamp,
    ) -> Result<Option<u32>> {
        let Some(uses) = promotion.uses_per_buyer else { return Ok(None) };
        let code = promotion.promotion_code.as_str();
        let pool = Pool::promotion_buyer(promotion.tenant_id, code, buyer, uses);
        Ok(Some(self.pool_state(&pool, now).await?.left))
    }
}

#[cfg(test)]
mod tests {
    use domain::pricing::AdjustmentType;

    use super::*;
    use crate::testing::store_with_clock;

    #[tokio::test]
    async fn a_limited_stage_tells_what_is_left() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let stage = |quantity_available| SaleStage {
            id: SaleStageId::generate(now),
            event_id: EventId::from_uuid(SaleStageId::generate(now).uuid()),
            stage_name: "Preventa".to_owned(),
            price_adjustment_type: AdjustmentType::Percentage,
            price_adjustment_value: -1000,
            quantity_available,
            start_time: None,
            end_time: None,
            target_area_id: None,
            target_product_variant_id: None,
            priority_order: 1,
            active: true,
            version: 1,
        };
        let stages = [stage(Some(120)), stage(None)];
        let pool = Pool::stage(stages[0].event_id, stages[0].id, 120);
        store.create_pool(&pool, 120).await.expect("created");
        let left = store.stages_left(&stages, now).await.expect("reads");
        assert_eq!((left.of(stages[0].id), left.of(stages[1].id)), (Some(120), None));
        assert_eq!(
            left.offers(&stages).iter().map(|offer| offer.remaining).collect::<Vec<_>>(),
            [Some(120), None]
        );
    }
}
