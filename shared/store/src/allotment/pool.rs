//! Pools: admissions without a place of their own, split into blocks.
//!
//! A block is an item with `c` (its capacity), `l` (what nobody claims) and an
//! attribute for each claim, named by its token. The value of a claim is a
//! number: up to 99 is that many sold, more is `expiry in seconds * 100 + how
//! many`. At all times `l` and all claims add up to `c`. Sold claims stay, so
//! that settling, refunding and their repetitions are all one conditional write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::order::Part;
use domain::{AreaId, EventId, SaleStageId, TenantId, Timestamp, UserId};
use futures::future::try_join_all;

use super::{Claim, Refusal, Token, seconds};
use crate::failure::Item;
use crate::items::{number, string};
use crate::keys::{self, Key, SHARDS};
use crate::{Failure, Store};

/// Admissions of one block. Fifty claims of one admission each still fit 1 KB.
pub const BLOCK_ADMISSIONS: u32 = 50;

/// How many blocks a buyer tries before looking at all of them.
const PROBES: usize = 3;
/// How often a buyer looks at all blocks before giving up under contention.
const ROUNDS: usize = 12;
/// Values above this are holds: the expiry stands before the last two digits.
const HOLD: i64 = 100;

/// A pool of admissions: a general admission area, the quota of a sale stage,
/// the uses of a promotion.
#[derive(Debug, Clone)]
pub struct Pool {
    kind: Kind,
    blocks: u16,
}

#[derive(Debug, Clone)]
enum Kind {
    Area(EventId, AreaId),
    Stage(EventId, SaleStageId),
    Promotion(TenantId, String),
    /// Made by the first claim on it; with its capacity.
    PromotionBuyer(TenantId, String, UserId, u32),
}

/// How many blocks `capacity` admissions are spread over.
fn blocks_of(capacity: u32) -> u16 {
    u16::try_from(capacity.div_ceil(BLOCK_ADMISSIONS).max(1)).unwrap_or(u16::MAX)
}

impl Pool {
    /// The admissions of an area over `blocks` blocks (see [`Pool::blocks_for`]).
    pub fn area(event: EventId, area: AreaId, blocks: u16) -> Self {
        Self { kind: Kind::Area(event, area), blocks: blocks.max(1) }
    }

    /// The quota of a sale stage that had `quantity` when it was created.
    pub fn stage(event: EventId, stage: SaleStageId, quantity: u32) -> Self {
        Self { kind: Kind::Stage(event, stage), blocks: blocks_of(quantity) }
    }

    /// The uses of a promotion that had `uses` when it was created.
    pub fn promotion(tenant: TenantId, code: &str, uses: u32) -> Self {
        Self { kind: Kind::Promotion(tenant, code.to_owned()), blocks: blocks_of(uses) }
    }

    /// One buyer's uses of a promotion. Needs no creating.
    pub fn promotion_buyer(tenant: TenantId, code: &str, user: UserId, uses: u32) -> Self {
        Self { kind: Kind::PromotionBuyer(tenant, code.to_owned(), user, uses), blocks: 1 }
    }

    /// How many blocks a pool of this capacity is created with.
    pub fn blocks_for(capacity: u32) -> u16 {
        blocks_of(capacity)
    }

    fn key(&self, block: u16) -> Key {
        match &self.kind {
            Kind::Area(event, area) => keys::area_block(*event, *area, block),
            Kind::Stage(event, stage) => keys::stage_block(*event, *stage, block),
            Kind::Promotion(tenant, code) => keys::promotion_block(*tenant, code, block),
            Kind::PromotionBuyer(tenant, code, user, _) => keys::promotion_buyer(*tenant, code, *user),
        }
    }

    /// The capacity of a block that its first claim makes.
    fn on_demand(&self) -> Option<u32> {
        match self.kind {
            Kind::PromotionBuyer(.., uses) => Some(uses),
            _ => None,
        }
    }

    /// The block with which an order begins to look.
    fn first_block(&self, token: Token) -> u16 {
        u16::try_from(token.spread() % u64::from(self.blocks)).unwrap_or(0)
    }
}

