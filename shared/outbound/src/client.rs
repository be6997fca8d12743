//! HTTP calls to one outside service: bounded in time and size, repeated only
//! where repeating cannot do anything twice.

use std::error::Error as StdError;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use boot::{ConfigError, Env, Stage};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::redirect::Policy;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use reqwest::Url;

/// The largest answer that is read. The answers that Taquilla asks for are a few
/// kilobytes; a list of payments of one reference may be some more.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// The most times that an idempotent call is sent.
const MAX_TRIES: u32 = 3;

/// The limits of a call's time.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The limit for connecting.
    pub connect: Duration,
    /// The limit for the whole answer to one try.
    pub attempt: Duration,
    /// The limit for the caller's answer or error, whatever the number of tries.
    pub total: Duration,
    /// The longest pause before the second try; it doubles with each further one.
    /// The real pause is a random part of it, so that clients do not return in step.
    pub backoff: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(5),
            total: Duration::from_secs(8),
            backoff: Duration::from_millis(200),
        }
    }
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke before the answer was complete. Whether the
    /// call took effect is unknown.
    #[error("no answer")]
    Unanswered(#[source] reqwest::Error),
    /// The time for all tries is over. Whether the call took effect is unknown.
    #[error("no answer in time")]
    TimedOut,
    /// The answer is larger than anything that the service should say.
    #[error("the answer is too large")]
    TooLarge,
    /// The call cannot even be sent: a key that is no header, no TLS certificates.
    #[error("the call cannot be sent")]
    Unsendable(#[source] Box<dyn StdError + Send + Sync>),
}

/// One request, before it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    repeatable: bool,
}

impl Call {
    /// Reads the resource at these path segments, which are percent-encoded.
    /// May be repeated.
    pub fn get<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::GET, path, true)
    }

    /// Posts `body` as JSON. Not repeated unless it gets an idempotency key.
    ///
    /// # Errors
    /// If `body` has no JSON form.
    pub fn post<S: Into<String>>(
        path: impl IntoIterator<Item = S>,
        body: &impl Serialize,
    ) -> Result<Self, CallError> {
        Self::new(Method::POST, path, false).json(body)
    }

    /// Puts `body` as JSON where it belongs, which is the same however often it is done.
    ///
    /// # Errors
    /// If `body` has no JSON form.
    pub fn put<S: Into<String>>(
        path: impl IntoIterator<Item = S>,
        body: &impl Serialize,
    ) -> Result<Self, CallError> {
        Self::new(Method::PUT, path, true).json(body)
    }

    fn json(mut self, body: &impl Serialize) -> Result<Self, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| CallError::Unsendable(error.into()))?;
        self.body = Some(body.into());
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self)
    }

    fn new<S: Into<String>>(method: Method, path: impl IntoIterator<Item = S>, repeatable: bool) -> Self {
        Self {
            method,
            path: path.into_iter().map(Into::into).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeatable,
        }
    }

    /// Adds a query parameter, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Says that the call changes nothing, although it is a post, so that it may be
    /// repeated.
    #[must_use]
    pub fn only_reads(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Says in `header` which call this is, so that the service does a repeated
    /// one only once. Use it only where the service documents that.
    ///
    /// # Errors
    /// If `key` cannot be a header value.
    pub fn idempotency_key(mut self, header: HeaderName, key: &str) -> Result<Self, CallError> {
        let key = HeaderValue::from_str(key).map_err(|error| CallError::Unsendable(error.into()))?;
        self.headers.insert(header, key);
        self.repeatable = true;
        Ok(self)
    }
}

/// A service's answer, whatever the status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Seconds that the service asks to wait for (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// If it is not JSON, or not what `T` expects.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// True if the service could not serve at the moment, so that the same call may work
    /// in a moment.
    pub fn is_transient_failure(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 425 | 429 | 500 | 502..=504)
    }
}

/// The connections that several clients share, and their time limits.
///
/// A pool is made at the first call that needs it: loading the system's certificates
/// takes milliseconds that a starting function which never calls should not pay.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    timeouts: Timeouts,
    /// With TLS, and for this machine without.
    pools: Arc<[OnceLock<reqwest::Client>; 2]>,
}

impl Connections {
    /// No connections yet. Clones share theirs.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, pools: Arc::default() }
    }

    fn pool(&self, tls: bool) -> Result<&reqwest::Client, CallError> {
        let place = &self.pools[usize::from(tls)];
        if let Some(pool) = place.get() {
            return Ok(pool);
        }
        let pool = connection_pool(tls, self.timeouts.connect)
            .map_err(|error| CallError::Unsendable(error.into()))?;
        Ok(place.get_or_init(|| pool))
    }
}

/// A client for one outside service.
///
/// Follows no redirect, because the credentials would travel along, and reads no
/// proxy from the environment.
#[derive(Debug, Clone)]
pub struct HttpClient {
    base: Url,
    headers: HeaderMap,
    connections: Connections,
}

impl HttpClient {
    /// A client that sends `headers` with every call to `base`.
    pub fn new(base: Url, headers: HeaderMap, connections: &Connections) -> Self {
        Self { base, headers, connections: connections.clone() }
    }

