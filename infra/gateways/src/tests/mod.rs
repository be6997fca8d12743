//! Taquilla's clients against the simulators, over HTTP only: what holds for all
//! of them. What each does in its own way is tested beside it.

mod common;
mod faults;
pub(super) mod ledger;
mod pages;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use boot::Clock;
use domain::payable::fits;
use domain::{Currency, Language, Money};
use outbound::{Connections, Timeouts};
use payments::sandbox::SandboxGateway;
use payments::{
    CreatePayment, GatewayError, Mode, Notification, PaymentGateway, PaymentHint, PaymentReport,
    PaymentStatus, RefundPayment, RefundReport, Subject, WebhookRefused, WebhookRequest, mercado_pago as mp,
    payu as pu, wompi as wo,
};
use tokio::net::TcpListener;

use crate::{Accounts, Options, Simulator, lock, mercado_pago, payu, sandbox, wompi};

/// One simulator, its client, and a shop that receives notifications.
pub(super) struct Bench<G> {
    pub(super) simulator: Simulator,
    pub(super) client: Arc<G>,
    pub(super) clock: Clock,
    pub(super) shop: Arc<Shop>,
    pub(super) browser: reqwest::Client,
    pub(super) currency: Currency,
}

pub(super) struct Shop {
    /// The gateway's address, without a slash at the end.
    pub(super) url: String,
    /// What arrived, in this order.
    arrived: Mutex<Vec<Arrival>>,
    /// Statuses to answer with, before anything is looked at.
    pub(super) moods: Mutex<VecDeque<u16>>,
    client: OnceLock<Arc<dyn PaymentGateway>>,
    clock: Clock,
}

/// A notification as it came.
pub(super) struct Arrival {
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) verdict: Result<Notification, WebhookRefused>,
    /// False if the shop was in a mood.
    pub(super) accepted: bool,
}

impl Arrival {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

async fn receive(
    State(shop): State<Arc<Shop>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let query = query.unwrap_or_default();
    let client = shop.client.get().expect("set at start");
    let request =
        WebhookRequest { headers: &headers, query: &query, body: &body, received_at: shop.clock.now() };
    let verdict = client.verify_webhook(&request);
    let mood = lock(&shop.moods).pop_front();
    let status = match (mood, &verdict) {
        (Some(mood), _) => StatusCode::from_u16(mood).expect("a status"),
        (None, Ok(_)) => StatusCode::OK,
        (None, Err(_)) => StatusCode::UNAUTHORIZED,
    };
    let accepted = status == StatusCode::OK;
    lock(&shop.arrived).push(Arrival { query, headers, body, verdict, accepted });
    status
}

/// Connections of a client that hardly waits before it repeats a call.
fn quick() -> Connections {
    Connections::new(Timeouts {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(5),
        total: Duration::from_secs(20),
        backoff: Duration::from_millis(1),
    })
}

/// The payment that a notification is about, if it names one.
pub(super) fn payment_of(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Payments(PaymentHint::Payment { payment_id, .. }) => Some(payment_id),
        Subject::Payments(_) | Subject::Unknown { .. } => None,
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

async fn shop(clock: &Clock) -> Arc<Shop> {
    let listener = listen().await;
    let shop = Arc::new(Shop {
        url: format!("http://{}", listener.local_addr().expect("bound")),
        arrived: Mutex::default(),
        moods: Mutex::default(),
        client: OnceLock::new(),
        clock: clock.clone(),
    });
    let router = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&shop));
    tokio::spawn(async move { axum::serve(listener, router).await });
    shop
}

/// How a test wants its simulator.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) currency: Option<Currency>,
    pub(super) review_after: Option<Duration>,
    pub(super) retry_backoff: Option<Duration>,
    pub(super) lists_newest_only: bool,
    pub(super) algorithm: pu::Algorithm,
}

