//! The API's description. `cargo xtask openapi` generates it from all functions' routes; it is
//! checked in, because this function does not know the others. A test fails when it is out of date.

use aide::axum::ApiRouter;
use aide::redoc::Redoc;
use aide::swagger::Swagger;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;

use crate::State;

const OPENAPI: &str = include_str!("../openapi.json");

/// How long browsers and the edge cache a page.
const KEEP: &str = "public, max-age=300";

/// The readers' pages carry their own scripts and styles. Nothing may be fetched from the readers'
/// makers, who would learn of each visit.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src data:; connect-src 'self'; worker-src blob:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> ApiRouter<State> {
    // Not part of the description themselves.
    ApiRouter::new()
        .route("/openapi.json", get(openapi))
        .route("/docs", get(swagger))
        .route("/redoc", get(redoc))
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, KEEP)], OPENAPI)
}

async fn swagger() -> impl IntoResponse {
    reader(Swagger::new("/openapi.json").with_title("Taquilla API").html())
}

async fn redoc() -> impl IntoResponse {
    reader(Redoc::new("/openapi.json").with_title("Taquilla API").html())
}

/// A reader's page, adapted to phones.
fn reader(html: String) -> impl IntoResponse {
    let html = html.replacen("<head>", concat!("<head>", include_str!("../pages/reader.html")), 1);
    let headers = [(header::CACHE_CONTROL, KEEP), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, Html(html))
}