    /// Sends the call and reads the answer. A repeatable call is sent again after a
    /// transient failure, any other only if it certainly did not reach the service.
    ///
    /// # Errors
    /// If there is no answer within the total time, or it is too large.
    pub async fn send(&self, call: &Call) -> Result<Answer, CallError> {
        tokio::time::timeout(self.connections.timeouts.total, self.send_with_retries(call))
            .await
            .unwrap_or(Err(CallError::TimedOut))
    }

    async fn send_with_retries(&self, call: &Call) -> Result<Answer, CallError> {
        let Timeouts { total, backoff, .. } = self.connections.timeouts;
        let mut tries = 1;
        loop {
            let result = self.send_once(call).await;
            let (again, asked) = match &result {
                Ok(answer) => (call.repeatable && answer.is_transient_failure(), answer.retry_after),
                Err(CallError::Unanswered(error)) => (call.repeatable || error.is_connect(), None),
                Err(_) => (false, None),
            };
            // A service that asks for a pause beyond the total time gets no second try.
            if !again || tries == MAX_TRIES || asked.is_some_and(|pause| pause > total) {
                return result;
            }
            let pause = jitter(backoff * 2_u32.pow(tries - 1)) + asked.unwrap_or_default();
            tracing::warn!(host = self.base.host_str(), tries, ?pause, "repeating an outside call");
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, CallError> {
        let unanswered = |error: reqwest::Error| CallError::Unanswered(error.without_url());
        let mut request = self
            .connections
            .pool(self.base.scheme() == "https")?
            .request(call.method.clone(), self.url(call))
            .headers(self.headers.clone())
            .headers(call.headers.clone())
            .timeout(self.connections.timeouts.attempt);
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(unanswered)?;
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status(), retry_after, body: body.freeze() })
    }

    fn url(&self, call: &Call) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        url
    }
}

/// A connection pool as all outside calls use it: no redirects, no proxies from
/// the environment, ring for cryptography. Without `tls` it trusts no certificate
/// at all, and so skips reading the system's.
///
/// # Errors
/// If `tls` is wanted and the system has no certificates.
pub fn connection_pool(tls: bool, connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    builder(tls, connect_timeout).build()
}

/// What all connection pools have in common.
pub(crate) fn builder(tls: bool, connect_timeout: Duration) -> reqwest::ClientBuilder {
    // Fails if a provider is installed already, which is then good enough.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("taquilla/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .redirect(Policy::none())
        .no_proxy();
    if tls { builder.https_only(true) } else { builder.tls_certs_only([]) }
}

/// The address of a simulated service in the variable `name`, if it is set. `why` says why it is not for
/// deployed stages.
///
/// # Errors
/// If it is none of [`service_url`]'s, or is set in a stage other than `local`.
pub fn simulator_url(env: &Env, name: &str, why: &str) -> Result<Option<Url>, ConfigError> {
    if env.optional(name).is_none() {
        return Ok(None);
    }
    if env.stage()? != Stage::Local {
        return Err(ConfigError::new(name, format!("must be set on one machine only: {why}")));
    }
    service_url(env, name).map(Some)
}

