//! The walk of the daily audit through everything that was sold, a part at a time: the events that were
//! ever published, and the settled orders of each in its shards. An event stays in that list when it is
//! unpublished or unlisted, because its reservations can still be paid; it leaves the list some time
//! after its end.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::event::Event;
use domain::{EventId, OrderId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::Item;
use crate::items::{Part, from_item, string, to_item};
use crate::keys::{self, Key, SHARDS};
use crate::user::link::with_ttl;
use crate::{Failure, Result, Store};

/// How long the walk visits events after their end. Far longer than orders count as recent, because an
/// end may be moved, too.
const OVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// An event's entry in the list of events that were ever published.
#[derive(Serialize, Deserialize)]
struct Sold {
    /// When the walk does not visit the event any more.
    until: Timestamp,
}

/// The progress of a day's audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditWalk {
    /// The day (UTC) on which it began, such as `2026-11-21`.
    pub day: String,
    /// The place at which the walk continues; `None` at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<AuditPlace>,
    /// Number of steps, which makes each save a conditional write.
    pub version: u32,
}

/// A place in the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPlace {
    /// Sort key, in the list, of the event that the walk is in or before.
    show: String,
    /// The shard of the event's orders; 0 unless the walk is in the event.
    shard: u16,
    /// The last order that was visited in the shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<OrderId>,
}

impl AuditPlace {
    /// The place before all events.
    pub fn start() -> Self {
        Self::behind("")
    }

    /// The place after an event, where the next one begins.
    fn behind(show: &str) -> Self {
        // Sorts after this event's sort key and before any other's.
        Self { show: format!("{show}#"), shard: 0, after: None }
    }
}

/// The result of one step of the walk.
#[derive(Debug)]
pub struct AuditStep {
    /// Settled orders, each with its buyer.
    pub orders: Vec<(UserId, OrderId)>,
    /// The place at which the next step begins; `None` at the end of the walk.
    pub next: Option<AuditPlace>,
}

impl Store {
    /// The progress of the audit, read consistently; `None` before the first.
    pub async fn audit_walk(&self) -> Result<Option<AuditWalk>> {
        self.get_consistent(&keys::audit_walk()).await
    }

    /// Stores the progress of the audit, its version counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another worker stored a step meanwhile.
    pub async fn save_audit_walk(&self, walk: &AuditWalk) -> Result<()> {
        match walk.version {
            1 => self.put_new(&keys::audit_walk(), walk).await,
            _ => self.replace(&keys::audit_walk(), walk).await,
        }
    }

    /// One step of the walk: settled orders made at `since` or later, at most `limit`, in one shard of
    /// one event.
    pub async fn audit_step(&self, place: &AuditPlace, since: Timestamp, limit: u16) -> Result<AuditStep> {
        let Some((show, event, until)) = self.sold_at(&place.show).await? else {
            return Ok(AuditStep { orders: Vec::new(), next: None });
        };
        if until < since {
            return Ok(AuditStep { orders: Vec::new(), next: Some(AuditPlace::behind(&show)) });
        }
        // The event in which the walk stopped may have been swept.
        let goes_on = show == place.show;
        let (shard, after) = if goes_on { (place.shard, place.after) } else { (0, None) };
        let orders =
            self.settled_orders(event, shard, after.unwrap_or(OrderId::lowest_at(since)), limit).await?;
        let next = if orders.len() >= usize::from(limit) {
            AuditPlace { show, shard, after: orders.last().map(|(_, order)| *order) }
        } else if shard + 1 < SHARDS {
            AuditPlace { show, shard: shard + 1, after: None }
        } else {
            AuditPlace::behind(&show)
        };
        Ok(AuditStep { orders, next: Some(next) })
    }

    /// The part of a transaction that puts an event into the list of events that were ever published.
    pub(crate) fn sold_event_part(&self, event: &Event) -> Result<TransactWriteItem> {
        let until = event.ends_at.checked_add(OVER).unwrap_or(Timestamp::MAX);
        let item = with_ttl(to_item(&keys::sold_event(event.id), &Sold { until })?, until);
        self.putting(item).part()
    }

    /// The first event at this place of the list or after it, and until when the walk visits it.
    async fn sold_at(&self, place: &str) -> Result<Option<(String, EventId, Timestamp)>> {
        let answer = self
            .query_of(keys::SOLD)
            .key_condition_expression("PK = :pk AND SK >= :from")
            .expression_attribute_values(":from", string(place))
            .limit(1)
            .send()
            .await?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let Some(AttributeValue::S(sk)) = item.get(keys::SK).cloned() else {
            return Err(Failure::unreadable("an entry of the list of what was sold without its key"));
        };
        let event = keys::parse_sold_event(&sk)
            .ok_or_else(|| Failure::unreadable(format!("the entry {sk} of the list of what was sold")))?;
        let Sold { until } = from_item(item)?;
        Ok(Some((sk, event, until)))
    }

