//! Every key of the table, typed on the way in and on the way out.
//!
//! Ids stand in keys without their prefix; the letter before them says the kind.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{AreaId, EventId, OrderId, SaleStageId, TenantId, TicketId, UserId};

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place within it.
    pub sk: String,
}

impl Key {
    /// The item `sk` of the partition `pk`.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// As the two attributes that DynamoDB wants.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("PK".to_owned(), AttributeValue::S(self.pk.clone())),
            ("SK".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// Partitions over which the blocks of one pool, the rows of one area and the
/// gates of one event spread: 16 times DynamoDB's 1,000 writes per second.
pub const SHARDS: u16 = 16;

/// Everything of one user.
pub fn user_partition(user: UserId) -> String {
    format!("U#{}", user.suffix())
}

/// An order, under its buyer.
pub fn order(user: UserId, order: OrderId) -> Key {
    Key::new(user_partition(user), format!("{ORDER_PREFIX}{}", order.suffix()))
}

/// What the sort keys of orders begin with.
pub const ORDER_PREFIX: &str = "O#";

/// The index partition with a part of an event's paid orders.
pub fn event_orders(event: EventId, shard: u16) -> String {
    format!("E#{}#{shard}", event.suffix())
}

/// In which of [`event_orders`]' shards an order is.
pub fn order_shard(order: OrderId) -> u16 {
    u16::from(order.uuid().as_bytes()[14]) % SHARDS
}

/// Block `index` of an area's seats or general admissions.
pub fn area_block(event: EventId, area: AreaId, index: u16) -> Key {
    block(&format!("E#{}#A#{}", event.suffix(), area.suffix()), index)
}

/// Block `index` of a sale stage's quota.
pub fn stage_block(event: EventId, stage: SaleStageId, index: u16) -> Key {
    block(&format!("E#{}#ST#{}", event.suffix(), stage.suffix()), index)
}

/// Block `index` of a promotion's uses.
pub fn promotion_block(tenant: TenantId, code: &str, index: u16) -> Key {
    block(&format!("T#{}#P#{code}", tenant.suffix()), index)
}

/// One buyer's uses of a promotion.
pub fn promotion_buyer(tenant: TenantId, code: &str, user: UserId) -> Key {
    Key::new(format!("T#{}#P#{code}#U#{}", tenant.suffix(), user.suffix()), "B#0000")
}

/// Block `index` of the allotment named `prefix`.
pub(crate) fn block(prefix: &str, index: u16) -> Key {
    Key::new(format!("{prefix}#{}", index % SHARDS), format!("B#{index:04}"))
}

/// The block's index, from its sort key.
pub(crate) fn block_index(sk: &str) -> Option<u16> {
    sk.strip_prefix("B#")?.parse().ok()
}

/// The gate of a ticket: what decides whether it still admits. It exists only
/// once something happened to the ticket.
pub fn gate(event: EventId, ticket: TicketId) -> Key {
    Key::new(gate_partition(event, u16::from(ticket.uuid().as_bytes()[14]) % SHARDS), ticket.suffix())
}

/// The partition with a part of an event's gates.
pub fn gate_partition(event: EventId, shard: u16) -> String {
    format!("Q#{}#{shard}", event.suffix())
}
