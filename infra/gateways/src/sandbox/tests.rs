//! Taquilla's client against the service, over HTTP only.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{Language, Money};
use outbound::{Connections, Timeouts};
use payments::sandbox::SandboxGateway;
use payments::{
    BuyerStep, CreatePayment, GatewayError, Notification, PaymentGateway, PaymentHint, PaymentReport,
    PaymentStatus, RefundPayment, RefundStatus, Subject, WebhookRefused, WebhookRequest,
};
use serde_json::{Value, json};

use super::*;

const API_KEY: &str = "the-api-key-of-the-sandbox-tests";
const SECRET: &str = "the-webhook-secret-of-the-sandbox-tests";
const COP: Currency = Currency::COP;

/// The gateway, the client, and a shop that receives notifications.
struct Test {
    sandbox: Sandbox,
    client: SandboxGateway,
    clock: Clock,
    shop: Arc<Shop>,
    shop_url: String,
    browser: reqwest::Client,
}

/// What arrived at the shop, in this order.
#[derive(Default)]
struct Shop {
    arrived: Mutex<Vec<Result<Notification, WebhookRefused>>>,
    /// How many deliveries are answered with 503 before one is looked at.
    unavailable: Mutex<u32>,
    verify: Mutex<Option<(SandboxGateway, Clock)>>,
}

