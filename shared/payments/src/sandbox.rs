//! Client of the sandbox gateway, the simulated gateway of the local cloud.
//!
//! # Protocol
//!
//! JSON over HTTP with `Authorization: Bearer <API key>`. Amounts are integers of
//! minor units beside an ISO 4217 code, times are RFC 3339.
//!
//! - `POST /v1/payments` with `Idempotency-Key` → 201, a payment; its page offers cash if the body
//!   has `cash_until`, which is then the end of slips. A payment that waits for cash has `pay_by`,
//!   `slip_url` and `slip_code`.
//! - `GET /v1/payments/{id}` → 200, a payment
//! - `GET /v1/payments?reference=` → 200, `{"payments": [..]}`, the newest first
//! - `POST /v1/payments/{id}/cancel` → 200, a payment that cannot be paid any more
//! - `POST /v1/payments/{id}/refunds` with `Idempotency-Key` → 201, a refund, done at once
//! - errors: `{"error": {"code", "message"}}`
//!
//! Every change of a payment is posted to its `notification_url` as `{"id", "type":
//! "payment.updated", "created_at", "data": {"id", "status"}}` with the header
//! `x-sandbox-signature: t=<unix seconds>,v1=<hex>`, where `v1` is the HMAC-SHA-256,
//! under the webhook secret, of `<t>.<body>`. There may be several `v1` while a
//! secret is being replaced; other labels are to be ignored.

use std::fmt;
use std::time::Duration;

use boot::{ConfigError, Env};
use domain::{Currency, Language, Money, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use outbound::{Answer, Call, Connections, HttpClient, Url, service_url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::methods::{method_kind, method_name, slip_code};
use crate::untrusted::{checked_id, clip, is_id, page_address, path_id};
use crate::{
    BuyerStep, Checkout, CreatePayment, Due, GatewayError, GatewayName, MAX_PAYMENTS_OF_REFERENCE,
    MAX_WEBHOOK_BYTES, Notification, OpenPayment, PaymentGateway, PaymentHint, PaymentReport, PaymentStatus,
    RefundPayment, RefundReport, RefundStatus, Reply, Result, Subject, WebhookRefused, WebhookRequest,
};

/// The header that carries a notification's signature.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-sandbox-signature");

/// The largest difference of a signature's time from ours, in either direction.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Client of the sandbox gateway.
pub struct SandboxGateway {
    http: HttpClient,
    webhook_secret: String,
}

impl fmt::Debug for SandboxGateway {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxGateway").finish_non_exhaustive()
    }
}

impl SandboxGateway {
    /// All variables that configure it.
    pub(super) const VARIABLES: [&str; 3] =
        ["SANDBOX_GATEWAY_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"];

    /// The sandbox at `SANDBOX_GATEWAY_URL`, with `SANDBOX_API_KEY` and
    /// `SANDBOX_WEBHOOK_SECRET`.
    ///
    /// # Errors
    /// If one is missing or malformed, or a secret has less than 32 characters.
    pub fn from_env(env: &Env, connections: &Connections) -> Result<Self, ConfigError> {
        let [url, key, secret] = Self::VARIABLES;
        let base = service_url(env, url)?;
        for name in [key, secret] {
            if env.required(name)?.len() < 32 {
                return Err(ConfigError::new(name, "must have at least 32 characters"));
            }
            // Long enough to pass for a secret, and public to every reader of the template.
            if env.required(name)?.starts_with("arn:") {
                return Err(ConfigError::new(name, "is where a secret is kept, not the secret"));
            }
        }
        Self::new(base, env.required(key)?, env.required(secret)?, connections)
            .ok_or_else(|| ConfigError::new(key, "must have visible ASCII characters only"))
    }

    /// The sandbox at `url`; `None` if the key cannot be sent in a header.
    pub fn new(url: Url, api_key: &str, webhook_secret: &str, connections: &Connections) -> Option<Self> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {api_key}")).ok()?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        Some(Self {
            http: HttpClient::new(url, headers, connections),
            webhook_secret: webhook_secret.to_owned(),
        })
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let answer = self.http.send(&call).await?;
        if answer.status.is_success() {
            return answer.json().map_err(|error| GatewayError::Protocol(error.to_string()));
        }
        Err(refusal(&answer))
    }

    async fn create_payment(&self, payment: &CreatePayment) -> Result<Checkout> {
        let body = wire::NewPayment {
            reference: &payment.reference,
            amount: payment.amount.amount,
            currency: payment.amount.currency,
            seller: clip(&payment.seller, 100),
            description: clip(&payment.description, 200),
            buyer: wire::Buyer {
                email: clip(&payment.buyer_email, 254),
                name: clip(&payment.buyer_name, 100),
            },
            expires_at: payment.expires_at,
            cash_until: payment.cash_until,
            return_url: &payment.return_url,
            notification_url: &payment.notification_url,
            language: payment.language,
        };
        let call = Call::post(["v1", "payments"], &body)?
            .idempotency_key(IDEMPOTENCY_KEY, &payment.idempotency_key)?;
        let created: wire::Payment = self.call(call).await?;
        if created.reference != payment.reference || created.money() != payment.amount {
            return Err(GatewayError::Protocol(
                "it created another payment than it was asked for".to_owned(),
            ));
        }
        Ok(Checkout {
            payment_id: Some(checked_id(created.id)?),
            step: BuyerStep::Open { url: created.checkout_url },
            is_repeatable: true,
            keeps_fee: false,
            expires_at: created.expires_at,
        })
    }

    async fn refund_payment(&self, refund: &RefundPayment) -> Result<RefundReport> {
        let path = ["v1", "payments", path_id(&refund.payment_id)?, "refunds"];
        let body = wire::NewRefund { amount: refund.amount.amount, currency: refund.amount.currency };
        let call = Call::post(path, &body)?.idempotency_key(IDEMPOTENCY_KEY, &refund.idempotency_key)?;
        let made: wire::Refund = self.call(call).await?;
        let wire::RefundStatus::Done = made.status;
        Ok(RefundReport { refund_id: checked_id(made.id)?, status: RefundStatus::Done })
    }
}

