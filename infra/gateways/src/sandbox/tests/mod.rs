//! The sandbox in its own way: payments that are made before their buyer comes.

mod states;

use std::path::PathBuf;
use std::time::Duration;

use domain::{Currency, Language, Money};
use outbound::{Connections, Timeouts};
use payments::sandbox::SandboxGateway;
use payments::{
    BuyerStep, CreatePayment, GatewayError, PaymentGateway, PaymentHint, PaymentReport, PaymentStatus,
    RefundStatus, Subject,
};
use serde_json::{Value, json};

use crate::actions::{Ids, Refusal};
use crate::tests::{
    Bench, SANDBOX_KEY as API_KEY, SANDBOX_SECRET as SECRET, Wanted, sandbox_account as account,
    sandbox_bench,
};
use crate::{Action, Attempt, Faults, Method, Purchase, Status, lock};

const COP: Currency = Currency::COP;
const APPROVE: Action = Action::Decide(Method::Card, Status::Approved);
const DECLINE: Action = Action::Decide(Method::Card, Status::Declined);
const CANCEL: Action = Action::Decide(Method::Card, Status::Cancelled);
const EXPIRE: Action = Action::Decide(Method::Card, Status::Expired);

async fn start() -> Bench<SandboxGateway> {
    start_in(None).await
}

async fn start_in(data_dir: Option<PathBuf>) -> Bench<SandboxGateway> {
    let retry_backoff = Some(Duration::from_millis(1));
    sandbox_bench(Wanted { data_dir, retry_backoff, ..Wanted::default() }).await
}

impl Bench<SandboxGateway> {
    fn sandbox_order(&self, key: &str) -> CreatePayment {
        CreatePayment {
            reference: format!("ref-{key}"),
            amount: Money::new(1_250_000, COP),
            cash_until: Some(self.clock.now() + jiff::SignedDuration::from_hours(20)),
            max_installments: None,
            marketplace_fee: None,
            return_url: format!("{}/orders/1?lang=es", self.shop.url),
            ..self.order(key)
        }
    }

    async fn create(&self, key: &str) -> String {
        let created = self.client.checkout(&self.sandbox_order(key)).await.expect("created");
        created.payment_id.expect("the sandbox knows it at once")
    }

    async fn refund_once(&self, id: &str, amount: i64, key: &str) -> Result<RefundStatus, GatewayError> {
        self.refund_with(id, amount, 0, key).await.map(|report| report.status)
    }

