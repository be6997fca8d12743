//! An organiser's events, and keeping one out of lists and searches.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with};
use domain::event::{Event, EventStatus, event_not_found};
use domain::{Error, EventId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::was_done;
use web::{Answer, EventPath, Json, Operator, Page, Paging, Path, Query, Refuses, Shared};

use super::TAG;
use crate::State;

/// How often an event is hidden or shown anew after another request changed it.
const TRIES: usize = 6;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/operator/events",
            get_with(list, |op| {
                op.id("listAnyEvents")
                    .summary("List an organiser's events")
                    .tag(TAG)
                    .description("Drafts included, the latest start first.")
                    .refuses(["tenant_not_found"])
            }),
        )
        .api_route(
            "/api/v1/operator/events/{id}",
            patch_with(update, |op| {
                op.id("overseeEvent").summary("Keep an event out of lists and searches").tag(TAG).description(
                    "Its page still opens for whoever has the address, it is sold, and its tickets are valid. The \
                     organiser sees it, and it is in the organiser's audit log. Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile"])
            }),
        )
}

/// Whose events to list.
#[derive(Debug, Deserialize, JsonSchema)]
struct OfTenant {
    /// The organiser.
    tenant: TenantId,
}

/// Whether an event is kept out of lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventOversight {
    /// True to keep it out of lists and searches.
    shadowban: bool,
}

/// An event of any organiser.
#[derive(Debug, Serialize, JsonSchema)]
struct OverseenEvent {
    /// The event's id.
    id: EventId,
    /// The organiser's tenant id.
    tenant_id: TenantId,
    /// The readable part of its address.
    slug: String,
    /// The title.
    name: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The venue's name.
    venue: String,
    /// The venue's city.
    city: String,
    /// When the event starts.
    starts_at: Timestamp,
    /// When the event ends.
    ends_at: Timestamp,
    /// Whether the event is a draft, published, postponed or cancelled.
    status: EventStatus,
    /// True if the organiser keeps it out of lists and searches.
    unlisted: bool,
    /// True if the operator keeps it out of lists and searches.
    shadowban: bool,
    /// Counts changes, from 1.
    version: u32,
}

impl From<Event> for OverseenEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            slug: event.slug,
            name: event.name,
            artist: event.artist,
            venue: event.venue,
            city: event.city,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            status: event.status,
            unlisted: event.unlisted,
            shadowban: event.shadowban,
            version: event.version,
        }
    }
}

async fn list(
    Shared(state): Shared<State>,
    _operator: Operator,
    Query(query): Query<OfTenant>,
    paging: Paging,
) -> Answer<Json<Page<OverseenEvent>>> {
    let tenant = state.any_tenant(query.tenant).await?;
    let page = state.store.events(tenant.id, paging.after.as_deref(), paging.limit, true).await?;
    Ok(Json(Page::of(page, OverseenEvent::from)))
}

async fn update(
    Shared(state): Shared<State>,
    operator: Operator,
    Path(path): Path<EventPath>,
    Json(change): Json<EventOversight>,
) -> Answer<Json<OverseenEvent>> {
    Ok(Json(state.hide(&operator, path.id, change.shadowban).await?.into()))
}

impl State {
    /// The event once it is hidden or shown. The organiser may change it at the same moment.
    async fn hide(&self, operator: &Operator, id: EventId, shadowban: bool) -> Result<Event> {
        // Whose it is never changes.
        let tenant = self.store.event(id).await?.ok_or_else(event_not_found)?.tenant_id;
        for _ in 0..TRIES {
            let sheet = self.store.priced_event_of(tenant, id).await?.ok_or_else(event_not_found)?;
            let before = &sheet.event;
            if before.shadowban == shadowban {
                return Ok(before.clone());
            }
            let now = self.clock.now();
            let after = Event { shadowban, updated_at: now, version: before.version + 1, ..before.clone() };
            let note = operator.note(tenant, "event.shadowban", id.to_string(), now);
            if was_done(self.store.shadowban_event(&sheet, &after, &note).await)? {
                return Ok(after);
            }
        }
        Err(Error::changed_meanwhile())
    }
}
