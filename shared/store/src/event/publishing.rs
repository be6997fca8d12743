//! Publishing events, within what the operator allows their organisers.
//!
//! The tenant's version is a condition of the publication: a suspension or another quota that comes
//! meanwhile is noticed. Of a tenant with a quota, one more item counts its publications: of two at the
//! same moment, which both saw room for one, the second is refused and looks again.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::event::{Event, EventStatus};
use domain::tenant::{Tenant, tenant_not_found};
use domain::{TenantId, Timestamp};
use serde::Deserialize;

use super::{Along, Pointer, StoredEvent};
use crate::items::{Part, from_item, number, query_all, string};
use crate::{Failure, Result, Store, keys};

/// How often a publication is tried while other requests change the tenant or publish.
const PUBLISH_ATTEMPTS: u32 = 8;
/// How long an event may last: one that started longer ago is over.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// How often the tenant published an event while it had a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Publications {
    n: u32,
}

/// What decides whether a tenant may publish, read consistently.
struct Permit {
    tenant: Tenant,
    /// Read before the events are counted, so that one that is published after that is noticed.
    counted: Option<Publications>,
}

impl Store {
    /// Does what [`Store::update_event`] does for an event that `after` puts on sale.
    ///
    /// # Errors
    /// `organiser_suspended`, `quota_reached`; `changed_meanwhile` for each refusal of
    /// [`Store::update_event`], or if other requests are faster every time.
    pub async fn publish_event(
        &self,
        before: &StoredEvent,
        after: &Event,
        now: Timestamp,
    ) -> domain::Result<()> {
        for _ in 0..PUBLISH_ATTEMPTS {
            let permit = self.publishing_permit(after.tenant_id).await?;
            let limited = permit.tenant.quotas.published_events.is_some();
            let published = if limited { self.published_events(after.tenant_id, now).await? } else { 0 };
            permit.tenant.may_publish(published)?;
            let mut parts = vec![self.unchanged_tenant_check(&permit.tenant)?];
            if limited {
                parts.push(self.publication_part(after.tenant_id, permit.counted)?);
            }
            let along = Along { parts, ..Along::default() };
            let written = self.update_event_along(before, after, &along).await;
            if !(matches!(written, Err(Failure::Refused(_))) && self.is_outdated(&permit).await?) {
                return Ok(written?);
            }
        }
        Err(Failure::Refused(None).into())
    }

    /// The number of the tenant's events that are published and not over at `now`, read consistently.
    pub async fn published_events(&self, tenant: TenantId, now: Timestamp) -> Result<usize> {
        let query = self
            .query_of(keys::tenant_partition(tenant))
            .key_condition_expression("PK = :pk AND SK BETWEEN :from AND :end")
            .expression_attribute_values(":from", string(keys::tenant_events_from(now - LONGEST)))
            .expression_attribute_values(":end", string(keys::TENANT_EVENTS_END))
            .consistent_read(true);
        let pointers = query_all(query).await?.into_iter().map(from_item::<Pointer>);
        let wanted =
            pointers.map(|pointer| Ok(keys::event(pointer?.event_id))).collect::<Result<Vec<_>>>()?;
        let events = self.get_many_consistent(&wanted).await?.into_iter().map(from_item::<Event>);
        let events = events.collect::<Result<Vec<_>>>()?;
        let is_published = |event: &&Event| event.status == EventStatus::Published && now < event.ends_at;
        Ok(events.iter().filter(is_published).count())
    }

    async fn publishing_permit(&self, tenant: TenantId) -> domain::Result<Permit> {
        let counted = self.get_consistent(&keys::publications(tenant)).await?;
        let tenant = self.tenant(tenant).await?.ok_or_else(tenant_not_found)?;
        Ok(Permit { tenant, counted })
    }

    /// True if what decides is not as it was read: then a refusal may come from that.
    async fn is_outdated(&self, read: &Permit) -> domain::Result<bool> {
        let now = self.publishing_permit(read.tenant.id).await?;
        Ok(now.tenant.version != read.tenant.version || now.counted != read.counted)
    }

    fn unchanged_tenant_check(&self, tenant: &Tenant) -> Result<TransactWriteItem> {
        self.checking(&keys::tenant(tenant.id))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(tenant.version))
            .part()
    }

    /// The part of a transaction that counts a publication, if none was counted since `seen`.
    fn publication_part(&self, tenant: TenantId, seen: Option<Publications>) -> Result<TransactWriteItem> {
        let update = self
            .updating(&keys::publications(tenant))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", number(1));
        let update = match seen {
            None => update.condition_expression("attribute_not_exists(n)"),
            Some(Publications { n }) => {
                update.condition_expression("n = :seen").expression_attribute_values(":seen", number(n))
            }
        };
        update.part()
    }
}

