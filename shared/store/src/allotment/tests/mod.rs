//! Tests of allotments, over a table in memory.

mod crowds;
mod interruptions;
mod lost_answers;
mod model;
mod pools;
mod removal;
mod seats;
mod sizes;

use domain::order::Part;
use domain::testing::at;
use domain::{AreaId, EventId, OrderId};

use super::block::{Block, ClaimValue};
use super::{AllotmentState, BLOCK_ADMISSIONS, Claim, Pool, Refusal, RowKey, Token};
use crate::Store;
use crate::items::number;

fn until(seconds: i64) -> Claim {
    Claim::Until(at(seconds))
}

/// The token of the order number `order`.
fn token(order: u32) -> Token {
    let mut token = [0; 8];
    token.copy_from_slice(format!("{order:08}").as_bytes());
    Token(token)
}

/// Tokens of orders that try this block first.
fn tokens_at<const N: usize>(pool: &Pool, block: u16) -> [Token; N] {
    let mut tokens = (0..).map(token).filter(|token| pool.first_block(*token) == block);
    std::array::from_fn(|_| tokens.next().expect("there are always more"))
}

/// A new pool, in an area of its own.
async fn new_pool(store: &Store, capacity: u32) -> Pool {
    let pool = Pool::area(EventId::generate(at(0)), AreaId::generate(at(0)), Pool::blocks_for(capacity));
    store.create_pool(&pool, capacity).await.expect("created");
    pool
}

/// A pool whose blocks have as many admissions left as `left` says; the others
/// were sold long ago.
async fn pool_with(store: &Store, left: &[u8]) -> Pool {
    let pool = new_pool(store, u32::try_from(left.len()).expect("few") * BLOCK_ADMISSIONS).await;
    for (block, left) in (0..).zip(left) {
        let sold = u8::try_from(BLOCK_ADMISSIONS).expect("few") - left;
        if sold > 0 {
            let update =
                store.update_block(&pool, block).update_expression("SET l = :left, long_ago = :sold");
            let update = update.expression_attribute_values(":left", number(left));
            let sold = ClaimValue::new(sold, Claim::Sold);
            update.expression_attribute_values(":sold", sold.value()).send().await.expect("written");
        }
    }
    pool
}

/// The blocks of a pool, which must add up.
async fn blocks(store: &Store, pool: &Pool) -> Vec<Block> {
    let blocks = store.read_pool(pool).await.expect("read");
    for block in &blocks {
        assert!(block.left >= 0, "more claimed than there is: {block:?}");
        assert_eq!(block.left + super::block::admissions(&block.claims), block.capacity, "{block:?}");
    }
    blocks
}

/// The claims of an order on a pool, each with its block.
async fn claims_of(store: &Store, pool: &Pool, token: Token) -> Vec<(u16, ClaimValue)> {
    let blocks = blocks(store, pool).await;
    blocks.iter().filter_map(|block| Some((block.index, block.claim(token)?))).collect()
}

async fn state(store: &Store, pool: &Pool, now: i64) -> AllotmentState {
    blocks(store, pool).await;
    store.pool_state(pool, at(now)).await.expect("read")
}

fn quantity(parts: &[Part]) -> u32 {
    parts.iter().map(|part| u32::from(part.quantity)).sum()
}

/// The number left, as a [`Refusal::SoldOut`] says it.
fn left<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u32 {
    match result {
        Err(Refusal::SoldOut(left)) => left,
        other => panic!("expected that it is sold out: {other:?}"),
    }
}

#[test]
fn tokens_are_random_parts_of_the_order_id() {
    let token = |text: &str| Token::of(text.parse::<OrderId>().expect("an id"));
    assert_eq!(token("ord_01h455vb4pex5vsknk084sn02q").as_str(), "nk084sn0");
    let many: std::collections::HashSet<[u8; 8]> =
        (0..5_000).map(|_| Token::of(OrderId::generate(at(0))).0).collect();
    assert_eq!(many.len(), 5_000);
}
