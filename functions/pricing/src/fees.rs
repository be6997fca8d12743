//! The convenience fee and the value added tax of an event.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::event::Event;
use domain::{Currency, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::OnRefused;
use web::{
    Answer, EventPath, FeesView, Json, NewConvenienceFees, NewVat, Organizer, Path, Refuses, Shared, VatView,
    Viewer, based_on,
};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/events/{id}/fees",
        get_with(show, |op| {
            op.id("showFees")
                .summary("Show the fee and tax of an event")
                .tag("Prices")
                .refuses(["event_not_found"])
        })
        .put_with(replace, |op| {
            op.id("replaceFees")
                .summary("Set the fee and tax of an event")
                .tag("Prices")
                .description("They are for new quotes: what somebody was quoted stays.")
                .refuses(["event_not_found", "changed_meanwhile"])
                .refuses(["refused_fields", "too_many_decimals"])
        }),
    )
}

/// The convenience fee and the value added tax of an event.
#[derive(Debug, Serialize, JsonSchema)]
struct EventFees {
    /// The currency of the event's amounts.
    currency: Currency,
    /// The convenience fee of each ticket.
    fees: FeesView,
    /// The value added tax on price and fee.
    vat: VatView,
    /// The event's version, on which a change can be based.
    version: u32,
}

impl From<&Event> for EventFees {
    fn from(event: &Event) -> Self {
        Self {
            currency: event.currency,
            fees: FeesView::new(event.fees, event.currency),
            vat: event.vat.into(),
            version: event.version,
        }
    }
}

/// A new convenience fee and value added tax for an event, in its currency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewFees {
    /// The convenience fee of each ticket.
    fees: NewConvenienceFees,
    /// The value added tax on price and fee.
    vat: NewVat,
    /// The event's version that the change is based on; refused if it has another by now.
    version: Option<u32>,
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
) -> Answer<Json<EventFees>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    Ok(Json(EventFees::from(&sheet.event)))
}

async fn replace(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(new): Json<NewFees>,
) -> Answer<Json<EventFees>> {
    let before = state.sheet(organizer.tenant, path.id).await?;
    based_on(new.version, before.event.version)?;
    let mut fields = Fields::new();
    let fees = new.fees.read(before.event.currency, "/fees", &mut fields);
    let vat = new.vat.read("/vat", &mut fields);
    fields.finish()?;
    let after = Event {
        fees,
        vat,
        updated_at: state.clock.now(),
        version: before.event.version + 1,
        ..before.event.clone()
    };
    state.store.update_event(&before, &after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(EventFees::from(&after)))
}