async fn receive(
    State(shop): State<Arc<Shop>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    {
        let mut unavailable = lock(&shop.unavailable);
        if *unavailable > 0 {
            *unavailable -= 1;
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    let verify = lock(&shop.verify);
    let (client, clock) = verify.as_ref().expect("set at start");
    let query = query.unwrap_or_default();
    let request = WebhookRequest { headers: &headers, query: &query, body: &body, received_at: clock.now() };
    let verdict = client.verify_webhook(&request);
    let status = if verdict.is_ok() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    lock(&shop.arrived).push(verdict);
    status
}

fn client(url: &str) -> SandboxGateway {
    let timeouts = Timeouts {
        attempt: Duration::from_millis(500),
        backoff: Duration::from_millis(1),
        ..Timeouts::default()
    };
    SandboxGateway::new(url.parse().expect("a URL"), API_KEY, SECRET, &Connections::new(timeouts))
        .expect("a header")
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

async fn start(data_dir: Option<PathBuf>) -> Test {
    let clock = Clock::movable();
    let mut config = SandboxConfig::new(listen().await, clock.clone(), API_KEY, SECRET);
    config.data_dir = data_dir;
    config.webhook_backoff = Duration::from_millis(1);
    let sandbox = Sandbox::start(config).await.expect("started");
    let shop = Arc::new(Shop::default());
    *lock(&shop.verify) = Some((client(sandbox.url()), clock.clone()));
    let router = Router::new().route("/hook", axum::routing::post(receive)).with_state(Arc::clone(&shop));
    let listener = listen().await;
    let shop_url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let browser = outbound::connection_pool(false, Duration::from_secs(2)).expect("a client");
    Test { client: client(sandbox.url()), sandbox, clock, shop, shop_url, browser }
}

impl Test {
    fn order(&self, key: &str) -> CreatePayment {
        CreatePayment {
            reference: format!("ref-{key}"),
            amount: Money::new(1_250_000, COP),
            seller: "Sala Ficticia".to_owned(),
            description: "2 entradas: Los Faroles".to_owned(),
            buyer_email: "ana@example.com".to_owned(),
            buyer_name: "Ana Prueba".to_owned(),
            expires_at: self.clock.now() + jiff::SignedDuration::from_mins(9),
            return_url: format!("{}/orders/1?lang=es", self.shop_url),
            notification_url: format!("{}/hook?source=sandbox", self.shop_url),
            idempotency_key: key.to_owned(),
            language: Language::Es,
        }
    }

    async fn create(&self, key: &str) -> String {
        let created = self.client.checkout(&self.order(key)).await.expect("created");
        created.payment_id.expect("the sandbox knows it at once")
    }

    async fn report(&self, id: &str) -> PaymentReport {
        self.client.payment(id).await.expect("a report")
    }

    async fn status(&self, id: &str) -> PaymentStatus {
        self.report(id).await.status
    }

    async fn refund(&self, id: &str, amount: i64, key: &str) -> Result<RefundStatus, GatewayError> {
        let refund = RefundPayment {
            payment_id: id.to_owned(),
            amount: Money::new(amount, COP),
            paid: Money::new(1_250_000, COP),
            refunded_before: Money::new(0, COP),
            idempotency_key: key.to_owned(),
            may_have_been_asked: false,
        };
        self.client.refund(&refund).await.map(|report| report.status)
    }

    /// What arrived since the last call, once nothing is pending.
    async fn arrived(&self) -> Vec<Result<Notification, WebhookRefused>> {
        self.sandbox.idle().await;
        std::mem::take(&mut *lock(&self.shop.arrived))
    }

    /// Posts without the client: the status and the body's error code.
    async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, String) {
        let mut request =
            self.browser.post(format!("{}{path}", self.sandbox.url())).bearer_auth(API_KEY).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn about(id: &str) -> Subject {
    Subject::Payments(PaymentHint::Payment { payment_id: id.to_owned(), reference: None })
}

#[tokio::test]
async fn a_payment_from_creation_to_approval() {
    let test = start(None).await;
    let order = test.order("a");
    let created = test.client.checkout(&order).await.expect("created");
    let id = created.payment_id.clone().expect("an id");
    assert_eq!(created.expires_at, order.expires_at);
    let url = format!("{}/pay/{id}", test.sandbox.url());
    assert_eq!((created.step, created.is_repeatable), (BuyerStep::Open { url }, true));
    let report = test.report(&id).await;
    assert_eq!(
        report,
        PaymentReport {
            payment_id: id.clone(),
            reference: "ref-a".to_owned(),
            status: PaymentStatus::Open,
            amount: order.amount,
            refunded: Money::new(0, COP),
            dispute: None,
            reason: None,
            approved_at: None,
        }
    );
    assert!(test.arrived().await.is_empty(), "nothing happened yet");

    test.sandbox.approve(&id).expect("paid");
    let arrived = test.arrived().await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].as_ref().expect("genuine").subject, about(&id));
    let report = test.report(&id).await;
    assert_eq!(report.status, PaymentStatus::Approved);
    assert!(report.approved_at.is_some());
    test.sandbox.approve(&id).expect("paid already");
    assert!(test.arrived().await.is_empty(), "nothing changed");
    test.sandbox.stop().await;
}

#[tokio::test]
async fn creating_is_idempotent_by_key() {
    let test = start(None).await;
    let order = test.order("a");
    let first = test.client.checkout(&order).await.expect("created");
    assert_eq!(test.client.checkout(&order).await.expect("the same"), first);
    test.clock.advance(Duration::from_secs(3600));
    assert_eq!(test.client.checkout(&order).await.expect("the same, long after"), first);
    let error = test.client.checkout(&CreatePayment { amount: Money::new(1, COP), ..order }).await;
    assert!(
        matches!(&error, Err(GatewayError::Refused { code, .. }) if code == "idempotency_conflict"),
        "{error:?}"
    );
    assert_eq!(test.sandbox.payments().expect("listed").len(), 1);
}

#[tokio::test]
async fn payments_are_found_by_reference_newest_first() {
    let test = start(None).await;
    let first = test.create("a").await;
    test.sandbox.act(&first, Action::Decline).expect("declined");
    let second = CreatePayment { reference: "ref-a".to_owned(), ..test.order("b") };
    let second = test.client.checkout(&second).await.expect("created").payment_id.expect("an id");
    let found = test.client.payments_of("ref-a").await.expect("listed");
    let found: Vec<_> = found.iter().map(|report| (report.payment_id.as_str(), report.status)).collect();
    assert_eq!(found, [(&*second, PaymentStatus::Open), (&*first, PaymentStatus::Declined)]);
    assert_eq!(test.client.payments_of("ref-none").await.expect("listed"), []);
    assert_eq!(test.report(&first).await.reason.as_deref(), Some("insufficient_funds"));
    assert!(matches!(test.client.payment("pay_none").await, Err(GatewayError::NotFound)));
    assert!(matches!(test.client.payment("../control").await, Err(GatewayError::NotFound)));
}

#[tokio::test]
async fn notifications_are_repeated_and_overtake_each_other() {
    let test = start(None).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(test.create(&n.to_string()).await);
    }
    let faults = Faults { duplicate_webhooks: 2, reorder_ms: 100, seed: 1, ..Faults::default() };
    test.sandbox.set_faults(faults).expect("in bounds");
    for id in &ids {
        test.sandbox.approve(id).expect("paid");
    }
    let arrived: Vec<_> = test.arrived().await.into_iter().map(|verdict| verdict.expect("genuine")).collect();
    assert_eq!(arrived.len(), 30);
    let mut order = Vec::new();
    for notification in &arrived {
        let copies = arrived.iter().filter(|other| *other == notification).count();
        assert_eq!(copies, 3, "the copies of a notification are the same");
        if !order.contains(&notification.subject) {
            order.push(notification.subject.clone());
        }
    }
    let sent: Vec<_> = ids.iter().map(|id| about(id)).collect();
    assert!(order.len() == 10 && order != sent, "all arrived, in another order");
}

#[tokio::test]
async fn lost_notifications_leave_the_truth_in_the_api() {
    let test = start(None).await;
    let id = test.create("a").await;
    test.sandbox.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("in bounds");
    test.sandbox.approve(&id).expect("paid");
    assert!(test.arrived().await.is_empty());
    let found = test.client.payments_of("ref-a").await.expect("listed");
    assert_eq!(found[0].status, PaymentStatus::Approved);
}

#[tokio::test]
async fn forged_notifications_are_refused() {
    let test = start(None).await;
    let id = test.create("a").await;
    test.sandbox.set_faults(Faults { forged_webhooks: 100, ..Faults::default() }).expect("in bounds");
    test.sandbox.act(&id, Action::Decline).expect("declined");
    let arrived = test.arrived().await;
    let (genuine, forged): (Vec<_>, Vec<_>) = arrived.into_iter().partition(Result::is_ok);
    assert_eq!(genuine.len(), 1);
    assert_eq!(forged, [Err(WebhookRefused::Mismatch)], "and not repeated");
}

#[tokio::test]
async fn notifications_are_sent_again_until_accepted_but_not_for_ever() {
    let test = start(None).await;
    let (kept, lost) = (test.create("a").await, test.create("b").await);
    *lock(&test.shop.unavailable) = 5;
    test.sandbox.approve(&kept).expect("paid");
    assert_eq!(test.arrived().await.len(), 1, "the sixth try");
    *lock(&test.shop.unavailable) = 6;
    test.sandbox.approve(&lost).expect("paid");
    assert_eq!(test.arrived().await.len(), 0, "given up");
    assert_eq!(*lock(&test.shop.unavailable), 0);
}

#[tokio::test]
async fn unpaid_payments_expire_and_may_still_be_paid_late() {
    let test = start(None).await;
    let (forgotten, late, scheduled) =
        (test.create("a").await, test.create("b").await, test.create("c").await);
    let after_expiry = format!("{}/pay/{scheduled}/after-expiry", test.sandbox.url());
    let answer = test.browser.post(after_expiry).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    assert_eq!(test.status(&scheduled).await, PaymentStatus::Pending);

    test.clock.advance(Duration::from_secs(9 * 60 + 1));
    for id in [&forgotten, &late, &scheduled] {
        assert_eq!(test.status(id).await, PaymentStatus::Expired);
    }
    assert_eq!(test.arrived().await.len(), 3);
    test.sandbox.approve(&late).expect("late, but paid");
    test.clock.advance(Duration::from_secs(120));
    assert_eq!(test.arrived().await.len(), 2);
    assert_eq!(test.status(&forgotten).await, PaymentStatus::Expired);
    assert_eq!(test.status(&late).await, PaymentStatus::Approved);
    assert_eq!(test.status(&scheduled).await, PaymentStatus::Approved);
}

#[tokio::test]
async fn refunds_are_partial_or_whole_and_happen_once() {
    let test = start(None).await;
    let id = test.create("a").await;
    let code = |result: Result<RefundStatus, GatewayError>| match result {
        Err(GatewayError::Refused { code, .. }) => code,
        other => format!("{other:?}"),
    };
    assert_eq!(code(test.refund(&id, 1, "r0").await), "not_refundable");
    test.sandbox.approve(&id).expect("paid");
    test.arrived().await;
    for _ in 0..3 {
        assert_eq!(test.refund(&id, 250_000, "r1").await.expect("refunded"), RefundStatus::Done);
    }
    let report = test.report(&id).await;
    assert_eq!((report.status, report.refunded), (PaymentStatus::Approved, Money::new(250_000, COP)));
    assert_eq!(code(test.refund(&id, 1_000_001, "r2").await), "refund_exceeds_payment");
    assert_eq!(code(test.refund(&id, 250_001, "r1").await), "idempotency_conflict");
    assert_eq!(test.refund(&id, 1_000_000, "r3").await.expect("refunded"), RefundStatus::Done);
    assert_eq!(test.refund(&id, 1_000_000, "r3").await.expect("the same"), RefundStatus::Done);
    let report = test.report(&id).await;
    assert_eq!((report.status, report.refunded), (PaymentStatus::Refunded, report.amount));
    assert_eq!(test.arrived().await.len(), 2, "one for each refund");

    let cash = test.create("b").await;
    test.sandbox.act(&cash, Action::Approve(Method::Cash)).expect("paid");
    assert!(matches!(test.refund(&cash, 1, "r4").await, Err(GatewayError::Unsupported)));
    test.sandbox.act(&cash, Action::Chargeback).expect("disputed");
    assert_eq!(test.status(&cash).await, PaymentStatus::ChargedBack);
}

#[tokio::test]
async fn a_restart_keeps_payments_keys_and_refunds() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = start(Some(folder.path().to_owned())).await;
    let paid = test.create("a").await;
    let order = test.order("b");
    let open = test.client.checkout(&order).await.expect("created");
    test.sandbox.approve(&paid).expect("paid");
    test.refund(&paid, 50_000, "r1").await.expect("refunded");
    let before = test.report(&paid).await;
    test.sandbox.idle().await;
    test.sandbox.stop().await;

    let again = start(Some(folder.path().to_owned())).await;
    assert_eq!(again.report(&paid).await, before);
    assert_eq!(again.refund(&paid, 50_000, "r1").await.expect("the same"), RefundStatus::Done);
    assert_eq!(again.report(&paid).await.refunded, Money::new(50_000, COP));
    let repeated = again.client.checkout(&order).await.expect("the same");
    assert_eq!(repeated.payment_id, open.payment_id);
    assert_eq!(again.sandbox.payments().expect("listed").len(), 2);
    again.clock.advance(Duration::from_secs(600));
    let open = open.payment_id.expect("an id");
    assert_eq!(again.status(&open).await, PaymentStatus::Expired, "expiry goes on");
}

