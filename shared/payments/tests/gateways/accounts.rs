//! Tenants' accounts: credentials by version, probes, and the pause for a gateway that
//! does not answer. Secrets Manager and the gateway are stubs, and the clock moves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use boot::{Boot, Clock};
use domain::gateway_account::{GatewayAccount, Mode};
use domain::payment::GatewayName;
use domain::{Currency, Error, GatewayAccountId, TenantId, Timestamp};
use http::StatusCode;
use payments::{GatewayError, PaymentGateways, credentials_name};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stub::{COME_BACK_LATER, Stub};

/// The texts of secrets by name and version.
type Texts = Arc<Mutex<HashMap<(String, String), String>>>;

async fn get_secret(State(texts): State<Texts>, body: String) -> (StatusCode, Json<Value>) {
    let asked: Value = serde_json::from_str(&body).expect("JSON");
    let text = |name: &str| asked[name].as_str().expect(name).to_owned();
    match texts.lock().expect("alive").get(&(text("SecretId"), text("VersionId"))) {
        Some(text) if text == "down" => (StatusCode::BAD_REQUEST, Json(json!({"__type": "LimitExceeded"}))),
        Some(text) => (StatusCode::OK, Json(json!({"SecretString": text}))),
        None => (StatusCode::BAD_REQUEST, Json(json!({"__type": "ResourceNotFoundException"}))),
    }
}

struct Bench {
    gateways: PaymentGateways,
    stub: Stub,
    texts: Texts,
    clock: Clock,
    account: GatewayAccount,
}

fn at_version(version: &str, account: &GatewayAccount) -> GatewayAccount {
    GatewayAccount { credentials_version: Some(version.to_owned()), ..account.clone() }
}

