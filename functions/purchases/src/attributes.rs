//! What the organiser's own systems keep with an order.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::event::Details;
use domain::order::Order;
use domain::order::attributes::{ExtraAttributes, check_extra_attributes};
use domain::{Error, EventId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::OnRefused;
use web::{Answer, Json, Organizer, Path, Query, Refuses, Shared, Viewer, based_on};

use crate::{OrderPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/extra-attributes",
        get_with(show, |op| {
            op.id("showExtraAttributes")
                .tag("Purchases")
                .summary("What your own systems keep with an order")
                .description(
                    "Of paid orders. Their buyers see it only in an export of all their data; if they have that \
                     erased, it goes, too.",
                )
                .refuses(["purchase_not_found"])
        })
        .put_with(replace, |op| {
            op.id("replaceExtraAttributes")
                .tag("Purchases")
                .summary("Keep something for your own systems with an order")
                .refuses(["changed_meanwhile", "purchase_not_found", "refused_fields"])
        }),
    )
}

/// The order's event, which leads to its buyer.
#[derive(Debug, Deserialize, JsonSchema)]
struct OfEvent {
    /// The id of the order's event.
    event_id: EventId,
}

/// Further attributes of an order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewAttributes {
    /// The attributes by their names, at most 1,024 bytes as JSON. They take the place of all before.
    extra_attributes: Details,
    /// The version that the change is based on; another one now is `changed_meanwhile` (409).
    #[serde(default)]
    version: Option<u32>,
}

/// Further attributes of an order, for its organiser.
#[derive(Debug, Serialize, JsonSchema)]
struct AttributesView {
    /// The attributes by their names.
    extra_attributes: Map<String, Value>,
    /// Counts changes; 0 if there never were any.
    version: u32,
    /// When they were last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
}

impl AttributesView {
    fn of(attributes: Option<ExtraAttributes>) -> Self {
        match attributes {
            Some(ExtraAttributes { data, updated_at, version }) => {
                Self { extra_attributes: data, version, updated_at: Some(updated_at) }
            }
            None => Self { extra_attributes: Map::new(), version: 0, updated_at: None },
        }
    }
}

fn not_found() -> Error {
    Error::not_found("purchase_not_found", "Your events have no such order.")
}

/// An order of one of the tenant's events, once it was paid.
pub(crate) async fn sold_by(
    state: &State,
    tenant: TenantId,
    event: EventId,
    path: &OrderPath,
) -> Result<Order> {
    let sheet = state.orders.event(event, state.clock.now()).await.map_err(|_| not_found())?;
    if sheet.event.tenant_id != tenant {
        return Err(not_found());
    }
    let user = state.store.buyer_of(event, path.id).await?.ok_or_else(not_found)?;
    let order = state.store.order(user, path.id).await?;
    order.filter(|order| order.tenant == tenant).ok_or_else(not_found)
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<OrderPath>,
    Query(query): Query<OfEvent>,
) -> Answer<Json<AttributesView>> {
    let order = sold_by(&state, viewer.tenant, query.event_id, &path).await?;
    Ok(Json(AttributesView::of(state.store.extra_attributes(order.user, order.id).await?)))
}

async fn replace(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<OrderPath>,
    Query(query): Query<OfEvent>,
    Json(request): Json<NewAttributes>,
) -> Answer<Json<AttributesView>> {
    check_extra_attributes(&request.extra_attributes)?;
    let order = sold_by(&state, organizer.tenant, query.event_id, &path).await?;
    let before = state.store.extra_attributes(order.user, order.id).await?;
    based_on(request.version, before.as_ref().map_or(0, |before| before.version))?;
    let after = ExtraAttributes::replacing(before.as_ref(), request.extra_attributes, state.clock.now());
    let written = state.store.replace_extra_attributes(order.user, order.id, &after).await;
    written.on_refused(Error::changed_meanwhile)?;
    Ok(Json(AttributesView::of(Some(after))))
}
