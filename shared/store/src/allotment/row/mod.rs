//! Rows: numbered seats, at most [`BLOCK_SEATS`] to an item.
//!
//! The item has `f` and `n` (the lowest and highest number) and an attribute
//! `s<number>` for each seat that is not free. Its value is a text that sorts by
//! when the seat is free again: the hold's expiry (seven capital letters) and
//! token, `}` for blocked, `}x` and `}y` for taken out of the plan, `~` and the
//! token for sold. "Free" is therefore one comparison, and holding any number of
//! seats of a row is one conditional write. Numbers go in steps of `d`, which is
//! 1 if it is missing.

mod choosing;
mod recent;
mod removal;
mod state;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::event::{Area, RowLayout};
use domain::seat::SeatState;
use domain::{AreaId, EventId, Timestamp};
use futures::future::try_join_all;

use super::{Claim, Refusal, Token, seconds};
use crate::failure::{Item, was_done};
use crate::items::{number, string};
use crate::keys::{self, Key, SHARDS};
use crate::{Failure, Result, Store};

/// Most seats of one item: all of them held still fit 1 KB.
pub(crate) const BLOCK_SEATS: u16 = 44;

pub(crate) use choosing::{Claimant, FreeClaim, SeenRow};
pub(crate) use recent::{RecentRows, Rows, replace};
pub use state::{RowState, SeatClaim};

/// Sorts after every expiry and before every sold seat.
const BLOCKED: &str = "}";
/// Sorts after everything else.
const SOLD: char = '~';

/// A block of a row of numbered seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowKey {
    /// The event of the area.
    pub event: EventId,
    /// The area of the row.
    pub area: AreaId,
    /// Index of the block in its area.
    pub index: u16,
}

impl RowKey {
    /// Block `index` of the area's rows.
    pub const fn of(area: &Area, index: u16) -> Self {
        Self { event: area.event_id, area: area.id, index }
    }

    fn block(self) -> Key {
        keys::area_block(self.event, self.area, self.index)
    }
}

fn attribute(seat: u16) -> String {
    format!("s{seat}")
}

fn value(item: &Item, seat: u16) -> Option<&str> {
    match item.get(&attribute(seat)) {
        Some(AttributeValue::S(value)) => Some(value),
        _ => None,
    }
}

