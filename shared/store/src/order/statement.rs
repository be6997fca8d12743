//! The walk through a tenant's paid orders for a statement, a part at a time: the tenant's events by their
//! start, and the settled orders of each.
//!
//! Most events are small, so all shards of one are read at once; a large one is walked shard by shard.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::Month;
use domain::event::Event;
use domain::order::Order;
use domain::{EventId, OrderId, TenantId, Timestamp};
use futures::future::try_join_all;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::read;
use crate::event::Pointer;
use crate::failure::Item;
use crate::items::{from_item, string};
use crate::keys::{self, Key, SHARDS};
use crate::{Failure, Result, Store};

/// The longest time from an order's quote to its payment. Slips are paid within days.
const PAID_WITHIN: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A place in the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementPlace {
    /// Sort key, in the tenant's list, of the event that the walk is in or before.
    #[serde(rename = "e")]
    event: String,
    /// The shard of the event's orders; `None` before the event.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    shard: Option<u16>,
    /// The last order that was visited in the shard.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    after: Option<OrderId>,
}

impl StatementPlace {
    /// The place before all events.
    pub fn start() -> Self {
        Self::before(keys::TENANT_EVENT_PREFIX.to_owned())
    }

    fn before(event: String) -> Self {
        Self { event, shard: None, after: None }
    }

    /// The place after an event: sorts after its sort key and before any other's.
    fn behind(event: &str) -> Self {
        Self::before(format!("{event}#"))
    }
}

/// The result of one step of the walk.
#[derive(Debug)]
pub struct StatementStep {
    /// Settled orders that may have been paid in the month.
    pub orders: Vec<Order>,
    /// The place at which the next step begins; `None` at the end of the walk.
    pub next: Option<StatementPlace>,
}

/// The orders that a step looks for.
#[derive(Clone, Copy)]
struct Wanted {
    event: EventId,
    /// Those with ids from `from` on, and before `end`.
    from: OrderId,
    end: OrderId,
    /// So many at most, of each shard.
    limit: u16,
}

impl Store {
    /// One step of the walk: orders of one event, at most `limit` of each of its shards. `place` may come
    /// from a caller.
    pub async fn statement_step(
        &self,
        tenant: TenantId,
        place: &StatementPlace,
        month: &Month,
        limit: u16,
    ) -> Result<StatementStep> {
        let Some((sk, id)) = self.tenant_event_at(tenant, &place.event).await? else {
            return Ok(StatementStep { orders: Vec::new(), next: None });
        };
        let behind = Some(StatementPlace::behind(&sk));
        let from = month.start().saturating_sub(PAID_WITHIN).unwrap_or(Timestamp::MIN);
        let event: Option<Event> = self.get(&keys::event(id)).await?;
        let may_have = |event: &Event| event.created_at < month.end() && event.ends_at >= from;
        if !event.as_ref().is_some_and(may_have) {
            return Ok(StatementStep { orders: Vec::new(), next: behind });
        }
        let (from, end) = (OrderId::lowest_at(from), OrderId::lowest_at(month.end()));
        let wanted = Wanted { event: id, from, end, limit };
        // The event in which the walk stopped may have been moved.
        let shard = place.shard.filter(|_| sk == place.event);
        let Some(shard) = shard else {
            let shards = (0..SHARDS).map(|shard| self.paid_orders(wanted, shard, None));
            let shards = try_join_all(shards).await?;
            if shards.iter().any(|keys| keys.len() >= usize::from(limit)) {
                let next = StatementPlace { event: sk, shard: Some(0), after: None };
                return Ok(StatementStep { orders: Vec::new(), next: Some(next) });
            }
            return Ok(StatementStep { orders: self.orders_at(&shards.concat()).await?, next: behind });
        };
        let keys = self.paid_orders(wanted, shard, place.after).await?;
        let orders = self.orders_at(&keys).await?;
        let next = match keys.last().filter(|_| keys.len() >= usize::from(limit)) {
            Some(last) => {
                let (_, after) = keys::parse_order(last).ok_or_else(no_order)?;
                Some(StatementPlace { event: sk, shard: Some(shard), after: Some(after) })
            }
            None if shard + 1 < SHARDS => {
                Some(StatementPlace { event: sk, shard: Some(shard + 1), after: None })
            }
            None => behind,
        };
        Ok(StatementStep { orders, next })
    }

    /// The first event of the tenant at this place of its list or after it, with its sort key there.
    async fn tenant_event_at(&self, tenant: TenantId, place: &str) -> Result<Option<(String, EventId)>> {
        // DynamoDB refuses bounds with nothing between them.
        if place > keys::TENANT_EVENTS_END {
            return Ok(None);
        }
        let answer = self
            .query_of(keys::tenant_partition(tenant))
            .key_condition_expression("PK = :pk AND SK BETWEEN :from AND :end")
            .expression_attribute_values(":from", string(place.max(keys::TENANT_EVENT_PREFIX)))
            .expression_attribute_values(":end", string(keys::TENANT_EVENTS_END))
            .limit(1)
            .send()
            .await?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let Some(AttributeValue::S(sk)) = item.get(keys::SK).cloned() else {
            return Err(Failure::unreadable("an entry of a tenant's events without its key"));
        };
        let Pointer { event_id } = from_item(item)?;
        Ok(Some((sk, event_id)))
    }

    /// The keys of the settled orders that are wanted of a shard, after an order of it.
    async fn paid_orders(&self, wanted: Wanted, shard: u16, after: Option<OrderId>) -> Result<Vec<Key>> {
        // Sorts after this order and before any other.
        let low = after.map_or(wanted.from.suffix(), |after| format!("{}#", after.suffix()));
        let answer = self
            .index_of(keys::event_orders(wanted.event, shard))
            .key_condition_expression("GSI1PK = :pk AND GSI1SK BETWEEN :low AND :high")
            .expression_attribute_values(":low", string(low))
            .expression_attribute_values(":high", string(wanted.end.suffix()))
            .limit(i32::from(wanted.limit))
            .send()
            .await?;
        let key = |item: &Item| match (item.get(keys::PK), item.get(keys::SK)) {
            (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => Ok(Key::new(pk, sk)),
            _ => Err(no_order()),
        };
        answer.items.unwrap_or_default().iter().map(key).collect()
    }

    /// The orders with these keys. The read is eventually consistent.
    async fn orders_at(&self, keys: &[Key]) -> Result<Vec<Order>> {
        self.get_many(keys).await?.into_iter().map(read).collect()
    }
}

fn no_order() -> Failure {
    Failure::unreadable("an entry of the index that is no order's")
}

#[cfg(test)]
mod tests;