impl Wanted {
    fn options(&self, listener: TcpListener, clock: &Clock) -> Options {
        Options {
            data_dir: self.data_dir.clone(),
            review_after: self.review_after,
            retry_backoff: self.retry_backoff,
            ..Options::new(listener, clock.clone())
        }
    }
}

pub(super) const SANDBOX_KEY: &str = "the-api-key-of-the-sandbox-tests";
pub(super) const SANDBOX_SECRET: &str = "the-webhook-secret-of-the-sandbox-tests";

pub(super) fn sandbox_account() -> sandbox::Account {
    sandbox::Account { api_key: SANDBOX_KEY.to_owned(), webhook_secret: SANDBOX_SECRET.to_owned() }
}

/// A bench with the sandbox.
pub(super) async fn sandbox_bench(wanted: Wanted) -> Bench<SandboxGateway> {
    let clock = Clock::movable();
    let options = wanted.options(listen().await, &clock);
    let simulator = sandbox::start(options, sandbox_account()).await.expect("started");
    let url = simulator.url().parse().expect("a URL");
    let client = SandboxGateway::new(url, SANDBOX_KEY, SANDBOX_SECRET, &quick()).expect("a header");
    bench(simulator, client, clock.clone(), Currency::COP, shop(&clock).await)
}

pub(super) const TOKEN: &str = "APP_USR-1234567890123456-112015";
pub(super) const MP_SECRET: &str = "mercado-pago-secret-of-tests";

pub(super) fn mp_account(currency: Currency) -> mercado_pago::Account {
    mercado_pago::Account {
        access_token: TOKEN.to_owned(),
        webhook_secret: MP_SECRET.to_owned(),
        collector_id: 44_444,
        name: "Sala Ficticia".to_owned(),
        currency,
        shares: false,
    }
}

/// The token of another merchant, who gave an application access.
pub(super) const SHARING: &str = "APP_USR-somebody-else-0000";

pub(super) fn mp_client(url: &str, token: &str) -> mp::MercadoPagoGateway {
    let credentials =
        mp::Credentials { access_token: token.to_owned(), webhook_secret: MP_SECRET.to_owned() };
    let url = url.parse().expect("a URL");
    mp::MercadoPagoGateway::new(url, &credentials, Mode::Test, &quick()).expect("credentials")
}

/// A bench with Mercado Pago, in Chile unless said otherwise.
pub(super) async fn mercado_pago_bench(wanted: Wanted) -> Bench<mp::MercadoPagoGateway> {
    let clock = Clock::movable();
    let currency = wanted.currency.unwrap_or(Currency::CLP);
    let stranger = mercado_pago::Account {
        access_token: SHARING.to_owned(),
        collector_id: 55_555,
        shares: true,
        ..mp_account(currency)
    };
    let accounts = Accounts::from_iter([mp_account(currency), stranger]);
    let options = wanted.options(listen().await, &clock);
    let simulator = mercado_pago::start(options, accounts).await.expect("started");
    let client = mp_client(simulator.url(), TOKEN);
    bench(simulator, client, clock.clone(), currency, shop(&clock).await)
}

pub(super) fn wompi_account(events_url: Option<String>) -> wompi::Account {
    wompi::Account {
        public_key: "pub_test_X0zDA9xoKdePzhd8a0x9".to_owned(),
        private_key: "prv_test_secretoprivado1".to_owned(),
        events_secret: "test_events_secretodeeventos".to_owned(),
        integrity_secret: "test_integrity_secretodefirma".to_owned(),
        number: 1292,
        name: "Sala Ficticia".to_owned(),
        events_url,
    }
}

pub(super) fn wompi_client(url: &str, account: &wompi::Account) -> wo::WompiGateway {
    let credentials = wo::Credentials {
        public_key: account.public_key.clone(),
        private_key: account.private_key.clone(),
        events_secret: account.events_secret.clone(),
        integrity_secret: account.integrity_secret.clone(),
    };
    let parse = |path: &str| format!("{url}{path}").parse().expect("a URL");
    let endpoints = wo::Endpoints { api: parse("/v1"), checkout: parse("/p/") };
    wo::WompiGateway::new(endpoints, credentials, Mode::Test, &quick()).expect("credentials")
}