impl PaymentGateway for SandboxGateway {
    fn name(&self) -> GatewayName {
        GatewayName::Sandbox
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        Box::pin(self.create_payment(payment))
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        if request.body.len() > MAX_WEBHOOK_BYTES {
            return Err(WebhookRefused::NotANotification);
        }
        verify_signature(&self.webhook_secret, request)?;
        let event: wire::Event =
            serde_json::from_slice(request.body).map_err(|_| WebhookRefused::NotANotification)?;
        if !is_id(&event.id) {
            return Err(WebhookRefused::NotANotification);
        }
        let subject = match (event.kind.as_str(), event.data.id) {
            ("payment.updated", Some(payment_id)) if is_id(&payment_id) => {
                Subject::Payments(PaymentHint::Payment { payment_id, reference: None })
            }
            ("payment.updated", _) => return Err(WebhookRefused::NotANotification),
            (kind, _) => Subject::Unknown { kind: clip(kind, 64) },
        };
        Ok(Notification { id: event.id, subject })
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(async move {
            let payment: wire::Payment =
                self.call(Call::get(["v1", "payments", path_id(payment_id)?])).await?;
            if payment.id != payment_id {
                return Err(GatewayError::Protocol("it answered with another payment".to_owned()));
            }
            payment.report()
        })
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(async move {
            let call = Call::get(["v1", "payments"])
                .query("reference", reference)
                .query("limit", MAX_PAYMENTS_OF_REFERENCE.to_string());
            let list: wire::PaymentList = self.call(call).await?;
            if list.payments.iter().any(|payment| payment.reference != reference) {
                return Err(GatewayError::Protocol("it answered with other references".to_owned()));
            }
            list.payments.into_iter().take(MAX_PAYMENTS_OF_REFERENCE).map(wire::Payment::report).collect()
        })
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.refund_payment(refund))
    }

    fn close<'a>(&'a self, payment: &'a OpenPayment) -> Reply<'a, ()> {
        Box::pin(async move {
            let id = payment.payment_id.as_deref().ok_or(GatewayError::NotFound)?;
            let call = Call::post(["v1", "payments", path_id(id)?, "cancel"], &serde_json::json!({}))?;
            self.call::<wire::Payment>(call).await.map(drop)
        })
    }
}

/// The error behind an answer that is no success.
fn refusal(answer: &Answer) -> GatewayError {
    if answer.is_transient_failure() {
        return GatewayError::unavailable(answer);
    }
    match answer.status {
        StatusCode::NOT_FOUND => GatewayError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            GatewayError::Protocol("it does not accept the API key".to_owned())
        }
        status => match answer.json::<wire::Failure>() {
            Ok(failure) if failure.error.code == "refund_unsupported" => GatewayError::Unsupported,
            Ok(failure) => GatewayError::Refused {
                code: clip(&failure.error.code, 64),
                message: clip(&failure.error.message, 300),
            },
            Err(_) => {
                GatewayError::Protocol(format!("it answered with status {status} and no error of its own"))
            }
        },
    }
}

