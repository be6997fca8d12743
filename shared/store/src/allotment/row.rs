//! Rows: numbered seats, at most [`BLOCK_SEATS`] to an item.
//!
//! The item has `f` and `n` (the lowest and highest number) and an attribute
//! `s<number>` for each seat that is not free. Its value is a text that sorts by
//! when the seat is free again: the hold's expiry (seven digits, base 36) and
//! token, `}` for blocked, `~` and the token for sold. "Free" is therefore one
//! comparison, and holding any number of seats of a row is one conditional write.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::event::RowLayout;
use domain::seat::SeatState;
use domain::{AreaId, EventId, Timestamp};
use futures::future::try_join_all;

use super::{Claim, Refusal, Token, seconds};
use crate::failure::Item;
use crate::items::{number, string};
use crate::keys::{self, SHARDS};
use crate::{Failure, Store};

/// The most seats of one item: all of them held still fit 1 KB.
pub const BLOCK_SEATS: u16 = 44;

/// Sorts after every expiry and before every sold seat.
const BLOCKED: &str = "}";
/// Sorts after everything else.
const SOLD: char = '~';

/// A row of seats as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowState {
    /// Index of the row block in its area.
    pub index: u16,
    /// The lowest seat number.
    pub first: u16,
    /// What is the matter with each seat, from the lowest number.
    pub seats: Vec<SeatState>,
}