/// How a pool stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolState {
    /// All admissions.
    pub capacity: u32,
    /// Free ones, expired holds among them.
    pub left: u32,
    /// Sold ones.
    pub sold: u32,
}

/// One block as it was read.
#[derive(Debug, Clone)]
struct Block {
    index: u16,
    capacity: i64,
    left: i64,
    claims: Vec<(String, i64)>,
}

impl Block {
    fn read(index: u16, item: Item) -> Result<Self, Failure> {
        let mut block = Self { index, capacity: 0, left: 0, claims: Vec::new() };
        for (name, value) in item {
            let AttributeValue::N(value) = value else { continue };
            let value = value.parse().map_err(Failure::unreadable)?;
            match name.as_str() {
                "c" => block.capacity = value,
                "l" => block.left = value,
                _ => block.claims.push((name, value)),
            }
        }
        Ok(block)
    }

    fn claim(&self, token: Token) -> Option<i64> {
        self.claims.iter().find(|(name, _)| name == token.as_str()).map(|(_, value)| *value)
    }

    /// The claims whose time is over, other than `token`'s.
    fn expired(&self, token: Token, now: Timestamp) -> Vec<(String, i64)> {
        let over = |value: i64| value >= HOLD && value / HOLD < seconds(now);
        self.claims.iter().filter(|(name, value)| name != token.as_str() && over(*value)).cloned().collect()
    }

    fn free(&self, token: Token, now: Timestamp) -> i64 {
        self.left + self.expired(token, now).iter().map(|(_, value)| value % HOLD).sum::<i64>()
    }
}

/// The value of a claim.
fn value_of(quantity: u8, claim: Claim) -> i64 {
    match claim {
        Claim::Until(expiry) => seconds(expiry) * HOLD + i64::from(quantity),
        Claim::Sold => i64::from(quantity),
    }
}

/// What earlier answers said about the blocks of large pools, so that buyers go
/// where there is room. Only ever a hint: the block itself decides.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<HashMap<String, HashMap<u16, i64>>>);

impl Hints {
    /// Pools that are remembered; beyond it all are forgotten.
    const MOST: usize = 512;

    fn note(&self, pool: &Pool, block: u16, left: i64) {
        if pool.blocks == 1 {
            return;
        }
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= Self::MOST {
            pools.clear();
        }
        pools.entry(pool.key(0).pk).or_default().insert(block, left);
    }

    fn left(&self, pool: &Pool, block: u16) -> Option<i64> {
        if pool.blocks == 1 {
            return None;
        }
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.get(&pool.key(0).pk)?.get(&block).copied()
    }
}

impl Store {
    /// Creates the blocks of a pool. Nothing may be claimed from it before.
    pub async fn create_pool(&self, pool: &Pool, capacity: u32) -> Result<(), Failure> {
        let mut items = Vec::with_capacity(usize::from(pool.blocks));
        let mut rest = capacity;
        for block in 0..pool.blocks {
            let size = rest.min(BLOCK_ADMISSIONS);
            rest -= size;
            let mut item = pool.key(block).attributes();
            item.insert("c".to_owned(), number(size));
            item.insert("l".to_owned(), number(size));
            items.push(item);
        }
        self.put_many(items).await
    }

    /// Adds `more` admissions to a pool that has `pool.blocks` blocks now: fills
    /// up its last block, then adds blocks. Answers how many blocks it has then.
    pub async fn grow_pool(&self, pool: &Pool, more: u32) -> Result<u16, Failure> {
        let (mut rest, mut index) = (more, pool.blocks - 1);
        while rest > 0 {
            let key = pool.key(index);
            let has = match self.get_item(&key, true).await? {
                Some(item) => Block::read(index, item)?.capacity,
                None => 0,
            };
            let room = i64::from(BLOCK_ADMISSIONS) - has;
            let add = u32::try_from(room.max(0)).unwrap_or(0).min(rest);
            if add > 0 {
                self.client
                    .update_item()
                    .table_name(&*self.table)
                    .set_key(Some(key.attributes()))
                    .update_expression(
                        "SET c = if_not_exists(c, :zero) + :add, l = if_not_exists(l, :zero) + :add",
                    )
                    .condition_expression("attribute_not_exists(c) OR c = :has")
                    .expression_attribute_values(":zero", number(0))
                    .expression_attribute_values(":add", number(add))
                    .expression_attribute_values(":has", number(has))
                    .send()
                    .await?;
                rest -= add;
            }
            if rest > 0 {
                index += 1;
            }
        }
        Ok(index + 1)
    }

