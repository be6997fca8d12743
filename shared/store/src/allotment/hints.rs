use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Pool;

/// What earlier answers said about the blocks of large pools, so that buyers go
/// where there is room. Only ever a hint: the block itself decides.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<HashMap<String, HashMap<u16, i64>>>);

impl Hints {
    /// Pools that are remembered; beyond it all are forgotten.
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

    /// At most `most` blocks that may have as much as `wanted`, in a ring from
    /// `first` on.
    pub(super) fn candidates(&self, pool: &Pool, first: u16, wanted: u8, most: usize) -> Vec<u16> {
        // As many blocks as fit their type would overflow a sum of two of them.
        let ring = (first..pool.blocks).chain(0..first);
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pools.get(&pool.key(0).pk);
        let is_short =
            |block: &u16| known.and_then(|known| known.get(block)).is_some_and(|left| *left < wanted.into());
        ring.filter(|block| !is_short(block)).take(most).collect()
    }
}