impl Bench {
    /// With an account at Mercado Pago, which gives these answers.
    async fn new(answers: &[(u16, &str)]) -> Self {
        let texts = Texts::default();
        let vault = axum::Router::new().route("/", post(get_secret)).with_state(Arc::clone(&texts));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, vault).await });
        let stub = Stub::new(answers.iter().copied()).await;
        let secret = "s".repeat(32);
        let env = [
            ("STAGE", "local"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("SANDBOX_GATEWAY_URL", "http://127.0.0.1:9"),
            ("SANDBOX_API_KEY", &secret),
            ("SANDBOX_WEBHOOK_SECRET", &secret),
            ("MERCADO_PAGO_URL", stub.url.as_str()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let clock = Clock::movable();
        let boot = Boot::new(env.collect(), clock.clone()).expect("configured");
        let gateways = PaymentGateways::new(&boot).expect("configured");
        let now = domain::testing::at(0);
        let account = GatewayAccount {
            id: GatewayAccountId::generate(now),
            tenant_id: TenantId::generate(now),
            gateway: GatewayName::MercadoPago,
            mode: Mode::Test,
            currencies: vec![Currency::CLP],
            position: 0,
            holder: None,
            active: true,
            credentials_version: Some("v1".to_owned()),
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: Some(now),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let bench = Self { gateways, stub, texts, clock, account };
        bench.put("v1", &credentials("first"));
        bench
    }

    fn put(&self, version: &str, text: &str) {
        let name = format!("taquilla/local/{}", credentials_name(self.account.id));
        self.texts.lock().expect("alive").insert((name, version.to_owned()), text.to_owned());
    }

    async fn available(&self) -> Result<(), Error> {
        self.gateways.available(&self.account).await
    }

    async fn search(&self, account: &GatewayAccount) -> Result<(), GatewayError> {
        let client = self.gateways.of(account).await.expect("credentials");
        client.payments_of("r").await.map(drop)
    }
}

fn credentials(token: &str) -> String {
    json!({"access_token": format!("APP_USR-{token}-0123456789"), "webhook_secret": "secret-4711"})
        .to_string()
}

const NONE: (u16, &str) = (200, r#"{"results":[]}"#);
const DOWN: (u16, &str) = (503, COME_BACK_LATER);

#[tokio::test]
async fn new_credentials_make_a_new_client_and_the_old_go_on_elsewhere() {
    let bench = Bench::new(&[NONE, NONE, NONE]).await;
    let first = bench.gateways.of(&bench.account).await.expect("credentials");
    let again = bench.gateways.of(&bench.account).await.expect("credentials");
    assert!(Arc::ptr_eq(&first, &again), "one client for all calls");
    bench.put("v2", &credentials("second"));
    let second = at_version("v2", &bench.account);
    assert!(!Arc::ptr_eq(&first, &bench.gateways.of(&second).await.expect("credentials")));
    // An environment without the change still finds its own version.
    for account in [&bench.account, &second, &bench.account] {
        bench.search(account).await.expect("an answer");
    }
    let seen = bench.stub.seen();
    let tokens: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    let expected = ["first", "second", "first"].map(|token| format!("Bearer APP_USR-{token}-0123456789"));
    assert_eq!(tokens, expected);
}

#[tokio::test]
async fn an_account_without_credentials_has_no_client() {
    let bench = Bench::new(&[]).await;
    let code = async |version: Option<&str>| {
        let account =
            GatewayAccount { credentials_version: version.map(str::to_owned), ..bench.account.clone() };
        let error = bench.gateways.of(&account).await.expect_err("no client");
        assert!(!format!("{error:?}").contains("secret-4711"), "{error:?}");
        error.code()
    };
    assert_eq!(code(None).await, "payment_gateway_missing");
    assert_eq!(code(Some("v0")).await, "internal");
    bench.put("nonsense", "{\"access_token\": \"secret-4711");
    assert_eq!(code(Some("nonsense")).await, "internal");
    bench.put("wrong", r#"{"access_token": "secret-4711", "webhook_secret": "secret-4711"}"#);
    assert_eq!(code(Some("wrong")).await, "internal");
    bench.put("busy", "down");
    assert_eq!(code(Some("busy")).await, "payment_gateway_unavailable");
}

#[tokio::test]
async fn credentials_that_were_deleted_work_for_minutes_at_most() {
    let bench = Bench::new(&[]).await;
    bench.gateways.of(&bench.account).await.expect("credentials");
    bench.texts.lock().expect("alive").clear();
    bench.clock.advance(Duration::from_mins(4));
    bench.gateways.of(&bench.account).await.expect("still cached");
    bench.clock.advance(Duration::from_mins(2));
    assert_eq!(bench.gateways.of(&bench.account).await.expect_err("gone").code(), "internal");
}

#[tokio::test]
async fn a_gateway_that_answers_is_not_probed_again_for_half_a_minute() {
    let bench = Bench::new(&[NONE, DOWN, NONE]).await;
    bench.available().await.expect("answers");
    bench.clock.advance(Duration::from_secs(29));
    bench.available().await.expect("answered just now");
    bench.clock.advance(Duration::from_secs(2));
    let error = bench.available().await.expect_err("down");
    assert_eq!(error.code(), "payment_gateway_unavailable");
    bench.clock.advance(Duration::from_secs(20));
    let pause = bench.available().await.expect_err("was down").retry_after_seconds().expect("a pause");
    assert!((8..=10).contains(&pause), "{pause}");
    bench.clock.advance(Duration::from_secs(11));
    bench.available().await.expect("back again");
    assert_eq!(bench.stub.seen().len(), 3);
}

#[tokio::test]
async fn buyers_that_come_together_ask_once() {
    let bench = Bench::new(&[NONE]).await;
    let (first, second, third) = tokio::join!(bench.available(), bench.available(), bench.available());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(bench.stub.seen().len(), 1);
}

#[tokio::test]
async fn no_buyer_is_sent_to_a_gateway_that_refuses_the_credentials() {
    let bench = Bench::new(&[(401, "{}"), NONE]).await;
    assert_eq!(bench.available().await.expect_err("refused").code(), "payment_gateway_unavailable");
    // New ones are asked about at once.
    bench.put("v2", &credentials("second"));
    bench.gateways.available(&at_version("v2", &bench.account)).await.expect("accepted");
    assert_eq!(bench.stub.seen().len(), 2);
}

#[tokio::test]
async fn an_account_whose_gateway_does_not_answer_gets_a_pause() {
    let bench = Bench::new(&[NONE, DOWN, DOWN, DOWN, DOWN, DOWN, NONE]).await;
    bench.available().await.expect("answers");
    for _ in 0..5 {
        assert!(bench.search(&bench.account).await.expect_err("down").may_be_repeated());
    }
    // Whatever the last probe said, and whatever the credentials are now.
    let pause = bench.available().await.expect_err("a pause").retry_after_seconds().expect("how long");
    assert!((55..=60).contains(&pause), "{pause}");
    bench.put("v2", &credentials("second"));
    let second = at_version("v2", &bench.account);
    assert!(bench.search(&second).await.expect_err("a pause").may_be_repeated());
    // Another account's gateway may well answer.
    let other = GatewayAccount { id: GatewayAccountId::generate(Timestamp::MAX), ..bench.account.clone() };
    assert_eq!(bench.gateways.of(&other).await.expect_err("of its own").code(), "internal");
    bench.clock.advance(Duration::from_secs(61));
    bench.search(&second).await.expect("back again");
    assert_eq!(bench.stub.seen().len(), 7);
}