/// The base address of a service in the variable `name`: `https`, or `http` on
/// this machine, because calls carry credentials.
///
/// # Errors
/// If it is not set or not such an address.
pub fn service_url(env: &Env, name: &str) -> Result<Url, ConfigError> {
    let url: Url = env
        .required(name)?
        .parse()
        .map_err(|_| ConfigError::new(name, "must be an address such as https://gateway.example"))?;
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let on_this_machine = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    if url.scheme() != "https" && !(url.scheme() == "http" && on_this_machine) {
        return Err(ConfigError::new(name, "must start with https:// (http:// only for this machine)"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(ConfigError::new(name, "must have no user, query or fragment"));
    }
    Ok(url)
}

/// A random part of `most`.
fn jitter(most: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness the pause is merely not spread.
    let _ = getrandom::fill(&mut random);
    most * u32::from(u16::from_ne_bytes(random)) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::{Request, State};
    use axum::response::{IntoResponse, Response};
    use axum::routing::any;
    use axum::serve::ListenerExt;
    use tokio::net::TcpListener;

    use super::*;

    const QUICK: Timeouts = Timeouts {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(2),
        total: Duration::from_secs(5),
        backoff: Duration::from_millis(1),
    };

    /// A service that answers the n-th request with what `answer` makes of n (from 1).
    async fn service(answer: fn(usize, Request) -> Response) -> (HttpClient, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let router = Router::new()
            .fallback(any(move |State(count): State<Arc<AtomicUsize>>, request: Request| async move {
                answer(count.fetch_add(1, Ordering::SeqCst) + 1, request)
            }))
            .with_state(Arc::clone(&count));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}/base/", listener.local_addr().expect("bound")).parse().expect("a URL");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (HttpClient::new(base, HeaderMap::new(), &Connections::new(QUICK)), count)
    }

    fn third_time_lucky(n: usize, _: Request) -> Response {
        if n < 3 { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { "{}".into_response() }
    }

    const KEY: HeaderName = HeaderName::from_static("idempotency-key");

    #[tokio::test]
    async fn only_what_may_be_repeated_is_repeated() {
        let (client, count) = service(third_time_lucky).await;
        let answer = client.send(&Call::get(["a"])).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::OK, 3));

        let (client, count) = service(third_time_lucky).await;
        let post = Call::post(["a"], &()).expect("JSON");
        let answer = client.send(&post).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::SERVICE_UNAVAILABLE, 1));

        let (client, count) = service(third_time_lucky).await;
        let answer = client.send(&post.clone().only_reads()).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::OK, 3));

        let (client, count) = service(third_time_lucky).await;
        let post = post.idempotency_key(KEY, "k").expect("a header");
        let answer = client.send(&post).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::OK, 3));
    }

    #[tokio::test]
    async fn tries_are_bounded_and_refusals_final() {
        let (client, count) = service(|_, _| StatusCode::BAD_GATEWAY.into_response()).await;
        let answer = client.send(&Call::get(["a"])).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::BAD_GATEWAY, 3));

        let (client, count) = service(|_, _| StatusCode::CONFLICT.into_response()).await;
        client.send(&Call::get(["a"])).await.expect("an answer");
        assert_eq!(count.load(Ordering::SeqCst), 1);

        let later = |_, _| (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]).into_response();
        let (client, count) = service(later).await;
        let answer = client.send(&Call::get(["a"])).await.expect("an answer");
        assert_eq!((answer.retry_after, count.load(Ordering::SeqCst)), (Some(Duration::from_secs(3600)), 1));
    }

    #[tokio::test]
    async fn paths_and_queries_are_encoded_below_the_base() {
        let (client, _) = service(|_, request| request.uri().to_string().into_response()).await;
        let call = Call::get(["v1", "../a b"]).query("reference", "x&y=z");
        let answer = client.send(&call).await.expect("an answer");
        assert_eq!(answer.body, "/base/v1/..%2Fa%20b?reference=x%26y%3Dz");
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_large_answers_not_read() {
        let elsewhere = |_, _| (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response();
        let (client, count) = service(elsewhere).await;
        let answer = client.send(&Call::get(["a"])).await.expect("an answer");
        assert_eq!((answer.status, count.load(Ordering::SeqCst)), (StatusCode::FOUND, 1));

        let (client, _) = service(|_, _| "x".repeat(MAX_ANSWER_BYTES + 1).into_response()).await;
        assert!(matches!(client.send(&Call::get(["a"])).await, Err(CallError::TooLarge)));
    }

    #[tokio::test]
    async fn silence_ends_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base: Url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
        let short = Timeouts { attempt: Duration::from_secs(5), total: Duration::from_millis(50), ..QUICK };
        let client = HttpClient::new(base.clone(), HeaderMap::new(), &Connections::new(short));
        assert!(matches!(client.send(&Call::get(["a"])).await, Err(CallError::TimedOut)));

        // The port is closed: a call that must not be repeated may still be, because it
        // cannot have arrived.
        drop(listener);
        let client = HttpClient::new(base, HeaderMap::new(), &Connections::new(QUICK));
        let error = client.send(&Call::post(["a"], &()).expect("JSON")).await.expect_err("nobody there");
        assert!(matches!(error, CallError::Unanswered(error) if error.is_connect()));
    }

    #[tokio::test]
    async fn clients_share_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base: Url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
        let count = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&count);
        let listener = listener.tap_io(move |_| {
            accepted.fetch_add(1, Ordering::SeqCst);
        });
        let router = Router::new().fallback(any(|| async { "{}" }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let connections = Connections::new(QUICK);
        for (connections, expected) in
            [(&connections, 1), (&connections.clone(), 1), (&Connections::new(QUICK), 2)]
        {
            let client = HttpClient::new(base.clone(), HeaderMap::new(), connections);
            client.send(&Call::get(["a"])).await.expect("an answer");
            assert_eq!(count.load(Ordering::SeqCst), expected);
        }
    }

    #[test]
    fn pauses_differ_and_have_a_limit() {
        let most = Duration::from_millis(200);
        let pauses: Vec<_> = (0..50).map(|_| jitter(most)).collect();
        assert!(pauses.iter().all(|pause| *pause <= most));
        assert!(pauses.iter().any(|pause| *pause < most / 2) && pauses.iter().any(|pause| *pause > most / 2));
    }

    #[test]
    fn credentials_travel_only_over_tls_or_on_this_machine() {
        let check = |url: &str| {
            let env: Env = [("URL".to_owned(), url.to_owned())].into_iter().collect();
            service_url(&env, "URL").map(|url| url.to_string())
        };
        for fine in
            ["https://gateway.example/", "http://127.0.0.1:9/", "http://localhost:9/x", "http://[::1]:9/"]
        {
            assert_eq!(check(fine).as_deref(), Ok(fine));
        }
        for wrong in [
            "",
            "gateway",
            "http://gateway.example/",
            "ftp://localhost/",
            "http://localhost.example/",
            "https://u:p@gateway.example/",
            "https://gateway.example/?a=b",
        ] {
            assert_eq!(check(wrong).expect_err(wrong).variable, "URL");
        }
    }
}
