//! The benchmark's HTTP clients: browsers of buyers and scanners at the door.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::Problem;
use crate::server::Places;

/// How often a request is sent before the client gives up.
const MOST_TRIES: u32 = 30;
/// Timeout of one try.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that a client waits for; it gives up on a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The box office's addresses, and the clients' shared statistics.
pub(crate) struct BoxOffice {
    places: Places,
    /// Client for the payment page, which buyers open in another tab.
    gateway: Client,
    /// Answers that led to a retry, counted by status and code.
    repeated: RefCell<BTreeMap<String, usize>>,
}

/// A refusal, or a request that was given up.
#[derive(Debug, thiserror::Error)]
#[error("{request}: {status} {code}: {problem}")]
pub(crate) struct Refused {
    request: String,
    /// The HTTP status; 0 if the client gave up.
    pub(crate) status: u16,
    /// The problem's code.
    pub(crate) code: String,
    /// The whole problem+json answer.
    pub(crate) problem: Value,
}

/// A user with a device, signed in; or a buyer without an account.
pub(crate) struct Person {
    office: Rc<BoxOffice>,
    http: Client,
    email: String,
    password: String,
    token: RefCell<String>,
    /// The link of a guest's latest order.
    link: RefCell<String>,
    /// Requests so far; keeps idempotency keys distinct.
    requests: Cell<u64>,
}

/// The result of one try.
enum TryOutcome {
    Done(Value),
    Again { why: String, after: Duration },
    SignInAgain,
    Refused(Refused),
}

impl BoxOffice {
    pub(crate) fn new(places: &Places) -> Result<Rc<Self>, Problem> {
        let gateway = client(Ipv4Addr::LOCALHOST)?;
        Ok(Rc::new(Self { places: places.clone(), gateway, repeated: RefCell::default() }))
    }

    /// Answers that led to a retry, since the last call.
    pub(crate) fn take_repeated(&self) -> BTreeMap<String, usize> {
        self.repeated.take()
    }

    /// Approves a payment at the sandbox.
    pub(crate) async fn approve(&self, payment: &str) -> Result<(), Problem> {
        self.at_page(&format!("{}/pay/{payment}", self.places.sandbox), "approve").await
    }

    /// Goes from a checkout's address to the gateway's page, as a browser does. Returns the page's
    /// address.
    pub(crate) async fn open_page(&self, checkout: &str) -> Result<String, Problem> {
        Ok(self.gateway.get(checkout).send().await?.error_for_status()?.url().to_string())
    }

    /// Does something at a gateway's page, by its control address.
    pub(crate) async fn at_page(&self, page: &str, what: &str) -> Result<(), Problem> {
        let control = page.replace("/pay/", "/control/payments/");
        self.gateway.post(format!("{control}/{what}")).send().await?.error_for_status()?;
        Ok(())
    }

    /// The mails sent to an address, the newest first.
    pub(crate) async fn mails(&self, address: &str) -> Result<Vec<Value>, Problem> {
        let url = format!("{}/local/mailbox.json?to={address}", self.places.url);
        let answer = self.gateway.get(url).send().await?.error_for_status()?;
        let mut answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(serde_json::from_value(answer["mails"].take())?)
    }
}

impl Person {
    /// Signs in a user of the demo data.
    pub(crate) async fn of_demo(office: &Rc<BoxOffice>, email: &str) -> Result<Self, Problem> {
        let password = office.places.password.clone();
        Self::sign_in(office, client(Ipv4Addr::LOCALHOST)?, email.to_owned(), password).await
    }

    /// Registers a user and signs them in. `address` is their network address, one of this
    /// machine's loopback addresses.
    pub(crate) async fn new(
        office: &Rc<BoxOffice>,
        email: String,
        address: Ipv4Addr,
    ) -> Result<Self, Problem> {
        let (http, password) = (client(address)?, "a long password".to_owned());
        let person = Self::anonymous(office, http.clone(), email.clone(), password.clone());
        let body = json!({ "email": email, "password": password, "name": "Beto Banco" });
        person.post("/api/v1/auth/register", &body).await?;
        Self::sign_in(office, http, email, password).await
    }

