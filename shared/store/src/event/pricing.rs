//! Sale stages and promotions. Their limited quantities are counted by pools (see
//! [`allotment`](crate::allotment)).

use std::collections::BTreeMap;

use domain::pricing::{AdjustmentType, Promotion, SaleStage, StageOffer};
use domain::{Currency, EventId, SaleStageId, TenantId, Timestamp, UserId};
use futures::future::try_join_all;

use crate::allotment::Pool;
use crate::failure::accept_if_written;
use crate::{Failure, Listing, Store, keys};

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

impl Store {
    /// Writes a new stage, or returns the stored one if there is one. The pool of a limited stage must
    /// exist already. A stage with an amount is refused if the event does not sell in `currency`, or
    /// that may be changing right now.
    pub async fn create_sale_stage(
        &self,
        stage: &SaleStage,
        currency: Currency,
        now: Timestamp,
    ) -> Result<SaleStage, Failure> {
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

    /// Stores a changed stage, its version counted up. Refused if it was changed meanwhile, and as
    /// [`Store::create_sale_stage`] is.
    pub async fn replace_sale_stage(
        &self,
        stage: &SaleStage,
        currency: Currency,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let key = keys::sale_stage(stage.event_id, stage.id);
        match stage.price_adjustment_type {
            AdjustmentType::Percentage => self.replace(&key, stage).await,
            AdjustmentType::Fixed => {
                let in_currency = self.currency_check(stage.event_id, currency, now)?;
                let sent = self.transact(vec![self.replace_part(&key, stage)?, in_currency]).await;
                let is_written =
                    async { Ok(self.get_consistent::<SaleStage>(&key).await?.as_ref() == Some(stage)) };
                accept_if_written(sent, is_written).await
            }
        }
    }

    /// Deletes a stage. Its pool stays, for the orders that have claims on it.
    pub async fn delete_sale_stage(&self, event: EventId, stage: SaleStageId) -> Result<(), Failure> {
        self.delete(&keys::sale_stage(event, stage)).await
    }

    /// Writes a new promotion, or returns the stored one if it is the same. Refused if another
    /// promotion of the tenant has the code.
    pub async fn create_promotion(&self, promotion: &Promotion) -> Result<Promotion, Failure> {
        let key = keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str());
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
    pub async fn promotion(&self, tenant: TenantId, code: &str) -> Result<Option<Promotion>, Failure> {
        self.get_consistent(&keys::promotion(tenant, code)).await
    }

    /// A page of the tenant's promotions, sorted by code.
    pub async fn promotions(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Promotion>, Failure> {
        self.list(&keys::tenant_partition(tenant), keys::PROMOTION_PREFIX, after, limit, false).await
    }

    /// Stores a changed promotion, its version counted up. Refused if it was changed meanwhile.
    pub async fn replace_promotion(&self, promotion: &Promotion) -> Result<(), Failure> {
        self.replace(&keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str()), promotion)
            .await
    }

    /// Deletes a promotion that has the version of `promotion`. Refused if it was changed meanwhile.
    pub async fn delete_promotion(&self, promotion: &Promotion) -> Result<(), Failure> {
        let key = keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str());
        self.transact(vec![self.delete_version_part(&key, promotion)?]).await
    }

    /// How many tickets are left in the limited ones among `stages`, read consistently.
    pub async fn stages_left(
        &self,
        stages: impl IntoIterator<Item = &SaleStage>,
        now: Timestamp,
    ) -> Result<StagesLeft, Failure> {
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
    pub async fn promotion_left(
        &self,
        promotion: &Promotion,
        now: Timestamp,
    ) -> Result<Option<u32>, Failure> {
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
    ) -> Result<Option<u32>, Failure> {
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