/// Checks `x-sandbox-signature` in constant time.
fn verify_signature(secret: &str, request: &WebhookRequest<'_>) -> Result<(), WebhookRefused> {
    let mut values = request.headers.get_all(SIGNATURE_HEADER).iter();
    let header = values.next().ok_or(WebhookRefused::Unsigned)?;
    let text = header.to_str().map_err(|_| WebhookRefused::Malformed)?;
    if values.next().is_some() || text.len() > 1024 {
        return Err(WebhookRefused::Malformed);
    }
    let (mut time, mut signatures) = (None, Vec::new());
    for part in text.split(',') {
        match part.trim().split_once('=').ok_or(WebhookRefused::Malformed)? {
            ("t", _) if time.is_some() => return Err(WebhookRefused::Malformed),
            ("t", value) => time = Some(value),
            ("v1", value) => {
                let mut signature = [0; 32];
                hex::decode_to_slice(value, &mut signature).map_err(|_| WebhookRefused::Malformed)?;
                signatures.push(signature);
            }
            _ => {}
        }
    }
    let time = time.filter(|time| time.len() <= 12 && time.bytes().all(|byte| byte.is_ascii_digit()));
    let time = time.ok_or(WebhookRefused::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| WebhookRefused::Malformed)?;
    if signatures.is_empty() {
        return Err(WebhookRefused::Unsigned);
    }
    if request.received_at.as_second().abs_diff(seconds) > TOLERANCE.as_secs() {
        return Err(WebhookRefused::OutOfTime);
    }
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(request.body);
    // All are compared, so that the time does not tell which one fits.
    let fits = signatures.iter().filter(|signature| mac.clone().verify_slice(&signature[..]).is_ok()).count();
    if fits > 0 { Ok(()) } else { Err(WebhookRefused::Mismatch) }
}

/// The bodies of the sandbox's protocol.
mod wire {
    use super::*;

