use std::net::IpAddr;
use std::ops::Deref;
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

/// How long a test waits for the work that it caused.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a failed message is delivered again in tests.
const RETRY: Duration = Duration::from_millis(50);

/// The box office's `template.yaml`, read from the repository.
pub fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    Template::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A whole box office in memory, on ports of its own, with a clock that can be
/// moved.
pub struct TestApp {
    /// The local cloud that runs the functions.
    pub cloud: TestCloud,
    /// Simulations of Mercado Pago, Wompi and PayU, for organisers with accounts there
    /// ([`TestApp::connect`]); all others are paid through the sandbox.
    pub gateways: Arc<Gateways>,
    /// The clock of everything in the box office.
    pub clock: Clock,
    /// The faults in the box office; a test can change them at any time.
    pub chaos: Chaos,
    http: reqwest::Client,
    numbers: AtomicU32,
    refusals: NoRefusals,
}

/// Fails a test in which a function's role did not allow an action, even if the function went on
/// without it.
struct NoRefusals(Refusals);

impl Drop for NoRefusals {
    fn drop(&mut self) {
        let refused = self.0.take();
        if !refused.is_empty() && !std::thread::panicking() {
            panic!("template.yaml does not allow what functions do:\n{}", refused.join("\n"));
        }
    }
}

/// The local cloud of a test. A test that ends while work that it caused is left fails, because that
/// work may still fail.
pub struct TestCloud(Option<Cloud>);

impl Deref for TestCloud {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        self.0.as_ref().expect("the cloud is open until the test is closed")
    }
}

impl Drop for TestCloud {
    fn drop(&mut self) {
        if let Some(cloud) = self.0.as_ref().filter(|_| !std::thread::panicking()) {
            let left = cloud.left();
            assert!(left.is_empty(), "the test ends before the work that it caused: {left:?}");
        }
    }
}

impl TestApp {
    /// Starts a box office without faults.
    pub async fn start() -> Self {
        Self::start_with(Chaos::default()).await
    }

    /// Starts a box office with these faults.
    pub async fn start_with(chaos: Chaos) -> Self {
        Self::open(options(local::functions::registry(), Clock::movable(), chaos)).await
    }

    /// Starts a box office with the demo data, as `cargo run` does.
    pub async fn start_with_demo() -> Self {
        let plain = options(local::functions::registry(), Clock::movable(), Chaos::default());
        Self::open(Options { seed: true, ..plain }).await
    }

    /// Starts a box office whose functions run as on Lambda: each is its own binary, in processes that
    /// are started when there is something to do. They have the system's clock, so the time cannot be
    /// moved.
    ///
    /// # Panics
    /// If a binary is not there or older than its sources; the message says how to
    /// build it.
    pub async fn start_with_binaries() -> Self {
        let registry = binaries().unwrap_or_else(|problem| panic!("{problem}"));
        Self::open(options(registry, Clock::system(), Chaos::default())).await
    }

    async fn open(options: Options) -> Self {
        // Only plain HTTP on loopback is spoken, but the client must know a TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (clock, chaos) = (options.clock.clone(), options.chaos.clone());
        let cloud = Cloud::start(options).await.expect("the box office opens");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        let gateways = Arc::clone(cloud.gateways());
        let refusals = NoRefusals(cloud.refusals());
        let (numbers, cloud) = (AtomicU32::new(99_001), TestCloud(Some(cloud)));
        Self { cloud, gateways, clock, chaos, http, numbers, refusals }
    }

    /// A GET request to a path of the box office.
    pub fn get(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST request to a path of the box office.
    pub fn post(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::POST, path)
    }

