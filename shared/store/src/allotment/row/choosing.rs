//! Rows as an order sees them whose seats are chosen when they are held.
//!
//! A quote may come twice at once, and then both requests choose, under one token and not always the same.
//! So each request has only what it claimed itself: to [`Store::claim_free_seats`], other than to
//! [`Store::claim_seats`], a seat that the token has already is taken, unless the request that took it
//! is over. Then whoever gives seats up takes nothing away from the other.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::seat::SeatState;
use domain::{AreaId, EventId, Timestamp};

use super::{BLOCKED, RowKey, RowState, for_each, moment, set_each, value_of};
use crate::allotment::{Claim, Token};
use crate::failure::Item;
use crate::items::{number, string};
use crate::{Failure, Result, Store};

/// How long a request lives at most: longer than the timeout of any function that holds places.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// An order for which seats are chosen, in one of its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimant {
    token: Token,
    /// When the claims of this request end.
    until: Timestamp,
    now: Timestamp,
}

impl Claimant {
    pub(crate) const fn new(token: Token, until: Timestamp, now: Timestamp) -> Self {
        Self { token, until, now }
    }

    pub(crate) const fn token(self) -> Token {
        self.token
    }

    /// Sorts after the order's claims by requests that are over, and before those by requests that may
    /// go on: claims end the same time after they are made.
    fn over(self) -> String {
        moment(self.until - LONGEST_REQUEST)
    }

    fn is_own_hold(self, value: &str) -> bool {
        value.ends_with(self.token.as_str()) && value < BLOCKED && *value >= *moment(self.now)
    }
}

/// A block of a row as the order sees it: a seat that one of its requests left behind is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenRow {
    pub(crate) state: RowState,
    /// The seats that another request of the same order has, which may go on.
    pub(crate) beside: Vec<u16>,
    /// The seats that a request of the same order has left behind.
    pub(crate) left_behind: Vec<u16>,
}

impl SeenRow {
    fn read(index: u16, mut item: Item, order: Claimant) -> Result<Self> {
        let (over, mut beside, mut left_behind) = (order.over(), Vec::new(), Vec::new());
        item.retain(|name, value| {
            let seat = name.strip_prefix('s').and_then(|seat| seat.parse::<u16>().ok());
            let held = seat.zip(value.as_s().ok()).filter(|(_, value)| order.is_own_hold(value));
            let Some((seat, value)) = held else { return true };
            let may_go_on = *value >= over;
            if may_go_on {
                beside.push(seat);
            } else {
                left_behind.push(seat);
            }
            may_go_on
        });
        Ok(Self { state: RowState::read(index, &item, order.now)?, beside, left_behind })
    }
}

/// What became of a claim on free seats.
#[derive(Debug)]
pub(crate) enum FreeClaim {
    /// The request has them.
    Made,
    /// Some are not free. With the row as it is; `None` if there is no such row.
    Refused(Option<SeenRow>),
}

impl RowState {
    /// The row after these seats were held.
    pub(crate) fn with_held(&self, seats: &[u16]) -> Self {
        let held = |(number, state)| if seats.contains(&number) { Some(SeatState::Reserved) } else { state };
        let Self { index, first, step, .. } = *self;
        Self { index, first, step, seats: self.places().map(held).collect() }
    }
}

impl Store {
    /// Claims free seats of one row: all or none, in one write. The seats must be distinct, and at most
    /// as many as an order may have.
    ///
    /// Not to be repeated: after a write with an unknown outcome, the seats count as another request's.
    pub(crate) async fn claim_free_seats(
        &self,
        row: RowKey,
        seats: &[u16],
        order: Claimant,
    ) -> Result<FreeClaim> {
        let (Some(lowest), Some(highest)) = (seats.iter().min(), seats.iter().max()) else {
            return Ok(FreeClaim::Made);
        };
        let free = "attribute_not_exists({}) OR {} < :now OR (contains({}, :token) AND {} < :over)";
        let sent = self
            .update_row(row)
            .update_expression(set_each(seats))
            .condition_expression(format!("f <= :low AND n >= :high AND {}", for_each(seats, free)))
            .expression_attribute_values(":low", number(lowest))
            .expression_attribute_values(":high", number(highest))
            .expression_attribute_values(":now", string(moment(order.now)))
            .expression_attribute_values(":token", string(order.token.as_str()))
            .expression_attribute_values(":over", string(order.over()))
            .expression_attribute_values(":v", string(value_of(order.token, Claim::Until(order.until))))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(Failure::from) {
            Ok(_) => Ok(FreeClaim::Made),
            Err(Failure::Refused(item)) => {
                let seen = item.map(|item| SeenRow::read(row.index, item, order)).transpose()?;
                Ok(FreeClaim::Refused(seen))
            }
            Err(failure) => Err(failure),
        }
    }

    /// One row as the order sees it, read consistently; `None` if there is no such row.
    pub(crate) async fn seen_row(&self, row: RowKey, order: Claimant) -> Result<Option<SeenRow>> {
        let item = self.get_item(&row.block(), true).await?;
        item.map(|item| SeenRow::read(row.index, item, order)).transpose()
    }

    /// All `rows` row blocks of an area as the order sees them, in order, read consistently.
    pub(crate) async fn seen_rows(
        &self,
        (event, area): (EventId, AreaId),
        rows: u16,
        order: Claimant,
    ) -> Result<Vec<SeenRow>> {
        let items = self.row_items(event, area, rows).await?;
        items.into_iter().map(|(index, item)| SeenRow::read(index, item, order)).collect()
    }
}
