use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Error;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Json, Problem};

/// The tag of the caller's copy: its `If-None-Match` header.
#[derive(Debug, Clone, Default)]
pub struct Freshness(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for Freshness {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get(header::IF_NONE_MATCH).cloned()))
    }
}

impl aide::OperationInput for Freshness {}

/// An answer that may be kept: JSON with `Cache-Control` and an `ETag`, or 304 if the
/// caller has it already. The tag is weak, because it names the answer however it is
/// [encoded](crate::finish).
#[derive(Debug)]
pub struct Cached<T> {
    body: Result<Response, StatusCode>,
    headers: HeaderMap,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize> Cached<T> {
    /// Lets browsers and the edge keep `value` for `seconds`, and serve it for
    /// as long again while they fetch a new one.
    pub fn public(value: &T, seconds: u32, freshness: &Freshness) -> Result<Self, Problem> {
        let control = format!("public, max-age={seconds}, stale-while-revalidate={seconds}");
        Self::new(value, &control, freshness)
    }

    /// Says to caches that the answer depends on the [site](crate::SiteTenant). `Host` is part of what
    /// they keep an answer under; the other two headers have to be named.
    #[must_use]
    pub fn by_site(mut self) -> Self {
        self.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, origin, referer"));
        self
    }

    /// An answer for one caller: its app asks every time and gets 304 if nothing
    /// changed.
    pub fn private(value: &T, freshness: &Freshness) -> Result<Self, Problem> {
        Self::new(value, "private, no-cache", freshness)
    }

    fn new(value: &T, control: &str, freshness: &Freshness) -> Result<Self, Problem> {
        let json = serde_json::to_vec(value).map_err(Error::internal)?;
        let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&json)[..12]));
        let unchanged = freshness.0.as_ref().and_then(|value| value.to_str().ok()).is_some_and(|tags| {
            tags.split(',').any(|theirs| {
                let theirs = theirs.trim();
                theirs == "*" || opaque(theirs) == opaque(&tag)
            })
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::try_from(control).map_err(Error::internal)?);
        headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(Error::internal)?);
        // A 304, too, says what the answer depends on.
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let body = if unchanged {
            Err(StatusCode::NOT_MODIFIED)
        } else {
            Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
        };
        Ok(Self { body, headers, of: std::marker::PhantomData })
    }
}

/// A tag without its mark of weakness.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

impl<T> IntoResponse for Cached<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.unwrap_or_else(IntoResponse::into_response);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: JsonSchema> OperationOutput for Cached<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<ApiResponse> {
        Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        let not_modified = ApiResponse {
            description: "The caller's copy is still right.".to_owned(),
            ..ApiResponse::default()
        };
        let mut responses = Json::<T>::inferred_responses(ctx, op);
        responses.push((Some(304), not_modified));
        responses
    }
}
