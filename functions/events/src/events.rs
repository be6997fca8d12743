//! Events: list, create, show, change, delete.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::{Event, EventStatus, PricedEvent, event_not_found};
use domain::{Error, EventId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{CapacityLease, EventRecord, Failure, OnRefused, Once, StoredEvent};
use web::{
    Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Page, Paging, Path, Query, Refuses, Shared,
    Viewer, based_on,
};

use crate::view::EventView;
use crate::warnings::EventWithWarnings;
use crate::writing::{EventChanges, NewEvent, check};
use crate::{State, discounts, slug};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events",
            get_with(list, |op| op.id("listEvents").summary("List your events").tag("Events")).post_with(
                create,
                |op| {
                    op.id("createEvent")
                        .summary("Create an event")
                        .tag("Events")
                        .description("The event is a draft that only you see until it is published.")
                        .refuses(["code_taken", "slug_taken", "refused_fields", "too_many_decimals"])
                },
            ),
        )
        .api_route(
            "/api/v1/events/{id}",
            get_with(show, |op| {
                op.id("showEvent")
                    .summary("Show an event")
                    .tag("Events")
                    .refuses(["event_not_found"])
            })
                .patch_with(update, |op| {
                    op.id("updateEvent").summary("Change an event").tag("Events").description(
                        "What should be looked at comes back as `warnings`: for one, that tickets were sold for \
                         another time or place.",
                    )
                    .refuses(["event_not_found"])
                    .refuses(["changed_meanwhile", "code_taken", "currency_fixed", "slug_taken"])
                    .refuses(["refused_fields", "too_many_decimals"])
                })
                .delete_with(delete, |op| {
                    op.id("deleteEvent")
                        .summary("Delete a draft")
                        .tag("Events")
                        .description("Only a draft for which nothing is sold or held can be deleted, and for which no member has a discount.")
                        .refuses(["event_not_found"])
                        .refuses(["changed_meanwhile", "event_has_discounts", "event_has_sales"])
                        .refuses(["event_published", "event_state"])
                }),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListQuery {
    /// The order by start: `latest_first`, the default, or `earliest_first`.
    #[serde(default)]
    order: EventOrder,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EventOrder {
    #[default]
    LatestFirst,
    EarliestFirst,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
    paging: Paging,
) -> Answer<Json<Page<EventView>>> {
    let latest_first = query.order == EventOrder::LatestFirst;
    let events = state.store.events(viewer.tenant, paging.after.as_deref(), paging.limit, latest_first).await;
    Ok(Json(Page::of(events?, EventView::from)))
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewEvent>,
) -> Answer<Created<EventView>> {
    let now = state.clock.now();
    let once = Once { user: organizer.user, route: "POST /api/v1/events", key: key.as_deref() };
    let request = (organizer.tenant, &new);
    let create = |id: domain::RequestId| {
        state.create_event(organizer.tenant, &new, EventId::from_uuid(id.uuid()), now)
    };
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventView>> {
    Ok(Json(Event::from(state.event(viewer.tenant, path.id).await?).into()))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(changes): Json<EventChanges>,
) -> Answer<Json<EventWithWarnings>> {
    let before = state.sheet(organizer.tenant, path.id).await?;
    based_on(changes.version, before.event.version)?;
    let now = state.clock.now();
    let sets_discounts = changes.max_discounts.is_some();
    let mut fields = Fields::new();
    let after = changes.apply(before.event.clone(), now, &mut fields);
    check(&after, fields)?;
    let changes_currency = after.currency != before.event.currency;
    if changes_currency {
        before.check_unpriced()?;
    }
    if after.status == EventStatus::Published {
        let is_moved = after.starts_at != before.event.starts_at;
        let sheet = PricedEvent { event: after.clone(), ..PricedEvent::clone(&before) };
        crate::publishing::check(&sheet, is_moved.then_some(now))?;
    }
    let after = if sets_discounts || changes_currency {
        state.change_exclusively(&before, after, now).await?
    } else {
        state.change_event(&before, after).await?
    };
    let sheet = PricedEvent { event: after.clone(), ..PricedEvent::clone(&before) };
    let warnings = state.warnings(&sheet, Some(&before)).await?;
    Ok(Json(EventWithWarnings { event: after.into(), warnings }))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
) -> Answer<NoContent> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    match sheet.event.status {
        EventStatus::Draft => {}
        EventStatus::Published => {
            return Err(
                Error::conflict("event_published", "Unpublish the event before you delete it.").into()
            );
        }
        EventStatus::Postponed | EventStatus::Cancelled => {
            let detail =
                "Buyers know of this event: it is postponed or cancelled. Only a draft can be deleted.";
            return Err(Error::conflict("event_state", detail).into());
        }
    }
    for area in &sheet.areas {
        if !state.store.is_untouched(&sheet, area, state.clock.now()).await? {
            return Err(has_sales().into());
        }
    }
    let now = state.clock.now();
    if state.discounts_given(&sheet.record(), now).await? > 0 {
        return Err(discounts::has_discounts().into());
    }
    // Until the event is deleted, no other request may give it discounts.
    let mut change =
        state.store.lease_discounts(&sheet.event, now).await.on_refused(Error::changed_meanwhile)?;
    if let Err(error) = state.close_all(&sheet, &mut change, now).await {
        state.store.release_discounts(&change, sheet.event.id).await?;
        return Err(error.into());
    }
    state.store.delete_event(&change, &sheet).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

fn has_sales() -> Error {
    Error::conflict(
        "event_has_sales",
        "Tickets of this event are sold or held. Leave it unpublished instead of deleting it.",
    )
}

impl State {
    /// The tenant's event.
    pub(crate) async fn event(&self, tenant: TenantId, id: EventId) -> Result<EventRecord> {
        self.store.event_of(tenant, id).await?.ok_or_else(event_not_found)
    }

    /// The tenant's event with its areas and stages.
    pub(crate) async fn sheet(&self, tenant: TenantId, id: EventId) -> Result<StoredEvent> {
        self.store.priced_event_of(tenant, id).await?.ok_or_else(event_not_found)
    }

    /// Takes away all places and discounts of the event.
    async fn close_all(&self, sheet: &StoredEvent, change: &mut CapacityLease, now: Timestamp) -> Result<()> {
        // A buyer who saw the event on sale a moment ago may still try to reserve.
        for area in &sheet.areas {
            if !self.close(sheet, area, now).await? {
                return Err(has_sales());
            }
        }
        self.close_discounts(change, &sheet.event, now).await
    }

    /// Stores a changed event whose currency and number of discounts stay as they are.
    async fn change_event(&self, before: &StoredEvent, after: Event) -> Result<Event> {
        match self.store.update_event(before, &after).await {
            Ok(()) => Ok(after),
            Err(failure) => {
                self.check_claims(Some(&before.event), &after).await?;
                Err(failure).on_refused(Error::changed_meanwhile)
            }
        }
    }

    /// Checks what an event shares with others: that no other event of the tenant has its code, and that
    /// the series that it joins is there and has room. `before` is the event as it is stored.
    ///
    /// # Errors
    /// `code_taken`; `refused_fields` about the series.
    pub(crate) async fn check_claims(&self, before: Option<&Event>, event: &Event) -> Result<()> {
        self.check_code(event).await?;
        match event.series_id {
            Some(series) if before.is_none_or(|before| before.series_id != event.series_id) => {
                let series = self.store.series_of(event.tenant_id, series).await?;
                let mut fields = Fields::new();
                match series {
                    Some(series) => series.check_room("/series_id", &mut fields),
                    None => drop(fields.rule(false, "/series_id", "You have no such series.")),
                }
                fields.finish()
            }
            _ => Ok(()),
        }
    }

    /// Fails with `code_taken` if another event of the tenant has the event's code.
    async fn check_code(&self, event: &Event) -> Result<()> {
        let Some(code) = &event.code else { return Ok(()) };
        let owner = self.store.show_code_owner(event.tenant_id, code).await?;
        if owner.is_some_and(|owner| owner != event.id) {
            return Err(Error::conflict(
                "code_taken",
                "Another of your events has this code. Choose another or leave it out.",
            ));
        }
        Ok(())
    }

    async fn create_event(
        &self,
        tenant: TenantId,
        new: &NewEvent,
        id: EventId,
        now: Timestamp,
    ) -> Result<EventView> {
        let tenant = self.tenant(tenant).await?;
        let mut fields = Fields::new();
        let event = new.event(id, &tenant, now, &mut fields);
        check(&event, fields)?;
        self.check_claims(None, &event).await?;
        // The discounts come first: without their items, all would count as given out.
        self.store.create_discounts(&event).await?;
        match &new.slug {
            Some(slug) => self.write_event(event, std::slice::from_ref(slug)).await,
            None => self.write_event(event, &slug::candidates(&new.name, &id.suffix())).await,
        }
    }

    /// Writes a new event with the first slug of `slugs` that is free.
    pub(crate) async fn write_event(&self, event: Event, slugs: &[String]) -> Result<EventView> {
        for slug in slugs {
            let event = Event { slug: slug.clone(), ..event.clone() };
            match self.store.create_event(&event).await {
                Err(Failure::Refused(_)) => self.check_claims(None, &event).await?,
                result => return Ok(result?.into()),
            }
        }
        Err(slug::slug_taken())
    }
}
