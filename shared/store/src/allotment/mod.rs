//! Allotments: everything that can run out.
//!
//! An allotment hands out at most its capacity. A **hold** takes some of it for
//! a limited time and carries its own expiry inside the item: once expired it
//! counts as free, whether or not anything swept it. So nobody needs a lock, a
//! sweeper or a transaction, and a crashed buyer blocks no one.
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

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{DiscountRequestId, Error, OrderId, Timestamp};
use futures::stream::{StreamExt, TryStreamExt};

use crate::keys::Key;
use crate::{Failure, Store};

pub(crate) use hints::Hints;
pub use pool::AllotmentState;
pub(crate) use pool::{BLOCK_ADMISSIONS, Pool};
pub(crate) use row::BLOCK_SEATS;
pub use row::RowState;

/// The name under which an order has claims on allotments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token([u8; 8]);

impl Token {
    /// The order's token: eight of its id's characters, all of them random. Two
    /// orders in one block share it with a probability of one in 10^12.
    pub(crate) fn of(order: OrderId) -> Self {
        let suffix = order.suffix();
        let mut token = [b'0'; 8];
        token.copy_from_slice(&suffix.as_bytes()[16..24]);
        Self(token)
    }

    /// The token of an approval of a member's request for one of a show's discounts,
    /// made as [`Token::of`] makes that of an order. Each approval has its own:
    /// `former` is how many of the request's were taken back before it, and tells 32
    /// of them apart.
    pub(crate) fn of_approval(request: DiscountRequestId, former: u8) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
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

/// For how long something is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Until then, to the second, unless it is sold first.
    Until(Timestamp),
    /// For good.
    Sold,
}

/// Why an allotment did not hand out what was asked for.
#[derive(Debug)]
pub enum Refusal {
    /// Fewer are left than asked for: this many.
    SoldOut(u32),
    /// These seats are somebody else's.
    SeatsTaken(Vec<u16>),
    /// There are no such seats.
    NoSuchSeats(Vec<u16>),
    /// The table failed.
    Failure(Failure),
}

impl<F: Into<Failure>> From<F> for Refusal {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

impl Refusal {
    /// Gives the refusal its meaning where the allotment was asked; failures of
    /// the table become what they are for the caller.
    pub fn meaning(self, refused: impl FnOnce(Self) -> Error) -> Error {
        match self {
            Self::Failure(failure) => failure.into(),
            other => refused(other),
        }
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

/// How often somebody looks again at what others are changing before giving up.
const ROUNDS: u32 = 16;

/// Waits before another round, for a time of its own for everybody who waits.
async fn pause(round: u32) {
    if round > 0 {
        let most = 4_u64 << round.min(5);
        let millis = std::hash::RandomState::new().hash_one(round) % most;
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Store {
    /// Carries out `expression` on blocks that are new, with the values for each.
    /// It must leave alone what buyers did to a block: this may be a repetition.
    ///
    /// A hundred blocks to a request. Single updates would cost half as much, but
    /// a large house has thousands of blocks and is created once.
    async fn create_blocks(
        &self,
        expression: &str,
        blocks: impl Iterator<Item = (Key, Vec<(&str, AttributeValue)>)>,
    ) -> Result<(), Failure> {
        const AT_ONCE: usize = 4;
        let updates = blocks.map(|(key, values)| {
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
            let update = Update::builder()
                .table_name(&*self.table)
                .set_key(Some(key.attributes()))
                .update_expression(expression)
                .set_expression_attribute_values(Some(values.collect()))
                .build()
                .map_err(Failure::unreadable)?;
            Ok(TransactWriteItem::builder().update(update).build())
        });
        let updates: Vec<_> = updates.collect::<Result<_, Failure>>()?;
        let requests: Vec<_> = updates.chunks(100).map(|some| self.transact(some.to_vec())).collect();
        futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect().await
    }
}
