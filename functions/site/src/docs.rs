//! The description of the API. It is generated from all functions' routes with
//! `cargo xtask openapi` and checked in, because no function knows the others;
//! a test fails when it is out of date.

use aide::axum::ApiRouter;
use aide::redoc::Redoc;
use aide::swagger::Swagger;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;

use crate::State;

const OPENAPI: &str = include_str!("../openapi.json");

/// How long browsers and the edge keep a page.
const KEEP: &str = "public, max-age=300";

/// The readers carry their scripts and styles; what they would fetch from their
/// makers is none of a reader's business.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src data:; connect-src 'self'; worker-src blob:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> ApiRouter<State> {
    // Not part of the description themselves: they are how to read it.
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

/// A page of aide's made to fit phones.
fn reader(html: String) -> impl IntoResponse {
    let html = html.replacen("<head>", concat!("<head>", include_str!("../pages/reader.html")), 1);
    let headers = [(header::CACHE_CONTROL, KEEP), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, Html(html))
}
