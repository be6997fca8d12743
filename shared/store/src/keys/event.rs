//! Keys of events: areas, stages, claims, lists.

use domain::{AreaId, EventId, PlanId, SaleStageId, SeriesId, TenantId, Timestamp};

use super::{Key, META, block, key_time, tenant_partition};

/// Block `index` of an area's seats or general admissions.
pub(crate) fn area_block(event: EventId, area: AreaId, index: u16) -> Key {
    block(&format!("E#{}#A#{}", event.suffix(), area.suffix()), index)
}

/// Block `index` of a sale stage's quota.
pub(crate) fn stage_block(event: EventId, stage: SaleStageId, index: u16) -> Key {
    block(&format!("E#{}#ST#{}", event.suffix(), stage.suffix()), index)
}

/// An event with its areas and sale stages.
pub(crate) fn event_partition(event: EventId) -> String {
    format!("E#{}", event.suffix())
}

/// An event.
pub(crate) fn event(event: EventId) -> Key {
    Key::new(event_partition(event), META)
}

/// An area of an event.
pub(crate) fn area(event: EventId, area: AreaId) -> Key {
    Key::new(event_partition(event), format!("{AREA_PREFIX}{}", area.suffix()))
}

/// Prefix of the sort keys of areas.
pub(crate) const AREA_PREFIX: &str = "A#";

/// A sale stage of an event.
pub(crate) fn sale_stage(event: EventId, stage: SaleStageId) -> Key {
    Key::new(event_partition(event), format!("{STAGE_PREFIX}{}", stage.suffix()))
}

/// Prefix of the sort keys of sale stages.
pub(crate) const STAGE_PREFIX: &str = "ST#";

/// The claim of an event or a series on the readable part of its address.
pub(crate) fn slug(slug: &str) -> Key {
    Key::new(format!("SL#{slug}"), "C")
}

/// A series of a tenant.
pub(crate) fn series(tenant: TenantId, series: SeriesId) -> Key {
    Key::new(tenant_partition(tenant), format!("{SERIES_PREFIX}{}", series.suffix()))
}

/// Prefix of the sort keys of [`series`].
pub(crate) const SERIES_PREFIX: &str = "SR#";

/// The partition with the dates of a series.
pub(crate) fn series_partition(series: SeriesId) -> String {
    format!("SR#{}", series.suffix())
}

/// A date of a series; sorted by their start.
pub(crate) fn series_date(series: SeriesId, starts_at: Timestamp, event: EventId) -> Key {
    Key::new(
        series_partition(series),
        format!("{TENANT_EVENT_PREFIX}{}#{}", key_time(starts_at), event.suffix()),
    )
}

/// The claim of a tenant's event on its internal code, whatever the case of its letters.
pub(crate) fn show_code(tenant: TenantId, code: &str) -> Key {
    Key::new(format!("T#{}#SC#{}", tenant.suffix(), code.to_ascii_uppercase()), "C")
}

/// Points from a tenant to one of its events; sorted by their start.
pub(crate) fn tenant_event(tenant: TenantId, starts_at: Timestamp, event: EventId) -> Key {
    Key::new(
        tenant_partition(tenant),
        format!("{TENANT_EVENT_PREFIX}{}#{}", key_time(starts_at), event.suffix()),
    )
}

/// The sort key before all of [`tenant_event`] that start at `from` or later.
pub(crate) fn tenant_events_from(from: Timestamp) -> String {
    format!("{TENANT_EVENT_PREFIX}{}", key_time(from))
}

/// The sort key after all of [`tenant_event`].
pub(crate) const TENANT_EVENTS_END: &str = "EV#~";

/// Prefix of the sort keys of [`tenant_event`].
pub(crate) const TENANT_EVENT_PREFIX: &str = "EV#";

/// The partition that lists all published events by their start.
pub(crate) const PUBLISHED: &str = "PUB";

/// The entry of an event in the public list.
pub(crate) fn published_event(starts_at: Timestamp, event: EventId) -> Key {
    Key::new(PUBLISHED, format!("{}#{}", key_time(starts_at), event.suffix()))
}

/// The partition that lists all events that were ever published.
pub(crate) const SOLD: &str = "SOLD";

/// The entry of an event in [`SOLD`].
pub(crate) fn sold_event(event: EventId) -> Key {
    Key::new(SOLD, event.suffix())
}

/// Reads the sort key that [`sold_event`] wrote.
pub(crate) fn parse_sold_event(sk: &str) -> Option<EventId> {
    EventId::from_suffix(sk).ok()
}

/// Block `index` of the discounts that an event has for members.
pub(crate) fn discount_block(event: EventId, index: u16) -> Key {
    block(&format!("E#{}#D", event.suffix()), index)
}

/// Everything of one seating plan.
pub(crate) fn plan_partition(plan: PlanId) -> String {
    format!("PL#{}", plan.suffix())
}

/// The latest version of a seating plan.
pub(crate) fn plan(plan: PlanId) -> Key {
    Key::new(plan_partition(plan), META)
}

/// A version of a seating plan with its seats.
pub(crate) fn plan_version(plan: PlanId, version: u32) -> Key {
    Key::new(plan_partition(plan), format!("V#{version:08}"))
}

/// What lists say about a version of a seating plan.
pub(crate) fn plan_entry(plan: PlanId, version: u32) -> Key {
    Key::new(plan_partition(plan), format!("{PLAN_ENTRY_PREFIX}{version:08}"))
}

/// Prefix of the sort keys of [`plan_entry`].
pub(crate) const PLAN_ENTRY_PREFIX: &str = "I#";
