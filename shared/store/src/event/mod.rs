//! Events, the lists that contain them, and their claims on slugs and codes.

pub(crate) mod area;
mod cache;
mod currency;
mod discounts;
pub(crate) mod limited;
pub(crate) mod places;
mod pricing;
mod publishing;
mod record;
mod seats;
mod series;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::audit::AuditNote;
use domain::event::{Event, EventStatus, EventSummary};
use domain::{EventId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Item, was_done};
use crate::items::{Part, from_item, number, query_all, string, to_item};
use crate::keys::Key;
use crate::tenant::audit::audited;
use crate::{Failure, Listing, Result, Store, Versioned, keys};

pub use area::CapacityLease;
pub use cache::{EventCache, SeatingCache};
pub use places::{row_blocks, side_blocks};
pub use pricing::StagesLeft;
pub use record::{EventRecord, StoredEvent};
pub use seats::{LostSeats, SeatChange, SeatChangeRefusal};

impl Versioned for EventRecord {
    fn version(&self) -> u32 {
        self.event.version
    }
}

/// The value of items that point to an event: entries of the tenant's list, claims on slugs and codes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) event_id: EventId,
}

/// A claim on a slug, which may be a series' as well.
#[derive(Deserialize)]
struct SlugClaim {
    event_id: Option<EventId>,
}

/// The key of the event's claim on its code, if it has one.
fn code_claim(event: &Event) -> Option<Key> {
    event.code.as_deref().map(|code| keys::show_code(event.tenant_id, code))
}

/// The lease on an event's discounts when the event is written.
#[derive(Debug, Clone, Copy)]
enum DiscountsLease<'a> {
    /// No request has it.
    Nobodys,
    /// The writing request has it.
    Ours(&'a CapacityLease),
}

impl DiscountsLease<'_> {
    /// The condition on the stored event, which has this version.
    fn condition(self, version: u32) -> (&'static str, HashMap<String, AttributeValue>) {
        let mut values = HashMap::from([(":version".to_owned(), number(version))]);
        match self {
            Self::Nobodys => ("version = :version AND attribute_not_exists(changing)", values),
            Self::Ours(change) => {
                values.insert(":token".to_owned(), string(&change.token));
                ("version = :version AND changing = :token", values)
            }
        }
    }
}

/// What a write of an event carries besides the event and its lists.
#[derive(Debug, Clone, Default)]
struct Along {
    /// Further parts of the transaction.
    parts: Vec<TransactWriteItem>,
    /// Further attributes of the event's item.
    attributes: Item,
}

