use std::sync::Arc;

use aide::generate::GenContext;
use aide::openapi::{Operation, ReferenceOr, Response as ApiResponse};
use aide::{OperationInput, OperationOutput};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::{Error, FieldError};
use http::request::Parts;
use http::{Method, StatusCode, Uri, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::Problem;
use crate::described::Described;
use crate::lists::not_a_list;
use crate::problem::Wording;
use crate::reason::{message, parameter, part, sentence};
use crate::refusals::may_refuse;
use crate::whole::without_decimals;

/// A JSON body, in and out. A fault comes back with a JSON pointer to the field.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(json_required().into());
        }
        let kinds = Kinds::of(&request);
        let body = Bytes::from_request(request, state).await.map_err(too_large)?;
        if let Some(field) = kinds.and_then(|kinds| kinds.fault(&body)) {
            return Err(Unread::Field(field).of(&body));
        }
        let read = |body: &Bytes| parse(body).map(Self).map_err(|unread| (unread, body.clone()));
        let again = |(unread, body): (Unread, Bytes)| match (&unread, without_decimals(&body)) {
            (Unread::Field(_), Some(whole)) => read(&whole.into()),
            _ => Err((unread, body)),
        };
        read(&body).or_else(again).map_err(|(unread, body)| unread.of(&body))
    }
}

/// What the description of a request's operation knows of its body before it is read. Without
/// [`finish`](crate::finish), nothing.
struct Kinds {
    described: Arc<Described>,
    method: Method,
    route: MatchedPath,
}

impl Kinds {
    fn of(request: &Request) -> Option<Self> {
        let described = request.extensions().get::<Arc<Described>>()?.clone();
        let route = request.extensions().get::<MatchedPath>()?.clone();
        Some(Self { described, method: request.method().clone(), route })
    }

    /// A list where an object belongs, which serde would take for one.
    fn fault(&self, body: &[u8]) -> Option<FieldError> {
        let pointer = self.described.list_for_object(&self.method, self.route.as_str(), body)?;
        // What is no JSON is told so.
        serde_json::from_slice::<IgnoredAny>(body).ok()?;
        Some(not_a_list(pointer))
    }
}

fn json_required() -> Error {
    Error::unsupported_type(
        "json_required",
        "Send the body as JSON, with the header `Content-Type: application/json`.",
    )
}

/// A JSON body that may be left out: then there is neither a body nor a word
/// about its type.
#[derive(Debug, Clone)]
pub struct MaybeJson<T>(pub Option<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            let body = Bytes::from_request(request, state).await.map_err(too_large)?;
            return if body.is_empty() { Ok(Self(None)) } else { Err(json_required().into()) };
        }
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(Some(body)))
    }
}

impl<T: JsonSchema> OperationInput for MaybeJson<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
        if let Some(ReferenceOr::Item(body)) = &mut operation.request_body {
            body.required = false;
        }
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn too_large(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::too_large("body_too_large", "The body is larger than this route takes.").into()
    } else {
        Error::invalid("body_unreadable", "The body could not be read to its end.").into()
    }
}

/// A body that could not be read.
#[derive(Debug)]
enum Unread {
    Field(FieldError),
    Malformed(Error),
}

impl Unread {
    fn of(self, body: &Bytes) -> Problem {
        match self {
            Self::Field(field) => Problem::body(field, body.clone()),
            Self::Malformed(error) => error.into(),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unread> {
    let malformed = |detail: String| Unread::Malformed(Error::invalid("json_malformed", detail));
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            Unread::Field(field_of(&error))
        } else {
            malformed(format!("The body is not valid JSON: {}.", error.inner()))
        }
    })?;
    let rest = "The body has more than one JSON value; send just one.";
    json.end().map_err(|_| malformed(rest.to_owned()))?;
    Ok(value)
}

/// The field at which serde failed, with the reason as a sentence.
fn field_of(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let (mut pointer, message) = (pointer(error.path()), message(error.inner()));
    if let Some(part) = part(&message) {
        pointer = format!("{pointer}/{part}");
    }
    FieldError { pointer, detail: sentence(&message) }
}