/// A bench with Wompi.
pub(super) async fn wompi_bench(wanted: Wanted) -> Bench<wo::WompiGateway> {
    let clock = Clock::movable();
    // Noon in Colombia, or a test about "the same day" would fail around midnight.
    let noon = (17 * 3600 - clock.now().as_second()).rem_euclid(24 * 3600);
    clock.advance(Duration::from_secs(noon.unsigned_abs()));
    let shop = shop(&clock).await;
    let account = wompi_account(Some(format!("{}/hook", shop.url)));
    let stranger = wompi::Account {
        public_key: "pub_test_somebodyelse".to_owned(),
        private_key: "prv_test_somebodyelse".to_owned(),
        ..account.clone()
    };
    let options = wanted.options(listen().await, &clock);
    let accounts = Accounts::from_iter([account.clone(), stranger]);
    let simulator = wompi::start(options, accounts).await.expect("started");
    let client = wompi_client(simulator.url(), &account);
    bench(simulator, client, clock, Currency::COP, shop)
}

pub(super) fn payu_account(currency: Currency) -> payu::Account {
    payu::Account {
        merchant_id: "508029".to_owned(),
        account_id: "512321".to_owned(),
        api_login: "pRRXKOl8ikMmt9u".to_owned(),
        api_key: "4Vj8eK4rloUd272L48hsrarnUA".to_owned(),
        hmac_secret: Some("secret123".to_owned()),
        name: "Sala Ficticia".to_owned(),
        currency,
        lists_newest_only: false,
    }
}

pub(super) fn payu_client(
    url: &str,
    account: &payu::Account,
    algorithm: pu::Algorithm,
    clock: &Clock,
) -> pu::PayuGateway {
    let credentials = pu::Credentials {
        merchant_id: account.merchant_id.clone(),
        account_id: account.account_id.clone(),
        api_login: account.api_login.clone(),
        api_key: account.api_key.clone(),
        algorithm,
        hmac_secret: account.hmac_secret.clone(),
    };
    let parse = |path: &str| format!("{url}{path}").parse().expect("a URL");
    let endpoints = pu::Endpoints { api: parse(""), checkout: parse("/ppp-web-gateway-payu/") };
    pu::PayuGateway::new(endpoints, credentials, Mode::Test, &quick(), clock).expect("credentials")
}

/// A bench with PayU, in Colombia unless said otherwise.
pub(super) async fn payu_bench(wanted: Wanted) -> Bench<pu::PayuGateway> {
    let clock = Clock::movable();
    let currency = wanted.currency.unwrap_or(Currency::COP);
    let account = payu::Account { lists_newest_only: wanted.lists_newest_only, ..payu_account(currency) };
    let stranger = payu::Account {
        merchant_id: "508030".to_owned(),
        api_login: "somebody".to_owned(),
        api_key: "somebodyElsesKey".to_owned(),
        ..account.clone()
    };
    let options = wanted.options(listen().await, &clock);
    let accounts = Accounts::from_iter([account.clone(), stranger]);
    let simulator = payu::start(options, accounts).await.expect("started");
    let client = payu_client(simulator.url(), &account, wanted.algorithm, &clock);
    bench(simulator, client, clock.clone(), currency, shop(&clock).await)
}

fn bench<G: PaymentGateway + 'static>(
    simulator: Simulator,
    client: G,
    clock: Clock,
    currency: Currency,
    shop: Arc<Shop>,
) -> Bench<G> {
    let client = Arc::new(client);
    let erased: Arc<dyn PaymentGateway> = Arc::clone(&client) as _;
    assert!(shop.client.set(erased).is_ok());
    let browser = outbound::connection_pool(false, Duration::from_secs(2)).expect("a client");
    Bench { simulator, client, clock, shop, browser, currency }
}

