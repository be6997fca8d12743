//! A service that gives prepared answers one after the other, and records the requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::{Currency, Language, Money, Timestamp};
use http::{HeaderMap, StatusCode, header};
use outbound::{Connections, Timeouts, Url};
use payments::{CreatePayment, PaymentHint, RefundPayment, SignedReference, Subject, WebhookRequest};
use serde_json::Value;
use tokio::net::TcpListener;

/// Connections of a client that hardly waits before it repeats a call.
pub(crate) fn quick() -> Connections {
    Connections::new(Timeouts {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(2),
        total: Duration::from_secs(5),
        backoff: Duration::from_millis(1),
    })
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("text")
    }
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub(crate) struct Stub {
    pub(crate) url: Url,
    script: Script,
}

impl Stub {
    /// Answers with these statuses and bodies.
    pub(crate) async fn new<B: Into<String>>(answers: impl IntoIterator<Item = (u16, B)>) -> Self {
        let answers = answers.into_iter().map(|(status, body)| (status, body.into())).collect();
        let script = Script { answers: Arc::new(Mutex::new(answers)), ..Script::default() };
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    /// The requests. All prepared answers must have been given, and no other.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        assert!(self.script.answers.lock().expect("alive").is_empty(), "answers are left");
        self.script.seen.lock().expect("alive").clone()
    }

    /// Methods and paths of the requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

/// The body of an answer that asks for a pause beyond any patience, so that a call
/// is not repeated.
pub(crate) const COME_BACK_LATER: &str = "come back later";

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let line = format!("{} {}", parts.method, parts.uri);
    script.seen.lock().expect("alive").push(Seen { line: line.clone(), headers: parts.headers, body });
    let next = script.answers.lock().expect("alive").pop_front();
    let (status, body) = next.unwrap_or_else(|| panic!("nothing prepared for {line}"));
    let pause = (body == COME_BACK_LATER).then_some([(header::RETRY_AFTER, "3600")]);
    (StatusCode::from_u16(status).expect("a status"), pause.unwrap_or([(header::VARY, "x")]), body)
        .into_response()
}

pub(crate) fn payment(amount: i64, currency: Currency) -> CreatePayment {
    CreatePayment {
        reference: "ref-1".to_owned(),
        amount: Money::new(amount, currency),
        seller: "Los Faroles".to_owned(),
        description: "2 × Los Faroles".to_owned(),
        buyer_email: "ana@example.com".to_owned(),
        buyer_name: "Ana Pérez".to_owned(),
        expires_at: "2026-11-20T13:15:00.5Z".parse().expect("a time"),
        cash_until: None,
        max_installments: None,
        marketplace_fee: None,
        return_url: "https://boletos.example/#/purchases/1".to_owned(),
        notification_url: "https://boletos.example/api/v1/webhooks/gateway".to_owned(),
        idempotency_key: "ord_1-0".to_owned(),
        language: Language::Es,
    }
}

pub(crate) fn refund(payment_id: &str, amount: i64, paid: i64, currency: Currency) -> RefundPayment {
    RefundPayment {
        payment_id: payment_id.to_owned(),
        amount: Money::new(amount, currency),
        paid: Money::new(paid, currency),
        refunded_before: Money::new(0, currency),
        idempotency_key: format!("ord_1-0-refund-0-{amount}"),
        may_have_been_asked: false,
    }
}

/// The same refund after others of this much.
pub(crate) fn after(before: i64, refund: &RefundPayment) -> RefundPayment {
    RefundPayment { refunded_before: Money::new(before, refund.paid.currency), ..refund.clone() }
}

/// The subject of a notification about a payment.
pub(crate) fn about(payment_id: &str, reference: Option<SignedReference>) -> Subject {
    Subject::Payments(PaymentHint::Payment { payment_id: payment_id.to_owned(), reference })
}

/// A notification that arrives at a time.
pub(crate) fn notification<'a>(
    headers: &'a HeaderMap,
    query: &'a str,
    body: &'a [u8],
    at: i64,
) -> WebhookRequest<'a> {
    WebhookRequest { headers, query, body, received_at: Timestamp::from_second(at).expect("in range") }
}

/// A file of `tests/fixtures`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/", $name))
    };
}
pub(crate) use fixture;
