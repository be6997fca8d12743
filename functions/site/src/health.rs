//! Whether the box office is up.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State as Shared;
use domain::Error;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/",
            get_with(index, |op| op.id("index").tag("Site").summary("What this is, and where to read on")),
        )
        .api_route(
            "/health",
            get_with(health, |op| op.id("health").tag("Site").summary("Whether requests are answered")),
        )
        .api_route(
            "/health/database",
            get_with(database, |op| op.id("healthDatabase").tag("Site").summary("Whether the table answers")),
        )
        .api_route(
            "/ready",
            get_with(database, |op| op.id("ready").tag("Site").summary("Whether tickets can be sold")),
        )
}

/// What this is.
#[derive(Debug, Serialize, JsonSchema)]
struct Index {
    /// A greeting.
    message: &'static str,
    /// The version of the software.
    version: &'static str,
    /// Where the API is described.
    docs: &'static str,
}

async fn index() -> Json<Index> {
    Json(Index {
        message: "Taquilla, the box office, is open.",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
    })
}

/// How something is.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `ok`; anything else is a problem+json answer with status 503.
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn database(Shared(state): Shared<State>) -> Answer<Json<Health>> {
    state.store.ping().await.map_err(Error::from)?;
    Ok(Json(Health { status: "ok" }))
}