    /// A PUT request to a path of the box office.
    pub fn put(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PUT, path)
    }

    /// A PATCH request to a path of the box office.
    pub fn patch(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request to a path of the box office.
    pub fn delete(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request with any method to a path of the box office.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Request {
        Request::new(&self.http, method, self.cloud.url(), path.as_ref())
    }

    /// A request to any address, such as a presigned one.
    pub fn elsewhere(&self, method: Method, url: &str) -> Request {
        Request::new(&self.http, method, url, "")
    }

    /// A request from a network of its own: one for each number from 2 on.
    pub fn from_network(&self, number: u8, method: Method, path: impl AsRef<str>) -> Request {
        let address = IpAddr::from([127, 0, 0, number]);
        let http = reqwest::Client::builder().local_address(address).timeout(Duration::from_secs(60));
        Request::new(&http.build().expect("a client"), method, self.cloud.url(), path.as_ref())
    }

    /// The actions that functions' roles did not allow, for a test that expects them. Those that a test
    /// does not take fail it at its end.
    pub fn take_refusals(&self) -> Vec<String> {
        self.refusals.0.take()
    }

    /// Waits until all work that was caused is done; panics after a minute.
    pub async fn idle(&self) {
        if let Err(left) = self.cloud.idle(PATIENCE).await {
            panic!("not idle: {left}");
        }
    }

    /// Approves the last payment of a purchase on its gateway's page, as a buyer would, and waits for
    /// what follows.
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

    /// A number that is unique in this test: ten more than the one before.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.fetch_add(10, Ordering::Relaxed)
    }

    /// The mails to an address, oldest first.
    pub fn mails(&self, to: &str) -> Vec<Arc<cloud::services::Mail>> {
        self.cloud.services().mailbox().find(to)
    }

    /// Reserves and pays one line, all the way to the mailed tickets. Returns the purchase as it is
    /// then.
    pub async fn buy(&self, token: &str, event_id: &str, line: Value) -> Value {
        let purchase = self.start_buying(token, event_id, line).await;
        if purchase["checkout_url"].is_string() {
            self.approve(&purchase).await;
        }
        self.idle().await;
        let id = purchase["id"].as_str().expect("an id");
        self.get(format!("/api/v1/purchases/{id}")).token(token).ok().await
    }

    /// Reserves one line and starts a payment. Returns the purchase.
    pub async fn start_buying(&self, token: &str, event_id: &str, line: Value) -> Value {
        let reservation = self.reserve(token, event_id, line).await;
        self.post("/api/v1/purchases")
            .token(token)
            .json(json!({"reservation_id": reservation["id"]}))
            .ok()
            .await
    }

    /// Quotes and reserves one line, with the organiser's policies accepted. Returns the reservation.
    pub async fn reserve(&self, token: &str, event_id: &str, line: Value) -> Value {
        let quote = self.quote(event_id, line).await;
        self.accepting(json!({"quote": quote["quote"]}), |request| request.token(token)).await
    }

    /// Quotes and reserves one line without an account, with the organiser's policies accepted. Returns
    /// the reservation.
    pub async fn reserve_as_guest(&self, email: &str, event_id: &str, line: Value) -> Value {
        let quote = self.quote(event_id, line).await;
        let body = json!({"quote": quote["quote"], "email": email, "name": "Ana Ríos"});
        self.accepting(body, |request| request).await
    }

    /// Reserves with this body; once more, with the organiser's policies accepted, if it has any.
    pub async fn accepting(&self, mut body: Value, by: impl Fn(Request) -> Request) -> Value {
        let reserve = |body: &Value| by(self.post("/api/v1/reservations").json(body.clone())).send();
        let answer = reserve(&body).await;
        if answer.status == 409 && answer.json()["code"] == "policies_changed" {
            body["accepts"] = answer.json()["policies"].clone();
            return reserve(&body).await.ok();
        }
        answer.ok()
    }

    /// Reserves and pays one line without an account, all the way to the mailed tickets. Returns the
    /// purchase as it is then, and the order's link.
    pub async fn buy_as_guest(&self, email: &str, event_id: &str, line: Value) -> (Value, String) {
        let reservation = self.reserve_as_guest(email, event_id, line).await;
        let link = reservation["order_access"].as_str().expect("a link").to_owned();
        let body = json!({"reservation_id": reservation["id"]});
        let purchase = self.post("/api/v1/purchases").link(&link).json(body).ok().await;
        if purchase["checkout_url"].is_string() {
            self.approve(&purchase).await;
        }
        self.idle().await;
        let id = purchase["id"].as_str().expect("an id");
        (self.get(format!("/api/v1/purchases/{id}")).link(&link).ok().await, link)
    }

    /// Quotes one line. Returns the quote.
    pub async fn quote(&self, event_id: &str, line: Value) -> Value {
        self.post("/api/v1/public/quotes").json(json!({"event_id": event_id, "lines": [line]})).ok().await
    }

    /// Stops the box office.
    ///
    /// # Panics
    /// If work is left: a test must have waited for what it caused, or it does not know what it tested.
    pub async fn close(mut self) {
        self.idle().await;
        drop(self.gateways);
        if let Some(cloud) = self.cloud.0.take() {
            cloud.stop().await;
        }
    }
}

/// A box office of this template in memory, which does not wait long before it tries again.
fn options(registry: Registry, clock: Clock, chaos: Chaos) -> Options {
    Options { clock, chaos, retry_after: Some(RETRY), ..Options::new(template(), registry) }
}

/// The payment of a purchase that was started last.
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