#[tokio::test]
async fn faults_of_the_api_never_pay_or_refund_twice() {
    let test = start(None).await;
    let faults = Faults { create_500: 60, refund_500: 60, seed: 3, ..Faults::default() };
    test.sandbox.set_faults(faults).expect("in bounds");
    let mut unanswered = 0;
    for n in 0..30 {
        let (key, order) = (n.to_string(), test.order(&n.to_string()));
        let created = loop {
            // The client has its own retries; beyond those, the caller repeats.
            match test.client.checkout(&order).await {
                Ok(created) => break created,
                Err(error) => {
                    assert!(error.may_be_repeated(), "{error}");
                    unanswered += 1;
                }
            }
        };
        let id = created.payment_id.expect("an id");
        test.sandbox.approve(&id).expect("paid");
        while let Err(error) = test.refund(&id, 1000, &key).await {
            assert!(error.may_be_repeated(), "{error}");
        }
    }
    assert!(unanswered > 0, "the faults were there");
    let payments = test.sandbox.payments().expect("listed");
    assert_eq!(payments.len(), 30);
    assert!(payments.iter().all(|payment| payment.refunded() == 1000 && payment.refunds.len() == 1));

    // Without a key nothing is created at all, so that nobody builds on luck.
    let (status, code) = test.post("/v1/payments", None, &json!({})).await;
    assert_eq!((status, &*code), (400, "invalid_request"));
}