/// Reads a part of a body whose form depends on the rest of the request. It is at `base` in the body.
///
/// # Errors
/// `refused_fields` with the first field that does not fit.
pub fn read_part<T: DeserializeOwned>(part: serde_json::Value, base: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(part).map_err(|error| {
        let FieldError { pointer, detail } = field_of(&error);
        Error::refused_fields(vec![FieldError::new(format!("{base}{pointer}"), detail)])
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: JsonSchema> OperationInput for Json<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(ctx, operation);
        may_refuse(
            operation,
            [
                "body_too_large",
                "body_unreadable",
                "invalid_fields",
                "json_malformed",
                "json_required",
                "refused_fields",
            ],
        );
    }
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, op: &mut Operation) -> Option<ApiResponse> {
        axum::Json::<T>::operation_response(ctx, op)
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        axum::Json::<T>::inferred_responses(ctx, op)
    }
}

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query(&parts.uri).map(Self).map_err(|field| Problem::parameter(field, Wording::Serde, parts))
    }
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, FieldError> {
    let query = axum::extract::Query::try_from_uri(uri);
    query.map(|axum::extract::Query(value)| value).map_err(|rejection| {
        let text = rejection.body_text();
        let detail = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, reason)| reason);
        let (name, message) = parameter(detail);
        FieldError { pointer: format!("#{name}"), detail: sentence(message) }
    })
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::extract::Query::<T>::operation_input(ctx, operation);
        may_refuse(operation, ["invalid_fields"]);
    }
}

/// The parameters in the path. One that is no valid id cannot name anything, so
/// the answer is that there is no such thing.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| names_nothing(rejection).into())
    }
}

/// The answer to a path with a part that is no valid id, and the form that it should have.
fn names_nothing(rejection: PathRejection) -> Error {
    let (name, detail) = match rejection {
        PathRejection::FailedToDeserializePathParams(error) => match error.into_kind() {
            ErrorKind::DeserializeError { key, message, .. } => (key, sentence(&message)),
            ErrorKind::InvalidUtf8InPathParam { key } => (key, "Must be UTF-8 text.".to_owned()),
            ErrorKind::ParseErrorAtKey { key, .. } => {
                (key, "Must be a number that is not too large.".to_owned())
            }
            _ => Default::default(),
        },
        _ => Default::default(),
    };
    let error =
        Error::not_found("not_found", "There is nothing at this address: an id in the path is malformed.");
    match name.is_empty() {
        true => error,
        false => error.with_fields(vec![FieldError { pointer: format!("#{name}"), detail }]),
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::extract::Path::<T>::operation_input(ctx, operation);
        may_refuse(operation, ["not_found"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Outer {
        lines: Vec<Inner>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Inner {
        quantity: u8,
    }

    fn field(body: &str) -> (String, String) {
        match parse::<Outer>(body.as_bytes()).expect_err("refused") {
            Unread::Field(field) => (field.pointer, field.detail),
            Unread::Malformed(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_bad_field_is_pointed_at() {
        let (pointer, detail) = field(r#"{"lines":[{"quantity":1},{"quantity":-1}]}"#);
        assert_eq!(pointer, "/lines/1/quantity");
        assert_eq!(detail, "Invalid value: integer `-1`, expected a whole number from 0 to 255.");
        assert_eq!(field(r#"{"lines":[],"extra":1}"#).0, "/extra");
        assert_eq!(field(r#"{"lines":[{}]}"#).0, "/lines/0/quantity");
    }

    #[tokio::test]
    async fn a_body_may_be_left_out_but_not_broken() {
        let read = async |content_type: Option<&str>, body: &'static str| {
            let request = Request::builder();
            let request = match content_type {
                Some(content_type) => request.header(header::CONTENT_TYPE, content_type),
                None => request,
            };
            let request = request.body(axum::body::Body::from(body)).expect("a request");
            let read = <MaybeJson<u8> as FromRequest<()>>::from_request(request, &()).await;
            read.map(|MaybeJson(body)| body).map_err(|problem| problem.error().code())
        };
        assert_eq!(read(None, "").await, Ok(None));
        assert_eq!(read(Some("application/json"), "7").await, Ok(Some(7)));
        assert_eq!(read(Some("application/json"), "").await, Err("json_malformed"));
        assert_eq!(read(None, "7").await, Err("json_required"));
    }

    #[test]
    fn what_is_not_json_says_so() {
        for body in ["{", "{}{}", ""] {
            let unread = parse::<serde_json::Value>(body.as_bytes()).expect_err("refused");
            assert_eq!(unread.of(&Bytes::new()).error().code(), "json_malformed", "{body}");
        }
    }

    #[test]
    fn a_bad_parameter_is_named_and_explained() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only parsed")]
        struct Search {
            q: String,
            limit: Option<u8>,
        }
        for (query, pointer, detail) in [
            ("q=a&limit=x", "#limit", "Must be a whole number that is not negative."),
            ("q=a&limit=-1", "#limit", "Must be a whole number that is not negative."),
            ("q=a&limit=300", "#limit", "The number is too large."),
            ("limit=1", "#q", "Missing field `q`."),
            ("q=a&q=b", "#q", "Duplicate field `q`."),
        ] {
            let uri = format!("/?{query}").parse().expect("an address");
            let field = super::query::<Search>(&uri).expect_err("refused");
            assert_eq!((field.pointer.as_str(), field.detail.as_str()), (pointer, detail), "{query}");
        }
    }
}
