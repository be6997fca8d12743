//! The function's router, over a table in memory.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boot::{Boot, Clock, Env, Secret};
use domain::access::Role;
use domain::outbox::Outbox;
use domain::session::Session;
use domain::tenant::Tenant;
use domain::user::{Email, LinkPurpose};
use domain::{Currency, SessionId, TenantId, UserId};
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{AttributeValue, Database};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use queue::TokenSeal;
use serde_json::{Value, json};
use store::limit::DAY;
use store::{Fingerprints, Store};
use tower::ServiceExt;

const TABLE: &str = "taquilla-test";
const SECRET: &str = "only for tests, only for tests, only for tests";

/// The password of every user in the tests.
pub(crate) const PASSWORD: &str = "tres tristes tigres";

#[derive(Clone)]
pub(crate) struct App {
    router: Router,
    database: Database,
    /// The keys of the items whose mails a test has read already.
    read: Arc<Mutex<HashSet<String>>>,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
}

/// The environment variables with which the function starts.
pub(crate) fn variables(endpoint: &str) -> Vec<(&'static str, String)> {
    let key = Secret::new(SECRET).expect("long enough").signing_key("jwt").public();
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("JWT_SECRET", SECRET.to_owned()),
        ("JWT_PUBLIC_KEYS", key.to_string()),
        ("HASH_SECRET", SECRET.to_owned()),
        ("MAIL_SECRET", SECRET.to_owned()),
        ("PUBLIC_URL", "https://boletas.example".to_owned()),
    ]
}

