//! The convenience fee and the value added tax of an event.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State as Of;
use domain::Error;
use domain::error::Fields;
use domain::event::{Event, Fees, Vat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::OnRefused;
use web::{Answer, Json, Organizer, Path, Viewer, based_on};

use crate::{EventPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/events/{id}/fees",
        get_with(show, |op| op.id("showFees").summary("Show the fee and tax of an event").tag("Prices"))
            .put_with(replace, |op| {
                op.id("replaceFees")
                    .summary("Set the fee and tax of an event")
                    .tag("Prices")
                    .description("They are for new quotes: what somebody was quoted stays.")
            }),
    )
}

/// What is charged on top of the prices of an event.
#[derive(Debug, Serialize, JsonSchema)]
struct EventFees {
    /// The convenience fee of each ticket.
    fees: Fees,
    /// The value added tax on price and fee.
    vat: Vat,
    /// The event's version.
    version: u32,
}

impl From<&Event> for EventFees {
    fn from(event: &Event) -> Self {
        Self { fees: event.fees, vat: event.vat, version: event.version }
    }
}

/// What to charge on top of the prices of an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewFees {
    /// The convenience fee of each ticket.
    fees: Fees,
    /// The value added tax on price and fee.
    vat: Vat,
    /// The event's version that the change is based on.
    version: Option<u32>,
}

async fn show(Of(state): Of<State>, viewer: Viewer, Path(path): Path<EventPath>) -> Answer<Json<EventFees>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    Ok(Json(EventFees::from(&sheet.event)))
}

async fn replace(
    Of(state): Of<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(new): Json<NewFees>,
) -> Answer<Json<EventFees>> {
    let mut fields = Fields::new();
    new.fees.check("/fees", &mut fields);
    new.vat.check("/vat", &mut fields);
    fields.finish()?;
    let before = state.sheet(organizer.tenant, path.id).await?;
    based_on(new.version, before.event.version)?;
    let after = Event {
        fees: new.fees,
        vat: new.vat,
        updated_at: state.clock.now(),
        version: before.event.version + 1,
        ..before.event.clone()
    };
    state.store.update_event(&before, &after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(EventFees::from(&after)))
}