impl<G: PaymentGateway> Bench<G> {
    /// An amount that has cents where the gateway takes them.
    pub(super) fn price(&self) -> Money {
        let cents = Money::new(2_500_050, self.currency);
        match self.currency.exponent() {
            0 => Money::new(25_000, self.currency),
            _ if fits(self.client.name(), cents) => cents,
            _ => Money::new(2_500_000, self.currency),
        }
    }

    pub(super) fn order(&self, reference: &str) -> CreatePayment {
        CreatePayment {
            reference: reference.to_owned(),
            amount: self.price(),
            seller: "Sala Ficticia".to_owned(),
            description: "2 × Los Faroles <b>&</b>".to_owned(),
            buyer_email: "ana@example.com".to_owned(),
            buyer_name: "Ana Prueba".to_owned(),
            expires_at: self.clock.now() + jiff::SignedDuration::from_mins(9),
            cash_until: None,
            max_installments: None,
            marketplace_fee: None,
            return_url: format!("{}/orders/1?lang=es#top", self.shop.url),
            notification_url: format!("{}/hook", self.shop.url),
            idempotency_key: reference.to_owned(),
            language: Language::Es,
        }
    }

    /// Sends a buyer to the gateway's page, whose address it answers with.
    pub(super) async fn visit(&self, order: &CreatePayment) -> Result<String, String> {
        let checkout = self.client.checkout(order).await.expect("a checkout");
        self.simulator.visit(&checkout.step).await
    }

    /// A checkout that waits for its buyer.
    pub(super) async fn open(&self, reference: &str) -> String {
        self.visit(&self.order(reference)).await.expect("a page")
    }

    /// A payment that is approved.
    pub(super) async fn pay(&self, reference: &str) -> String {
        self.open(reference).await;
        self.simulator.approve(reference).expect("paid").payment_id
    }

    pub(super) async fn report(&self, payment_id: &str) -> PaymentReport {
        self.client.payment(payment_id).await.expect("a report")
    }

    pub(super) async fn status(&self, payment_id: &str) -> PaymentStatus {
        self.report(payment_id).await.status
    }

    /// Gives back an amount of a payment of which nothing was given back before.
    pub(super) async fn refund(&self, payment_id: &str, amount: i64) -> Result<RefundReport, GatewayError> {
        self.refund_after(payment_id, amount, 0).await
    }

    /// Gives back an amount when `before` was given back already.
    pub(super) async fn refund_after(
        &self,
        payment_id: &str,
        amount: i64,
        before: i64,
    ) -> Result<RefundReport, GatewayError> {
        let key = format!("{payment_id}-{before}-{amount}");
        self.refund_with(payment_id, amount, before, &key).await
    }

    pub(super) async fn refund_with(
        &self,
        payment_id: &str,
        amount: i64,
        before: i64,
        key: &str,
    ) -> Result<RefundReport, GatewayError> {
        let refund = RefundPayment {
            payment_id: payment_id.to_owned(),
            amount: Money::new(amount, self.currency),
            paid: self.price(),
            refunded_before: Money::new(before, self.currency),
            idempotency_key: key.to_owned(),
            may_have_been_asked: false,
        };
        self.client.refund(&refund).await
    }

    /// What arrived since the last call, once nothing is due.
    pub(super) async fn arrived(&self) -> Vec<Arrival> {
        self.simulator.idle().await;
        std::mem::take(&mut *lock(&self.shop.arrived))
    }

    /// The payments that genuine notifications since the last call were about.
    pub(super) async fn heard_of(&self) -> Vec<String> {
        let arrived = self.arrived().await.into_iter();
        let subjects = arrived.map(|arrival| arrival.verdict.expect("genuine").subject);
        subjects.filter_map(|subject| payment_of(&subject).map(str::to_owned)).collect()
    }

    pub(super) fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// The message of a refusal.
pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T, GatewayError>) -> String {
    match result {
        Err(GatewayError::Refused { code, message }) => format!("{code}: {message}"),
        other => panic!("no refusal: {other:?}"),
    }
}