#[cfg(test)]
mod tests {
    use boot::Clock;
    use domain::operator::{Quotas, Suspension};
    use domain::{Currency, EventId};

    use super::super::tests::{event, sheet};
    use super::*;
    use crate::testing::{at_once, store_with_clock};

    /// A tenant with this quota.
    async fn tenant(store: &Store, published_events: Option<u32>, clock: &Clock) -> Tenant {
        let (id, now) = (TenantId::generate(clock.now()), clock.now());
        let quotas = Quotas { published_events, ..Quotas::default() };
        let new = Tenant::new(id, "Faroles", "hola@faroles.example", ("CO", Currency::COP), now);
        store.create_tenant(&Tenant { quotas, ..new }).await.expect("created")
    }

    async fn draft(store: &Store, tenant: TenantId, clock: &Clock) -> Event {
        let id = EventId::generate(clock.now());
        let starts_at = clock.now() + Duration::from_secs(7 * 24 * 3600);
        let (ends_at, slug) = (starts_at + Duration::from_secs(7200), id.suffix());
        let draft = Event { id, tenant_id: tenant, slug, starts_at, ends_at, ..event(clock, "noche") };
        store.create_event(&draft).await.expect("created")
    }

    async fn publish(store: &Store, draft: &Event, now: Timestamp) -> Result<(), &'static str> {
        let before = sheet(store, draft).await;
        let after = Event { status: EventStatus::Published, version: draft.version + 1, ..draft.clone() };
        store.publish_event(&before, &after, now).await.map_err(|error| error.code())
    }

    #[tokio::test]
    async fn an_organiser_publishes_as_many_events_as_its_quota_says() {
        let (store, clock) = store_with_clock().await;
        let tenant = tenant(&store, Some(2), &clock).await;
        let mut published = Vec::new();
        for expected in [Ok(()), Ok(()), Err("quota_reached")] {
            let draft = draft(&store, tenant.id, &clock).await;
            assert_eq!(publish(&store, &draft, clock.now()).await, expected);
            published.push(draft);
        }
        assert_eq!(store.published_events(tenant.id, clock.now()).await.expect("counted"), 2);
        // Those of other organisers do not count, and neither do those that are over.
        let other = self::tenant(&store, Some(1), &clock).await;
        assert_eq!(publish(&store, &draft(&store, other.id, &clock).await, clock.now()).await, Ok(()));
        clock.advance(Duration::from_secs(8 * 24 * 3600));
        assert_eq!(store.published_events(tenant.id, clock.now()).await.expect("counted"), 0);
        assert_eq!(publish(&store, &published[2], clock.now()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_suspended_organiser_publishes_nothing() {
        let (store, clock) = store_with_clock().await;
        let before = tenant(&store, None, &clock).await;
        let draft = draft(&store, before.id, &clock).await;
        let suspended = Some(Suspension { reason: "Sin contrato".to_owned(), since: clock.now() });
        let after = Tenant { suspended, version: before.version + 1, ..before };
        store.replace_tenant(&after).await.expect("changed");
        assert_eq!(publish(&store, &draft, clock.now()).await, Err("organiser_suspended"));
        let free = Tenant { suspended: None, version: after.version + 1, ..after };
        store.replace_tenant(&free).await.expect("changed");
        assert_eq!(publish(&store, &draft, clock.now()).await, Ok(()));
    }

    /// How many of twelve events that are published at once are on sale, of an organiser who may have one.
    async fn crowd(clock: &Clock, store: &Store) -> usize {
        let tenant = tenant(store, Some(1), clock).await;
        let mut drafts = Vec::new();
        for _ in 0..12 {
            drafts.push(draft(store, tenant.id, clock).await);
        }
        at_once(drafts.len(), |index| {
            let (store, draft, now) = (store.clone(), drafts[index].clone(), clock.now());
            async move { publish(&store, &draft, now).await }
        })
        .await;
        store.published_events(tenant.id, clock.now()).await.expect("counted")
    }

    /// Its control, in which the requests wait for each other, is `races::operator`.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_crowd_does_not_exceed_the_quota() {
        let (store, clock) = store_with_clock().await;
        assert_eq!(crowd(&clock, &store).await, 1);
    }
}
