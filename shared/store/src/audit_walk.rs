//! The way through everything that was sold, a part at a time: published events by
//! their start, and the settled orders of each in its shards.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{EventId, OrderId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::Item;
use crate::items::string;
use crate::keys::{self, Key, SHARDS};
use crate::{Failure, Store, Versioned};

/// How far the audit of a day is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditWalk {
    /// The day (UTC) on which it began, such as `2026-11-21`.
    pub day: String,
    /// Where it goes on; `None` when it is at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<AuditPlace>,
    /// Counts the steps.
    pub version: u32,
}

impl Versioned for AuditWalk {
    fn version(&self) -> u32 {
        self.version
    }
}

/// A place on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPlace {
    /// In or before the event that stands here in the list of published events.
    show: String,
    /// In this shard of its orders; 0 unless it is in the event.
    shard: u16,
    /// After this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<OrderId>,
}

impl AuditPlace {
    /// Before all events that start at `time` or later.
    pub fn at(time: Timestamp) -> Self {
        Self { show: keys::key_time(time), shard: 0, after: None }
    }

    /// Where the next event begins.
    fn behind(show: &str) -> Self {
        // Above this event's place and below any other's.
        Self { show: format!("{show}#"), shard: 0, after: None }
    }
}

/// What one look found.
#[derive(Debug)]
pub struct AuditLook {
    /// Orders and who bought them.
    pub orders: Vec<(UserId, OrderId)>,
    /// Where the next look goes; `None` at the end.
    pub next: Option<AuditPlace>,
}

impl Store {
    /// How far the audit is; `None` before the first.
    pub async fn audit_walk(&self) -> Result<Option<AuditWalk>, Failure> {
        self.get_consistent(&keys::audit_walk()).await
    }

    /// Notes how far the audit is, its version counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if somebody else went on meanwhile.
    pub async fn save_audit_walk(&self, walk: &AuditWalk) -> Result<(), Failure> {
        match walk.version {
            1 => self.put_new(&keys::audit_walk(), walk).await,
            _ => self.replace(&keys::audit_walk(), walk).await,
        }
    }

    /// Looks for settled orders made at `since` or later, at most `limit`: in one shard
    /// of one event.
    pub async fn audit_look(
        &self,
        place: &AuditPlace,
        since: Timestamp,
        limit: u16,
    ) -> Result<AuditLook, Failure> {
        let Some((show, event)) = self.published_at(&place.show).await? else {
            return Ok(AuditLook { orders: Vec::new(), next: None });
        };
        // The event in which the walk stopped may have been moved, or withdrawn.
        let goes_on = show == place.show;
        let (shard, after) = if goes_on { (place.shard, place.after) } else { (0, None) };
        let orders =
            self.settled_orders(event, shard, after.unwrap_or(OrderId::first_at(since)), limit).await?;
        let next = if orders.len() >= usize::from(limit) {
            AuditPlace { show, shard, after: orders.last().map(|(_, order)| *order) }
        } else if shard + 1 < SHARDS {
            AuditPlace { show, shard: shard + 1, after: None }
        } else {
            AuditPlace::behind(&show)
        };
        Ok(AuditLook { orders, next: Some(next) })
    }

    /// The first published event at this place of the list or after it.
    async fn published_at(&self, place: &str) -> Result<Option<(String, EventId)>, Failure> {
        let answer = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("PK = :pk AND SK >= :from")
            .expression_attribute_values(":pk", string(keys::PUBLISHED))
            .expression_attribute_values(":from", string(place))
            .projection_expression("SK")
            .limit(1)
            .send()
            .await?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let Some(AttributeValue::S(sk)) = item.get("SK") else {
            return Err(Failure::unreadable("an entry of the public list without its key"));
        };
        let event = keys::parse_published_event(sk)
            .ok_or_else(|| Failure::unreadable(format!("the entry {sk} of the public list")))?;
        Ok(Some((sk.clone(), event)))
    }

