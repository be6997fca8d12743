//! The caller of a service, and whether somebody minds.

use std::sync::{Arc, OnceLock};

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;

use super::reply::Reply;

/// A request to one of the services.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The access key id that signed it.
    pub caller: &'a str,
    /// `dynamodb`, `sqs`, `ses`, `s3` or `secretsmanager`.
    pub service: &'a str,
    /// The operation; of S3, the method.
    pub operation: &'a str,
    /// The path of the URL.
    pub path: &'a str,
    /// The body; of S3, nothing.
    pub body: &'a [u8],
}

/// The caller may not do that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What the caller is told.
    pub message: String,
}

/// Decides about each call.
pub type Guard = Box<dyn Fn(&Call<'_>) -> Result<(), Denied> + Send + Sync>;

/// The place of a guard, if there is one.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<OnceLock<Guard>>);

impl Gate {
    pub(super) fn set(&self, guard: Guard) {
        // The first guard stays: replacing it under running requests makes no sense.
        let _ = self.0.set(guard);
    }

    /// The answer to a call that is denied.
    pub(super) fn refuse(
        &self,
        service: &str,
        operation: &str,
        request: &Parts,
        body: &[u8],
    ) -> Option<Response> {
        let guard = self.0.get()?;
        let call = Call {
            caller: caller(request).unwrap_or_default(),
            service,
            operation,
            path: request.uri.path(),
            body,
        };
        let Denied { message } = guard(&call).err()?;
        let body = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "message": message });
        Some(
            Reply::json(if service == "s3" { 403 } else { 400 }, &body)
                .into_response("application/x-amz-json-1.0"),
        )
    }
}

/// The access key id of a signed request, or of a signed URL.
pub(super) fn caller(request: &Parts) -> Option<&str> {
    let header = request.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let signed = header.and_then(|header| header.split_once("Credential=")).map(|(_, credential)| credential);
    let in_url = || request.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="));
    let credential = signed.or_else(in_url)?;
    credential.split(['/', '%', ',']).next()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_caller_is_who_signed() {
        let header = "AWS4-HMAC-SHA256 Credential=door/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        for (request, expected) in [
            (Request::get("/").header(AUTHORIZATION, header), Some("door")),
            (
                Request::get("/b/k?X-Amz-Date=0&X-Amz-Credential=events%2F20261121%2Fus-east-1"),
                Some("events"),
            ),
            (Request::get("/"), None),
        ] {
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            assert_eq!(caller(&parts), expected);
        }
    }
}
