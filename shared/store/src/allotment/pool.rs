//! Pools: admissions without a place of their own, split into blocks.
//!
//! A block is an item with `c` (its capacity), `l` (how many are unclaimed) and an attribute for each
//! claim, named by its token, whose value is a [`ClaimValue`]. At all times `l` and all claims add up to
//! `c`. Sold claims stay, so that settling, refunding and their repetitions are all one conditional
//! write.
//!
//! [`ClaimValue`]: super::block::Stake

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{AreaId, EventId, SaleStageId, TenantId, Timestamp, UserId, VariantId};
use futures::future::try_join_all;

use super::block::{Block, admissions, reclaiming};
use super::{ROUNDS, Refusal, pause};
use crate::failure::{Item, was_done};
use crate::items::{number, query_all, string};
use crate::keys::{self, Key, SHARDS};
use crate::{Failure, Result, Store};

/// Most admissions of one block: fifty claims of one admission each still fit 1 KB.
pub(crate) const BLOCK_ADMISSIONS: u32 = 50;

/// A pool of admissions: a general admission area, the quota of a sale stage,
/// the uses of a promotion, the discounts of an event, the stock of a variant.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    kind: Kind,
    pub(super) blocks: u16,
}

#[derive(Debug, Clone)]
enum Kind {
    Area(EventId, AreaId),
    Stage(EventId, SaleStageId),
    Promotion(TenantId, String),
    Discounts(EventId),
    Variant(VariantId),
    /// Created by its first claim; the number is its capacity.
    PromotionBuyer(TenantId, String, UserId, u32),
}

/// How many blocks `capacity` admissions are spread over.
fn blocks_of(capacity: u32) -> u16 {
    u16::try_from(capacity.div_ceil(BLOCK_ADMISSIONS).max(1)).unwrap_or(u16::MAX)
}

impl Pool {
    /// The admissions of an area over `blocks` blocks (see [`Pool::blocks_for`]).
    pub(crate) fn area(event: EventId, area: AreaId, blocks: u16) -> Self {
        Self { kind: Kind::Area(event, area), blocks: blocks.max(1) }
    }

    /// The quota of a sale stage that had `quantity` when it was created.
    pub(crate) fn stage(event: EventId, stage: SaleStageId, quantity: u32) -> Self {
        Self { kind: Kind::Stage(event, stage), blocks: blocks_of(quantity) }
    }

    /// The uses of a promotion that had `uses` when it was created.
    pub(crate) fn promotion(tenant: TenantId, code: &str, uses: u32) -> Self {
        Self { kind: Kind::Promotion(tenant, code.to_owned()), blocks: blocks_of(uses) }
    }

    /// The discounts that an event has for members, over `blocks` blocks (see
    /// [`Pool::blocks_for`]): [`Event::discount_blocks`](domain::event::Event::discount_blocks).
    pub(crate) fn discounts(event: EventId, blocks: u16) -> Self {
        Self { kind: Kind::Discounts(event), blocks: blocks.max(1) }
    }

    /// The stock of a product's variant over `blocks` blocks (see [`Pool::blocks_for`]).
    pub(crate) fn variant(variant: VariantId, blocks: u16) -> Self {
        Self { kind: Kind::Variant(variant), blocks: blocks.max(1) }
    }

    /// One buyer's uses of a promotion; the first claim creates it.
    pub(crate) fn promotion_buyer(tenant: TenantId, code: &str, user: UserId, uses: u32) -> Self {
        Self { kind: Kind::PromotionBuyer(tenant, code.to_owned(), user, uses), blocks: 1 }
    }

    /// How many blocks a pool of this capacity is created with.
    pub(crate) fn blocks_for(capacity: u32) -> u16 {
        blocks_of(capacity)
    }

    pub(super) fn key(&self, block: u16) -> Key {
        match &self.kind {
            Kind::Area(event, area) => keys::area_block(*event, *area, block),
            Kind::Stage(event, stage) => keys::stage_block(*event, *stage, block),
            Kind::Promotion(tenant, code) => keys::promotion_block(*tenant, code, block),
            Kind::Discounts(event) => keys::discount_block(*event, block),
            Kind::Variant(variant) => keys::variant_block(*variant, block),
            Kind::PromotionBuyer(tenant, code, user, _) => keys::promotion_buyer(*tenant, code, *user),
        }
    }

    /// The capacity of a pool that its first claim creates; `None` for a pool that must be created.
    pub(super) fn on_demand(&self) -> Option<u32> {
        match self.kind {
            Kind::PromotionBuyer(.., uses) => Some(uses),
            _ => None,
        }
    }
}

/// The counts of an allotment. What is held or blocked is neither left nor sold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllotmentState {
    /// Places, tickets or uses in total.
    pub capacity: u32,
    /// Free ones, including those whose hold has expired.
    pub left: u32,
    /// Sold ones, without those that a refund returned.
    pub sold: u32,
}

impl Store {
    /// Creates the blocks of a pool; existing blocks stay as they are. Before that, every claim is
    /// refused as sold out.
    pub(crate) async fn create_pool(&self, pool: &Pool, capacity: u32) -> Result<()> {
        let create = "SET c = if_not_exists(c, :size), l = if_not_exists(l, :size)";
        let mut rest = capacity;
        let blocks = (0..pool.blocks).map(|block| {
            let size = rest.min(BLOCK_ADMISSIONS);
            rest -= size;
            (pool.key(block), create.to_owned(), vec![(":size", number(size))])
        });
        self.create_blocks(blocks).await
    }