    /// The settled orders in a shard of an event's that sort after `after`, at most `limit`.
    async fn settled_orders(
        &self,
        event: EventId,
        shard: u16,
        after: OrderId,
        limit: u16,
    ) -> Result<Vec<(UserId, OrderId)>> {
        let answer = self
            .index_of(keys::event_orders(event, shard))
            .key_condition_expression("GSI1PK = :pk AND GSI1SK > :after")
            .expression_attribute_values(":after", string(after.suffix()))
            .limit(i32::from(limit))
            .send()
            .await?;
        let read = |item: &Item| match (item.get(keys::PK), item.get(keys::SK)) {
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

    use boot::Clock;
    use domain::QuoteId;
    use domain::event::EventStatus;
    use domain::testing::at;

    use super::*;
    use crate::event::tests::{event, sheet};
    use crate::gate::tests::paid_order;
    use crate::testing::store;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> Timestamp {
        at(0)
    }

    async fn change(store: &Store, before: &Event, change: impl FnOnce(&mut Event)) -> Event {
        let mut after = Event { version: before.version + 1, ..before.clone() };
        change(&mut after);
        store.update_event(&sheet(store, before).await, &after).await.expect("changed");
        after
    }

    async fn publish(store: &Store, starts_at: Timestamp) -> Event {
        let draft = event(&Clock::movable(), "noche");
        let slug = draft.id.to_string();
        let draft = Event { starts_at, ends_at: starts_at + DAY, slug, ..draft };
        store.create_event(&draft).await.expect("created");
        change(store, &draft, |event| event.status = EventStatus::Published).await
    }

    async fn sell(store: &Store, event: EventId, made_at: Timestamp) -> OrderId {
        let user = UserId::generate(made_at);
        let id = OrderId::of_quote(QuoteId::generate(made_at), user);
        let order = paid_order().with(|order| (order.id, order.user, order.event) = (id, user, event));
        store.create_order(&order).await.expect("created");
        id
    }

    /// All orders that are found from `place` on, by steps of `limit` orders each.
    async fn walk(store: &Store, place: AuditPlace, limit: u16) -> Vec<OrderId> {
        let (mut found, mut place) = (Vec::new(), Some(place));
        while let Some(here) = place {
            let look = store.audit_step(&here, now() - 3 * DAY, limit).await.expect("read");
            assert!(look.orders.len() <= usize::from(limit));
            found.extend(look.orders.iter().map(|(_, order)| *order));
            place = look.next;
        }
        found
    }

    #[tokio::test]
    async fn every_young_order_of_every_show_is_found_once() {
        let store = store().await;
        let shows = [publish(&store, now()).await.id, publish(&store, now()).await.id];
        let past = publish(&store, now() - 40 * DAY).await.id;
        let mut young = BTreeSet::new();
        for index in 0..60 {
            let show = shows[index % 2];
            young.insert(sell(&store, show, now() - DAY).await);
            sell(&store, show, now() - 4 * DAY).await;
        }
        sell(&store, past, now() - DAY).await;
        for limit in [1, 3, 100] {
            let found = walk(&store, AuditPlace::start(), limit).await;
            assert_eq!(found.len(), young.len(), "by {limit}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), young);
        }
    }

    #[tokio::test]
    async fn unlisted_and_unpublished_shows_are_visited_too() {
        let store = store().await;
        let show = publish(&store, now()).await;
        let order = sell(&store, show.id, now() - DAY).await;
        let found = async || walk(&store, AuditPlace::start(), 10).await;
        let show = change(&store, &show, |event| event.unlisted = true).await;
        assert_eq!(found().await, [order], "unlisted");
        let show = change(&store, &show, |event| event.status = EventStatus::Draft).await;
        assert_eq!(found().await, [order], "unpublished");
        let show = change(&store, &show, |event| event.ends_at = now() + 300 * DAY).await;
        assert_eq!(found().await, [order], "moved");
        change(&store, &show, |event| event.status = EventStatus::Published).await;
        assert_eq!(found().await, [order], "and again on sale, which is once");
    }

    #[tokio::test]
    async fn the_walk_continues_when_its_show_is_swept() {
        let store = store().await;
        let mut shows = [publish(&store, now()).await.id, publish(&store, now()).await.id];
        shows.sort();
        let mut stopped = AuditPlace::start();
        for _ in 0..3 {
            let look = store.audit_step(&stopped, now(), 10).await.expect("read");
            stopped = look.next.expect("more shards");
        }
        let order = sell(&store, shows[1], now()).await;
        store.delete(&keys::sold_event(shows[0])).await.expect("swept");
        assert_eq!(walk(&store, stopped, 10).await, [order]);
    }

    #[tokio::test]
    async fn of_two_walkers_one_stores_its_step() {
        let store = store().await;
        let walk = |version, day: &str| AuditWalk { day: day.to_owned(), place: None, version };
        store.save_audit_walk(&walk(1, "2026-11-21")).await.expect("begun");
        store.save_audit_walk(&walk(2, "2026-11-22")).await.expect("gone on");
        let second = store.save_audit_walk(&walk(2, "2026-11-23")).await;
        assert!(matches!(second, Err(Failure::Refused(_))), "{second:?}");
        assert_eq!(store.audit_walk().await.expect("read"), Some(walk(2, "2026-11-22")));
    }
}
