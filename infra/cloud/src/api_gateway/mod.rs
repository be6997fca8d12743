//! API Gateway: the HTTP API of the template on a port.

mod event;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use boot::{Clock, Stopwatch};
use domain::{Error, RequestId};
use http::{HeaderValue, Method, header};
use serde_json::{Map, Value as Json};
use web::Problem;

use self::event::{Arrival, request_event, response};
use crate::lambda::{Failure, Lambda};
use crate::template::{Route, Stack};

/// The largest body that an HTTP API takes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// The largest event and the largest answer of a function that is invoked
/// synchronously.
const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// How much of an unknown path an answer repeats.
const PATH_SHOWN: usize = 200;
/// How long an HTTP API waits for a function.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A route and the function behind it.
type Target = (Route, Arc<Lambda>);

/// The functions behind the methods of one path, or behind all methods beneath a greedy one.
#[derive(Default)]
struct Entry {
    methods: BTreeMap<Method, Target>,
    /// The greedy route that the path is beneath: it takes all other methods, unless the path has
    /// `ANY`, which takes them to a function that refuses them.
    greedy: Option<Target>,
    clock: Clock,
}

/// The routes of the template and nothing else. A missing function is left out.
///
/// As at API Gateway, a route that names every part of a path goes before a greedy one, if it has the
/// request's method.
pub fn routes(stack: &Stack, functions: &BTreeMap<String, Arc<Lambda>>, clock: &Clock) -> Router {
    let mut paths: BTreeMap<String, BTreeMap<Method, Target>> = BTreeMap::new();
    let mut greedy: BTreeMap<String, Target> = BTreeMap::new();
    for (route, function) in stack.routes() {
        let Some(function) = functions.get(function) else { continue };
        let target = (route.clone(), Arc::clone(function));
        if let Some(prefix) = route.greedy_prefix() {
            greedy.insert(prefix.to_owned(), target);
        } else if let Ok(method) = Method::from_bytes(route.method.as_bytes()) {
            paths.entry(route.path.clone()).or_default().insert(method, target);
        }
    }
    let greedy = move |path: &str| {
        let beneath =
            greedy.iter().filter(|(prefix, _)| path.len() > prefix.len() && path.starts_with(*prefix));
        beneath.max_by_key(|(prefix, _)| prefix.len()).map(|(_, target)| target.clone())
    };
    let mut router = Router::new();
    for (path, methods) in paths {
        let greedy = greedy(&path).filter(|_| !methods.contains_key(&Method::GET));
        let entry = Arc::new(Entry { methods, greedy, clock: clock.clone() });
        router = router.route(&path, any(handle).with_state(entry));
    }
    let clock = clock.clone();
    router.fallback(async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        if let Some(target) = greedy(request.uri().path()) {
            let entry = Entry { greedy: Some(target), clock, ..Entry::default() };
            return entry.respond(peer, Some(Map::new()), request).await;
        }
        let request_id = RequestId::generate(clock.now()).to_string();
        let path: String = request.uri().path().chars().take(PATH_SHOWN).collect();
        let detail = format!("There is nothing at {path}; /docs lists all routes.");
        read_to_the_end(request.into_body()).await;
        problem(Error::not_found("route_not_found", detail), &request_id)
    })
}

/// Writes a line into the log for each request. Not its query, which may hold a mailed link's token.
pub fn logged(router: Router) -> Router {
    router.layer(from_fn(|request: Request, next: Next| async move {
        let started = Stopwatch::start();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = next.run(request).await;
        let millis = started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!("{method} {path} {} {millis:.1} ms", response.status().as_u16());
        response
    }))
}

async fn handle(
    State(entry): State<Arc<Entry>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    parameters: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    request: Request,
) -> Response {
    let named = |(name, value): (&str, &str)| (name.to_owned(), value.into());
    let parameters = parameters.ok().map(|parameters| parameters.iter().map(named).collect());
    entry.respond(peer, parameters, request).await
}

impl Entry {
    /// The answer of the function behind the request's method. `parameters` are those of the path;
    /// `None` if they do not decode.
    async fn respond(
        &self,
        peer: SocketAddr,
        parameters: Option<Map<String, Json>>,
        request: Request,
    ) -> Response {
        let request_id = RequestId::generate(self.clock.now()).to_string();
        let mut response = match self.answer(peer, parameters, request, &request_id).await {
            Ok(response) => response,
            Err(error) => problem(error, &request_id),
        };
        if let Ok(value) = HeaderValue::try_from(request_id) {
            response.headers_mut().entry("x-request-id").or_insert(value);
        }
        response
    }

    async fn answer(
        &self,
        peer: SocketAddr,
        parameters: Option<Map<String, Json>>,
        request: Request,
        request_id: &str,
    ) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let named = self.methods.get(&parts.method);
        let Some((route, function)) = named.or(self.greedy.as_ref()) else {
            read_to_the_end(body).await;
            return Ok(self.wrong_method(request_id));
        };
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| too_large())?;
        let parameters = parameters
            .ok_or_else(|| Error::invalid("path_invalid", "The path is not valid percent-encoded UTF-8."))?;
        let parameters = match route.greedy_prefix().and_then(|prefix| parts.uri.path().strip_prefix(prefix))
        {
            Some(rest) => Map::from_iter([("proxy".to_owned(), rest.into())]),
            None => parameters,
        };
        let now = self.clock.now();
        let source = peer.ip().to_canonical();
        let event = request_event(Arrival {
            parts: &parts,
            body: &body,
            route,
            parameters,
            source,
            request_id,
            now,
        })?;
        if event["body"].as_str().is_some_and(|body| body.len() > PAYLOAD_LIMIT) {
            return Err(too_large());
        }
        match function.request(&event, request_id, now, TIME_LIMIT).await {
            Ok(answer) => self.pass_on(answer, &parts.method, &function.name),
            Err(Failure::TimedOut) => {
                tracing::error!(request_id, function = function.name, "timed out");
                Err(Error::unavailable("function_timed_out", "The answer took too long; please try again.")
                    .retry_after(1))
            }
            Err(Failure::Failed(cause)) => {
                tracing::error!(request_id, function = function.name, cause, "failed");
                Err(Error::internal(cause))
            }
        }
    }

    fn pass_on(&self, answer: Json, method: &Method, function: &str) -> Result<Response, Error> {
        if answer["body"].as_str().is_some_and(|body| body.len() > PAYLOAD_LIMIT) {
            let cause = "the answer is larger than the 6 MB that Lambda takes";
            tracing::error!(function, cause, "failed");
            return Err(Error::internal(cause));
        }
        response(answer, method).map_err(Error::internal)
    }

    fn wrong_method(&self, request_id: &str) -> Response {
        let allowed = self.methods.keys().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("The route takes {allowed}.");
        let mut response = problem(Error::wrong_method("method_not_allowed", detail), request_id);
        if let Ok(value) = HeaderValue::try_from(allowed) {
            response.headers_mut().insert(header::ALLOW, value);
        }
        response
    }
}

/// A connection is closed over a body that nobody read, and the caller may hear
/// of that instead of the answer.
async fn read_to_the_end(body: Body) {
    // However it ends, the answer is the same.
    let _ = to_bytes(body, BODY_LIMIT).await;
}

fn too_large() -> Error {
    Error::too_large("body_too_large", "The body is larger than this route takes.")
}

fn problem(error: Error, request_id: &str) -> Response<Body> {
    let mut response = Problem::from(error).render(request_id);
    if let Ok(value) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