impl Store {
    /// Writes a new event and claims its slug and its code; returns the stored event if there is one.
    /// Refused if another event or a series has the slug, another event of the tenant the code (see
    /// [`Store::show_code_owner`]), or if its series is gone or full.
    pub async fn create_event(&self, event: &Event) -> Result<Event> {
        let pointer = Pointer { event_id: event.id };
        let key = keys::event(event.id);
        let mut writes = vec![
            self.put_new_part(&key, &EventRecord::new(event.clone()))?,
            self.put_new_part(&keys::slug(&event.slug), &pointer)?,
            self.put_new_part(&keys::tenant_event(event.tenant_id, event.starts_at, event.id), &pointer)?,
        ];
        if let Some(claim) = code_claim(event) {
            writes.push(self.put_new_part(&claim, &pointer)?);
        }
        writes.extend(self.series_parts(None, Some(event))?);
        match self.transact(writes).await {
            Ok(()) => Ok(event.clone()),
            Err(refused @ Failure::Refused(_)) => {
                let stored: Option<EventRecord> = self.get_consistent(&key).await?;
                stored.map(Event::from).ok_or(refused)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The id of the tenant's event with this code, upper or lower case; read consistently.
    pub async fn show_code_owner(&self, tenant: TenantId, code: &str) -> Result<Option<EventId>> {
        let claim: Option<Pointer> = self.get_consistent(&keys::show_code(tenant, code)).await?;
        Ok(claim.map(|claim| claim.event_id))
    }

    /// The state of an event that takes no more orders, read consistently; `None` while it is published.
    ///
    /// A request that wrote an order asks after its write: an order that stays was made before the
    /// event's state changed. It is a query, so that tests can make it find nothing.
    pub async fn ended_sale(&self, id: EventId) -> Result<Option<EventStatus>> {
        #[derive(Deserialize)]
        struct State {
            status: EventStatus,
        }
        let key = keys::event(id);
        let state = self
            .query_of(key.pk)
            .key_condition_expression("PK = :pk AND SK = :sk")
            .expression_attribute_values(":sk", string(key.sk))
            .filter_expression("#status <> :published")
            .expression_attribute_values(":published", string("published"))
            .projection_expression("#status")
            .expression_attribute_names("#status", "status")
            .consistent_read(true);
        let states = query_all(state).await?.into_iter().map(from_item::<State>);
        Ok(states.collect::<Result<Vec<_>>>()?.pop().map(|state| state.status))
    }

    /// The event, by an eventually consistent read.
    pub async fn event(&self, id: EventId) -> Result<Option<EventRecord>> {
        self.get(&keys::event(id)).await
    }

    /// The event with its areas and stages, by one eventually consistent query.
    pub async fn priced_event(&self, id: EventId) -> Result<Option<StoredEvent>> {
        StoredEvent::from_items(self.whole_partition(&keys::event_partition(id), false).await?)
    }

    /// The event, read consistently, if it is this tenant's. To a tenant, the event of another does not
    /// exist.
    pub async fn event_of(&self, tenant: TenantId, id: EventId) -> Result<Option<EventRecord>> {
        let event: Option<EventRecord> = self.get_consistent(&keys::event(id)).await?;
        Ok(event.filter(|event| event.tenant_id == tenant))
    }

    /// The event with its areas and stages, read consistently, if it is this tenant's.
    pub async fn priced_event_of(&self, tenant: TenantId, id: EventId) -> Result<Option<StoredEvent>> {
        let items = self.whole_partition(&keys::event_partition(id), true).await?;
        Ok(StoredEvent::from_items(items)?.filter(|sheet| sheet.event.tenant_id == tenant))
    }

    /// The id of the event with this slug, by an eventually consistent read.
    pub async fn event_by_slug(&self, slug: &str) -> Result<Option<EventId>> {
        let claim: Option<SlugClaim> = self.get(&keys::slug(slug)).await?;
        Ok(claim.and_then(|claim| claim.event_id))
    }

    /// Stores a changed event, its version counted up, with its entries in lists and the claim on its
    /// code. The slug must not differ, and neither the number of its discounts (see
    /// [`Store::finish_discounts`]). Refused if the event was changed meanwhile, if its discounts are
    /// being changed, if another event of the tenant has the code, if its new series is gone or full, or
    /// if it is to sell tickets and the area of `before` that could be sold is being deleted.
    ///
    /// If a request died while it changed the discounts, this also repairs them.
    pub async fn update_event(&self, before: &StoredEvent, after: &Event) -> Result<()> {
        self.update_event_along(before, after, &Along::default()).await
    }

    /// Does what [`Store::update_event`] does for an event that the operator keeps out of lists, or lets
    /// into them again. `note` says who does it.
    pub async fn shadowban_event(&self, before: &StoredEvent, after: &Event, note: &AuditNote) -> Result<()> {
        let along = Along { attributes: audited(note)?, ..Along::default() };
        self.update_event_along(before, after, &along).await
    }

    async fn update_event_along(&self, before: &StoredEvent, after: &Event, along: &Along) -> Result<()> {
        match self.write_event(before, after, DiscountsLease::Nobodys, along).await {
            Err(refused @ Failure::Refused(_)) => {
                self.repair_and_update_event(before, after, along, refused).await
            }
            result => result,
        }
    }

    async fn write_event(
        &self,
        before: &StoredEvent,
        after: &Event,
        right: DiscountsLease<'_>,
        along: &Along,
    ) -> Result<()> {
        let (old, key) = (&before.event, keys::event(after.id));
        let discount_blocks = match right {
            DiscountsLease::Nobodys => before.discount_blocks(),
            DiscountsLease::Ours(change) => change.blocks,
        };
        let record = EventRecord { event: after.clone(), discount_blocks };
        let (condition, values) = right.condition(after.version.saturating_sub(1));
        let mut item = to_item(&key, &record)?;
        item.extend(along.attributes.clone());
        let put = self.putting(item).condition_expression(condition);
        let mut writes = vec![put.set_expression_attribute_values(Some(values)).part()?];
        writes.extend(along.parts.iter().cloned());
        let was_moved = keys::key_time(old.starts_at) != keys::key_time(after.starts_at);
        let pointer = Pointer { event_id: after.id };
        if was_moved {
            writes.push(self.delete_part(&keys::tenant_event(old.tenant_id, old.starts_at, old.id))?);
            writes.push(
                self.put_part(&keys::tenant_event(after.tenant_id, after.starts_at, after.id), &pointer)?,
            );
        }
        if old.is_listed() && (was_moved || !after.is_listed()) {
            writes.push(self.delete_part(&keys::published_event(old.starts_at, old.id))?);
        }
        if after.is_listed() {
            let show = EventSummary::new(after, before.price_from());
            writes.push(self.put_part(&keys::published_event(after.starts_at, after.id), &show)?);
        }
        if after.status.is_public() {
            writes.push(self.sold_event_part(after)?);
        }
        // Its last area could be deleted in this moment.
        if after.sells_here()
            && !old.sells_here()
            && let Some(area) = before.areas_with_places().next()
        {
            writes.push(self.area_exists_check(area, after.updated_at)?);
        }
        writes.extend(self.series_parts(Some(old), Some(after))?);
        let (had, has) = (code_claim(old), code_claim(after));
        if had != has {
            if let Some(had) = had {
                writes.push(self.delete_part(&had)?);
            }
            if let Some(has) = has {
                writes.push(self.put_new_part(&has, &pointer)?);
            }
        }
        match self.transact(writes).await {
            // Our own write may have succeeded although its answer was lost.
            Err(refused @ Failure::Refused(_)) => match self.get_consistent::<EventRecord>(&key).await? {
                Some(stored) if stored == record => Ok(()),
                _ => Err(refused),
            },
            result => result,
        }
    }

    /// Updates the lowest price in the public list after an area of `sheet` has changed. Does nothing
    /// if the event is not listed.
    pub async fn update_price_from(&self, sheet: &StoredEvent) -> Result<()> {
        if !sheet.event.is_listed() {
            return Ok(());
        }
        let key = keys::published_event(sheet.event.starts_at, sheet.event.id);
        let update = self.update_of(&key).condition_expression("attribute_exists(PK)");
        let update = match sheet.price_from() {
            Some(price) => update
                .update_expression("SET price_from = :price")
                .expression_attribute_values(":price", number(price)),
            None => update.update_expression("REMOVE price_from"),
        };
        // Not done if the event was unpublished or moved in this moment, and that write set the price.
        was_done(update.send().await).map(drop)
    }

    /// Deletes a draft with its areas, stages and products, under the lease on its discounts. Refused if the
    /// event was changed meanwhile. Its allotments stay in the table: nothing points to them.
    pub async fn delete_event(&self, change: &CapacityLease, sheet: &StoredEvent) -> Result<()> {
        let event = &sheet.event;
        let (condition, values) = DiscountsLease::Ours(change).condition(event.version);
        let delete = self
            .deleting(&keys::event(event.id))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .part()?;
        let mut writes = vec![
            delete,
            self.delete_part(&keys::slug(&event.slug))?,
            self.delete_part(&keys::tenant_event(event.tenant_id, event.starts_at, event.id))?,
        ];
        if let Some(claim) = code_claim(event) {
            writes.push(self.delete_part(&claim)?);
        }
        writes.extend(self.series_parts(Some(event), None)?);
        self.transact(writes).await?;
        for area in &sheet.areas {
            self.delete(&keys::area(event.id, area.id)).await?;
        }
        for stage in &sheet.stages {
            self.delete(&keys::sale_stage(event.id, stage.id)).await?;
        }
        for priced in &sheet.products {
            self.drop_product(priced).await?;
        }
        Ok(())
    }

    /// A page of a tenant's events, sorted by their start.
    pub async fn events(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
        latest_first: bool,
    ) -> Result<Listing<Event>> {
        let partition = keys::tenant_partition(tenant);
        let pointers: Listing<Pointer> =
            self.list(&partition, keys::TENANT_EVENT_PREFIX, after, limit, latest_first).await?;
        let wanted: Vec<Key> = pointers.items.iter().map(|pointer| keys::event(pointer.event_id)).collect();
        let mut events = HashMap::new();
        for item in self.get_many(&wanted).await? {
            let event: Event = from_item(item)?;
            events.insert(event.id, event);
        }
        let items = pointers.items.iter().filter_map(|pointer| events.remove(&pointer.event_id)).collect();
        Ok(Listing { items, last: pointers.last })
    }

    /// The events of the public list that start at `from` or later, sorted by their start, at most
    /// `bound`.
    pub async fn shows(&self, from: Timestamp, bound: usize) -> Result<Vec<EventSummary>> {
        let mut pages = self
            .query_of(keys::PUBLISHED)
            .key_condition_expression("PK = :pk AND SK >= :from")
            .expression_attribute_values(":from", string(keys::key_time(from)))
            .into_paginator()
            .send();
        let mut shows = Vec::new();
        while shows.len() < bound
            && let Some(page) = pages.try_next().await?
        {
            for item in page.items.unwrap_or_default() {
                shows.push(from_item(item)?);
            }
        }
        shows.truncate(bound);
        Ok(shows)
    }

    /// The cursor with which the list of [`Store::shows`] continues after this event.
    pub fn after_show(show: &EventSummary) -> String {
        keys::published_event(show.starts_at, show.id).sk
    }

    /// True if [`Store::after_show`] can have returned this text: a start and an event's id.
    pub fn is_show_cursor(text: &str) -> bool {
        text.split_once('#').is_some_and(|(start, event)| {
            start.parse::<Timestamp>().is_ok() && EventId::from_suffix(event).is_ok()
        })
    }

    async fn whole_partition(&self, pk: &str, consistent: bool) -> Result<Vec<Item>> {
        let query = self.query_of(pk).key_condition_expression("PK = :pk").consistent_read(consistent);
        query_all(query).await
    }
}

#[cfg(test)]
pub(crate) mod tests;
