use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use domain::FieldError;
use http::request::Parts;

use crate::Problem;
use crate::header::{header_parameter, visible};
use crate::problem::Wording;
use crate::refusals::may_refuse;

/// The `Idempotency-Key` header of a POST that creates or charges: the same key
/// with the same body gets the same answer, with another body a 422.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        visible(value).map(|key| Self(Some(key.to_owned()))).ok_or_else(|| {
            let detail = "Must be 1 to 128 visible ASCII characters, such as a UUID.";
            Problem::parameter(FieldError::new("#Idempotency-Key", detail), Wording::Ours, parts)
        })
    }
}

impl OperationInput for IdempotencyKey {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        may_refuse(operation, ["idempotency_key_reused", "invalid_fields", "request_in_progress"]);
        header_parameter(
            operation,
            "Idempotency-Key",
            "Makes it safe to send the request again: the same key with the same body gets the same answer and \
             nothing happens twice. With another body the answer is 422.",
        );
    }
}
