//! Allotments: everything that can run out.
//!
//! An allotment hands out at most its capacity. A **hold** takes some of it for a limited time and
//! carries its own expiry inside the item: once expired it counts as free, whether or not anything
//! swept it. So there is no lock, sweeper or transaction, and a buyer whose request crashed blocks no
//! other.
//!
//! There are two shapes, both kept under 1 KB an item so that any change costs
//! one write unit: a block of a row of numbered seats ([`RowState`]) with an
//! attribute for each seat that is not free, and a block of a [`Pool`] of
//! admissions with an attribute for each claim on it. A claim is named by a
//! [`Token`] made from the order, which is what makes every operation here safe
//! to repeat: after a write whose outcome is unknown, the token is there or it is
//! not. An order therefore claims each row and each pool once, for all its lines.

mod admissions;
mod block;
mod hints;
mod pool;
mod row;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{DiscountRequestId, Error, OrderId, Timestamp};
use futures::stream::{StreamExt, TryStreamExt};

use crate::items::Part;
use crate::keys::Key;
use crate::{Failure, Result, Store};

pub(crate) use hints::Hints;
pub use pool::AllotmentState;
pub(crate) use pool::{BLOCK_ADMISSIONS, Pool};
pub(crate) use row::{BLOCK_SEATS, Claimant, FreeClaim, RecentRows, Rows, SeenRow, replace};
pub use row::{RowKey, RowState, SeatClaim};

/// How many approvals of one discount request in a row have tokens of their own.
pub(crate) const APPROVALS: u8 = 32;

/// The name of a claim: eight characters, made from the id of the order that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token([u8; 8]);

impl Token {
    /// The order's token: eight of its id's characters, all of them random. Two orders in one block
    /// have the same token with a probability of one in 10^12.
    pub(crate) fn of(order: OrderId) -> Self {
        let suffix = order.suffix();
        let mut token = [b'0'; 8];
        token.copy_from_slice(&suffix.as_bytes()[16..24]);
        Self(token)
    }

    /// The token with which an approved discount request claims one of a show's discounts, made like an
    /// order's ([`Token::of`]). Each approval has its own: `former` counts the request's approvals that
    /// were taken back before it. [`APPROVALS`] in a row are told apart.
    pub(crate) fn of_approval(request: DiscountRequestId, former: u8) -> Self {
        const DIGITS: &[u8; APPROVALS as usize] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut token = Self::of(OrderId::from_uuid(request.uuid()));
        let last = DIGITS.iter().position(|digit| *digit == token.0[7]).unwrap_or(0);
        token.0[7] = DIGITS[(last + usize::from(former)) % DIGITS.len()];
        token
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a token is ASCII")
    }

    /// A number that spreads orders evenly over blocks, the same at every try.
    fn spread(&self) -> u64 {
        // FNV-1a: the token is random already, this only folds it into a number.
        self.0.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// How long a claim lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A hold: until this second, inclusive, unless it is sold first. An order's own claim that lasts
    /// longer stays as it is: a slow worker never cuts a hold short.
    Until(Timestamp),
    /// A sale: until a refund returns it.
    Sold,
}

/// Why an allotment refused a claim, or a new size.
#[derive(Debug)]
pub enum Refusal {
    /// Fewer are free than asked for; this many are.
    SoldOut(u32),
    /// These seat numbers are held, sold or blocked already.
    SeatsTaken(Vec<u16>),
    /// The row has no seats with these numbers.
    NoSuchSeats(Vec<u16>),
    /// A failure of the table, not an answer of the allotment.
    Failure(Failure),
}

impl<F: Into<Failure>> From<F> for Refusal {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

impl Refusal {
    /// Turns the refusal into an API error. `refused` says what it means to the caller; a failure of
    /// the table becomes its own error.
    pub fn meaning(self, refused: impl FnOnce(Self) -> Error) -> Error {
        match self {
            Self::Failure(failure) => failure.into(),
            other => refused(other),
        }
    }

    /// The error when more was to be taken away than is free, of which `detail` says how much that is.
    pub fn not_enough_free(self, detail: impl FnOnce(u32) -> String) -> Error {
        self.meaning(|refusal| {
            let free = if let Self::SoldOut(free) = refusal { free } else { 0 };
            Error::conflict("not_enough_free", detail(free)).with("free", free)
        })
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

/// How often contended blocks are read again before the operation gives up.
const ROUNDS: u32 = 16;

/// Waits before another round for a random time, under 128 ms, so that racing requests drift apart.
async fn pause(round: u32) {
    if round > 0 {
        let most = 4_u64 << round.min(5);
        let millis = std::hash::RandomState::new().hash_one(round) % most;
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Store {
    /// Creates blocks: carries out an expression on each key, with that key's values. The expression
    /// must not overwrite claims, because this may be a repetition.
    ///
    /// Sends a hundred blocks in a transaction. Single updates would cost half as much, but a large
    /// venue has thousands of blocks and is created once.
    async fn create_blocks(
        &self,
        blocks: impl Iterator<Item = (Key, String, Vec<(&str, AttributeValue)>)>,
    ) -> Result<()> {
        const AT_ONCE: usize = 4;
        let updates = blocks.map(|(key, expression, values)| {
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
            self.updating(&key)
                .update_expression(expression)
                .set_expression_attribute_values(Some(values.collect()))
                .part()
        });
        let updates: Vec<_> = updates.collect::<Result<_>>()?;
        let requests: Vec<_> = updates.chunks(100).map(|some| self.transact(some.to_vec())).collect();
        futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect().await
    }
}
