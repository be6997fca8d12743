use std::convert::Infallible;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequestParts, RawQuery};
use http::request::Parts;

/// The extension that marks an operation which takes parameters of any name.
pub(crate) const ANY_QUERY: &str = "x-any-query";

/// The query string as it came, for operations whose callers add parameters of their
/// own: a gateway to a notification, a provider of identities to the way back. Every
/// other operation of the API refuses parameters that its description does not name.
#[derive(Debug, Clone)]
pub struct AnyQuery(pub String);

impl<S: Send + Sync> FromRequestParts<S> for AnyQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let RawQuery(query) = RawQuery::from_request_parts(parts, state).await?;
        Ok(Self(query.unwrap_or_default()))
    }
}

impl OperationInput for AnyQuery {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        operation.extensions.insert(ANY_QUERY.to_owned(), true.into());
    }
}