    /// Takes `less` free admissions out of a pool for good, from its last block
    /// backwards.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many are free, and nothing changed, if fewer
    /// than `less` are.
    pub async fn shrink_pool(&self, pool: &Pool, less: u32, now: Timestamp) -> Result<(), Refusal> {
        // As a claim it competes fairly with buyers, can be repeated and undone.
        let token = Token(*b"_shrink_");
        let mut rest = i64::from(less);
        let blocks = self.read_pool(pool).await?;
        let free: i64 = blocks.iter().map(|block| block.free(token, now)).sum();
        if free < rest {
            return Err(Refusal::SoldOut(u32::try_from(free).unwrap_or(0)));
        }
        for block in blocks.iter().rev() {
            let take = block.free(token, now).min(rest);
            if take <= 0 {
                continue;
            }
            let expired = block.expired(token, now);
            let freed: i64 = expired.iter().map(|(_, value)| value % HOLD).sum();
            let mut update = self
                .client
                .update_item()
                .table_name(&*self.table)
                .set_key(Some(pool.key(block.index).attributes()))
                .expression_attribute_values(":take", number(take))
                .expression_attribute_values(":freed", number(freed))
                .expression_attribute_values(":l", number(block.left));
            let (mut remove, mut condition) = (String::new(), "l = :l".to_owned());
            for (i, (name, value)) in expired.into_iter().enumerate() {
                remove.push_str(if i == 0 { " REMOVE " } else { ", " });
                remove.push_str(&format!("#e{i}"));
                condition.push_str(&format!(" AND #e{i} = :e{i}"));
                update = update
                    .expression_attribute_names(format!("#e{i}"), name)
                    .expression_attribute_values(format!(":e{i}"), number(value));
            }
            update
                .update_expression(format!("SET c = c - :take, l = l + :freed - :take{remove}"))
                .condition_expression(condition)
                .send()
                .await
                .map_err(Failure::from)?;
            rest -= take;
            if rest == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Claims `quantity` admissions for `token`, from one block if any has room,
    /// else from several. Asking again with the same token gives the same.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] only if, at one moment, fewer than `quantity` were
    /// free in all blocks together.
    pub async fn claim_admissions(
        &self,
        pool: &Pool,
        quantity: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Vec<Part>, Refusal> {
        let wanted = i64::from(quantity);
        let first = pool.first_block(token);
        let candidates = (0..pool.blocks)
            .map(|step| (first + step) % pool.blocks)
            .filter(|block| self.hints.left(pool, *block).is_none_or(|left| left >= wanted));
        for block in candidates.take(PROBES) {
            if self.ask_block(pool, block, quantity, token, claim, now).await? {
                return Ok(vec![Part { block, quantity }]);
            }
        }
        for _ in 0..ROUNDS {
            if let Some(parts) = self.search_pool(pool, quantity, token, claim, now).await? {
                return Ok(parts);
            }
        }
        Err(Refusal::Failure(Failure::Unavailable("the last places are contended".to_owned())))
    }

    /// Looks at all blocks and claims where there is room. `None` if others were
    /// faster everywhere.
    async fn search_pool(
        &self,
        pool: &Pool,
        quantity: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Option<Vec<Part>>, Refusal> {
        let wanted = i64::from(quantity);
        let mut blocks = self.read_pool(pool).await?;
        if let Some(capacity) = pool.on_demand().filter(|_| blocks.is_empty()) {
            blocks.push(Block {
                index: 0,
                capacity: capacity.into(),
                left: capacity.into(),
                claims: Vec::new(),
            });
        }
        let mine = |block: &Block| block.claim(token).map(|value| (block.index, value));
        let mine: Vec<(u16, i64)> = blocks.iter().filter_map(mine).collect();
        let parts = mine
            .iter()
            .map(|(block, value)| Part { block: *block, quantity: u8::try_from(value % HOLD).unwrap_or(0) });
        let parts: Vec<Part> = parts.collect();
        if claim != Claim::Sold && mine.iter().any(|(_, value)| *value < HOLD) {
            // Sold stays sold, whatever is asked for.
            return Ok(Some(parts));
        }
        if !parts.is_empty() {
            // What an earlier try under this token got in part is given back first.
            self.release_parts(pool, &parts, token, true).await?;
            return Ok(None);
        }
        let mut free: Vec<(u16, i64)> =
            blocks.iter().map(|block| (block.index, block.free(token, now))).collect();
        let total: i64 = free.iter().map(|(_, free)| (*free).max(0)).sum();
        for (block, left) in &free {
            self.hints.note(pool, *block, *left);
        }
        if total < wanted {
            return Err(Refusal::SoldOut(u32::try_from(total).unwrap_or(0)));
        }
        // One block with room, and not the same one for everybody.
        let roomy: Vec<u16> =
            free.iter().filter(|(_, free)| *free >= wanted).map(|(block, _)| *block).collect();
        if !roomy.is_empty() {
            let start = usize::try_from(token.spread() % roomy.len() as u64).unwrap_or(0);
            for step in 0..roomy.len().min(PROBES) {
                let block = roomy[(start + step) % roomy.len()];
                if self.ask_block(pool, block, quantity, token, claim, now).await? {
                    return Ok(Some(vec![Part { block, quantity }]));
                }
            }
            return Ok(None);
        }
        free.sort_by_key(|(_, free)| -free);
        let (mut parts, mut rest) = (Vec::new(), quantity);
        for (block, left) in free {
            let take = u8::try_from(left.clamp(0, i64::from(rest))).unwrap_or(0);
            if take == 0 {
                break;
            }
            if self.ask_block(pool, block, take, token, claim, now).await? {
                parts.push(Part { block, quantity: take });
                rest -= take;
            }
            if rest == 0 {
                return Ok(Some(parts));
            }
        }
        self.release_parts(pool, &parts, token, true).await?;
        Ok(None)
    }

    /// Claims `quantity` from one block, expired holds reclaimed in the same
    /// write. False if the block has not that much.
    async fn ask_block(
        &self,
        pool: &Pool,
        index: u16,
        quantity: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let (wanted, value) = (i64::from(quantity), value_of(quantity, claim));
        let mut expired: Vec<(String, i64)> = Vec::new();
        for _ in 0..8 {
            let Err(failure) = self.write_claim(pool, index, wanted, token, value, &expired).await else {
                let left = self.hints.left(pool, index);
                self.hints.note(pool, index, left.unwrap_or(i64::from(BLOCK_ADMISSIONS)) - wanted);
                return Ok(true);
            };
            let block = match failure {
                Failure::Refused(Some(item)) => Block::read(index, item)?,
                Failure::Refused(None) => return Ok(false),
                other => return Err(other),
            };
            match block.claim(token) {
                Some(has) if has == value => return Ok(true),
                // Sold stays sold, whatever is asked for.
                Some(has) if has == wanted => return Ok(true),
                Some(has) if has % HOLD == wanted => {
                    if self.move_claim(pool, index, token, has, value).await? {
                        return Ok(true);
                    }
                    continue;
                }
                Some(_) => return Ok(false),
                None => {}
            }
            let free = block.free(token, now);
            self.hints.note(pool, index, free);
            if free < wanted {
                return Ok(false);
            }
            expired = block.expired(token, now);
        }
        Ok(false)
    }

    async fn write_claim(
        &self,
        pool: &Pool,
        index: u16,
        wanted: i64,
        token: Token,
        value: i64,
        expired: &[(String, i64)],
    ) -> Result<(), Failure> {
        let freed: i64 = expired.iter().map(|(_, value)| value % HOLD).sum();
        let mut update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(pool.key(index).attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#t", token.as_str())
            .expression_attribute_values(":take", number(wanted - freed))
            .expression_attribute_values(":v", number(value));
        let (mut set, mut condition) =
            ("SET l = l - :take, #t = :v".to_owned(), "l >= :take AND attribute_not_exists(#t)".to_owned());
        if let Some(capacity) = pool.on_demand() {
            if wanted > i64::from(capacity) {
                return Err(Failure::Refused(None));
            }
            update = update.expression_attribute_values(":c", number(capacity));
            set = "SET c = if_not_exists(c, :c), l = if_not_exists(l, :c) - :take, #t = :v".to_owned();
            condition = "(attribute_not_exists(l) OR l >= :take) AND attribute_not_exists(#t)".to_owned();
        }
        for (i, (name, value)) in expired.iter().enumerate() {
            set.push_str(if i == 0 { " REMOVE " } else { ", " });
            set.push_str(&format!("#e{i}"));
            condition.push_str(&format!(" AND #e{i} = :e{i}"));
            update = update
                .expression_attribute_names(format!("#e{i}"), name)
                .expression_attribute_values(format!(":e{i}"), number(value));
        }
        update.update_expression(set).condition_expression(condition).send().await?;
        Ok(())
    }

    /// Changes a claim's value without changing its quantity. False if somebody
    /// changed it meanwhile.
    async fn move_claim(
        &self,
        pool: &Pool,
        index: u16,
        token: Token,
        from: i64,
        to: i64,
    ) -> Result<bool, Failure> {
        let sent = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(pool.key(index).attributes()))
            .update_expression("SET #t = :to")
            .condition_expression("#t = :from")
            .expression_attribute_names("#t", token.as_str())
            .expression_attribute_values(":from", number(from))
            .expression_attribute_values(":to", number(to))
            .send()
            .await;
        match sent.map_err(Failure::from) {
            Ok(_) => Ok(true),
            Err(Failure::Refused(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Turns a hold into a sale, one write a part. A hold that expired is still
    /// good while nobody took its places; if somebody did, others are taken.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] if the places are gone and there are no others. What
    /// the order then still has of this pool is given back.
    pub async fn settle_admissions(
        &self,
        pool: &Pool,
        parts: &[Part],
        token: Token,
        now: Timestamp,
    ) -> Result<Vec<Part>, Refusal> {
        for (done, part) in parts.iter().enumerate() {
            let sent = self
                .client
                .update_item()
                .table_name(&*self.table)
                .set_key(Some(pool.key(part.block).attributes()))
                .update_expression("SET #t = :sold")
                .condition_expression("attribute_exists(#t)")
                .expression_attribute_names("#t", token.as_str())
                .expression_attribute_values(":sold", number(part.quantity))
                .send()
                .await;
            match sent.map_err(Failure::from) {
                Ok(_) => {}
                Err(Failure::Refused(_)) => {
                    self.release_parts(pool, &parts[..done], token, true).await?;
                    let quantity = parts.iter().map(|part| part.quantity).sum();
                    return self.claim_admissions(pool, quantity, token, Claim::Sold, now).await;
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(parts.to_vec())
    }

    /// Gives held admissions back. What was sold meanwhile stays sold, and what
    /// was taken back already stays so.
    pub async fn release_admissions(&self, pool: &Pool, parts: &[Part], token: Token) -> Result<(), Failure> {
        self.release_parts(pool, parts, token, false).await
    }

    async fn release_parts(
        &self,
        pool: &Pool,
        parts: &[Part],
        token: Token,
        sold_too: bool,
    ) -> Result<(), Failure> {
        for part in parts {
            let condition = if sold_too { "#t >= :zero" } else { "#t >= :hold" };
            let least = if sold_too { (":zero", 0) } else { (":hold", HOLD) };
            let sent = self
                .client
                .update_item()
                .table_name(&*self.table)
                .set_key(Some(pool.key(part.block).attributes()))
                .update_expression("SET l = l + :q REMOVE #t")
                .condition_expression(condition)
                .expression_attribute_names("#t", token.as_str())
                .expression_attribute_values(":q", number(part.quantity))
                .expression_attribute_values(least.0, number(least.1))
                .send()
                .await;
            match sent.map_err(Failure::from) {
                Ok(_) | Err(Failure::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Gives sold admissions back after a refund, so that the order keeps
    /// `keeps` of them in these parts. Safe to repeat.
    pub async fn return_admissions(
        &self,
        pool: &Pool,
        parts: &[Part],
        keeps: u8,
        token: Token,
    ) -> Result<(), Failure> {
        let mut kept = keeps;
        for part in parts {
            let keep = part.quantity.min(kept);
            kept -= keep;
            self.shrink_claim(pool, *part, keep, token).await?;
        }
        Ok(())
    }

    async fn shrink_claim(&self, pool: &Pool, part: Part, keep: u8, token: Token) -> Result<(), Failure> {
        // Another refund of the same order may have returned some before: what
        // the claim has now is what counts.
        for _ in 0..8 {
            let key = pool.key(part.block);
            let Some(item) = self.get_item(&key, true).await? else { return Ok(()) };
            let Some(has) = Block::read(part.block, item)?.claim(token) else { return Ok(()) };
            if has <= i64::from(keep) {
                return Ok(());
            }
            let update = self
                .client
                .update_item()
                .table_name(&*self.table)
                .set_key(Some(key.attributes()))
                .condition_expression("#t = :has")
                .expression_attribute_names("#t", token.as_str())
                .expression_attribute_values(":has", number(has))
                .expression_attribute_values(":back", number(has % HOLD - i64::from(keep)));
            let update = if keep == 0 {
                update.update_expression("SET l = l + :back REMOVE #t")
            } else {
                update
                    .update_expression("SET l = l + :back, #t = :keep")
                    .expression_attribute_values(":keep", number(keep))
            };
            match update.send().await.map_err(Failure::from) {
                Ok(_) => return Ok(()),
                Err(Failure::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Err(Failure::Unavailable("the block is contended".to_owned()))
    }

    /// How a pool stands, with every write that was confirmed before.
    pub async fn pool_state(&self, pool: &Pool, now: Timestamp) -> Result<PoolState, Failure> {
        let nobody = Token(*b"________");
        let blocks = self.read_pool(pool).await?;
        if let Some(capacity) = pool.on_demand().filter(|_| blocks.is_empty()) {
            return Ok(PoolState { capacity, left: capacity, sold: 0 });
        }
        let count =
            |of: &dyn Fn(&Block) -> i64| u32::try_from(blocks.iter().map(of).sum::<i64>()).unwrap_or(0);
        Ok(PoolState {
            capacity: count(&|block| block.capacity),
            left: count(&|block| block.free(nobody, now)),
            sold: count(&|block| block.claims.iter().map(|(_, v)| *v).filter(|v| *v < HOLD).sum()),
        })
    }

    /// All blocks of the pool, in order, read consistently: one query for each
    /// partition key that they spread over.
    async fn read_pool(&self, pool: &Pool) -> Result<Vec<Block>, Failure> {
        let partitions = (0..pool.blocks.min(SHARDS)).map(|shard| self.read_partition(pool.key(shard).pk));
        let mut blocks: Vec<Block> = try_join_all(partitions).await?.into_iter().flatten().collect();
        blocks.sort_by_key(|block| block.index);
        Ok(blocks)
    }

    async fn read_partition(&self, pk: String) -> Result<Vec<Block>, Failure> {
        let mut blocks = Vec::new();
        for item in self.read_blocks(pk).await? {
            if let Some(AttributeValue::S(sk)) = item.get("SK") {
                let index = keys::block_index(sk).ok_or_else(|| Failure::unreadable("the key of a block"))?;
                blocks.push(Block::read(index, item)?);
            }
        }
        Ok(blocks)
    }

    /// The items of all blocks in one partition.
    pub(super) async fn read_blocks(&self, pk: String) -> Result<Vec<Item>, Failure> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let answer = self
                .client
                .query()
                .table_name(&*self.table)
                .consistent_read(true)
                .key_condition_expression("PK = :pk AND begins_with(SK, :block)")
                .expression_attribute_values(":pk", string(&pk))
                .expression_attribute_values(":block", string("B#"))
                .set_exclusive_start_key(after)
                .send()
                .await?;
            items.extend(answer.items.unwrap_or_default());
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }
}