    /// Sets the capacity of a pool. Added admissions first fill up the existing blocks; removed ones
    /// must be free, and come from the last blocks. Safe to repeat. Returns the number of blocks that
    /// the pool is spread over then, never fewer than before. Not for the pool of one buyer.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many are free, and nothing changed, if more than that would have
    /// to be removed.
    pub(crate) async fn resize_pool(
        &self,
        pool: &Pool,
        capacity: u32,
        now: Timestamp,
    ) -> Result<u16, Refusal> {
        // An interrupted resize may have left blocks that `pool` does not know of.
        let whole = Pool { blocks: pool.blocks.max(SHARDS), ..pool.clone() };
        let (mut wanted, mut before, mut refused) = (i64::from(capacity), None, None);
        for round in 0..ROUNDS {
            pause(round).await;
            let blocks = self.read_pool(&whole).await?;
            let has: i64 = blocks.iter().map(|block| block.capacity).sum();
            let before = *before.get_or_insert(has);
            if has < wanted {
                self.add_admissions(pool, &blocks, wanted - has).await?;
            } else if has > wanted {
                let free: i64 = blocks.iter().map(|block| block.free(now)).sum();
                if free >= has - wanted {
                    self.remove_admissions(pool, &blocks, has - wanted, now).await?;
                } else {
                    // Buyers were faster. An earlier round may have removed some: put them back.
                    refused = Some(u32::try_from(free + before - has).unwrap_or(0));
                    wanted = before;
                }
            }
            if has == wanted {
                let last = blocks.last().map_or(0, |block| block.index + 1);
                return refused.map_or(Ok(pool.blocks.max(last)), |free| Err(Refusal::SoldOut(free)));
            }
        }
        Err(Refusal::Failure(Failure::Unavailable("the pool is contended".to_owned())))
    }

    /// Adds admissions. Stops at a block that another request has resized meanwhile.
    async fn add_admissions(&self, pool: &Pool, blocks: &[Block], more: i64) -> Result<()> {
        let mut rest = more;
        for index in 0..=u16::MAX {
            let found = blocks.iter().find(|block| block.index == index);
            let has = found.map_or(0, |block| block.capacity);
            let add = rest.min(i64::from(BLOCK_ADMISSIONS) - has);
            if add <= 0 {
                continue;
            }
            let sent = self
                .update_block(pool, index)
                .update_expression(
                    "SET c = if_not_exists(c, :zero) + :add, l = if_not_exists(l, :zero) + :add",
                )
                .condition_expression("attribute_not_exists(c) OR c = :has")
                .expression_attribute_values(":zero", number(0))
                .expression_attribute_values(":add", number(add))
                .expression_attribute_values(":has", number(has))
                .send()
                .await;
            if !was_done(sent)? {
                break;
            }
            rest -= add;
            if rest == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Removes free admissions, the last block first. Skips a block where buyers were faster.
    async fn remove_admissions(
        &self,
        pool: &Pool,
        blocks: &[Block],
        less: i64,
        now: Timestamp,
    ) -> Result<()> {
        let mut rest = less;
        for block in blocks.iter().rev() {
            let take = block.free(now).min(rest);
            if take <= 0 {
                continue;
            }
            let expired = if block.left < take { block.expired(now) } else { Vec::new() };
            let (update, remove, unchanged) = reclaiming(self.update_block(pool, block.index), &expired);
            let sent = update
                .update_expression(format!("SET c = c - :take, l = l - :less{remove}"))
                .condition_expression(format!("c = :has AND l >= :less{unchanged}"))
                .expression_attribute_values(":take", number(take))
                .expression_attribute_values(":less", number(take - admissions(&expired)))
                .expression_attribute_values(":has", number(block.capacity))
                .send()
                .await;
            if was_done(sent)? {
                rest -= take;
            }
            if rest == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The counts of a pool, read consistently.
    pub(crate) async fn pool_state(&self, pool: &Pool, now: Timestamp) -> Result<AllotmentState> {
        let blocks = self.read_pool(pool).await?;
        let count =
            |of: &dyn Fn(&Block) -> i64| u32::try_from(blocks.iter().map(of).sum::<i64>()).unwrap_or(0);
        let sold = |block: &Block| {
            let sold = block.claims.iter().filter(|(_, stake)| stake.is_sold());
            sold.map(|(_, stake)| i64::from(stake.quantity())).sum()
        };
        Ok(AllotmentState {
            capacity: count(&|block| block.capacity),
            left: count(&|block| block.free(now)),
            sold: count(&sold),
        })
    }

    /// All blocks of the pool, in order, read consistently: one query for each
    /// partition key that they spread over.
    pub(super) async fn read_pool(&self, pool: &Pool) -> Result<Vec<Block>> {
        let partitions = (0..pool.blocks.min(SHARDS)).map(|shard| self.read_blocks(pool.key(shard).pk));
        let mut blocks = Vec::with_capacity(pool.blocks.into());
        for item in try_join_all(partitions).await?.into_iter().flatten() {
            if let Some(AttributeValue::S(sk)) = item.get(keys::SK) {
                let index = keys::block_index(sk).ok_or_else(|| Failure::unreadable("the key of a block"))?;
                blocks.push(Block::read(index, item)?);
            }
        }
        if let Some(capacity) = pool.on_demand().filter(|_| blocks.is_empty()) {
            blocks.push(Block::untouched(0, capacity));
        }
        blocks.sort_by_key(|block| block.index);
        Ok(blocks)
    }

    /// The items of all blocks in one partition, read consistently.
    pub(super) async fn read_blocks(&self, pk: String) -> Result<Vec<Item>> {
        let query = self
            .query_of(pk)
            .consistent_read(true)
            .key_condition_expression("PK = :pk AND begins_with(SK, :block)")
            .expression_attribute_values(":block", string("B#"));
        query_all(query).await
    }

    pub(super) fn update_block(&self, pool: &Pool, block: u16) -> UpdateItemFluentBuilder {
        self.update_of(&pool.key(block))
    }
}
