//! Publishing an event, after which buyers see it and can buy; taking it off sale, postponing and
//! cancelling it.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::event::{Event, EventStatus, PricedEvent};
use domain::{Error, EventId, Result, TenantId, Timestamp};
use store::{OnRefused, StoredEvent};
use web::{Answer, EventPath, Json, Organizer, Path, Recent, Refuses, Shared};

use crate::State;
use crate::view::EventView;
use crate::warnings::EventWithWarnings;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/publish",
            post_with(publish, |op| {
                op.id("publishEvent").summary("Publish an event").tag("Events").description(
                    "Everybody sees it from now on, and can buy. What is still missing comes back as bad fields of \
                     the event; what should be looked at, such as an area without places or that nobody can pay, \
                     as `warnings`. It also ends a postponement. How many events may be published at the same time is \
                     up to the operator of the box office (`quota_reached`). Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "event_state", "refused_fields"])
                .refuses(["organiser_suspended", "quota_reached"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/unpublish",
            post_with(unpublish, |op| {
                op.id("unpublishEvent").summary("Take an event off sale").tag("Events").description(
                    "Nobody finds it or gets a new quote or reservation for it; what is reserved can still be paid, \
                     and tickets stay valid. Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "event_state"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/postpone",
            post_with(postpone, |op| {
                op.id("postponeEvent").summary("Postpone an event").tag("Events").description(
                    "Buyers still see it, as postponed, and nobody gets a new quote or reservation for it until it is \
                     published again, with a date in the future. What is reserved can still be paid, and tickets \
                     stay valid. Nobody is told and nothing is refunded, which `warnings` say if tickets are sold. \
                     Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "event_state"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/cancel",
            post_with(cancel, |op| {
                op.id("cancelEvent").summary("Cancel an event").tag("Events").description(
                    "For good: buyers still see it, as cancelled, and nobody gets a new quote or reservation for it; \
                     tickets do not change hands any more. Nobody is told and nothing is refunded, which `warnings` \
                     say if tickets are sold. Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "event_state"])
            }),
        )
}

async fn publish(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventWithWarnings>> {
    let now = state.clock.now();
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    if sheet.event.change_state(EventStatus::Published)? != sheet.event.status {
        check(&sheet, Some(now))?;
    }
    let event = state.publish(&sheet, now).await?;
    let sheet = PricedEvent { event, ..sheet.into_priced() };
    let warnings = state.warnings(&sheet, None).await?;
    Ok(Json(EventWithWarnings { event: sheet.event.into(), warnings }))
}

async fn unpublish(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventView>> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    Ok(Json(state.set_status(&sheet, EventStatus::Draft, state.clock.now()).await?.into()))
}

async fn postpone(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventWithWarnings>> {
    Ok(Json(state.call_off(organizer.tenant, path.id, EventStatus::Postponed).await?))
}

async fn cancel(
    Shared(state): Shared<State>,
    Recent(organizer): Recent<Organizer>,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventWithWarnings>> {
    Ok(Json(state.call_off(organizer.tenant, path.id, EventStatus::Cancelled).await?))
}

impl State {
    /// Postpones or cancels the tenant's event.
    async fn call_off(&self, tenant: TenantId, id: EventId, to: EventStatus) -> Result<EventWithWarnings> {
        let sheet = self.sheet(tenant, id).await?;
        let event = self.set_status(&sheet, to, self.clock.now()).await?;
        // After the change, so that what was sold meanwhile counts.
        let warnings = self.refunds_not_started(&sheet).await?.into_iter().collect();
        Ok(EventWithWarnings { event: event.into(), warnings })
    }

    async fn publish(&self, sheet: &StoredEvent, now: Timestamp) -> Result<Event> {
        let after = in_status(sheet, EventStatus::Published, now)?;
        if after.version > sheet.event.version {
            self.store.publish_event(sheet, &after, now).await?;
        }
        Ok(after)
    }

    /// Takes the event off sale.
    async fn set_status(&self, sheet: &StoredEvent, to: EventStatus, now: Timestamp) -> Result<Event> {
        let after = in_status(sheet, to, now)?;
        if after.version > sheet.event.version {
            self.store.update_event(sheet, &after).await.on_refused(Error::changed_meanwhile)?;
        }
        Ok(after)
    }
}

/// The event after a change of its state: of the next version, unless it has the state already.
fn in_status(sheet: &StoredEvent, to: EventStatus, now: Timestamp) -> Result<Event> {
    let before = &sheet.event;
    let status = before.change_state(to)?;
    if before.status == status {
        return Ok(before.clone());
    }
    Ok(Event { status, updated_at: now, version: before.version + 1, ..before.clone() })
}

/// Checks that the event has everything that buyers need. `now` is given when
/// it must also start in the future.
pub(crate) fn check(sheet: &PricedEvent, now: Option<Timestamp>) -> Result<()> {
    let event = &sheet.event;
    Fields::new()
        .rule(!event.venue.is_empty(), "/venue", "Say where it takes place.")
        .rule(!event.city.is_empty(), "/city", "Say in which city it takes place.")
        .rule(now.is_none_or(|now| now < event.starts_at), "/starts_at", "Must be in the future.")
        .rule(
            event.ticketing_link.is_some() || sheet.areas_with_places().next().is_some(),
            "/areas",
            "Create an area with a price and with places that can be sold, or say who sells the tickets with \
             `ticketing_link`.",
        )
        .finish()
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;
    use crate::writing::tests::draft;

    #[test]
    fn all_missing_fields_are_named_at_once() {
        let sheet = PricedEvent {
            event: Event { venue: String::new(), ..draft() },
            areas: Vec::new(),
            stages: Vec::new(),
            products: Vec::new(),
        };
        let late = sheet.event.starts_at;
        let error = check(&sheet, Some(late)).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/venue", "/city", "/starts_at", "/areas"]);
        assert_eq!(check(&sheet, Some(at(0))).expect_err("refused").field_errors().len(), 3);
        assert_eq!(check(&sheet, None).expect_err("refused").field_errors().len(), 3);
    }
}
