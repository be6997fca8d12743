use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Pool;

/// Free admissions of the blocks of large pools, as last seen, so that orders pass over blocks that
/// were too full. Only a hint: the condition on the block decides.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<HashMap<String, HashMap<u16, i64>>>);

impl Hints {
    /// Most pools remembered; one more clears them all.
    const MOST: usize = 512;

    pub(super) fn note(&self, pool: &Pool, block: u16, left: i64) {
        if pool.blocks == 1 {
            return;
        }
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= Self::MOST {
            pools.clear();
        }
        pools.entry(pool.key(0).pk).or_default().insert(block, left);
    }

    /// At most `most` blocks that may have `wanted` admissions free, in a ring that starts at `first`.
    pub(super) fn candidates(&self, pool: &Pool, first: u16, wanted: u8, most: usize) -> Vec<u16> {
        // Adding two indexes could overflow: there may be as many blocks as a `u16` can count.
        let ring = (first..pool.blocks).chain(0..first);
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pools.get(&pool.key(0).pk);
        let is_short =
            |block: &u16| known.and_then(|known| known.get(block)).is_some_and(|left| *left < wanted.into());
        ring.filter(|block| !is_short(block)).take(most).collect()
    }
}