/// A time as seven capital letters, which sort as times do until the year 2224. Tokens have no capital
/// letters, so a time followed by a part of one token is never mistaken for another token.
fn moment(time: Timestamp) -> String {
    let mut rest = u64::try_from(seconds(time)).unwrap_or(0).min(26_u64.pow(7) - 1);
    let mut letters = [b'A'; 7];
    for letter in letters.iter_mut().rev() {
        *letter = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[usize::try_from(rest % 26).unwrap_or(0)];
        rest /= 26;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// Reads the time with which a hold's value begins.
fn moment_of(value: &str) -> Option<Timestamp> {
    let letters = value.as_bytes().get(..7)?;
    let seconds = letters.iter().try_fold(0_i64, |time, letter| {
        let digit = letter.is_ascii_uppercase().then(|| i64::from(letter - b'A'))?;
        Some(time * 26 + digit)
    })?;
    Timestamp::from_second(seconds).ok()
}

fn value_of(token: Token, claim: Claim) -> String {
    match claim {
        Claim::Until(expiry) => format!("{}{}", moment(expiry), token.as_str()),
        Claim::Sold => format!("{SOLD}{}", token.as_str()),
    }
}

/// A condition that must hold for every seat, with `{}` for the seat's attribute.
fn for_each(seats: &[u16], condition: &str) -> String {
    let each = seats.iter().map(|seat| format!("({})", condition.replace("{}", &attribute(*seat))));
    each.collect::<Vec<_>>().join(" AND ")
}

fn set_each(seats: &[u16]) -> String {
    let each: Vec<_> = seats.iter().map(|seat| format!("{} = :v", attribute(*seat))).collect();
    format!("SET {}", each.join(", "))
}

fn remove_each(seats: &[u16]) -> String {
    let each: Vec<_> = seats.iter().map(|seat| attribute(*seat)).collect();
    format!("REMOVE {}", each.join(", "))
}

/// Which seats a write may free.
#[derive(Clone, Copy)]
enum Freed {
    HeldBy(Token),
    HeldOrSoldBy(Token),
    Blocked,
}

impl Freed {
    fn includes(self, value: &str) -> bool {
        match self {
            Self::HeldBy(token) => value.contains(token.as_str()) && value < BLOCKED,
            Self::HeldOrSoldBy(token) => value.contains(token.as_str()),
            Self::Blocked => value == BLOCKED,
        }
    }
}

impl Store {
    /// Creates the blocks of seat rows, the first of them with the index `first_index`. Each has at
    /// most [`BLOCK_SEATS`] places. Existing blocks get the new seat numbers and keep their claims.
    pub async fn create_rows(
        &self,
        event: EventId,
        area: AreaId,
        first_index: u16,
        rows: &[RowLayout],
    ) -> Result<()> {
        let rows = (first_index..).zip(rows).map(|(index, row)| {
            let mut values =
                vec![(":first", number(row.first)), (":last", number(row.last)), (":step", number(row.step))];
            let mut create = "SET f = :first, n = :last, d = :step".to_owned();
            for seat in row.gone.iter().map(|seat| attribute(*seat)) {
                create.push_str(&format!(", {seat} = if_not_exists({seat}, :gone)"));
            }
            if !row.gone.is_empty() {
                values.push((":gone", string(removal::GONE)));
            }
            (keys::area_block(event, area, index), create, values)
        });
        self.create_blocks(rows).await
    }

    /// Claims seats of one row for `token`: all or none, in one write. Safe to repeat with the same
    /// token.
    ///
    /// A sale also takes the order's own seats whose hold has expired, unless another order has them.
    ///
    /// The seats must be distinct, and at most as many as an order may have: DynamoDB allows 300
    /// operators in a condition.
    ///
    /// # Errors
    /// [`Refusal::SeatsTaken`] or [`Refusal::NoSuchSeats`], with the seat numbers.
    pub(crate) async fn claim_seats(
        &self,
        row: RowKey,
        seats: &[u16],
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (Some(lowest), Some(highest)) = (seats.iter().min(), seats.iter().max()) else { return Ok(()) };
        let now_text = moment(now);
        // A hold must not turn a sold seat into a held one, nor end the order's own hold earlier. Values
        // sort by time, and sold ones after all times.
        let free_or_mine = "attribute_not_exists({}) OR {} < :now OR (contains({}, :token) AND {} <= :v)";
        let asked = value_of(token, claim);
        let sent = self
            .update_row(row)
            .update_expression(set_each(seats))
            .condition_expression(format!("f <= :low AND n >= :high AND {}", for_each(seats, free_or_mine)))
            .expression_attribute_values(":low", number(lowest))
            .expression_attribute_values(":high", number(highest))
            .expression_attribute_values(":now", string(&now_text))
            .expression_attribute_values(":token", string(token.as_str()))
            .expression_attribute_values(":v", string(&asked))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match sent.map_err(Failure::from) {
            Ok(_) => return Ok(()),
            Err(Failure::Refused(Some(item))) => item,
            Err(Failure::Refused(None)) => return Err(Refusal::NoSuchSeats(seats.to_vec())),
            Err(other) => return Err(other.into()),
        };
        let state = RowState::with(seats, row.index, &item, now)?;
        let can_have = |seat: u16| {
            state.seat(seat) == Some(SeatState::Available)
                || value(&item, seat).is_some_and(|value| Freed::HeldBy(token).includes(value))
        };
        let is_mine = |seat: u16| {
            value(&item, seat)
                .is_some_and(|value| Freed::HeldOrSoldBy(token).includes(value) && *value >= *asked)
        };
        let others: Vec<u16> = seats.iter().copied().filter(|seat| !is_mine(*seat)).collect();
        let taken: Vec<u16> = others.iter().copied().filter(|seat| !can_have(*seat)).collect();
        if !taken.is_empty() {
            return Err(Refusal::SeatsTaken(taken));
        }
        if others.len() == seats.len() {
            return Err(Failure::unreadable("a row that refuses free seats").into());
        }
        // Some seats are sold to this order already, or held longer, and stay so: claim the others.
        Box::pin(self.claim_seats(row, &others, token, claim, now)).await
    }

    /// Sells the seats that the token holds, expired or not, in one write. False, and nothing done, if
    /// it no longer has them all.
    pub(crate) async fn sell_seats(&self, row: RowKey, seats: &[u16], token: Token) -> Result<bool> {
        if seats.is_empty() {
            return Ok(true);
        }
        let sent = self
            .update_row(row)
            .update_expression(set_each(seats))
            .condition_expression(for_each(seats, "contains({}, :token)"))
            .expression_attribute_values(":token", string(token.as_str()))
            .expression_attribute_values(":v", string(value_of(token, Claim::Sold)))
            .send()
            .await;
        was_done(sent)
    }

    /// True if all of the seats are sold to the token.
    pub(crate) async fn seats_are_sold(&self, row: RowKey, seats: &[u16], token: Token) -> Result<bool> {
        let item = self.get_item(&row.block(), true).await?.unwrap_or_default();
        let sold = value_of(token, Claim::Sold);
        Ok(seats.iter().all(|seat| value(&item, *seat) == Some(sold.as_str())))
    }

    /// Releases held seats. A seat that is sold by now, or has another order's claim, stays as it is.
    pub(crate) async fn release_seats(&self, row: RowKey, seats: &[u16], token: Token) -> Result<()> {
        self.free_seats(row, seats, Freed::HeldBy(token)).await
    }

    /// Returns seats after a refund, whether sold or still held. Safe to repeat.
    pub(crate) async fn return_seats(&self, row: RowKey, seats: &[u16], token: Token) -> Result<()> {
        self.free_seats(row, seats, Freed::HeldOrSoldBy(token)).await
    }

    /// Puts blocked seats of one row on sale again; other seats stay as they are.
    pub async fn unblock_seats(&self, row: RowKey, seats: &[u16]) -> Result<()> {
        self.free_seats(row, seats, Freed::Blocked).await
    }

    /// Frees those of the seats that `freed` allows.
    async fn free_seats(&self, row: RowKey, seats: &[u16], freed: Freed) -> Result<()> {
        let mut seats = seats.to_vec();
        // Each refusal takes at least one seat off the list: one that may not be freed.
        for _ in 0..=seats.len() {
            if seats.is_empty() {
                break;
            }
            let update = self.update_row(row);
            let (update, condition) = match freed {
                Freed::HeldBy(token) => (
                    update
                        .expression_attribute_values(":token", string(token.as_str()))
                        .expression_attribute_values(":blocked", string(BLOCKED)),
                    "contains({}, :token) AND {} < :blocked",
                ),
                Freed::HeldOrSoldBy(token) => (
                    update.expression_attribute_values(":token", string(token.as_str())),
                    "contains({}, :token)",
                ),
                Freed::Blocked => (update.expression_attribute_values(":v", string(BLOCKED)), "{} = :v"),
            };
            let sent = update
                .update_expression(remove_each(&seats))
                .condition_expression(for_each(&seats, condition))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent.map_err(Failure::from) {
                Err(Failure::Refused(Some(item))) => {
                    seats.retain(|seat| value(&item, *seat).is_some_and(|value| freed.includes(value)));
                }
                Ok(_) | Err(Failure::Refused(None)) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Blocks free seats of one row from sale: all or none. Safe to repeat.
    ///
    /// # Errors
    /// [`Refusal::SeatsTaken`] or [`Refusal::NoSuchSeats`], with the seat numbers.
    pub async fn block_seats(&self, row: RowKey, seats: &[u16], now: Timestamp) -> Result<(), Refusal> {
        let (Some(lowest), Some(highest)) = (seats.iter().min(), seats.iter().max()) else { return Ok(()) };
        let sent = self
            .update_row(row)
            .update_expression(set_each(seats))
            .condition_expression(format!(
                "f <= :low AND n >= :high AND {}",
                for_each(seats, "attribute_not_exists({}) OR {} < :now OR {} = :v")
            ))
            .expression_attribute_values(":low", number(lowest))
            .expression_attribute_values(":high", number(highest))
            .expression_attribute_values(":now", string(moment(now)))
            .expression_attribute_values(":v", string(BLOCKED))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(Failure::from) {
            Ok(_) => Ok(()),
            Err(Failure::Refused(Some(item))) => {
                let state = RowState::with(seats, row.index, &item, now)?;
                let taken =
                    |seat: &u16| matches!(state.seat(*seat), Some(SeatState::Reserved | SeatState::Sold));
                Err(Refusal::SeatsTaken(seats.iter().copied().filter(taken).collect()))
            }
            Err(Failure::Refused(None)) => Err(Refusal::NoSuchSeats(seats.to_vec())),
            Err(other) => Err(other.into()),
        }
    }

    /// One row as the order with `token` sees it: its own seats count as available. Read consistently;
    /// `None` if there is no such row.
    pub(crate) async fn row_state(
        &self,
        row: RowKey,
        token: Token,
        now: Timestamp,
    ) -> Result<Option<RowState>> {
        let Some(mut item) = self.get_item(&row.block(), true).await? else {
            return Ok(None);
        };
        item.retain(|_, value| !value.as_s().is_ok_and(|value| value.ends_with(token.as_str())));
        RowState::read(row.index, &item, now).map(Some)
    }

    /// All `rows` row blocks of an area, in order, read consistently.
    pub(crate) async fn rows_state(
        &self,
        event: EventId,
        area: AreaId,
        rows: u16,
        now: Timestamp,
    ) -> Result<Vec<RowState>> {
        let items = self.row_items(event, area, rows).await?;
        items.into_iter().map(|(index, item)| RowState::read(index, &item, now)).collect()
    }

    /// The items of all `rows` row blocks of an area with their indexes, in order, read consistently.
    async fn row_items(&self, event: EventId, area: AreaId, rows: u16) -> Result<Vec<(u16, Item)>> {
        let partitions =
            (0..rows.min(SHARDS)).map(|shard| self.read_blocks(keys::area_block(event, area, shard).pk));
        let mut items = Vec::with_capacity(usize::from(rows));
        for item in try_join_all(partitions).await?.into_iter().flatten() {
            if let Some(AttributeValue::S(sk)) = item.get(keys::SK) {
                let index = keys::block_index(sk).ok_or_else(|| Failure::unreadable("the key of a row"))?;
                items.push((index, item));
            }
        }
        items.sort_by_key(|(index, _)| *index);
        Ok(items)
    }

    fn update_row(&self, row: RowKey) -> UpdateItemFluentBuilder {
        self.update_of(&row.block())
    }
}
