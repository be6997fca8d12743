use std::sync::Arc;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::{Error, FieldError, Kind};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use schemars::JsonSchema;
use serde_json::{Value, json};

/// The most bad fields that an answer names: the sender of a long list of bad things
/// learns enough from the first ones.
const MAX_FIELDS: usize = 50;

/// A failed request: an RFC 9457 `application/problem+json` answer.
#[derive(Debug, Clone)]
pub struct Problem(Arc<Refusal>);

#[derive(Debug)]
struct Refusal {
    error: Error,
    part: Option<(Part, Wording)>,
}

/// The part of a request with a fault, for `finish` to find the others. Extractors stop
/// at the first fault, and know no schemas.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// The query and the headers.
    Parameters {
        /// The address with the query.
        uri: Uri,
        /// All headers.
        headers: HeaderMap,
    },
    /// The body.
    Body(Bytes),
}

/// The author of a fault's wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// An extractor.
    Ours,
    /// serde, made into a sentence.
    Serde,
}

impl From<store::Failure> for Problem {
    fn from(failure: store::Failure) -> Self {
        Error::from(failure).into()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::new(error, None)
    }
}

/// The shape of [`Problem`]'s body, for the API description.
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
#[expect(dead_code, reason = "describes the JSON that `render` writes member by member")]
struct ProblemBody {
    /// A URI reference that names the problem type: `/problems/` and the code.
    #[schemars(rename = "type")]
    type_: String,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// A stable code that programs may branch on.
    code: String,
    /// The failure, and what to do about it.
    detail: String,
    /// The request, as the log knows it.
    request_id: String,
    /// The bad fields of the request, at most 50 of them.
    errors: Option<Vec<ProblemField>>,
}

/// One bad field.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the JSON that `render` writes member by member")]
struct ProblemField {
    /// A JSON pointer (RFC 6901) into the body, or `#` and the name of a parameter.
    pointer: String,
    /// The fault, and how to mend it.
    detail: String,
}

impl Problem {
    fn new(error: Error, part: Option<(Part, Wording)>) -> Self {
        Self(Arc::new(Refusal { error, part }))
    }

    /// A bad parameter.
    pub(crate) fn parameter(field: FieldError, wording: Wording, parts: &Parts) -> Self {
        let part = Part::Parameters { uri: parts.uri.clone(), headers: parts.headers.clone() };
        Self::new(Error::fields(vec![field]), Some((part, wording)))
    }

    /// A bad field of the body.
    pub(crate) fn body(field: FieldError, body: Bytes) -> Self {
        Self::new(Error::fields(vec![field]), Some((Part::Body(body), Wording::Serde)))
    }

    /// The part of the request that may have further faults.
    pub(crate) fn part(&self) -> Option<&(Part, Wording)> {
        self.0.part.as_ref()
    }

    fn status(&self) -> StatusCode {
        match self.0.error.kind() {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The failure behind the answer.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// The complete answer, once the id of the request is known.
    pub fn render(&self, request_id: &str) -> Response {
        let (status, error) = (self.status(), &self.0.error);
        let mut body = error.members().clone();
        body.insert("type".to_owned(), format!("/problems/{}", error.code()).into());
        body.insert("title".to_owned(), status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("code".to_owned(), error.code().into());
        body.insert("detail".to_owned(), error.detail().into());
        body.insert("request_id".to_owned(), request_id.into());
        if !error.field_errors().is_empty() {
            let fields = error.field_errors().iter().take(MAX_FIELDS);
            body.insert(
                "errors".to_owned(),
                fields.map(|field| json!({"pointer": field.pointer, "detail": field.detail})).collect(),
            );
        }
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        crate::guard(headers);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = error.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the body to `finish`, which knows the id of the request.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Failures are described by their codes; see [`crate::Refuses`].
impl OperationOutput for Problem {
    type Inner = Self;

    fn operation_response(ctx: &mut GenContext, _: &mut Operation) -> Option<ApiResponse> {
        // Has the description know the schema.
        let _ = ctx.schema.subschema_for::<ProblemBody>();
        None
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, op);
        Vec::new()
    }
}
