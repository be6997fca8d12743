//! Wompi's errors in our words.

use http::StatusCode;
use outbound::Answer;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::GatewayError;
use crate::untrusted::{clip, protocol};

#[derive(Deserialize)]
struct Failure {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    messages: Option<Box<RawValue>>,
}

/// The error behind an answer that is no success.
pub(super) fn gateway_error(answer: &Answer) -> GatewayError {
    if answer.is_transient_failure() {
        return GatewayError::unavailable(answer);
    }
    match answer.status {
        StatusCode::NOT_FOUND => return GatewayError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return protocol("it does not accept the private key");
        }
        _ => {}
    }
    match answer.json::<Failure>() {
        Ok(Failure { error }) if error.kind == "NOT_FOUND_ERROR" => GatewayError::NotFound,
        Ok(Failure { error }) if error.kind == "INVALID_ACCESS_TOKEN" => {
            protocol("it does not accept the private key")
        }
        Ok(Failure { error }) => GatewayError::Refused {
            code: clip(&error.kind, 64),
            message: clip(
                error.reason.as_deref().or(error.messages.as_deref().map(RawValue::get)).unwrap_or_default(),
                300,
            ),
        },
        Err(_) => GatewayError::Protocol(format!(
            "it answered with status {} and no error of its own",
            answer.status
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_put_into_our_words() {
        let heard = |status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).expect("a status");
            gateway_error(&Answer { status, retry_after: None, body: body.into() }).to_string()
        };
        let used = r#"{"error":{"type":"INPUT_VALIDATION_ERROR","messages":{"reference":["La referencia ya ha sido usada"]}}}"#;
        insta::assert_snapshot!(
            [
                heard(422, used),
                heard(401, r#"{"error":{"type":"INVALID_ACCESS_TOKEN","reason":"La llave no es"}}"#),
                heard(422, r#"{"error":{"type":"INVALID_ACCESS_TOKEN"}}"#),
                heard(404, r#"{"error":{"type":"NOT_FOUND_ERROR","reason":"No existe"}}"#),
                heard(422, r#"{"error":{"type":"NOT_FOUND_ERROR"}}"#),
                heard(418, "<html>"),
                heard(429, ""),
                heard(503, ""),
            ]
            .join("\n"),
            @r#"
            the gateway refused: INPUT_VALIDATION_ERROR: {"reference":["La referencia ya ha sido usada"]}
            the gateway was not understood: it does not accept the private key
            the gateway was not understood: it does not accept the private key
            the gateway knows no such payment
            the gateway knows no such payment
            the gateway was not understood: it answered with status 418 I'm a teapot and no error of its own
            the gateway is unavailable
            the gateway is unavailable
            "#
        );
    }
}
