//! Areas, and the lease on changing their places.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use domain::event::{Area, Event};
use domain::{AreaId, EventId, RequestId, Timestamp};

use super::record::AreaRecord;
use crate::failure::{accept_if_written, was_done};
use crate::items::{Part, number, string, to_item};
use crate::keys::Key;
use crate::{Failure, Result, Store, StoredEvent, keys};

/// Length of the lease: well over the time that a function may run, so that none of its writes can
/// arrive after it.
const CHANGE_SECONDS: i64 = 60;

/// The lease on changing the places of an area, the discounts of an event, or the number of a stage,
/// promotion or variant. One request has it alone until it gives it back with [`Store::finish_places`] or its like,
/// or a minute is over.
///
/// Places are many items and the area is one more: without the lease, two requests could both lay out
/// rows with the same indexes. A request that dies with the lease leaves places that the area does not
/// know of. So the lease stays on the item until another request takes it over and repairs them.
#[derive(Debug)]
pub struct CapacityLease {
    pub(crate) token: String,
    /// The number of blocks of what is changed, for the write that ends the lease.
    pub(crate) blocks: u16,
}

/// The attribute with the number of blocks of an area's admissions, or a variant's stock.
pub(crate) const AREA_BLOCKS: &str = "blocks";
/// The attribute with the number of blocks of an event's discounts.
pub(crate) const DISCOUNT_BLOCKS: &str = "discount_blocks";

/// The condition for taking the lease: the item is as it was read, and no other request has the lease.
/// `changing = :token` is our own write, retried by the client.
const NOBODY_CHANGES: &str = "version = :version \
     AND (attribute_not_exists(changing) OR changing_until < :now OR changing = :token)";

