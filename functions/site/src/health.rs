//! Index and health checks.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Shared};

use crate::{State, page};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/",
            get_with(index, |op| {
                op.id("index")
                    .tag("Site")
                    .summary("What this is, and where to read on")
                    .response::<200, Json<Index>>()
            }),
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

/// The box office, for programs that open its address.
#[derive(Debug, Serialize, JsonSchema)]
struct Index {
    /// A greeting, in English.
    message: &'static str,
    /// The software's version, such as `0.1.0`.
    version: &'static str,
    /// Path of the page that describes the API.
    docs: &'static str,
}

/// The page for people if the client prefers HTML, else the JSON index.
async fn index(headers: HeaderMap) -> Response {
    let mut response = if page::prefers_html(&headers) {
        page::page()
    } else {
        let index = Index {
            message: "Taquilla, the box office, is open.",
            version: env!("CARGO_PKG_VERSION"),
            docs: "/docs",
        };
        Json(index).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    response
}

/// The answer of a health check.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// Always `ok`; trouble is a problem+json answer with status 503.
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn database(Shared(state): Shared<State>) -> Answer<Json<Health>> {
    state.store.ping().await?;
    Ok(Json(Health { status: "ok" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(accept: &'static str) -> Response {
        index(HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))])).await
    }

    #[tokio::test]
    async fn the_index_is_a_page_for_browsers() {
        let page = answer("text/html,*/*;q=0.8").await;
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[header::VARY], "accept, accept-encoding");
        assert!(page.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let json = answer("*/*").await;
        assert_eq!(json.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(json.headers()[header::VARY], "accept, accept-encoding");
    }
}
