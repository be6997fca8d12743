use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/discounts/health",
        get_with(health, |op| {
            op.id("discountsHealth").tag("Discounts").summary("Whether discounts can be requested")
        }),
    )
}

/// Whether discounts can be requested.
#[derive(Debug, Serialize, JsonSchema)]
struct DiscountsHealth {
    /// `ok`; anything else is a problem+json answer with status 503.
    status: &'static str,
}

async fn health(Shared(state): Shared<State>) -> Answer<Json<DiscountsHealth>> {
    state.store.ping().await?;
    Ok(Json(DiscountsHealth { status: "ok" }))
}
