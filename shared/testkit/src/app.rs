use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use boot::Clock;
use cloud::lambda::Registry;
use cloud::services::Chaos;
use cloud::template::Template;
use domain::payment::GatewayName;
use gateways::Gateways;
use local::{Cloud, Options, Refusals};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Request, binaries};

/// How long a test waits for what it set off.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a failed message comes again in tests.
const RETRY: Duration = Duration::from_millis(50);

/// The template of the box office.
pub fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    Template::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A whole box office in memory, on ports of its own, with a clock that can be
/// moved.
pub struct TestApp {
    /// The local cloud.
    pub cloud: Cloud,
    /// Simulations of Mercado Pago, Wompi and PayU, for organisers with accounts there
    /// ([`TestApp::connect`]); all others are paid through the sandbox.
    pub gateways: Arc<Gateways>,
    /// The time everywhere in it.
    pub clock: Clock,
    /// What goes wrong in it.
    pub chaos: Chaos,
    http: reqwest::Client,
    numbers: AtomicU32,
    refusals: NoRefusals,
}

/// Fails the test in whose box office a function was refused what its role does not allow,
/// even if the function went on without it.
struct NoRefusals(Refusals);

impl Drop for NoRefusals {
    fn drop(&mut self) {
        let refused = self.0.take();
        if !refused.is_empty() && !std::thread::panicking() {
            panic!("template.yaml does not allow what functions do:\n{}", refused.join("\n"));
        }
    }
}

impl TestApp {
    /// Opens a box office in fair weather.
    pub async fn start() -> Self {
        Self::start_with(Chaos::default()).await
    }

    /// Opens a box office in this weather.
    pub async fn start_with(chaos: Chaos) -> Self {
        Self::open(local::functions::registry(), Clock::movable(), chaos).await
    }

    /// Opens a box office whose functions run as on Lambda: each is its own binary,
    /// in processes that are started when there is something to do. They have the
    /// system's clock, so the time cannot be moved.
    ///
    /// # Panics
    /// If a binary is not there or older than its sources; the message says how to
    /// build it.
    pub async fn start_with_binaries() -> Self {
        let registry = binaries().unwrap_or_else(|problem| panic!("{problem}"));
        Self::open(registry, Clock::system(), Chaos::default()).await
    }

    async fn open(registry: Registry, clock: Clock, chaos: Chaos) -> Self {
        // Only plain HTTP on loopback is spoken; the client still wants to know
        // whose TLS it would use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options = Options::new(template(), registry);
        options.clock = clock.clone();
        options.chaos = chaos.clone();
        options.retry_after = Some(RETRY);
        let cloud = Cloud::start(options).await.expect("the box office opens");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        let gateways = Arc::clone(cloud.gateways());
        let refusals = NoRefusals(cloud.refusals());
        Self { cloud, gateways, clock, chaos, http, numbers: AtomicU32::new(99_001), refusals }
    }

    /// A GET.
    pub fn get(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::POST, path)
    }

    /// A PUT.
    pub fn put(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PUT, path)
    }

    /// A PATCH.
    pub fn patch(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PATCH, path)
    }

    /// A DELETE.
    pub fn delete(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Request {
        Request::new(&self.http, method, self.cloud.url(), path.as_ref())
    }

    /// A request to any address, such as a presigned one.
    pub fn elsewhere(&self, method: Method, url: &str) -> Request {
        Request::new(&self.http, method, url, "")
    }

    /// What functions were refused because their roles do not allow it, for a test that
    /// wants them to be. Any that is not asked for fails the test in its end.
    pub fn take_refusals(&self) -> Vec<String> {
        self.refusals.0.take()
    }

    /// Waits until everything that was set off has been done.
    pub async fn idle(&self) {
        if let Err(left) = self.cloud.idle(PATIENCE).await {
            panic!("not idle: {left}");
        }
    }

    /// Approves the payment that was started last on its gateway's page, as a buyer
    /// would, and waits for what follows.
    pub async fn approve(&self, purchase: &Value) {
        match gateway(purchase) {
            GatewayName::Sandbox => {
                self.cloud.sandbox().approve(&payment_id(purchase)).expect("approved");
            }
            other => {
                let page = self.visit(purchase).await;
                self.simulator(other).approve(&page).expect("approved");
            }
        }
        self.idle().await;
    }

    /// A number that nobody else in this test has, some apart from the one before.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.fetch_add(10, Ordering::Relaxed)
    }

    /// The mails to an address, the oldest first.
    pub fn mails(&self, to: &str) -> Vec<Arc<cloud::services::Mail>> {
        self.cloud.services().mailbox().find(to)
    }

    /// Reserves and pays: one line of a quote, all the way to the mailed tickets.
    /// Answers with the purchase as it is then.
    pub async fn buy(&self, token: &str, event_id: &str, line: Value) -> Value {
        let purchase = self.start_buying(token, event_id, line).await;
        if purchase["checkout_url"].is_string() {
            self.approve(&purchase).await;
        }
        self.idle().await;
        let id = purchase["id"].as_str().expect("an id");
        self.get(format!("/api/v1/purchases/{id}")).token(token).ok().await
    }

    /// Reserves, and starts a payment.
    pub async fn start_buying(&self, token: &str, event_id: &str, line: Value) -> Value {
        let reservation = self.reserve(token, event_id, line).await;
        self.post("/api/v1/purchases")
            .token(token)
            .json(json!({"reservation_id": reservation["id"]}))
            .ok()
            .await
    }

    /// Reserves one line.
    pub async fn reserve(&self, token: &str, event_id: &str, line: Value) -> Value {
        let quote = self.quote(event_id, line).await;
        self.post("/api/v1/reservations").token(token).json(json!({"quote": quote["quote"]})).ok().await
    }

    /// A quote for one line.
    pub async fn quote(&self, event_id: &str, line: Value) -> Value {
        self.post("/api/v1/public/quotes").json(json!({"event_id": event_id, "lines": [line]})).ok().await
    }

    /// Closes the box office.
    ///
    /// # Panics
    /// If something is still to be done: a test must have waited for what it
    /// set off, or it does not know what it tested.
    pub async fn close(self) {
        self.idle().await;
        drop(self.gateways);
        self.cloud.stop().await;
    }
}

/// The payment that was started last.
fn last_payment(purchase: &Value) -> &Value {
    purchase["payments"].as_array().expect("payments").last().expect("a payment")
}

fn gateway(purchase: &Value) -> GatewayName {
    last_payment(purchase)["gateway"].as_str().and_then(|name| name.parse().ok()).expect("a gateway")
}

/// The gateway's id of the payment that was started last.
fn payment_id(purchase: &Value) -> String {
    last_payment(purchase)["payment_gateway_transaction_id"].as_str().expect("an id").to_owned()
}