    /// The settled orders in a shard of an event's after one, at most `limit`.
    async fn settled_orders(
        &self,
        event: EventId,
        shard: u16,
        after: OrderId,
        limit: u16,
    ) -> Result<Vec<(UserId, OrderId)>, Failure> {
        let answer = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name("GSI1")
            .key_condition_expression("GSI1PK = :shard AND GSI1SK > :after")
            .expression_attribute_values(":shard", string(keys::event_orders(event, shard)))
            .expression_attribute_values(":after", string(after.suffix()))
            .limit(i32::from(limit))
            .send()
            .await?;
        let read = |item: &Item| match (item.get("PK"), item.get("SK")) {
            (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => {
                keys::parse_order(&Key::new(pk, sk))
            }
            _ => None,
        };
        let read = |item: &Item| {
            read(item).ok_or_else(|| Failure::unreadable("an entry of the index that is no order's"))
        };
        answer.items.unwrap_or_default().iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use domain::QuoteId;
    use domain::order::Order;

    use super::*;
    use crate::gate::tests::paid_order;
    use crate::testing::store;

    /// The entry of an event; what it says does not matter here.
    #[derive(Serialize)]
    struct Entry {}

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_000_000).expect("in range")
    }

    async fn publish(store: &Store, starts_at: Timestamp) -> EventId {
        let event = EventId::generate(starts_at);
        store.put(&keys::published_event(starts_at, event), &Entry {}).await.expect("written");
        event
    }

    async fn sell(store: &Store, event: EventId, made_at: Timestamp) -> OrderId {
        let user = UserId::generate(made_at);
        let id = OrderId::of_quote(QuoteId::generate(made_at), user);
        store.create_order(&Order { id, user, event, ..paid_order() }, None).await.expect("created");
        id
    }

    /// All that is found from `place` on, by looks at `limit` orders each.
    async fn walk(store: &Store, place: AuditPlace, limit: u16) -> Vec<OrderId> {
        let (mut found, mut place) = (Vec::new(), Some(place));
        while let Some(here) = place {
            let look = store.audit_look(&here, now() - 3 * DAY, limit).await.expect("read");
            assert!(look.orders.len() <= usize::from(limit));
            found.extend(look.orders.iter().map(|(_, order)| *order));
            place = look.next;
        }
        found
    }

    #[tokio::test]
    async fn every_young_order_of_every_show_is_found_once() {
        let store = store().await;
        let shows = [publish(&store, now()).await, publish(&store, now()).await];
        let past = publish(&store, now() - 40 * DAY).await;
        let mut young = BTreeSet::new();
        for index in 0..60 {
            let show = shows[index % 2];
            young.insert(sell(&store, show, now() - DAY).await);
            sell(&store, show, now() - 4 * DAY).await;
        }
        sell(&store, past, now() - DAY).await;
        for limit in [1, 3, 100] {
            let found = walk(&store, AuditPlace::at(now() - 30 * DAY), limit).await;
            assert_eq!(found.len(), young.len(), "by {limit}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), young);
        }
    }

    #[tokio::test]
    async fn the_walk_goes_on_when_its_show_is_withdrawn() {
        let store = store().await;
        let first = publish(&store, now()).await;
        let mut stopped = AuditPlace::at(now());
        for _ in 0..3 {
            let look = store.audit_look(&stopped, now(), 10).await.expect("read");
            stopped = look.next.expect("more shards");
        }
        let second = publish(&store, now() + DAY).await;
        let order = sell(&store, second, now()).await;
        store.delete(&keys::published_event(now(), first)).await.expect("withdrawn");
        assert_eq!(walk(&store, stopped, 10).await, [order]);
    }

    #[tokio::test]
    async fn of_two_walkers_one_goes_on() {
        let store = store().await;
        let walk = |version, day: &str| AuditWalk { day: day.to_owned(), place: None, version };
        store.save_audit_walk(&walk(1, "2026-11-21")).await.expect("begun");
        store.save_audit_walk(&walk(2, "2026-11-22")).await.expect("gone on");
        let second = store.save_audit_walk(&walk(2, "2026-11-23")).await;
        assert!(matches!(second, Err(Failure::Refused(_))), "{second:?}");
        assert_eq!(store.audit_walk().await.expect("read"), Some(walk(2, "2026-11-22")));
    }
}
