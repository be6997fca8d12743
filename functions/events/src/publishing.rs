//! Publishing an event, after which buyers see it and can buy, and taking it off sale.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::event::{Event, EventStatus, PricedEvent};
use domain::{Error, Result, Timestamp};
use store::{OnRefused, StoredEvent};
use web::{Answer, EventPath, Json, Organizer, Path, Refuses, Shared};

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
                     as `warnings`. Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/unpublish",
            post_with(unpublish, |op| {
                op.id("unpublishEvent").summary("Take an event off sale").tag("Events").description(
                    "Nobody finds it or gets a new quote or reservation for it; what is reserved can still be paid, \
                     and tickets stay valid. Repeating the request changes nothing.",
                )
                .refuses(["event_not_found", "changed_meanwhile"])
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
    if sheet.event.status == EventStatus::Draft {
        check(&sheet, Some(now))?;
    }
    let event = state.set_status(&sheet, EventStatus::Published, now).await?;
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

impl State {
    async fn set_status(&self, sheet: &StoredEvent, status: EventStatus, now: Timestamp) -> Result<Event> {
        if sheet.event.status == status {
            return Ok(sheet.event.clone());
        }
        let version = sheet.event.version + 1;
        let after = Event { status, updated_at: now, version, ..sheet.event.clone() };
        self.store.update_event(sheet, &after).await.on_refused(Error::changed_meanwhile)?;
        Ok(after)
    }
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
        };
        let late = sheet.event.starts_at;
        let error = check(&sheet, Some(late)).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/venue", "/city", "/starts_at", "/areas"]);
        assert_eq!(check(&sheet, Some(at(0))).expect_err("refused").field_errors().len(), 3);
        assert_eq!(check(&sheet, None).expect_err("refused").field_errors().len(), 3);
    }
}