pub(crate) fn boot(variables: Vec<(&'static str, String)>, clock: Clock) -> Boot {
    let env: Env = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Boot::new(env, clock).expect("complete configuration")
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::start_behind(0).await
    }

    /// The function behind `hops` proxies of the operator.
    pub(crate) async fn start_behind(hops: u8) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let database = Database::memory().expect("a database in memory");
        let table: CreateTableRequest = serde_json::from_value(json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "PK", "AttributeType": "S"}, {"AttributeName": "SK", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
        }))
        .expect("a table");
        database.create_table(table).expect("the table is created");
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let mut variables = variables(&endpoint);
        variables.push(("TRUSTED_HOPS", hops.to_string()));
        let boot = boot(variables, Clock::movable());
        // Tries are counted in fixed windows. Starting with a window keeps its end out of the tests.
        let into_window = boot.clock.now().as_second() % i64::from(DAY);
        boot.clock.advance(Duration::from_secs((i64::from(DAY) - into_window).unsigned_abs()));
        let state = auth::State::new(&boot).expect("complete configuration");
        Self {
            router: web::finish(auth::router(state)),
            database,
            read: Arc::default(),
            clock: boot.clock.clone(),
            store: Store::new(&boot).expect("complete configuration"),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Call {
        let path = if path.starts_with("/.") { path.to_owned() } else { format!("/api/v1/auth{path}") };
        let request = Request::builder().method(method).uri(path).header(header::USER_AGENT, "test/1");
        Call { app: self.clone(), request, source: "192.0.2.1".to_owned() }
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.request(Method::POST, path)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.request(Method::GET, path)
    }

    /// Registers a user and confirms the address.
    pub(crate) async fn sign_up(&self, email: &str) -> Value {
        self.post("/register").json(json!({"email": email, "password": PASSWORD})).await.expect(202);
        let token = self.mail(email, LinkPurpose::Welcome).await;
        let signed_in = self.login(email, PASSWORD).await.expect(200);
        let redeem = self.post("/magic-link/redeem").bearer(&signed_in);
        let confirmed = redeem.json(json!({"token": token})).await.expect(200);
        // The test starts with one session.
        self.post("/logout").bearer(&signed_in).send().await.expect(204);
        confirmed
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/login").json(json!({"email": email, "password": password})).await
    }

    /// All mails in outboxes that the test has not read yet.
    pub(crate) async fn mails(&self) -> Vec<(String, LinkPurpose, Option<String>)> {
        let scan = ScanRequest { table_name: TABLE.to_owned(), ..ScanRequest::default() };
        let items = self.database.scan(scan).expect("scanned").items.unwrap_or_default();
        let seal = TokenSeal::new(&Secret::new(SECRET).expect("long enough"));
        let mut mails = Vec::new();
        for item in items {
            let Some(AttributeValue::S(text)) = item.get("ob") else { continue };
            let (to, purpose, sealed_token) = match serde_json::from_str(text) {
                Ok(Outbox::Link { to, purpose, sealed_token, .. }) => (to, purpose, sealed_token),
                Ok(Outbox::FactorsChanged { .. }) => continue,
                other => panic!("an outbox that is no link: {other:?}"),
            };
            let Some(AttributeValue::S(key)) = item.get("PK") else { panic!("an item without a key") };
            if self.read.lock().expect("no panic while locked").insert(key.clone()) {
                let token = sealed_token.map(|token| seal.open(&token, &to.email).expect("opens"));
                mails.push((to.email, purpose, token));
            }
        }
        mails
    }

    /// The token in the one mail that the test has not read yet.
    pub(crate) async fn mail(&self, email: &str, purpose: LinkPurpose) -> String {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        let (to, what, token) = mails.remove(0);
        assert_eq!((to.as_str(), what), (email, purpose));
        token.expect("a token")
    }

    /// Makes the user with this address staff of a new organiser.
    pub(crate) async fn hire(&self, email: &str, role: Role) -> TenantId {
        let fingerprints = Fingerprints::new(&Secret::new(SECRET).expect("long enough"));
        let email: Email = email.parse().expect("an address");
        let user = self.store.user_by_email(&fingerprints, &email).await.expect("read").expect("registered");
        let tenant = TenantId::generate(self.clock.now());
        self.store.add_staff(tenant, user.id, role, self.clock.now()).await.expect("hired");
        tenant
    }

    /// Makes the organiser require a second factor of its staff.
    pub(crate) async fn require_second_factor(&self, id: TenantId) {
        let now = self.clock.now();
        let new = Tenant::new(id, "Faroles del Sur", "hola@example.com", ("CO", Currency::COP), now);
        let tenant = Tenant { requires_second_factor: true, ..new };
        self.store.create_tenant(&tenant).await.expect("created");
    }

    /// Makes the session one from before it was noted when and how its user signed in.
    pub(crate) async fn forget_when_signed_in(&self, signed_in: &Value) {
        let session = self.get("/verify").bearer(signed_in).send().await.expect(200);
        let id: SessionId = session["session_id"].as_str().expect("an id").parse().expect("an id");
        let before = self.store.session(user_id(signed_in), id).await.expect("read").expect("there");
        let old = Session { authenticated_at: None, proofs: Vec::new(), ..before.clone() };
        self.store.strengthen_session(&old, &before).await.expect("written");
    }

    /// The whole table, as text.
    pub(crate) fn dump(&self) -> String {
        let scan = ScanRequest { table_name: TABLE.to_owned(), ..ScanRequest::default() };
        format!("{:?}", self.database.scan(scan).expect("scanned").items)
    }
}

/// A request that is built up; `json` or `send` sends it.
pub(crate) struct Call {
    app: App,
    request: http::request::Builder,
    source: String,
}

impl Call {
    pub(crate) fn bearer(mut self, signed_in: &Value) -> Self {
        let token = signed_in["access_token"].as_str().expect("a token");
        self.request = self.request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        self
    }

    pub(crate) fn from(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) async fn json(mut self, body: Value) -> Answer {
        self.request = self.request.header(header::CONTENT_TYPE, "application/json");
        self.send_body(body.to_string()).await
    }

    pub(crate) async fn send(self) -> Answer {
        self.send_body(String::new()).await
    }

    async fn send_body(self, body: String) -> Answer {
        let mut request = self.request.body(Body::from(body)).expect("a request");
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some(self.source);
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        let response = self.app.router.oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, if the status is this.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Checks that the request was refused with this code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body
    }
}

/// The id of the user who is signed in.
pub(crate) fn user_id(signed_in: &Value) -> UserId {
    signed_in["user"]["id"].as_str().expect("an id").parse().expect("an id")
}
