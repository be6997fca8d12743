//! Blocks of rows as they are read, and what is known of one seat.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::seat::SeatState;
use domain::{OrderId, Timestamp};

use super::removal::is_gone;
use super::{BLOCKED, Refusal, RowKey, SOLD, moment, moment_of, value};
use crate::allotment::Token;
use crate::failure::Item;
use crate::{Failure, Result, Store};

/// A block of a row of numbered seats, as read from the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowState {
    /// Index of the block in its area.
    pub index: u16,
    /// The lowest seat number.
    pub first: u16,
    /// The difference of neighbouring numbers.
    pub step: u16,
    /// State of each seat, in the order of their numbers from `first` on; `None` for one that was taken
    /// out of the plan.
    pub seats: Vec<Option<SeatState>>,
}

impl RowState {
    pub(super) fn read(index: u16, item: &Item, now: Timestamp) -> Result<Self> {
        let bound = |name: &str| match item.get(name) {
            Some(AttributeValue::N(value)) => value.parse::<u16>().map_err(Failure::unreadable),
            _ => Err(Failure::unreadable("a row without its numbers")),
        };
        let (first, last) = (bound("f")?, bound("n")?);
        // Blocks from before there were steps have none.
        let step = if item.contains_key("d") { bound("d")?.max(1) } else { 1 };
        let now = moment(now);
        let state = |seat: u16| match value(item, seat) {
            None => Some(SeatState::Available),
            Some(value) if value.starts_with(SOLD) => Some(SeatState::Sold),
            Some(value) if is_gone(value) => None,
            Some(value) if value.starts_with(BLOCKED) => Some(SeatState::Blocked),
            Some(value) if *value < *now => Some(SeatState::Available),
            Some(_) => Some(SeatState::Reserved),
        };
        Ok(Self { index, first, step, seats: (first..=last).step_by(step.into()).map(state).collect() })
    }

    /// The block as read; refused if it has not all of these seats.
    pub(super) fn with(seats: &[u16], index: u16, item: &Item, now: Timestamp) -> Result<Self, Refusal> {
        let state = Self::read(index, item, now)?;
        let unknown: Vec<u16> = seats.iter().copied().filter(|seat| state.seat(*seat).is_none()).collect();
        if unknown.is_empty() { Ok(state) } else { Err(Refusal::NoSuchSeats(unknown)) }
    }

    /// The seat with this number; `None` if the row has no such seat.
    pub fn seat(&self, number: u16) -> Option<SeatState> {
        let place = number.checked_sub(self.first).filter(|place| place % self.step == 0)?;
        self.seats.get(usize::from(place / self.step)).copied().flatten()
    }

    /// The states of its seats.
    pub fn states(&self) -> impl Iterator<Item = SeatState> + '_ {
        self.seats.iter().flatten().copied()
    }

    /// The numbers of its seats with their states, and `None` for those that were taken out of the plan.
    pub fn places(&self) -> impl Iterator<Item = (u16, Option<SeatState>)> + '_ {
        (self.first..).step_by(self.step.into()).zip(self.seats.iter().copied())
    }
}

/// What the table knows of one seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatClaim {
    /// Its state.
    pub state: SeatState,
    /// When its hold ends, if it is held.
    pub until: Option<Timestamp>,
    /// A part of the id of the order that it is sold to, if it is sold.
    token: Option<String>,
}

impl SeatClaim {
    /// Whether the seat may be sold to this order: one of 10^12 others has the same mark.
    pub(crate) fn may_be_of(&self, order: OrderId) -> bool {
        self.token.as_deref() == Some(Token::of(order).as_str())
    }
}

impl SeatClaim {
    /// The parts of an event's list of orders in which the order may be; none if the seat is not sold.
    pub(crate) fn order_shards(&self) -> impl Iterator<Item = u16> {
        // The last character of the mark has two of the four bits that tell the part.
        const DIGITS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
        let last = self.token.as_deref().and_then(|token| DIGITS.find(token.chars().last()?));
        let known = last.and_then(|last| u16::try_from(last % 4).ok());
        known.into_iter().flat_map(|known| (0..4).map(move |rest| known * 4 + rest))
    }
}

impl Store {
    /// What is known of a seat, read consistently; `None` if the row has no such seat.
    pub async fn seat_claim(&self, row: RowKey, seat: u16, now: Timestamp) -> Result<Option<SeatClaim>> {
        let Some(item) = self.get_item(&row.block(), true).await? else { return Ok(None) };
        let Some(state) = RowState::read(row.index, &item, now)?.seat(seat) else { return Ok(None) };
        let value = value(&item, seat).unwrap_or_default();
        Ok(Some(SeatClaim {
            state,
            until: (state == SeatState::Reserved).then(|| moment_of(value)).flatten(),
            token: value.strip_prefix(SOLD).map(str::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;
    use crate::keys::order_shard;

    #[test]
    fn the_mark_of_an_order_leads_to_its_part_of_the_list() {
        for second in 0..200 {
            let order = OrderId::generate(at(second));
            let token = Some(Token::of(order).as_str().to_owned());
            let claim = SeatClaim { state: SeatState::Sold, until: None, token };
            assert!(claim.may_be_of(order));
            assert!(!claim.may_be_of(OrderId::generate(at(second))));
            assert!(claim.order_shards().any(|shard| shard == order_shard(order)), "{order}");
        }
    }

    #[test]
    fn the_time_of_a_hold_is_read_back() {
        for second in [0, 1, 1_700_000_000] {
            assert_eq!(moment_of(&format!("{}abcdefgh", moment(at(second)))), Some(at(second)));
        }
        assert_eq!(moment_of("}"), None);
    }
}
