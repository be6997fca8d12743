//! What a service answers, before it becomes HTTP.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

/// An answer in one of AWS's JSON protocols.
pub(super) enum Reply {
    /// A document.
    Json {
        /// The HTTP status.
        status: u16,
        /// The error's name, for the protocols that tell it in a header.
        error: Option<(&'static str, String)>,
        /// JSON.
        body: Vec<u8>,
    },
    /// None: the connection breaks.
    Dropped,
}

impl Reply {
    /// A document.
    pub(super) fn json(status: u16, content: &impl Serialize) -> Self {
        let body = serde_json::to_vec(content).expect("answers have string keys, so they are JSON");
        Self::Json { status, error: None, body }
    }

    /// The HTTP response.
    pub(super) fn into_response(self, content_type: &'static str) -> Response {
        match self {
            Self::Json { status, error, body } => {
                let mut response = Response::new(Body::from(body));
                *response.status_mut() =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                if let Some((header, name)) = error
                    && let Ok(name) = HeaderValue::try_from(name)
                {
                    headers.insert(HeaderName::from_static(header), name);
                }
                response
            }
            // hyper writes the head together with the first piece of the body.
            // If that is an error, it closes the connection with nothing
            // written, which is what a caller sees of a server that died.
            Self::Dropped => {
                let broken = futures::stream::once(async {
                    Err::<Vec<u8>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
                });
                Response::new(Body::from_stream(broken))
            }
        }
    }
}
