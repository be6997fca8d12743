//! Mercado Pago's errors in our words.

use http::StatusCode;
use outbound::Answer;
use serde::Deserialize;

use crate::GatewayError;
use crate::untrusted::{IdText, OneOrMany, clip, protocol};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    message: Option<String>,
    error: Option<String>,
    cause: OneOrMany<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    code: Option<IdText>,
    description: Option<String>,
}

/// The error behind an answer that is no success.
pub(super) fn gateway_error(answer: &Answer) -> GatewayError {
    // 423 and 424: another call has locked the resource for a moment.
    if answer.is_transient_failure() || matches!(answer.status.as_u16(), 423 | 424) {
        return GatewayError::unavailable(answer);
    }
    match answer.status {
        StatusCode::NOT_FOUND => return GatewayError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return protocol("it does not accept the access token");
        }
        _ => {}
    }
    let Ok(failure) = answer.json::<Failure>() else {
        return GatewayError::Protocol(format!(
            "it answered with status {} and no error of its own",
            answer.status
        ));
    };
    let cause = failure.cause.0.into_iter().next().unwrap_or_default();
    let code =
        cause.code.map(|code| code.0).or(failure.error).unwrap_or_else(|| answer.status.as_str().to_owned());
    match code.as_str() {
        // The payment or the refund is not known.
        "2000" | "2032" => GatewayError::NotFound,
        // Too old to be refunded; not in parts. The organiser can still pay it back.
        "2024" | "15016" | "3024" => GatewayError::Unsupported,
        "4292" => protocol("it misses the idempotency key"),
        _ => GatewayError::Refused {
            code: clip(&code, 64),
            message: clip(&cause.description.or(failure.message).unwrap_or_default(), 300),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: u16, body: &'static str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        let error = gateway_error(&Answer { status, retry_after: None, body: body.into() });
        format!("{status}: {error} (again: {})", error.may_be_repeated())
    }

    #[test]
    fn errors_are_put_into_our_words() {
        let cause = |code: &str| -> &'static str {
            format!(r#"{{"message":"No.","error":"bad_request","status":400,"cause":[{{"code":{code},"description":"Why."}}]}}"#).leak()
        };
        let codes = ["2063", "2085", "4040", "4041", "2000", "2024", "15016", "2032", "3024", "4292", "4296"];
        let mut lines: Vec<_> =
            codes.iter().map(|code| format!("{code} {}", heard(400, cause(code)))).collect();
        lines.push(heard(400, r#"{"message":"No.","error":"bad_request","status":400,"cause":[]}"#));
        lines.push(heard(400, r#"{"message":"No.","error":"bad_request","cause":{"code":"2063"}}"#));
        lines.push(heard(400, r#"{"message":"No.","cause":null}"#));
        lines.push(heard(409, r#"{"error":"idempotency_key_already_used"}"#));
        lines.push(heard(422, "{}"));
        lines.push(heard(418, "<html>"));
        lines.extend(
            [401, 402, 403, 404, 423, 424, 429, 500, 502, 503, 504].map(|status| heard(status, "{}")),
        );
        insta::assert_snapshot!(lines.join("\n"), @r"
        2063 400 Bad Request: the gateway refused: 2063: Why. (again: false)
        2085 400 Bad Request: the gateway refused: 2085: Why. (again: false)
        4040 400 Bad Request: the gateway refused: 4040: Why. (again: false)
        4041 400 Bad Request: the gateway refused: 4041: Why. (again: false)
        2000 400 Bad Request: the gateway knows no such payment (again: false)
        2024 400 Bad Request: the gateway has no call for this (again: false)
        15016 400 Bad Request: the gateway has no call for this (again: false)
        2032 400 Bad Request: the gateway knows no such payment (again: false)
        3024 400 Bad Request: the gateway has no call for this (again: false)
        4292 400 Bad Request: the gateway was not understood: it misses the idempotency key (again: false)
        4296 400 Bad Request: the gateway refused: 4296: Why. (again: false)
        400 Bad Request: the gateway refused: bad_request: No. (again: false)
        400 Bad Request: the gateway refused: 2063: No. (again: false)
        400 Bad Request: the gateway refused: 400: No. (again: false)
        409 Conflict: the gateway refused: idempotency_key_already_used:  (again: false)
        422 Unprocessable Entity: the gateway refused: 422:  (again: false)
        418 I'm a teapot: the gateway was not understood: it answered with status 418 I'm a teapot and no error of its own (again: false)
        401 Unauthorized: the gateway was not understood: it does not accept the access token (again: false)
        402 Payment Required: the gateway refused: 402:  (again: false)
        403 Forbidden: the gateway was not understood: it does not accept the access token (again: false)
        404 Not Found: the gateway knows no such payment (again: false)
        423 Locked: the gateway is unavailable (again: true)
        424 Failed Dependency: the gateway is unavailable (again: true)
        429 Too Many Requests: the gateway is unavailable (again: true)
        500 Internal Server Error: the gateway is unavailable (again: true)
        502 Bad Gateway: the gateway is unavailable (again: true)
        503 Service Unavailable: the gateway is unavailable (again: true)
        504 Gateway Timeout: the gateway is unavailable (again: true)
        ");
    }
}