#[tokio::test]
async fn an_answer_that_hangs_is_given_up_and_found_again() {
    let test = start(None).await;
    let faults = Faults { timeouts: 100, timeout_ms: 60_000, ..Faults::default() };
    test.sandbox.set_faults(faults).expect("in bounds");
    let order = test.order("a");
    let impatient = Timeouts {
        attempt: Duration::from_millis(50),
        total: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let url = test.sandbox.url().parse().expect("a URL");
    let client = SandboxGateway::new(url, API_KEY, SECRET, &Connections::new(impatient)).expect("a header");
    let error = client.checkout(&order).await.expect_err("no answer");
    assert!(error.may_be_repeated(), "{error}");
    test.sandbox.set_faults(Faults::default()).expect("in bounds");
    let created = test.client.checkout(&order).await.expect("created before");
    let payments = test.sandbox.payments().expect("listed");
    assert_eq!(payments.len(), 1);
    assert_eq!(created.payment_id.as_ref(), Some(&payments[0].id));
}

#[tokio::test]
async fn questions_may_be_in_trouble_too() {
    let test = start(None).await;
    let id = test.create("a").await;
    for faults in [
        Faults { read_500: 100, ..Faults::default() },
        Faults { lost_answers: 100, ..Faults::default() },
        Faults { busy: 100, ..Faults::default() },
    ] {
        test.sandbox.set_faults(faults).expect("in bounds");
        let error = test.client.payment(&id).await.expect_err("no answer");
        assert!(error.may_be_repeated(), "{faults:?}: {error}");
    }
    test.sandbox.set_faults(Faults { lost_answers: 100, ..Faults::default() }).expect("in bounds");
    test.client.checkout(&test.order("b")).await.expect_err("no answer");
    assert_eq!(test.sandbox.payments().expect("listed").len(), 2, "it was done all the same");
}

#[tokio::test]
async fn a_person_pays_on_the_page_and_is_sent_back() {
    let test = start(None).await;
    let id = test.create("a").await;
    let page = format!("{}/pay/{id}", test.sandbox.url());
    let shown = test.browser.get(&page).send().await.expect("an answer");
    assert_eq!(shown.status(), 200);
    assert!(
        shown.headers()["content-security-policy"].to_str().expect("text").contains("default-src 'none'")
    );
    let html = shown.text().await.expect("a page");
    assert!(html.contains("Sala Ficticia") && html.contains("COP 12.500"), "{html}");

    let choose = async |choice: &str| {
        let answer = test.browser.post(format!("{page}/{choice}")).send().await.expect("an answer");
        let location = answer.headers().get("location").map(|value| value.to_str().expect("text").to_owned());
        (answer.status().as_u16(), location)
    };
    assert_eq!(choose("steal").await, (404, None));
    assert_eq!(test.browser.get(format!("{page}/approve")).send().await.expect("an answer").status(), 405);
    assert_eq!(test.status(&id).await, PaymentStatus::Open, "looking changes nothing");
    let back = |status: &str| {
        format!("{}/orders/1?lang=es&payment_id={id}&reference=ref-a&status={status}", test.shop_url)
    };
    assert_eq!(choose("later?seconds=30").await, (303, Some(back("pending"))));
    test.clock.advance(Duration::from_secs(31));
    assert_eq!(test.status(&id).await, PaymentStatus::Approved);
    assert_eq!(choose("decline").await, (303, Some(format!("/pay/{id}"))), "too late for that");
    assert_eq!(
        test.browser.get(format!("{}/pay/x", test.sandbox.url())).send().await.expect("an answer").status(),
        404
    );
}

#[tokio::test]
async fn scripts_control_it_over_http() {
    let test = start(None).await;
    let id = test.create("a").await;
    assert_eq!(
        test.post(&format!("/control/payments/{id}/approve?method=cash"), None, &json!({})).await.0,
        200
    );
    let (status, code) = test.post(&format!("/control/payments/{id}/expire"), None, &json!({})).await;
    assert_eq!((status, &*code), (409, "wrong_state"));
    assert_eq!(test.post("/control/payments/pay_none/approve", None, &json!({})).await.0, 404);
    assert_eq!(test.post(&format!("/control/payments/{id}/steal"), None, &json!({})).await.0, 400);
    assert_eq!(test.post("/control/faults", None, &json!({"create_500": 101})).await.0, 400);
    assert_eq!(test.post("/control/faults", None, &json!({"nonsense": 1})).await.0, 400);
    assert_eq!(test.post("/control/faults", None, &json!({"create_500": 100, "seed": 9})).await.0, 200);

    let get = async |path: &str| {
        let answer =
            test.browser.get(format!("{}{path}", test.sandbox.url())).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    assert_eq!(get("/control/idle").await, (204, String::new()));
    assert!(get("/control/faults").await.1.contains("\"create_500\":100"));
    let listed = get("/control/payments?status=approved&limit=5").await.1;
    assert!(listed.contains(&id) && listed.contains("\"method\":\"cash\""), "{listed}");
    assert!(!get("/control/payments?status=declined").await.1.contains(&id));
    assert_eq!(get("/control/payments?status=x").await.0, 400);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_a_reason() {
    let test = start(None).await;
    let stranger = test.browser.get(format!("{}/v1/payments/x", test.sandbox.url())).send().await;
    assert_eq!(stranger.expect("an answer").status(), 401);
    let url = test.sandbox.url().parse().expect("a URL");
    let wrong_key =
        SandboxGateway::new(url, "another key", SECRET, &Connections::default()).expect("a header");
    assert!(matches!(wrong_key.payment("pay_1").await, Err(GatewayError::Protocol(_))));

    let good = json!({
        "reference": "r", "amount": 1, "currency": "COP", "seller": "s", "description": "d",
        "buyer": {"email": "a@example.com", "name": "a"},
        "expires_at": (test.clock.now() + jiff::SignedDuration::from_mins(5)).to_string(),
        "return_url": "http://127.0.0.1/", "notification_url": "http://127.0.0.1/",
    });
    assert_eq!(test.post("/v1/payments", Some("good"), &good).await.0, 201);
    let nameless = json!({"email": "a@example.com", "name": ""});
    let nameless = json!({"reference": "n", "buyer": nameless});
    let mut body = good.clone();
    body.as_object_mut().expect("an object").extend(nameless.as_object().expect("an object").clone());
    assert_eq!(test.post("/v1/payments", Some("nameless"), &body).await.0, 201, "a name is not needed");
    for (pointer, wrong) in [
        ("/reference", json!("a b")),
        ("/reference", json!("x".repeat(65))),
        ("/amount", json!(0)),
        ("/amount", json!(1.5)),
        ("/currency", json!("XXZ")),
        ("/seller", json!("")),
        ("/description", json!("x".repeat(201))),
        ("/buyer/name", json!("a\nb")),
        ("/expires_at", json!("2020-01-01T00:00:00Z")),
        ("/expires_at", json!("tomorrow")),
        ("/return_url", json!("javascript:alert(1)")),
        ("/notification_url", json!("/hook")),
        ("/buyer", json!({"email": "a@example.com", "name": "a", "card": "4111"})),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("there") = wrong;
        let (status, code) = test.post("/v1/payments", Some("bad"), &body).await;
        assert_eq!((status, &*code), (400, "invalid_request"), "{body}");
    }
    let mut huge = good.clone();
    huge["description"] = json!("x".repeat(crate::server::MAX_BODY_BYTES));
    assert_eq!(test.post("/v1/payments", Some("bad"), &huge).await, (413, "unreadable_body".to_owned()));
    assert_eq!(test.post("/v1/payments", Some(&"k".repeat(129)), &good).await.0, 400);
    assert_eq!(test.post("/v1/refunds", Some("k"), &good).await, (404, "not_found".to_owned()));
    assert_eq!(test.sandbox.payments().expect("listed").len(), 2);
}