    #[derive(Serialize)]
    pub(super) struct NewPayment<'a> {
        pub(super) reference: &'a str,
        pub(super) amount: i64,
        pub(super) currency: Currency,
        pub(super) seller: String,
        pub(super) description: String,
        pub(super) buyer: Buyer,
        pub(super) expires_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) cash_until: Option<Timestamp>,
        pub(super) return_url: &'a str,
        pub(super) notification_url: &'a str,
        pub(super) language: Language,
    }

    #[derive(Serialize)]
    pub(super) struct Buyer {
        pub(super) email: String,
        pub(super) name: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Payment {
        pub(super) id: String,
        pub(super) reference: String,
        pub(super) status: Status,
        pub(super) amount: i64,
        pub(super) currency: Currency,
        pub(super) refunded_amount: i64,
        pub(super) reason: Option<String>,
        pub(super) checkout_url: String,
        pub(super) expires_at: Timestamp,
        pub(super) approved_at: Option<Timestamp>,
        #[serde(default)]
        pub(super) method: Option<String>,
        #[serde(default)]
        pub(super) pay_by: Option<Timestamp>,
        #[serde(default)]
        pub(super) slip_url: Option<String>,
        #[serde(default)]
        pub(super) slip_code: Option<String>,
    }

    #[derive(Deserialize)]
    pub(super) struct PaymentList {
        pub(super) payments: Vec<Payment>,
    }

    /// A payment's status. One that is not listed fails to parse, and the operator is
    /// told of it: guessing its meaning would be guessing about money.
    #[derive(Clone, Copy, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum Status {
        Pending,
        InProcess,
        Approved,
        Declined,
        Cancelled,
        Expired,
        Refunded,
        ChargedBack,
    }

    #[derive(Serialize)]
    pub(super) struct NewRefund {
        pub(super) amount: i64,
        pub(super) currency: Currency,
    }

    #[derive(Deserialize)]
    pub(super) struct Refund {
        pub(super) id: String,
        pub(super) status: RefundStatus,
    }

    /// A refund's status. The sandbox gives money back at once, so there is no other.
    #[derive(Clone, Copy, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub(super) enum RefundStatus {
        Done,
    }

    #[derive(Deserialize)]
    pub(super) struct Failure {
        pub(super) error: FailureDetail,
    }

    #[derive(Deserialize)]
    pub(super) struct FailureDetail {
        pub(super) code: String,
        #[serde(default)]
        pub(super) message: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Event {
        pub(super) id: String,
        #[serde(rename = "type")]
        pub(super) kind: String,
        #[serde(default)]
        pub(super) data: EventData,
    }

    #[derive(Default, Deserialize)]
    pub(super) struct EventData {
        pub(super) id: Option<String>,
    }

    impl Payment {
        pub(super) fn money(&self) -> Money {
            Money::new(self.amount, self.currency)
        }

        pub(super) fn report(self) -> Result<PaymentReport> {
            let amount = self.money();
            if amount.amount <= 0 || !(0..=amount.amount).contains(&self.refunded_amount) {
                return Err(GatewayError::Protocol("its amounts make no sense".to_owned()));
            }
            let status = match self.status {
                Status::Pending => PaymentStatus::Open,
                Status::InProcess => PaymentStatus::Pending,
                Status::Approved => PaymentStatus::Approved,
                Status::Declined => PaymentStatus::Declined,
                Status::Cancelled => PaymentStatus::Cancelled,
                Status::Expired => PaymentStatus::Expired,
                Status::Refunded => PaymentStatus::Refunded,
                Status::ChargedBack => PaymentStatus::ChargedBack,
            };
            let due = Due {
                by: self.pay_by,
                slip_url: self.slip_url.and_then(|url| page_address(&url).ok()),
                code: self.slip_code.as_deref().and_then(slip_code),
            };
            let is_due = status == PaymentStatus::Pending && due != Due::default();
            let word = self.method.as_deref();
            Ok(PaymentReport {
                refunded: Money::new(self.refunded_amount, self.currency),
                reason: self.reason.map(|reason| clip(&reason, 100)),
                approved_at: self.approved_at,
                method: word.map(|word| method_kind(GatewayName::Sandbox, word)),
                method_name: word.and_then(method_name),
                due: is_due.then_some(due),
                ..PaymentReport::new(checked_id(self.id)?, clip(&self.reference, 256), status, amount)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with an independent HMAC-SHA-256; the simulated gateway has the same.
    const SECRET: &str = "sandbox-webhook-secret-of-the-tests";
    const TIME: i64 = 1_795_000_000;
    const BODY: &str = r#"{"id":"ntf_1","type":"payment.updated","created_at":"2026-11-18T16:26:40Z","data":{"id":"pay_1","status":"approved"}}"#;
    const SIGNATURE: &str = "6b428bd45d8cc5c634b682141b464fc970525f255629ab90172e52e9b6e8d22a";

    fn verify(headers: &[&str], body: &str, late: i64) -> Result<Notification, WebhookRefused> {
        let url = "http://127.0.0.1:9".parse().expect("a URL");
        let gateway = SandboxGateway::new(url, "key", SECRET, &Connections::default()).expect("a header");
        let headers =
            headers.iter().map(|text| (SIGNATURE_HEADER, text.parse().expect("a header value"))).collect();
        gateway.verify_webhook(&WebhookRequest {
            headers: &headers,
            query: "",
            body: body.as_bytes(),
            received_at: Timestamp::from_second(TIME + late).expect("in range"),
        })
    }

    fn signed(body: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(format!("{TIME}.{body}").as_bytes());
        format!("t={TIME},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_genuine_notification_passes_and_one_flipped_bit_fails() {
        let header = format!("t={TIME},v1={SIGNATURE}");
        let expected = Notification {
            id: "ntf_1".to_owned(),
            subject: Subject::Payments(PaymentHint::Payment {
                payment_id: "pay_1".to_owned(),
                reference: None,
            }),
        };
        assert_eq!(verify(&[&header], BODY, 0), Ok(expected.clone()));
        let rotated = format!("v0=zz, t={TIME},v1={},v1={}", "00".repeat(32), SIGNATURE.to_uppercase());
        assert_eq!(verify(&[&rotated], BODY, 0), Ok(expected));

        for at in 0..BODY.len() {
            let mut body = BODY.as_bytes().to_vec();
            body[at] ^= 1;
            let body = String::from_utf8(body).expect("still ASCII");
            assert_eq!(verify(&[&header], &body, 0), Err(WebhookRefused::Mismatch), "{body}");
        }
        for at in 0..64 {
            let mut signature = hex::decode(SIGNATURE).expect("hexadecimal");
            signature[at / 2] ^= 1 << (at % 8);
            let header = format!("t={TIME},v1={}", hex::encode(signature));
            assert_eq!(verify(&[&header], BODY, 0), Err(WebhookRefused::Mismatch), "{header}");
        }
        let shifted = format!("t={},v1={SIGNATURE}", TIME + 1);
        assert_eq!(verify(&[&shifted], BODY, 0), Err(WebhookRefused::Mismatch));
    }

    #[test]
    fn replays_and_wrong_clocks_are_refused_beyond_five_minutes() {
        let header = format!("t={TIME},v1={SIGNATURE}");
        for (late, passes) in [(300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(verify(&[&header], BODY, late).is_ok(), passes, "{late}");
        }
        assert_eq!(verify(&[&header], BODY, 301), Err(WebhookRefused::OutOfTime));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let (good, time) = (format!("t={TIME},v1={SIGNATURE}"), format!("t={TIME}"));
        assert_eq!(verify(&[], BODY, 0), Err(WebhookRefused::Unsigned));
        assert_eq!(verify(&[&time], BODY, 0), Err(WebhookRefused::Unsigned));
        for header in [
            String::new(),
            format!("v1={SIGNATURE}"),
            format!("t=,v1={SIGNATURE}"),
            format!("t=+{TIME},v1={SIGNATURE}"),
            format!("t=99999999999999999999,v1={SIGNATURE}"),
            format!("{time},{good}"),
            format!("{time},v1={}", &SIGNATURE[2..]),
            format!("{time},v1={}", "zz".repeat(32)),
            format!("{good},{}", "x=y,".repeat(400)),
        ] {
            assert_eq!(verify(&[&header], BODY, 0), Err(WebhookRefused::Malformed), "{header}");
        }
        assert_eq!(verify(&[&good, &good], BODY, 0), Err(WebhookRefused::Malformed), "ambiguous");
    }

    #[test]
    fn unknown_kinds_are_acknowledged_and_nonsense_is_not() {
        let check = |body: &str| verify(&[&signed(body)], body, 0).map(|notification| notification.subject);
        assert_eq!(
            check(r#"{"id":"ntf_2","type":"payout.sent","data":{"sum":1}}"#),
            Ok(Subject::Unknown { kind: "payout.sent".to_owned() })
        );
        assert_eq!(check(r#"{"id":"ntf_2","type":"x"}"#), Ok(Subject::Unknown { kind: "x".to_owned() }));
        for nonsense in [
            "",
            "[]",
            r#"{"id":"ntf_2","type":"payment.updated"}"#,
            r#"{"id":"ntf_2","type":"payment.updated","data":{"id":"../refunds"}}"#,
            r#"{"id":"","type":"x"}"#,
        ] {
            assert_eq!(check(nonsense), Err(WebhookRefused::NotANotification), "{nonsense}");
        }
        let huge = format!(r#"{{"id":"ntf_2","type":"{}"}}"#, "x".repeat(MAX_WEBHOOK_BYTES));
        assert_eq!(check(&huge), Err(WebhookRefused::NotANotification));
    }

    #[test]
    fn answers_are_put_into_our_words() {
        let answer = |status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).expect("a status");
            refusal(&Answer { status, retry_after: None, body: body.into() }).to_string()
        };
        insta::assert_snapshot!(
            [
                answer(500, ""),
                answer(404, ""),
                answer(401, ""),
                answer(409, r#"{"error":{"code":"refund_unsupported"}}"#),
                answer(409, r#"{"error":{"code":"refund_exceeds_payment","message":"Too much."}}"#),
                answer(418, "<html>"),
            ]
            .join("\n"),
            @r"
        the gateway is unavailable
        the gateway knows no such payment
        the gateway was not understood: it does not accept the API key
        the gateway has no call for this
        the gateway refused: refund_exceeds_payment: Too much.
        the gateway was not understood: it answered with status 418 I'm a teapot and no error of its own
        "
        );
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let url = "http://127.0.0.1:9".parse().expect("a URL");
        let gateway =
            SandboxGateway::new(url, "key-4711", "secret-4711", &Connections::default()).expect("a header");
        assert!(!format!("{gateway:?}{:?}", gateway.http).contains("4711"));
    }
}