    /// A buyer without an account.
    pub(crate) fn guest(office: &Rc<BoxOffice>, email: String, address: Ipv4Addr) -> Result<Self, Problem> {
        Ok(Self::anonymous(office, client(address)?, email, String::new()))
    }

    fn is_guest(&self) -> bool {
        self.password.is_empty()
    }

    async fn sign_in(
        office: &Rc<BoxOffice>,
        http: Client,
        email: String,
        password: String,
    ) -> Result<Self, Problem> {
        let person = Self::anonymous(office, http, email, password);
        person.sign_in_again().await?;
        Ok(person)
    }

    fn anonymous(office: &Rc<BoxOffice>, http: Client, email: String, password: String) -> Self {
        let (office, token, link) = (Rc::clone(office), RefCell::default(), RefCell::default());
        Self { office, http, email, password, token, link, requests: Cell::new(0) }
    }

    /// The access token.
    pub(crate) fn token(&self) -> String {
        self.token.borrow().clone()
    }

    /// The account's address.
    pub(crate) fn email(&self) -> &str {
        &self.email
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.call(Method::GET, path, None).await
    }

    /// Posts with an idempotency key, so that retries are safe.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Sends a request until it is done or refused: retries while the box office is busy or does
    /// not answer.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        self.requests.set(self.requests.get() + 1);
        let key = format!("bench-{:016x}-{}", fastrand::u64(..), self.requests.get());
        let mut last = String::new();
        for _ in 0..MOST_TRIES {
            match self.try_once(&method, path, body, &key).await {
                TryOutcome::Done(answer) => return Ok(answer),
                TryOutcome::Refused(refused) => return Err(refused),
                TryOutcome::SignInAgain => Box::pin(self.sign_in_again()).await?,
                TryOutcome::Again { why, after } => {
                    *self.office.repeated.borrow_mut().entry(why.clone()).or_default() += 1;
                    // With jitter, so that clients refused together do not return together.
                    tokio::time::sleep(after.mul_f64(0.5 + fastrand::f64())).await;
                    last = why;
                }
            }
        }
        let request = format!("{method} {path}");
        Err(Refused { request, status: 0, code: last, problem: json!("given up") })
    }

    async fn try_once(&self, method: &Method, path: &str, body: Option<&Value>, key: &str) -> TryOutcome {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.office.places.url));
        let token = self.token();
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let link = self.link.borrow().clone();
        if !link.is_empty() {
            request = request.header("x-order-access", link);
        }
        if let Some(body) = body {
            request = request.header("idempotency-key", key).json(body);
        }
        let again = |why: String, after| TryOutcome::Again { why, after };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return again(format!("no answer: {error}"), Duration::from_millis(100)),
        };
        let (status, after) = (response.status(), response.headers().get(RETRY_AFTER).cloned());
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return again(format!("half an answer: {error}"), Duration::from_millis(100)),
        };
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return TryOutcome::Done(answer);
        }
        let code = answer["code"].as_str().unwrap_or_default().to_owned();
        if code == "token_expired" {
            return TryOutcome::SignInAgain;
        }
        let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let is_busy = match seconds {
            Some(wait) => wait <= LONGEST_WAIT,
            None => status.is_server_error(),
        };
        if is_busy && (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) {
            let why = format!("{} {code}", status.as_u16());
            return again(why, seconds.unwrap_or(Duration::from_millis(100)));
        }
        let request = format!("{method} {path}");
        TryOutcome::Refused(Refused { request, status: status.as_u16(), code, problem: answer })
    }

    async fn sign_in_again(&self) -> Result<(), Refused> {
        self.token.take();
        let body = json!({ "email": self.email, "password": self.password });
        let mut answer = self.post("/api/v1/auth/login", &body).await?;
        if let Value::String(token) = answer["access_token"].take() {
            self.token.replace(token);
        }
        Ok(())
    }
}

/// Latencies of one order's requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderLatency {
    pub(crate) quote: Duration,
    pub(crate) hold: Duration,
    pub(crate) pay: Duration,
}