    /// Posts without the client: the status and the body.
    async fn send(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, String) {
        let url = format!("{}{path}", self.simulator.url());
        let mut request = self.browser.post(url).bearer_auth(API_KEY).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Posts without the client: the status and the error's code.
    async fn refused(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, String) {
        let (status, body) = self.send(path, key, body).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn about(id: &str) -> Subject {
    Subject::Payments(PaymentHint::Payment { payment_id: id.to_owned(), reference: None })
}

#[tokio::test]
async fn a_payment_from_creation_to_approval() {
    let test = start().await;
    let order = test.sandbox_order("a");
    let created = test.client.checkout(&order).await.expect("created");
    let id = created.payment_id.clone().expect("an id");
    assert_eq!(created.expires_at, order.expires_at);
    let url = format!("{}/pay/{id}", test.simulator.url());
    assert_eq!((created.step, created.is_repeatable), (BuyerStep::Open { url }, true));
    let report = test.report(&id).await;
    assert_eq!(report, PaymentReport::new(id.clone(), "ref-a".to_owned(), PaymentStatus::Open, order.amount));
    assert!(test.arrived().await.is_empty(), "nothing happened yet");

    test.simulator.approve(&id).expect("paid");
    let arrived = test.arrived().await;
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].verdict.as_ref().expect("genuine").subject, about(&id));
    let report = test.report(&id).await;
    assert_eq!(report.status, PaymentStatus::Approved);
    assert!(report.approved_at.is_some());
    test.simulator.approve(&id).expect("paid already");
    assert!(test.arrived().await.is_empty(), "nothing changed");
    test.simulator.stop().await;
}

#[tokio::test]
async fn creating_is_idempotent_by_key() {
    let test = start().await;
    let order = test.sandbox_order("a");
    let first = test.client.checkout(&order).await.expect("created");
    assert_eq!(test.client.checkout(&order).await.expect("the same"), first);
    test.clock.advance(Duration::from_secs(3600));
    assert_eq!(test.client.checkout(&order).await.expect("the same, long after"), first);
    let error = test.client.checkout(&CreatePayment { amount: Money::new(1, COP), ..order }).await;
    assert!(
        matches!(&error, Err(GatewayError::Refused { code, .. }) if code == "idempotency_conflict"),
        "{error:?}"
    );
    assert_eq!(test.simulator.purchases().expect("listed").len(), 1);
}

#[tokio::test]
async fn payments_are_found_by_reference_newest_first() {
    let test = start().await;
    let first = test.create("a").await;
    test.simulator.act(&first, DECLINE).expect("declined");
    let second = CreatePayment { reference: "ref-a".to_owned(), ..test.sandbox_order("b") };
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
async fn notifications_are_sent_again_until_accepted_but_not_for_ever() {
    let test = start().await;
    let (kept, lost) = (test.create("a").await, test.create("b").await);
    let accepted =
        async || test.arrived().await.into_iter().map(|arrival| arrival.accepted).collect::<Vec<_>>();
    lock(&test.shop.moods).extend([503; 5]);
    test.simulator.approve(&kept).expect("paid");
    assert_eq!(accepted().await, [false, false, false, false, false, true], "the sixth try");
    lock(&test.shop.moods).extend([503; 6]);
    test.simulator.approve(&lost).expect("paid");
    assert_eq!(accepted().await, [false; 6], "given up");
    assert!(lock(&test.shop.moods).is_empty());
}

#[tokio::test]
async fn unpaid_payments_expire_and_may_still_be_paid_late() {
    let test = start().await;
    let (forgotten, late, scheduled) =
        (test.create("a").await, test.create("b").await, test.create("c").await);
    let after_expiry = format!("{}/pay/{scheduled}/after-expiry", test.simulator.url());
    let answer = test.browser.post(after_expiry).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    assert_eq!(test.status(&scheduled).await, PaymentStatus::Pending);

    test.clock.advance(Duration::from_secs(9 * 60 + 1));
    for id in [&forgotten, &late, &scheduled] {
        assert_eq!(test.status(id).await, PaymentStatus::Expired);
    }
    assert_eq!(test.arrived().await.len(), 3);
    test.simulator.approve(&late).expect("late, but paid");
    test.clock.advance(Duration::from_secs(120));
    assert_eq!(test.arrived().await.len(), 2);
    assert_eq!(test.status(&forgotten).await, PaymentStatus::Expired);
    assert_eq!(test.status(&late).await, PaymentStatus::Approved);
    assert_eq!(test.status(&scheduled).await, PaymentStatus::Approved);
}

#[tokio::test]
async fn refunds_are_partial_or_whole_and_happen_once() {
    let test = start().await;
    let id = test.create("a").await;
    let code = |result: Result<RefundStatus, GatewayError>| match result {
        Err(GatewayError::Refused { code, .. }) => code,
        other => format!("{other:?}"),
    };
    assert_eq!(code(test.refund_once(&id, 1, "r0").await), "not_refundable");
    test.simulator.approve(&id).expect("paid");
    test.arrived().await;
    for _ in 0..3 {
        assert_eq!(test.refund_once(&id, 250_000, "r1").await.expect("refunded"), RefundStatus::Done);
    }
    let report = test.report(&id).await;
    assert_eq!((report.status, report.refunded), (PaymentStatus::Approved, Money::new(250_000, COP)));
    assert_eq!(code(test.refund_once(&id, 1_000_001, "r2").await), "refund_exceeds_payment");
    assert_eq!(code(test.refund_once(&id, 250_001, "r1").await), "idempotency_conflict");
    assert_eq!(test.refund_once(&id, 1_000_000, "r3").await.expect("refunded"), RefundStatus::Done);
    assert_eq!(test.refund_once(&id, 1_000_000, "r3").await.expect("the same"), RefundStatus::Done);
    let report = test.report(&id).await;
    assert_eq!((report.status, report.refunded), (PaymentStatus::Refunded, report.amount));
    assert_eq!(test.arrived().await.len(), 2, "one for each refund");

    let cash = test.create("b").await;
    test.simulator.act(&cash, Action::Decide(Method::Cash, Status::Approved)).expect("paid");
    assert!(matches!(test.refund_once(&cash, 1, "r4").await, Err(GatewayError::Unsupported)));
    test.simulator.act(&cash, Action::ChargeBack).expect("disputed");
    assert_eq!(test.status(&cash).await, PaymentStatus::ChargedBack);
}

#[tokio::test]
async fn a_restart_keeps_payments_keys_and_refunds() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = start_in(Some(folder.path().to_owned())).await;
    let paid = test.create("a").await;
    let order = test.sandbox_order("b");
    let open = test.client.checkout(&order).await.expect("created");
    test.simulator.approve(&paid).expect("paid");
    test.refund_once(&paid, 50_000, "r1").await.expect("refunded");
    let before = test.report(&paid).await;
    test.simulator.idle().await;
    test.simulator.stop().await;

    let again = start_in(Some(folder.path().to_owned())).await;
    assert_eq!(again.report(&paid).await, before);
    assert_eq!(again.refund_once(&paid, 50_000, "r1").await.expect("the same"), RefundStatus::Done);
    assert_eq!(again.report(&paid).await.refunded, Money::new(50_000, COP));
    let repeated = again.client.checkout(&order).await.expect("the same");
    assert_eq!(repeated.payment_id, open.payment_id);
    assert_eq!(again.simulator.purchases().expect("listed").len(), 2);
    again.clock.advance(Duration::from_secs(600));
    let open = open.payment_id.expect("an id");
    assert_eq!(again.status(&open).await, PaymentStatus::Expired, "expiry goes on");
}

#[tokio::test]
async fn faults_of_the_api_never_pay_or_refund_twice() {
    let test = start().await;
    let faults = Faults { create_500: 60, refund_500: 60, seed: 3, ..Faults::default() };
    test.simulator.set_faults(faults).expect("in bounds");
    let mut unanswered = 0;
    for n in 0..30 {
        let (key, order) = (n.to_string(), test.sandbox_order(&n.to_string()));
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
        test.simulator.approve(&id).expect("paid");
        while let Err(error) = test.refund_once(&id, 1000, &key).await {
            assert!(error.may_be_repeated(), "{error}");
        }
    }
    assert!(unanswered > 0, "the faults were there");
    let payments = test.simulator.purchases().expect("listed");
    assert_eq!(payments.len(), 30);
    let mut payments = payments.iter().map(|purchase| &purchase.attempts[0]);
    assert!(payments.all(|payment| payment.refunded() == 1000 && payment.refunds.len() == 1));

    // Without a key nothing is created at all, so that nobody builds on luck.
    assert_eq!(test.refused("/v1/payments", None, &json!({})).await, (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn an_answer_that_hangs_is_given_up_and_found_again() {
    let test = start().await;
    let faults = Faults { timeouts: 100, timeout_ms: 60_000, ..Faults::default() };
    test.simulator.set_faults(faults).expect("in bounds");
    let order = test.sandbox_order("a");
    let impatient = Timeouts {
        attempt: Duration::from_millis(50),
        total: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let url = test.simulator.url().parse().expect("a URL");
    let client = SandboxGateway::new(url, API_KEY, SECRET, &Connections::new(impatient)).expect("a header");
    let error = client.checkout(&order).await.expect_err("no answer");
    assert!(error.may_be_repeated(), "{error}");
    test.simulator.set_faults(Faults::default()).expect("in bounds");
    let created = test.client.checkout(&order).await.expect("created before");
    let payments = test.simulator.purchases().expect("listed");
    assert_eq!(payments.len(), 1);
    assert_eq!(created.payment_id.as_ref(), Some(&payments[0].id));
}

#[tokio::test]
async fn questions_may_be_in_trouble_too() {
    let test = start().await;
    let id = test.create("a").await;
    for faults in [
        Faults { read_500: 100, ..Faults::default() },
        Faults { lost_answers: 100, ..Faults::default() },
        Faults { busy: 100, ..Faults::default() },
    ] {
        test.simulator.set_faults(faults).expect("in bounds");
        let error = test.client.payment(&id).await.expect_err("no answer");
        assert!(error.may_be_repeated(), "{faults:?}: {error}");
    }
    test.simulator.set_faults(Faults { lost_answers: 100, ..Faults::default() }).expect("in bounds");
    test.client.checkout(&test.sandbox_order("b")).await.expect_err("no answer");
    assert_eq!(test.simulator.purchases().expect("listed").len(), 2, "it was done all the same");
}

#[tokio::test]
async fn a_person_pays_on_the_page_and_is_sent_back() {
    let test = start().await;
    let id = test.create("a").await;
    let page = format!("{}/pay/{id}", test.simulator.url());
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
        format!("{}/orders/1?lang=es&payment_id={id}&reference=ref-a&status={status}", test.shop.url)
    };
    assert_eq!(choose("later?seconds=30").await, (303, Some(back("pending"))));
    test.clock.advance(Duration::from_secs(31));
    assert_eq!(test.status(&id).await, PaymentStatus::Approved);
    assert_eq!(choose("decline").await, (303, Some(format!("/pay/{id}"))), "too late for that");
    let declined = test.create("b").await;
    let page = format!("{}/pay/{declined}/decline", test.simulator.url());
    let answer = test.browser.post(page).send().await.expect("an answer");
    let back = answer.headers()["location"].to_str().expect("text");
    assert!(back.ends_with("&status=declined"), "there is no other try: {back}");
    assert_eq!(
        test.browser.get(format!("{}/pay/x", test.simulator.url())).send().await.expect("an answer").status(),
        404
    );
}

#[tokio::test]
async fn scripts_control_it_over_http() {
    let test = start().await;
    let id = test.create("a").await;
    assert_eq!(
        test.send(&format!("/control/payments/{id}/approve?method=cash"), None, &json!({})).await.0,
        200
    );
    let (status, refused) = test.send(&format!("/control/payments/{id}/expire"), None, &json!({})).await;
    assert!(status == 409 && refused.contains("wrong_state"), "{refused}");
    assert_eq!(test.send("/control/payments/pay_none/approve", None, &json!({})).await.0, 404);
    assert_eq!(test.send(&format!("/control/payments/{id}/steal"), None, &json!({})).await.0, 400);
    assert_eq!(test.send("/control/faults", None, &json!({"create_500": 101})).await.0, 400);
    assert_eq!(test.send("/control/faults", None, &json!({"nonsense": 1})).await.0, 400);
    assert_eq!(test.send("/control/faults", None, &json!({"create_500": 100, "seed": 9})).await.0, 200);

    let get = async |path: &str| {
        let answer =
            test.browser.get(format!("{}{path}", test.simulator.url())).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    assert_eq!(get("/control/idle").await, (204, String::new()));
    assert!(get("/control/faults").await.1.contains("\"create_500\":100"));
    let listed = get("/control/purchases?status=approved&limit=5").await.1;
    assert!(listed.contains(&id) && listed.contains("\"method\":\"cash\""), "{listed}");
    assert!(!get("/control/purchases?status=declined").await.1.contains(&id));
    assert_eq!(get("/control/purchases?status=x").await.0, 400);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_a_reason() {
    let test = start().await;
    let stranger = test.browser.get(format!("{}/v1/payments/x", test.simulator.url())).send().await;
    assert_eq!(stranger.expect("an answer").status(), 401);
    let url = test.simulator.url().parse().expect("a URL");
    let wrong_key =
        SandboxGateway::new(url, "another key", SECRET, &Connections::default()).expect("a header");
    assert!(matches!(wrong_key.payment("pay_1").await, Err(GatewayError::Protocol(_))));

    let good = json!({
        "reference": "r", "amount": 1, "currency": "COP", "seller": "s", "description": "d",
        "buyer": {"email": "a@example.com", "name": "a"},
        "expires_at": (test.clock.now() + jiff::SignedDuration::from_mins(5)).to_string(),
        "return_url": "http://127.0.0.1/", "notification_url": "http://127.0.0.1/",
    });
    assert_eq!(test.send("/v1/payments", Some("good"), &good).await.0, 201);
    let nameless = json!({"email": "a@example.com", "name": ""});
    let nameless = json!({"reference": "n", "buyer": nameless});
    let mut body = good.clone();
    body.as_object_mut().expect("an object").extend(nameless.as_object().expect("an object").clone());
    assert_eq!(test.send("/v1/payments", Some("nameless"), &body).await.0, 201, "a name is not needed");
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
        let refused = test.refused("/v1/payments", Some("bad"), &body).await;
        assert_eq!(refused, (400, "invalid_request".to_owned()), "{body}");
    }
    let mut huge = good.clone();
    huge["description"] = json!("x".repeat(crate::server::MAX_BODY_BYTES));
    assert_eq!(test.refused("/v1/payments", Some("bad"), &huge).await, (413, "unreadable_body".to_owned()));
    assert_eq!(test.send("/v1/payments", Some(&"k".repeat(129)), &good).await.0, 400);
    assert_eq!(test.refused("/v1/refunds", Some("k"), &good).await, (404, "not_found".to_owned()));
    assert_eq!(test.simulator.purchases().expect("listed").len(), 2);
}

#[tokio::test]
async fn every_state_has_a_page_in_both_languages_and_nothing_is_injected() {
    let test = start().await;
    let states: [&[Action]; 8] = [
        &[],
        &[Action::Begin(Method::Cash)],
        &[APPROVE],
        &[DECLINE],
        &[CANCEL],
        &[EXPIRE],
        &[APPROVE, Action::Refund(None)],
        &[APPROVE, Action::ChargeBack],
    ];
    for (n, actions) in states.into_iter().enumerate() {
        for (language, word) in [(Language::Es, "Total"), (Language::En, "Total to pay")] {
            let description = "<script>alert(1)</script>".to_owned();
            let order = test.sandbox_order(&format!("{n}-{word}").replace(' ', "-"));
            let order = CreatePayment { language, description, ..order };
            let id = test.client.checkout(&order).await.expect("created").payment_id.expect("an id");
            for action in actions {
                test.simulator.act(&id, *action).expect("possible");
            }
            let page = format!("{}/pay/{id}", test.simulator.url());
            let page = test.browser.get(page).send().await.expect("an answer").text().await.expect("a page");
            assert!(page.contains(word) && page.contains("COP 12") && !page.contains("<script"), "{page}");
            let can_pay = matches!(actions, [] | [Action::Begin(_)]) || actions == [EXPIRE];
            let button = format!("formaction=\"/pay/{id}/approve\"");
            assert_eq!(page.contains(&button), can_pay, "{actions:?}: {page}");
        }
    }
    let page = test.browser.get(format!("{}/pay/pay_none", test.simulator.url())).send().await;
    let page = page.expect("an answer").text().await.expect("a page");
    assert!(page.contains("No hay nada que pagar."), "{page}");
}

#[tokio::test]
async fn the_shops_own_parameters_survive() {
    let test = start().await;
    let return_url = "http://shop.example/o/1?a=b#x".to_owned();
    let order = CreatePayment { return_url, ..test.sandbox_order("r") };
    let id = test.client.checkout(&order).await.expect("created").payment_id.expect("an id");
    let later = test.browser.post(format!("{}/pay/{id}/later", test.simulator.url())).send().await;
    assert_eq!(
        later.expect("an answer").headers()["location"],
        format!("http://shop.example/o/1?a=b&payment_id={id}&reference=ref-r&status=pending#x")
    );
}
