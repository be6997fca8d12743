use boot::Stopwatch;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::openapi::{ApiKeyLocation, Info, OpenApi, ReferenceOr, SecurityScheme};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use domain::Error;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use indexmap::IndexMap;
use lambda_http::request::RequestContext;

use crate::described::Described;
use crate::purchaser::ORDER_ACCESS_SCHEME;
use crate::{Problem, compress};

/// The largest body that a route takes unless it says otherwise.
const BODY_LIMIT: usize = 256 * 1024;

/// Adds to a function's routes what all routes have in common: the body limit,
/// the id of the request, problem+json for every failure, one log line each, and the
/// headers of [`guard`]. Refuses query parameters that an operation's description does
/// not name, and compresses long texts for callers that accept it.
pub fn finish(router: ApiRouter) -> Router {
    let mut api = OpenApi::default();
    let router = router.finish_api(&mut api);
    let described = Arc::new(Described(api));
    router
        .fallback(|| async { Problem::from(Error::not_found("route_not_found", "There is no such route.")) })
        .method_not_allowed_fallback(|| async {
            Problem::from(Error::wrong_method("method_not_allowed", "The route does not take this method."))
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(described, each_request))
        .layer(compress::layer())
}

/// The OpenAPI description of a function's routes.
pub fn describe(router: ApiRouter) -> OpenApi {
    let mut api = OpenApi {
        info: Info {
            title: "Taquilla".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    let _ = router.finish_api(&mut api);
    let token = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: Some("JWT".to_owned()),
        description: Some("The access token from signing in.".to_owned()),
        extensions: IndexMap::new(),
    };
    let link = SecurityScheme::ApiKey {
        location: ApiKeyLocation::Header,
        name: "X-Order-Access".to_owned(),
        description: Some(
            "The `order_access` of a reservation without an account, which mails about it carry, too. It opens this \
             one order and signs nobody in."
                .to_owned(),
        ),
        extensions: IndexMap::new(),
    };
    api.components.get_or_insert_default().security_schemes = IndexMap::from([
        ("bearer".to_owned(), ReferenceOr::Item(token)),
        (ORDER_ACCESS_SCHEME.to_owned(), ReferenceOr::Item(link)),
    ]);
    api
}

/// Adds the headers that every answer has: browsers come back by TLS only and believe the
/// content type, and no cache keeps an answer that does not allow it: a session's tokens,
/// an order or a code is for one person, now.
pub fn guard(headers: &mut HeaderMap) {
    // A year.
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

async fn each_request(State(described): State<Arc<Described>>, mut request: Request, next: Next) -> Response {
    let started = Stopwatch::start();
    let request_id = request_id(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let matched = route.as_ref().map_or("", MatchedPath::as_str);
    let checked = described.check_query(&method, matched, request.uri(), request.headers());
    // For who reads the body.
    request.extensions_mut().insert(described.clone());
    // A panic must cost one request, not the environment or, locally, its neighbours.
    let answered = async move {
        match checked {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    };
    let response = AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Problem::from(Error::internal(format!("panicked: {}", text.unwrap_or_default()))).into_response()
    });
    let problem = response.extensions().get::<Problem>().cloned();
    let mut response = match problem.or_else(|| unnamed(response.status())) {
        Some(problem) => {
            let problem = described.completed(problem, &method, matched);
            log_failure(&problem, &request_id);
            let mut rendered = problem.render(&request_id);
            // The router knows which methods the path takes.
            if let Some(allowed) = response.headers().get(header::ALLOW) {
                rendered.headers_mut().insert(header::ALLOW, allowed.clone());
            }
            rendered
        }
        None => response,
    };
    tracing::info!(
        request_id,
        %method,
        route = matched,
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    if let Ok(value) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    guard(response.headers_mut());
    response
}

/// The problem for a status without one: from an extractor of axum's own.
fn unnamed(status: StatusCode) -> Option<Problem> {
    let error = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::too_large("body_too_large", "The body is larger than this route takes.")
        }
        status if status.is_client_error() => Error::invalid(
            "request_unreadable",
            "The request could not be read. Check its headers and its body.",
        ),
        status if status.is_server_error() => {
            Error::internal(format!("answered with {status} and no problem"))
        }
        _ => return None,
    };
    Some(error.into())
}

fn request_id(request: &Request) -> String {
    let given = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    given.unwrap_or_else(|| "unknown".to_owned())
}

fn log_failure(problem: &Problem, request_id: &str) {
    use std::error::Error as _;
    let error = problem.error();
    let mut causes = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(" <- ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    if error.kind() == domain::Kind::Internal {
        tracing::error!(request_id, code = error.code(), causes, "failed");
    } else if !causes.is_empty() {
        tracing::warn!(request_id, code = error.code(), causes, "refused");
    }
}
