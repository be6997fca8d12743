use std::borrow::Cow;

use aide::generate::GenContext;
use aide::openapi::Operation;
use aide::{OperationInput, OperationOutput};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::{Error, FieldError};
use http::request::Parts;
use http::{StatusCode, Uri, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body, in and out. What is wrong with one comes back with a JSON
/// pointer to the field.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(json_required().into());
        }
        let body = Bytes::from_request(request, state).await.map_err(too_large)?;
        parse(&body).map(Self)
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
impl<S, T> OptionalFromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            let body = Bytes::from_request(request, state).await.map_err(too_large)?;
            return if body.is_empty() { Ok(None) } else { Err(json_required().into()) };
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
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

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            let pointer = pointer(error.path());
            Problem::from(Error::fields(vec![FieldError { pointer, detail: reason(error.inner()) }]))
        } else {
            Error::invalid("json_malformed", format!("The body is not valid JSON: {}.", error.inner())).into()
        }
    })?;
    json.end().map_err(|_| {
        Error::invalid("json_malformed", "The body has more than one JSON value; send just one.")
    })?;
    Ok(value)
}

/// serde's message without its position, which means nothing beside a pointer.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    sentence(text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message))
}

/// Beyond this many characters a list of values is not worth reading.
const MAX_VALUES: usize = 240;

/// A message of serde's as a sentence for people who do not write Rust.
fn sentence(message: &str) -> String {
    let mut sentence = match whole(message) {
        Some(plain) => plain.to_owned(),
        None => in_plain_words(without_long_list(message).chars().take(300).collect()),
    };
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence
}

/// What to say instead of messages that are about how something is read.
fn whole(message: &str) -> Option<&'static str> {
    // Those about dates and times are jiff's.
    let about_times = [
        "failed to parse ",
        "failed to convert ",
        "expected four digit year",
        "parsed ",
        "cannot parse civil",
    ];
    Some(match message {
        "invalid digit found in string" => "must be a whole number that is not negative",
        "number too large to fit in target type" => "the number is too large",
        "number too small to fit in target type" => "the number is too small",
        _ if message.contains("expected struct ") => "must be an object with members",
        _ if message.contains("for parsing a timestamp") => {
            "must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z"
        }
        _ if about_times.iter().any(|start| message.starts_with(start)) => {
            "must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one"
        }
        _ => return None,
    })
}

/// The message without a list that nobody reads to its end.
fn without_long_list(message: &str) -> Cow<'_, str> {
    match message.rsplit_once(", expected one of ") {
        Some((before, values)) if values.chars().count() > MAX_VALUES => {
            let described = match before.starts_with("unknown variant") {
                true => "values that it can have",
                false => "fields that there are",
            };
            format!("{before}; the API's description has the {described}").into()
        }
        _ => message.into(),
    }
}

fn in_plain_words(mut message: String) -> String {
    for (rust, plain) in [
        ("unknown variant ", "unknown value "),
        ("floating point ", "number "),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
    ] {
        message = message.replacen(rust, plain, 1);
    }
    for (rust, plain) in [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number that is not negative"),
        ("expected i32", "expected a whole number"),
        ("expected i64", "expected a whole number"),
    ] {
        if let Some(before) = message.strip_suffix(rust) {
            return format!("{before}{plain}");
        }
    }
    message
}

/// The parameter that a message about a query is about, and the message. serde
/// names it before a colon, or in the message itself.
fn parameter(message: &str) -> (&str, &str) {
    if let Some((name, rest)) = message.split_once(": ").filter(|(name, _)| !name.contains(' ')) {
        return (name, rest);
    }
    let named = ["missing field `", "duplicate field `"].iter().find_map(|start| message.strip_prefix(start));
    (named.and_then(|rest| rest.strip_suffix('`')).unwrap_or_default(), message)
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
    }
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Option<aide::openapi::Response> {
        axum::Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        axum::Json::<T>::inferred_responses(ctx, operation)
    }
}

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query(&parts.uri).map(Self)
    }
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let query = axum::extract::Query::try_from_uri(uri);
    query.map(|axum::extract::Query(value)| value).map_err(|rejection| {
        let text = rejection.body_text();
        let detail = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, reason)| reason);
        let (name, message) = parameter(detail);
        Error::fields(vec![FieldError { pointer: format!("#{name}"), detail: sentence(message) }]).into()
    })
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::extract::Query::<T>::operation_input(ctx, operation);
    }
}

