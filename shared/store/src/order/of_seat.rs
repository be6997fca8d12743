//! The order that a seat is sold to.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::OrderId;
use domain::order::Holding;

use crate::allotment::{RowKey, SeatClaim};
use crate::items::query_all;
use crate::keys::{self, Key};
use crate::{Result, Store};

impl Store {
    /// The order that a seat is sold to; `None` if it is not sold, or the order is being settled.
    ///
    /// The row has a part of the order's id, which leaves four parts of the event's list of orders to look
    /// through: for a single seat that staff asks about.
    pub async fn order_of_seat(&self, row: RowKey, seat: u16, claim: &SeatClaim) -> Result<Option<OrderId>> {
        for shard in claim.order_shards() {
            let query = self
                .index_of(keys::event_orders(row.event, shard))
                .key_condition_expression("GSI1PK = :pk")
                .projection_expression(format!("{}, {}", keys::PK, keys::SK));
            for item in query_all(query).await? {
                let (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) =
                    (item.get(keys::PK), item.get(keys::SK))
                else {
                    continue;
                };
                let Some((user, id)) = keys::parse_order(&Key::new(pk, sk)) else { continue };
                if !claim.may_be_of(id) {
                    continue;
                }
                let Some(order) = self.order(user, id).await? else { continue };
                let has_seat = order.holdings.iter().any(|holding| match holding {
                    Holding::Seats { line, row: index, seats } => {
                        let area = order.lines.get(usize::from(*line)).map(|line| line.area);
                        area == Some(row.area) && *index == row.index && seats.contains(&seat)
                    }
                    _ => false,
                });
                if has_seat {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }
}