/// The values of a write that takes the lease.
fn lease(token: &str, version: u32, now: Timestamp) -> HashMap<String, AttributeValue> {
    let values = [
        (":token", string(token)),
        (":until", number(now.as_second() + CHANGE_SECONDS)),
        (":version", number(version)),
        (":now", number(now.as_second())),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

impl Store {
    /// Writes a new area, or returns the stored one if there is one. Its places must exist already.
    /// Refused if the event sells in another currency, or that may be changing right now.
    pub async fn create_area(&self, area: &Area, now: Timestamp) -> Result<Area> {
        let key = keys::area(area.event_id, area.id);
        let in_currency = self.currency_check(area.event_id, area.currency, now)?;
        let record = AreaRecord::new(area.clone());
        match self.transact(vec![self.put_new_part(&key, &record)?, in_currency]).await {
            Ok(()) => Ok(record.area),
            Err(refused @ Failure::Refused(_)) => self.area(area.event_id, area.id).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// The area, read consistently.
    pub async fn area(&self, event: EventId, area: AreaId) -> Result<Option<Area>> {
        let record: Option<AreaRecord> = self.get_consistent(&keys::area(event, area)).await?;
        Ok(record.map(|record| record.area))
    }

    /// Stores a changed area, its version counted up. Not for changes of its places. Refused if it was
    /// changed meanwhile, or a request has the lease on its places or died with it: see
    /// [`Store::lease_places`] then.
    pub async fn replace_area(&self, before: &StoredEvent, area: &Area) -> Result<()> {
        let key = keys::area(area.event_id, area.id);
        let record = AreaRecord { area: area.clone(), blocks: before.area_blocks(area.id) };
        let sent = self
            .put_of(to_item(&key, &record)?)
            .condition_expression("version = :before AND attribute_not_exists(changing)")
            .expression_attribute_values(":before", number(area.version.saturating_sub(1)))
            .send()
            .await;
        self.unless_stored(sent.map(drop).map_err(Failure::from), area).await
    }

    /// Takes a refusal as success if the area is stored as it should be: our own write may have
    /// succeeded although its answer was lost.
    async fn unless_stored(&self, sent: Result<()>, area: &Area) -> Result<()> {
        let is_written = async { Ok(self.area(area.event_id, area.id).await?.as_ref() == Some(area)) };
        accept_if_written(sent, is_written).await
    }

    /// Takes the lease on the places of `area`. Refused if the area is not as it was read, or another
    /// request has the lease.
    pub async fn lease_places(&self, area: &Area, now: Timestamp) -> Result<CapacityLease> {
        self.take_lease(&keys::area(area.event_id, area.id), AREA_BLOCKS, area.version, now).await
    }

    /// Takes the lease on what belongs to the item with this version.
    pub(crate) async fn take_lease(
        &self,
        key: &Key,
        blocks: &str,
        version: u32,
        now: Timestamp,
    ) -> Result<CapacityLease> {
        let token = RequestId::generate(now).suffix();
        let sent = self
            .update_of(key)
            .update_expression("SET changing = :token, changing_until = :until REMOVE leaving")
            .condition_expression(NOBODY_CHANGES)
            .set_expression_attribute_values(Some(lease(&token, version, now)))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        let blocks = sent.attributes.as_ref().and_then(|item| item.get(blocks)?.as_n().ok()?.parse().ok());
        Ok(CapacityLease { token, blocks: blocks.unwrap_or(0) })
    }

    /// [`Store::lease_places`] for a request that deletes the area. Refused also if its event sells
    /// tickets and has no other area of `sheet` with places: so an event's last two areas are never
    /// deleted at once, and none while the event is being published.
    pub async fn lease_deletion(
        &self,
        sheet: &StoredEvent,
        area: &Area,
        now: Timestamp,
    ) -> Result<CapacityLease> {
        let token = RequestId::generate(now).suffix();
        let begin = self
            .updating(&keys::area(area.event_id, area.id))
            .update_expression("SET changing = :token, changing_until = :until, leaving = :token")
            .condition_expression(NOBODY_CHANGES)
            .set_expression_attribute_values(Some(lease(&token, area.version, now)))
            .part()?;
        let other = sheet.areas_with_places().find(|other| other.id != area.id);
        let check = match other {
            Some(other) if sheet.event.sells_here() => self.area_exists_check(other, now)?,
            _ => self.sells_nothing_check(&sheet.event)?,
        };
        self.transact(vec![begin, check]).await?;
        Ok(CapacityLease { token, blocks: sheet.area_blocks(area.id) })
    }

    /// The part of a transaction that checks that an area has places and is not being deleted.
    pub(crate) fn area_exists_check(&self, area: &Area, now: Timestamp) -> Result<TransactWriteItem> {
        self.checking(&keys::area(area.event_id, area.id))
            .condition_expression(
                "#capacity > :zero AND (attribute_not_exists(leaving) OR changing_until < :now)",
            )
            .expression_attribute_names("#capacity", "capacity")
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":now", number(now.as_second()))
            .part()
    }

    /// The part of a transaction that checks that an event does not sell tickets here:
    /// see [`Event::sells_here`].
    fn sells_nothing_check(&self, event: &Event) -> Result<TransactWriteItem> {
        self.checking(&keys::event(event.id))
            .condition_expression("#status <> :published OR attribute_exists(ticketing_link)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":published", string("published"))
            .part()
    }

    /// Stores the area with its changed places, its version counted up, and gives the lease back.
    /// Refused if the lease was lost; then the area is as it was.
    pub async fn finish_places(&self, change: &CapacityLease, after: &Area) -> Result<()> {
        let key = keys::area(after.event_id, after.id);
        let record = AreaRecord { area: after.clone(), blocks: change.blocks };
        let sent = self
            .put_of(to_item(&key, &record)?)
            .condition_expression("changing = :token")
            .expression_attribute_values(":token", string(&change.token))
            .send()
            .await;
        self.unless_stored(sent.map(drop).map_err(Failure::from), after).await
    }

    /// Gives the lease back without a change.
    pub async fn release_places(&self, change: &CapacityLease, area: &Area) -> Result<()> {
        self.release_lease(change, &keys::area(area.event_id, area.id)).await
    }

    /// Gives the lease on what belongs to an item back without a change.
    pub(crate) async fn release_lease(&self, change: &CapacityLease, key: &Key) -> Result<()> {
        let sent = self
            .update_of(key)
            .update_expression("REMOVE changing, changing_until, leaving")
            .condition_expression("changing = :token")
            .expression_attribute_values(":token", string(&change.token))
            .send()
            .await;
        was_done(sent).map(drop)
    }

    /// Deletes an area whose places can not be claimed any more, under the lease. Refused if the lease
    /// was lost.
    pub async fn delete_area(&self, change: &CapacityLease, area: &Area) -> Result<()> {
        self.delete_of(&keys::area(area.event_id, area.id))
            .condition_expression("attribute_not_exists(PK) OR changing = :token")
            .expression_attribute_values(":token", string(&change.token))
            .send()
            .await?;
        Ok(())
    }
}