impl RowState {
    fn read(index: u16, item: &Item, now: Timestamp) -> Result<Self, Failure> {
        let bound = |name: &str| match item.get(name) {
            Some(AttributeValue::N(value)) => value.parse::<u16>().map_err(Failure::unreadable),
            _ => Err(Failure::unreadable("a row without its numbers")),
        };
        let (first, last) = (bound("f")?, bound("n")?);
        let now = moment(now);
        let state = |seat: u16| match value(item, seat) {
            None => SeatState::Available,
            Some(value) if value.starts_with(SOLD) => SeatState::Sold,
            Some(value) if value.starts_with(BLOCKED) => SeatState::Blocked,
            Some(value) if *value < *now => SeatState::Available,
            Some(_) => SeatState::Reserved,
        };
        Ok(Self { index, first, seats: (first..=last).map(state).collect() })
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

/// A time as seven digits in base 36, which sort as times do until the year 4400.
fn moment(time: Timestamp) -> String {
    let mut rest = u64::try_from(seconds(time)).unwrap_or(0);
    let mut digits = [b'0'; 7];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(rest % 36).unwrap_or(0)];
        rest /= 36;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn value_of(token: Token, claim: Claim) -> String {
    match claim {
        Claim::Until(expiry) => format!("{}{}", moment(expiry), token.as_str()),
        Claim::Sold => format!("{SOLD}{}", token.as_str()),
    }
}

/// A condition that must hold for every seat, with `{}` for the seat's name.
fn for_each(seats: &[u16], condition: &str) -> String {
    let each =
        seats.iter().enumerate().map(|(i, _)| format!("({})", condition.replace("{}", &format!("#s{i}"))));
    each.collect::<Vec<_>>().join(" AND ")
}

impl Store {
    /// Creates the blocks of seat rows, the first of them with the index
    /// `first_index`. Each has at most [`BLOCK_SEATS`] seats.
    pub async fn create_rows(
        &self,
        event: EventId,
        area: AreaId,
        first_index: u16,
        rows: &[RowLayout],
    ) -> Result<(), Failure> {
        let items = (first_index..).zip(rows).map(|(index, row)| {
            let mut item = keys::area_block(event, area, index).attributes();
            item.insert("f".to_owned(), number(row.first));
            item.insert("n".to_owned(), number(row.last));
            item
        });
        self.put_many(items.collect()).await
    }

    /// Claims seats of one row for `token`: all or none, in one write. Asking
    /// again with the same token gives the same.
    ///
    /// A claim for good also takes what the order holds already, even if that
    /// hold has expired, as long as nobody else has the seats.
    ///
    /// # Errors
    /// [`Refusal::SeatsTaken`] or [`Refusal::NoSuchSeats`], with the numbers.
    pub async fn claim_seats(
        &self,
        (event, area, row): (EventId, AreaId, u16),
        seats: &[u16],
        token: Token,
        claim: Claim,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (Some(lowest), Some(highest)) = (seats.iter().min(), seats.iter().max()) else { return Ok(()) };
        let now_text = moment(now);
        // A hold must not make of a sold seat a held one, not even its own.
        let free_or_mine = match claim {
            Claim::Until(_) => {
                "attribute_not_exists({}) OR {} < :now OR (contains({}, :token) AND {} < :blocked)"
            }
            Claim::Sold => "attribute_not_exists({}) OR {} < :now OR contains({}, :token)",
        };
        let mut update = self.change_seats((event, area, row), seats);
        if matches!(claim, Claim::Until(_)) {
            update = update.expression_attribute_values(":blocked", string(BLOCKED));
        }
        let sent = update
            .update_expression(set_each(seats))
            .condition_expression(format!("f <= :low AND n >= :high AND {}", for_each(seats, free_or_mine)))
            .expression_attribute_values(":low", number(lowest))
            .expression_attribute_values(":high", number(highest))
            .expression_attribute_values(":now", string(&now_text))
            .expression_attribute_values(":token", string(token.as_str()))
            .expression_attribute_values(":v", string(value_of(token, claim)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match sent.map_err(Failure::from) {
            Ok(_) => return Ok(()),
            Err(Failure::Refused(Some(item))) => item,
            Err(Failure::Refused(None)) => return Err(Refusal::NoSuchSeats(seats.to_vec())),
            Err(other) => return Err(other.into()),
        };
        let state = RowState::read(row, &item, now)?;
        let exists = |seat: &u16| *seat >= state.first && usize::from(seat - state.first) < state.seats.len();
        let (known, unknown): (Vec<u16>, Vec<u16>) = seats.iter().partition(|seat| exists(seat));
        if !unknown.is_empty() {
            return Err(Refusal::NoSuchSeats(unknown));
        }
        let mine = |seat: &u16| value(&item, *seat).is_some_and(|value| value.contains(token.as_str()));
        let taken =
            |seat: &u16| state.seats[usize::from(seat - state.first)] != SeatState::Available && !mine(seat);
        let taken: Vec<u16> = known.into_iter().filter(taken).collect();
        if taken.is_empty() { Ok(()) } else { Err(Refusal::SeatsTaken(taken)) }
    }

    /// Gives held seats back. What was sold meanwhile stays sold.
    pub async fn release_seats(
        &self,
        place: (EventId, AreaId, u16),
        seats: &[u16],
        token: Token,
    ) -> Result<(), Failure> {
        self.free_seats(place, seats, token, "contains({}, :token) AND {} < :last", BLOCKED).await
    }

    /// Gives sold seats back after a refund. Safe to repeat.
    pub async fn return_seats(
        &self,
        place: (EventId, AreaId, u16),
        seats: &[u16],
        token: Token,
    ) -> Result<(), Failure> {
        let sold = value_of(token, Claim::Sold);
        // Seat by seat: a repetition may find some of them returned, and resold.
        for seat in seats {
            self.free_seats(
                place,
                std::slice::from_ref(seat),
                token,
                "contains({}, :token) AND {} = :last",
                &sold,
            )
            .await?;
        }
        Ok(())
    }

    async fn free_seats(
        &self,
        place: (EventId, AreaId, u16),
        seats: &[u16],
        token: Token,
        condition: &str,
        last: &str,
    ) -> Result<(), Failure> {
        let sent = self
            .change_seats(place, seats)
            .update_expression(remove_each(seats))
            .condition_expression(for_each(seats, condition))
            .expression_attribute_values(":token", string(token.as_str()))
            .expression_attribute_values(":last", string(last))
            .send()
            .await;
        match sent.map_err(Failure::from) {
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Keeps free seats of one row from being sold: all or none.
    ///
    /// # Errors
    /// [`Refusal::SeatsTaken`] or [`Refusal::NoSuchSeats`], with the numbers.
    pub async fn block_seats(
        &self,
        (event, area, row): (EventId, AreaId, u16),
        seats: &[u16],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (Some(lowest), Some(highest)) = (seats.iter().min(), seats.iter().max()) else { return Ok(()) };
        let sent = self
            .change_seats((event, area, row), seats)
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
                let state = RowState::read(row, &item, now)?;
                let at =
                    |seat: &u16| seat.checked_sub(state.first).and_then(|i| state.seats.get(usize::from(i)));
                let unknown: Vec<u16> = seats.iter().copied().filter(|seat| at(seat).is_none()).collect();
                if !unknown.is_empty() {
                    return Err(Refusal::NoSuchSeats(unknown));
                }
                let taken = |seat: &u16| matches!(at(seat), Some(SeatState::Reserved | SeatState::Sold));
                Err(Refusal::SeatsTaken(seats.iter().copied().filter(taken).collect()))
            }
            Err(Failure::Refused(None)) => Err(Refusal::NoSuchSeats(seats.to_vec())),
            Err(other) => Err(other.into()),
        }
    }

    /// Lets blocked seats of one row be sold again; others stay as they are.
    pub async fn unblock_seats(&self, place: (EventId, AreaId, u16), seats: &[u16]) -> Result<(), Failure> {
        for seat in seats {
            let sent = self
                .change_seats(place, std::slice::from_ref(seat))
                .update_expression("REMOVE #s0")
                .condition_expression("#s0 = :blocked")
                .expression_attribute_values(":blocked", string(BLOCKED))
                .send()
                .await;
            match sent.map_err(Failure::from) {
                Ok(_) | Err(Failure::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// One row, read consistently; `None` if there is none with this index.
    pub async fn row_state(
        &self,
        (event, area, row): (EventId, AreaId, u16),
        now: Timestamp,
    ) -> Result<Option<RowState>, Failure> {
        let item = self.get_item(&keys::area_block(event, area, row), true).await?;
        item.map(|item| RowState::read(row, &item, now)).transpose()
    }

    /// All `rows` rows of an area, in order, read consistently.
    pub async fn rows_state(
        &self,
        event: EventId,
        area: AreaId,
        rows: u16,
        now: Timestamp,
    ) -> Result<Vec<RowState>, Failure> {
        let partitions =
            (0..rows.min(SHARDS)).map(|shard| self.read_blocks(keys::area_block(event, area, shard).pk));
        let mut states = Vec::with_capacity(usize::from(rows));
        for item in try_join_all(partitions).await?.into_iter().flatten() {
            if let Some(AttributeValue::S(sk)) = item.get("SK") {
                let index = keys::block_index(sk).ok_or_else(|| Failure::unreadable("the key of a row"))?;
                states.push(RowState::read(index, &item, now)?);
            }
        }
        states.sort_by_key(|row| row.index);
        Ok(states)
    }

    fn change_seats(
        &self,
        (event, area, row): (EventId, AreaId, u16),
        seats: &[u16],
    ) -> UpdateItemFluentBuilder {
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::area_block(event, area, row).attributes()));
        let names = seats.iter().enumerate();
        names.fold(update, |update, (i, seat)| {
            update.expression_attribute_names(format!("#s{i}"), attribute(*seat))
        })
    }
}

fn set_each(seats: &[u16]) -> String {
    let each: Vec<_> = (0..seats.len()).map(|i| format!("#s{i} = :v")).collect();
    format!("SET {}", each.join(", "))
}

fn remove_each(seats: &[u16]) -> String {
    let each: Vec<_> = (0..seats.len()).map(|i| format!("#s{i}")).collect();
    format!("REMOVE {}", each.join(", "))
}