/// The parameters in the path. One that is no valid id cannot name anything, so
/// the answer is that there is no such thing.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| {
                Error::not_found(
                    "not_found",
                    "There is nothing at this address: an id in the path is malformed.",
                )
                .into()
            })
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::extract::Path::<T>::operation_input(ctx, operation);
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

    fn fields(body: &str) -> Vec<(String, String)> {
        let problem = parse::<Outer>(body.as_bytes()).expect_err("refused");
        problem.error().field_errors().iter().map(|f| (f.pointer.clone(), f.detail.clone())).collect()
    }

    #[test]
    fn a_bad_field_is_pointed_at() {
        let [(pointer, detail)] = &fields(r#"{"lines":[{"quantity":1},{"quantity":-1}]}"#)[..] else {
            panic!()
        };
        assert_eq!(pointer, "/lines/1/quantity");
        assert_eq!(detail, "Invalid value: integer `-1`, expected a whole number from 0 to 255.");
        assert_eq!(fields(r#"{"lines":[],"extra":1}"#)[0].0, "/extra");
    }

    #[test]
    fn reasons_are_for_people() {
        let times = "Must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one.";
        for (message, expected) in [
            ("failed to parse four digit integer as year: invalid digit, expected 0-9 but got t", times),
            (
                "parsed date is not valid: parameter 'day' for `2026-02` is invalid, must be in range `1..=28`",
                times,
            ),
            (
                "failed to find time component, which is required for parsing a timestamp",
                "Must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z.",
            ),
            ("invalid length 0, expected struct Outer with 4 elements", "Must be an object with members."),
            ("invalid type: null, expected a string", "Invalid type: null, expected a string."),
            (
                "invalid type: floating point `0.5`, expected i64",
                "Invalid type: number `0.5`, expected a whole number.",
            ),
            ("unknown variant `fr`, expected `es` or `en`", "Unknown value `fr`, expected `es` or `en`."),
        ] {
            assert_eq!(sentence(message), expected);
        }
        let many = format!("unknown variant `x`, expected one of {}", "`abc`, ".repeat(40));
        assert_eq!(
            sentence(&many),
            "Unknown value `x`; the API's description has the values that it can have."
        );
        let many = format!("unknown field `x`, expected one of {}", "`abc`, ".repeat(40));
        assert_eq!(
            sentence(&many),
            "Unknown field `x`; the API's description has the fields that there are."
        );
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
            let read = <Json<u8> as OptionalFromRequest<()>>::from_request(request, &()).await;
            read.map(|body| body.map(|Json(body)| body)).map_err(|problem| problem.error().code())
        };
        assert_eq!(read(None, "").await, Ok(None));
        assert_eq!(read(Some("application/json"), "7").await, Ok(Some(7)));
        assert_eq!(read(Some("application/json"), "").await, Err("json_malformed"));
        assert_eq!(read(None, "7").await, Err("json_required"));
    }

    #[test]
    fn what_is_not_json_says_so() {
        for body in ["{", "{}{}", ""] {
            let code = parse::<serde_json::Value>(body.as_bytes()).expect_err("refused").error().code();
            assert_eq!(code, "json_malformed", "{body}");
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
            let problem = super::query::<Search>(&uri).expect_err("refused");
            let fields = problem.error().field_errors();
            assert_eq!(
                fields,
                [FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() }],
                "{query}"
            );
        }
    }
}