impl OrderLatency {
    /// The sum of the three.
    pub(crate) fn whole(&self) -> Duration {
        self.quote + self.hold + self.pay
    }
}

/// An order whose payment is started.
#[derive(Debug)]
pub(crate) struct Started {
    /// The order's id.
    pub(crate) order: String,
    /// The gateway's id of the payment.
    pub(crate) payment: String,
    pub(crate) took: OrderLatency,
}

impl Person {
    /// Gets a quote for one line, holds it and starts a payment.
    pub(crate) async fn start_order(&self, event: &str, line: Value) -> Result<Started, Refused> {
        let start = Instant::now();
        let quote = self.quote(event, line).await?;
        let quoted = Instant::now();
        let order = self.hold(&quote).await?;
        let held = Instant::now();
        let payment = self.pay(&order).await?;
        let took = OrderLatency { quote: quoted - start, hold: held - quoted, pay: held.elapsed() };
        Ok(Started { order, payment, took })
    }

    /// The sealed quote of one line.
    pub(crate) async fn quote(&self, event: &str, line: Value) -> Result<Value, Refused> {
        self.quote_with(event, line, &[]).await
    }

    /// The sealed quote of one line and these products.
    pub(crate) async fn quote_with(
        &self,
        event: &str,
        line: Value,
        extras: &[Value],
    ) -> Result<Value, Refused> {
        let body = json!({ "event_id": event, "lines": [line], "extras": extras });
        Ok(self.post("/api/v1/public/quotes", &body).await?["quote"].take())
    }

    /// Holds the places of a quote; returns the order's id.
    pub(crate) async fn hold(&self, quote: &Value) -> Result<String, Refused> {
        self.hold_with(quote, &Value::Null).await
    }

    /// The same, with something that the organiser's own systems keep with the order. The policies of the
    /// demo data's organisers are accepted.
    pub(crate) async fn hold_with(&self, quote: &Value, attributes: &Value) -> Result<String, Refused> {
        let mut body = json!({ "quote": quote, "accepts": { "terms": 1, "privacy": 1, "refunds": 1 } });
        if !attributes.is_null() {
            body["extra_attributes"] = attributes.clone();
        }
        if self.is_guest() {
            body["email"] = self.email.as_str().into();
            body["name"] = "Ina Invitada".into();
        }
        let order = self.post("/api/v1/reservations", &body).await?;
        self.link.replace(text(&order["order_access"]));
        Ok(text(&order["id"]))
    }

    /// Starts a payment of an order at the sandbox; returns the gateway's id of it.
    pub(crate) async fn pay(&self, order: &str) -> Result<String, Refused> {
        let order = self.post("/api/v1/purchases", &json!({ "reservation_id": order })).await?;
        Ok(text(&order["payments"][0]["payment_gateway_transaction_id"]))
    }

    /// Starts a payment of an order, with data for an invoice unless they are null; returns the address of
    /// the checkout.
    pub(crate) async fn check_out(&self, order: &str, billing: &Value) -> Result<String, Refused> {
        let mut body = json!({ "reservation_id": order });
        if !billing.is_null() {
            body["billing"] = billing.clone();
        }
        Ok(text(&self.post("/api/v1/purchases", &body).await?["checkout_url"]))
    }

    /// All orders of this user.
    pub(crate) async fn orders(&self) -> Result<Vec<Value>, Refused> {
        let mut orders = Vec::new();
        let mut path = "/api/v1/purchases?limit=100".to_owned();
        loop {
            let mut page = self.get(&path).await?;
            if let Value::Array(items) = page["items"].take() {
                orders.extend(items);
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/api/v1/purchases?limit=100&cursor={cursor}"),
                None => return Ok(orders),
            }
        }
    }
}

/// A string of an answer; empty if it is none, so that the next request fails visibly.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An HTTP client that calls from `address`.
fn client(address: Ipv4Addr) -> Result<Client, Problem> {
    let client = Client::builder().timeout(PATIENCE).local_address(IpAddr::V4(address)).build();
    Ok(client?)
}
