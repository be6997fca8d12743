//! Claims on the admissions of a pool: made, secured, sold, released, returned.

use std::cmp::Reverse;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::order::Part;

use super::block::{Block, ClaimValue, admissions, reclaiming};
use super::{Claim, Pool, ROUNDS, Refusal, Token, pause};
use crate::failure::was_done;
use crate::items::number;
use crate::{Failure, Result, Store};

/// Blocks that an order tries before it reads all of them.
const PROBES: usize = 3;
/// Tries at one block, whose writes are refused while other orders reclaim its expired holds.
const ASKED: usize = 8;
/// Length of the hold on the first parts of a sale out of several blocks, until it has all parts.
const COLLECTING: Duration = Duration::from_secs(60);

/// The index of a block, and an order's claim on it.
type BlockClaim = (u16, ClaimValue);

fn parts_of(taken: &[BlockClaim]) -> Vec<Part> {
    taken.iter().map(|(block, stake)| Part { block: *block, quantity: stake.quantity() }).collect()
}

impl Pool {
    /// Index of the block that an order tries first: the same at every retry.
    pub(super) fn first_block(&self, token: Token) -> u16 {
        u16::try_from(token.spread() % u64::from(self.blocks)).unwrap_or(0)
    }
}

impl Store {
    /// Claims `quantity` admissions for `token`, from one block if any has room,
    /// else from several.
    ///
    /// A repetition with the same token returns the same parts. If the earlier answer was lost and its
    /// block is full since, it may return other parts, and the earlier hold expires by itself. A sale
    /// must not leave a second claim behind, so it reads all blocks first. Where many tickets are sold,
    /// claim a hold and settle it.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] if fewer than `quantity` were free when all blocks were read; the token
    /// then has no claim.
    pub(crate) async fn claim_admissions(
        &self,
        pool: &Pool,
        quantity: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Vec<Part>, Refusal> {
        if quantity == 0 {
            return Ok(Vec::new());
        }
        if let Claim::Until(_) = claim {
            let first = pool.first_block(token);
            for block in self.hints.candidates(pool, first, quantity, PROBES) {
                if self.ask_block(pool, block, ClaimValue::new(quantity, claim), token, now).await? {
                    return Ok(vec![Part { block, quantity }]);
                }
            }
        }
        for round in 0..ROUNDS {
            pause(round).await;
            if let Some(parts) = self.search_pool(pool, quantity, token, claim, now).await? {
                return Ok(parts);
            }
        }
        Err(Refusal::Failure(Failure::Unavailable("the last places are contended".to_owned())))
    }

    /// Reads all blocks and claims where there is room. `None` if other orders were faster.
    async fn search_pool(
        &self,
        pool: &Pool,
        quantity: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Option<Vec<Part>>, Refusal> {
        let blocks = self.read_pool(pool).await?;
        for block in &blocks {
            self.hints.note(pool, block.index, block.free(now));
        }
        let (mut taken, others): (Vec<BlockClaim>, Vec<BlockClaim>) = earlier(&blocks, token, quantity);
        if matches!(claim, Claim::Until(_)) {
            let sold = taken.iter().chain(&others).filter(|(_, stake)| stake.is_sold());
            let sold: Vec<BlockClaim> = sold.copied().collect();
            if !sold.is_empty() {
                // A sale stays a sale, whatever claim is asked for now.
                return Ok(Some(parts_of(&sold)));
            }
        }
        let missing = quantity - taken.iter().map(|(_, stake)| stake.quantity()).sum::<u8>();
        if missing > 0 {
            let unclaimed = blocks.iter().filter(|block| block.claim(token).is_none());
            let free: Vec<(u16, i64)> =
                unclaimed.map(|block| (block.index, block.free(now))).filter(|(_, free)| *free > 0).collect();
            let total: i64 = free.iter().map(|(_, free)| free).sum();
            if total < i64::from(missing) {
                if taken.is_empty() && others.is_empty() {
                    return Err(Refusal::SoldOut(u32::try_from(total).unwrap_or(0)));
                }
                // There may be room in a block with an earlier claim, but a block takes one claim of an
                // order: give the claims back and start again.
                taken.extend(others);
                self.give_back(pool, &taken, token).await?;
                return Ok(None);
            }
            match self.take_free(pool, free, missing, token, claim, now).await? {
                Some(more) => taken.extend(more),
                None => return Ok(None),
            }
        }
        for (block, stake) in &taken {
            let asked = ClaimValue::new(stake.quantity(), claim);
            if *stake < asked && !self.exchange(pool, *block, token, *stake..=*stake, Some(asked)).await? {
                return Ok(None);
            }
        }
        Ok(Some(parts_of(&taken)))
    }

    /// Takes `missing` admissions from `free`: blocks, and how many each had free when read. `None`,
    /// and nothing taken, if other orders were faster.
    async fn take_free(
        &self,
        pool: &Pool,
        mut free: Vec<(u16, i64)>,
        missing: u8,
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Option<Vec<BlockClaim>>> {
        // Orders start at different blocks, and an order always at the same one.
        let first = pool.first_block(token);
        free.sort_by_key(|(block, _)| block.wrapping_sub(first));
        let has_room = |(_, free): &&(u16, i64)| *free >= i64::from(missing);
        let roomy: Vec<(u16, i64)> = free.iter().filter(has_room).take(PROBES).copied().collect();
        if !roomy.is_empty() {
            let stake = ClaimValue::new(missing, claim);
            for (block, _) in roomy {
                if self.ask_block(pool, block, stake, token, now).await? {
                    return Ok(Some(vec![(block, stake)]));
                }
            }
            return Ok(None);
        }
        // A crash before the last part is claimed must not leave the other parts sold.
        let meanwhile = match claim {
            Claim::Sold => Claim::Until(now + COLLECTING),
            until @ Claim::Until(_) => until,
        };
        let mut taken = Vec::new();
        for part in fewest_parts(free, missing) {
            let stake = ClaimValue::new(part.quantity, meanwhile);
            if !self.ask_block(pool, part.block, stake, token, now).await? {
                self.give_back(pool, &taken, token).await?;
                return Ok(None);
            }
            taken.push((part.block, stake));
        }
        Ok(Some(taken))
    }

    /// Claims from one block and reclaims its expired holds in the same write. False if the block has
    /// too few free, has a claim of another quantity by this order, or kept changing.
    async fn ask_block(
        &self,
        pool: &Pool,
        index: u16,
        stake: ClaimValue,
        token: Token,
        now: Timestamp,
    ) -> Result<bool> {
        let mut expired = Vec::new();
        for _ in 0..ASKED {
            let block = match self.write_claim(pool, index, stake, token, &expired).await {
                Ok(left) => {
                    self.hints.note(pool, index, left);
                    return Ok(true);
                }
                Err(Failure::Refused(Some(item))) => Block::read(index, item)?,
                Err(Failure::Refused(None)) => return Ok(false),
                Err(other) => return Err(other),
            };
            match block.claim(token) {
                Some(has) if has.quantity() != stake.quantity() => return Ok(false),
                // A sale stays a sale, and a longer hold as long, whatever claim is asked for now.
                Some(has) if has >= stake => return Ok(true),
                Some(has) => {
                    if self.exchange(pool, index, token, has..=has, Some(stake)).await? {
                        return Ok(true);
                    }
                }
                None => {
                    let free = block.free(now);
                    self.hints.note(pool, index, free);
                    if free < i64::from(stake.quantity()) {
                        return Ok(false);
                    }
                    expired = block.expired(now);
                }
            }
        }
        Ok(false)
    }

    /// Writes a claim into one block. Returns how many of its admissions are unclaimed then.
    async fn write_claim(
        &self,
        pool: &Pool,
        index: u16,
        stake: ClaimValue,
        token: Token,
        expired: &[(String, ClaimValue)],
    ) -> Result<i64> {
        let wanted = i64::from(stake.quantity());
        let (mut update, remove, unchanged) = reclaiming(self.update_block(pool, index), expired);
        let (set, condition) = match pool.on_demand() {
            None => ("SET l = l - :take, #t = :v", "l >= :take AND attribute_not_exists(#t)"),
            Some(capacity) if wanted > i64::from(capacity) => return Err(Failure::Refused(None)),
            Some(capacity) => {
                update = update.expression_attribute_values(":c", number(capacity));
                (
                    "SET c = if_not_exists(c, :c), l = if_not_exists(l, :c) - :take, #t = :v",
                    "(attribute_not_exists(l) OR l >= :take) AND attribute_not_exists(#t)",
                )
            }
        };
        let answer = update
            .update_expression(format!("{set}{remove}"))
            .condition_expression(format!("{condition}{unchanged}"))
            .expression_attribute_names("#t", token.as_str())
            .expression_attribute_values(":take", number(wanted - admissions(expired)))
            .expression_attribute_values(":v", stake.value())
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await?;
        match answer.attributes().and_then(|attributes| attributes.get("l")) {
            Some(AttributeValue::N(left)) => left.parse().map_err(Failure::unreadable),
            _ => Err(Failure::unreadable("a block without its rest")),
        }
    }

    /// Extends or sells what the token holds, one write a part: each gets at least this `claim`. An expired hold
    /// is still good until another order has taken its places; then other places are claimed.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] if the places are gone and there are no others. The token then has no claim
    /// on this pool.
    pub(crate) async fn secure_admissions(
        &self,
        pool: &Pool,
        parts: &[Part],
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Vec<Part>, Refusal> {
        match self.extend_admissions(pool, parts, token, claim).await {
            Ok(()) => Ok(parts.to_vec()),
            Err(Refusal::Failure(failure)) => Err(failure.into()),
            Err(_) => {
                let quantity = parts.iter().map(|part| part.quantity).sum();
                self.claim_admissions(pool, quantity, token, claim, now).await
            }
        }
    }

    /// Extends what the token holds where it is, one write a part. Places that it no longer has are not
    /// replaced.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] if some are gone.
    pub(crate) async fn extend_admissions(
        &self,
        pool: &Pool,
        parts: &[Part],
        token: Token,
        claim: Claim,
    ) -> Result<(), Refusal> {
        for part in parts {
            let next = ClaimValue::new(part.quantity, claim);
            if self.exchange(pool, part.block, token, next.or_shorter(), Some(next)).await? {
                continue;
            }
            let has = self.claim_on(pool, part.block, token).await?;
            if !has.is_some_and(|has| has.quantity() == part.quantity && has >= next) {
                return Err(Refusal::SoldOut(0));
            }
        }
        Ok(())
    }

    /// Sells what the token holds, expired or not, one write a part. What it has beyond `parts` is free
    /// again. False if it no longer has them all.
    pub(crate) async fn sell_admissions(&self, pool: &Pool, parts: &[Part], token: Token) -> Result<bool> {
        for part in parts {
            let sold = Some(ClaimValue::new(part.quantity, Claim::Sold));
            let had = ClaimValue::held_or_sold(part.quantity);
            if self.exchange(pool, part.block, token, had, sold).await? {
                continue;
            }
            match self.claim_on(pool, part.block, token).await? {
                Some(has) if has.quantity() > part.quantity => {
                    if !self.exchange(pool, part.block, token, has..=has, sold).await? {
                        return Ok(false);
                    }
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// True if all of `parts` are sold to the token.
    pub(crate) async fn admissions_are_sold(
        &self,
        pool: &Pool,
        parts: &[Part],
        token: Token,
    ) -> Result<bool> {
        for part in parts {
            let has = self.claim_on(pool, part.block, token).await?;
            if !has.is_some_and(|has| has.is_sold() && has.quantity() >= part.quantity) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The token's claim on a block, read consistently.
    async fn claim_on(&self, pool: &Pool, index: u16, token: Token) -> Result<Option<ClaimValue>> {
        let Some(item) = self.get_item(&pool.key(index), true).await? else { return Ok(None) };
        Ok(Block::read(index, item)?.claim(token))
    }

    /// Releases held admissions. Safe to repeat: what is sold by now, or released already, stays so.
    pub(crate) async fn release_admissions(&self, pool: &Pool, parts: &[Part], token: Token) -> Result<()> {
        for part in parts {
            self.exchange(pool, part.block, token, ClaimValue::held(part.quantity), None).await?;
        }
        Ok(())
    }

    /// Returns sold admissions after a refund; the order keeps `keeps` of them, counted from the first
    /// part. Safe to repeat.
    pub(crate) async fn return_admissions(
        &self,
        pool: &Pool,
        parts: &[Part],
        keeps: u8,
        token: Token,
    ) -> Result<()> {
        let mut kept = keeps;
        for part in parts {
            let keep = part.quantity.min(kept);
            kept -= keep;
            self.shrink_claim(pool, part.block, keep, token).await?;
        }
        Ok(())
    }

    /// Returns every claim of the token on the pool, held or sold. Safe to repeat.
    pub(crate) async fn return_claims(&self, pool: &Pool, token: Token) -> Result<()> {
        for block in self.read_pool(pool).await? {
            if block.claim(token).is_some() {
                self.shrink_claim(pool, block.index, 0, token).await?;
            }
        }
        Ok(())
    }

    async fn shrink_claim(&self, pool: &Pool, index: u16, keep: u8, token: Token) -> Result<()> {
        // Another refund of the same order may have returned some already, so each round reads the
        // claim again.
        for round in 0..ROUNDS {
            pause(round).await;
            let Some(has) = self.claim_on(pool, index, token).await? else { return Ok(()) };
            let rest = (keep > 0).then(|| has.keeping(keep));
            if has.quantity() <= keep || self.exchange(pool, index, token, has..=has, rest).await? {
                return Ok(());
            }
        }
        Err(Failure::Unavailable("the block is contended".to_owned()))
    }

    /// Frees these claims of the token, each only if it is unchanged.
    async fn give_back(&self, pool: &Pool, taken: &[BlockClaim], token: Token) -> Result<()> {
        for (block, stake) in taken {
            self.exchange(pool, *block, token, *stake..=*stake, None).await?;
        }
        Ok(())
    }

    /// Replaces a claim by `next` (`None` removes it) and frees the difference in quantity. False if
    /// the token has no claim in the range `had`, whose claims are all of one quantity.
    async fn exchange(
        &self,
        pool: &Pool,
        index: u16,
        token: Token,
        had: RangeInclusive<ClaimValue>,
        next: Option<ClaimValue>,
    ) -> Result<bool> {
        let back = had.start().quantity() - next.map_or(0, ClaimValue::quantity);
        let mut update = self
            .update_block(pool, index)
            .condition_expression("#t BETWEEN :least AND :most")
            .expression_attribute_names("#t", token.as_str())
            .expression_attribute_values(":least", had.start().value())
            .expression_attribute_values(":most", had.end().value());
        if let Some(next) = next {
            update = update.expression_attribute_values(":next", next.value());
        }
        let (change, gives_back) = match (next, back) {
            (Some(_), 0) => ("SET #t = :next", false),
            (Some(_), _) => ("SET #t = :next, l = l + :back", true),
            (None, _) => ("SET l = l + :back REMOVE #t", true),
        };
        if gives_back {
            update = update.expression_attribute_values(":back", number(back));
        }
        was_done(update.update_expression(change).send().await)
    }
}

/// The claims of earlier tries with this token, sales before holds: first those that fit into
/// `quantity`, then the rest.
fn earlier(blocks: &[Block], token: Token, quantity: u8) -> (Vec<BlockClaim>, Vec<BlockClaim>) {
    let found = blocks.iter().filter_map(|block| Some((block.index, block.claim(token)?)));
    let mut found: Vec<BlockClaim> = found.collect();
    found.sort_by_key(|(_, stake)| !stake.is_sold());
    let mut missing = quantity;
    found.into_iter().partition(|(_, stake)| match missing.checked_sub(stake.quantity()) {
        Some(rest) => {
            missing = rest;
            true
        }
        None => false,
    })
}

/// Splits `missing` admissions over as few blocks as possible, in order of their index. All orders
/// claim in this order: of several that want the same blocks, the one that is furthest ahead gets them.
fn fewest_parts(mut free: Vec<(u16, i64)>, missing: u8) -> Vec<Part> {
    free.sort_by_key(|(_, free)| Reverse(*free));
    let (mut parts, mut missing) = (Vec::new(), missing);
    for (block, free) in free {
        let quantity = u8::try_from(free).unwrap_or(u8::MAX).min(missing);
        if quantity > 0 {
            missing -= quantity;
            parts.push(Part { block, quantity });
        }
    }
    parts.sort_by_key(|part| part.block);
    parts
}
