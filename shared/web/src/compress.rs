//! Compression of long texts.
//!
//! An attacker that has a browser ask for a secret beside words of the attacker's own can
//! guess the secret from lengths (BREACH). No browser can be made to do that here: private
//! answers need a token in a header, never a cookie, which a browser would add for a
//! stranger; and pages are the same for all readers.

use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// The least bytes to compress: shorter answers are as many packets either way.
const MIN_BYTES: u16 = 1400;

/// Gzip, which every client reads, at its fastest level: a page of a list becomes a fifth,
/// in a tenth of a millisecond. The usual level takes several times as long to save a tenth
/// of that fifth. A handler that sets `Vary` writes `accept-encoding` into it, where this
/// leaves it: of two headers of one name, Lambda answers with the first.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(MIN_BYTES).and(is_text))
}

/// True for texts: images but SVG, and files of any kind, have their own compression or
/// are random.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim_end();
    essence.starts_with("text/")
        || ["application/json", "application/problem+json", "application/javascript", "image/svg+xml"]
            .contains(&essence)
}

#[cfg(test)]
mod tests {
    use aide::axum::ApiRouter;
    use axum::body::Body;
    use axum::routing::get;
    use http::{HeaderValue, Method, Request};
    use lambda_http::Service;

    use super::*;

    /// The length and the encoding of an answer of 5,000 bytes.
    async fn headers(method: Method, encodings: &str) -> [Option<HeaderValue>; 2] {
        let mut router = crate::finish(ApiRouter::new().route("/", get(|| async { "x".repeat(5000) })));
        let request = Request::builder().method(method).header(header::ACCEPT_ENCODING, encodings);
        let answer = router.call(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        [header::CONTENT_LENGTH, header::CONTENT_ENCODING].map(|name| answer.headers().get(name).cloned())
    }

    #[tokio::test]
    async fn a_head_says_the_length_that_a_get_has() {
        let value = HeaderValue::from_static;
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(headers(method.clone(), "identity").await, [Some(value("5000")), None], "{method}");
            assert_eq!(headers(method.clone(), "gzip").await, [None, Some(value("gzip"))], "{method}");
        }
    }
}
