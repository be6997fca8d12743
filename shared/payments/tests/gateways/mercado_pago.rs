use domain::{Currency, Money};
use http::{HeaderMap, HeaderName};
use payments::mercado_pago::{Credentials, MercadoPagoGateway, manifest, sign};
use payments::{
    BuyerStep, CreatePayment, CredentialCheck, GatewayError, GatewayName, Mode, Notification, PaymentGateway,
    PaymentHint, PaymentStatus, RefundStatus, Subject, WebhookRefused,
};

use crate::stub::{Seen, Stub, about, after, fixture, notification, payment, quick, refund};

const SECRET: &str = "mp_test_secret_01";
const NOW: i64 = 1_795_000_000;

fn made(url: &str, token: &str, secret: &str, mode: Mode) -> MercadoPagoGateway {
    let credentials = Credentials { access_token: token.to_owned(), webhook_secret: secret.to_owned() };
    MercadoPagoGateway::new(url.parse().expect("a URL"), &credentials, mode, &quick()).expect("credentials")
}

pub(crate) fn gateway(url: &str, secret: &str) -> MercadoPagoGateway {
    made(url, "APP_USR-1234567890123456-112015", secret, Mode::Live)
}

async fn with<B: Into<String>>(answers: impl IntoIterator<Item = (u16, B)>) -> (Stub, MercadoPagoGateway) {
    let stub = Stub::new(answers).await;
    let gateway = gateway(stub.url.as_str(), SECRET);
    (stub, gateway)
}

#[tokio::test]
async fn a_preference_is_made_with_our_reference_and_an_expiry() {
    let (stub, gateway) = with([(201, fixture!("mercado_pago/preference.json"))]).await;
    let payment = payment(50_000, Currency::CLP);
    let checkout = gateway.checkout(&payment).await.expect("made");
    let url = "https://www.mercadopago.cl/checkout/v1/redirect?pref_id=123456789-abcd1234".to_owned();
    assert_eq!((checkout.payment_id, checkout.step), (None, BuyerStep::Open { url }));
    assert!(!checkout.is_repeatable, "nobody says that the same key makes the same page");
    assert_eq!((gateway.name(), checkout.expires_at), (GatewayName::MercadoPago, payment.expires_at));

    let [request] = &stub.seen()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /checkout/preferences");
    assert_eq!(request.header("authorization"), "Bearer APP_USR-1234567890123456-112015");
    assert_eq!(request.header("x-idempotency-key").len(), 36);
    let body = std::str::from_utf8(&request.body).expect("text");
    insta::assert_snapshot!(body, @r#"{"items":[{"id":"tickets","title":"2 × Los Faroles","description":"Los Faroles","quantity":1,"currency_id":"CLP","unit_price":50000}],"payer":{"name":"Ana Pérez","email":"ana@example.com"},"back_urls":{"success":"https://boletos.example/#/purchases/1","pending":"https://boletos.example/#/purchases/1","failure":"https://boletos.example/#/purchases/1"},"auto_return":"approved","notification_url":"https://boletos.example/api/v1/webhooks/gateway?source_news=webhooks","external_reference":"ref-1","expires":true,"expiration_date_to":"2026-11-20T13:15:00.500+00:00","payment_methods":{"excluded_payment_types":[{"id":"ticket"},{"id":"atm"}]},"statement_descriptor":"Los Faroles"}"#);
}

/// A payment of 50,000 CLP, of which the operator gets 1,250.
fn with_fee() -> CreatePayment {
    CreatePayment {
        marketplace_fee: Some(Money::new(1_250, Currency::CLP)),
        ..payment(50_000, Currency::CLP)
    }
}

#[tokio::test]
async fn the_operators_fee_is_kept_if_mercado_pago_says_so() {
    let (stub, gateway) = with([(201, fixture!("mercado_pago/preference_with_fee.json"))]).await;
    assert!(gateway.checkout(&with_fee()).await.expect("made").keeps_fee);
    assert_eq!(stub.seen()[0].json()["marketplace_fee"], 1_250);
    for silent in [
        r#"{"id":"1","init_point":"https://pay.example/1"}"#,
        r#"{"id":"1","init_point":"https://pay.example/1","marketplace_fee":null}"#,
        r#"{"id":"1","init_point":"https://pay.example/1","marketplace_fee":0}"#,
    ] {
        let (_stub, gateway) = with([(201, silent)]).await;
        assert!(!gateway.checkout(&with_fee()).await.expect("made").keeps_fee, "{silent}");
    }
    // Nobody asked for one.
    let (stub, gateway) = with([(201, fixture!("mercado_pago/preference_with_fee.json"))]).await;
    assert!(!gateway.checkout(&payment(50_000, Currency::CLP)).await.expect("made").keeps_fee);
    assert_eq!(stub.seen()[0].json().get("marketplace_fee"), None);
}

#[tokio::test]
async fn a_buyer_pays_also_where_the_operators_fee_is_refused() {
    for (status, refusal) in [(400, fixture!("mercado_pago/fee_refused.json")), (403, "{}"), (401, "{}")] {
        let made = fixture!("mercado_pago/preference.json");
        let (stub, gateway) = with([(status, refusal), (201, made)]).await;
        assert!(!gateway.checkout(&with_fee()).await.expect("made").keeps_fee, "{status}");
        let [with, without] = &stub.seen()[..] else { panic!("two requests") };
        assert_eq!(
            (&with.json()["marketplace_fee"], without.json().get("marketplace_fee")),
            (&1_250.into(), None)
        );
        let key = |seen: &Seen| seen.header("x-idempotency-key").to_owned();
        assert_ne!(key(with), key(without), "it is another request");
    }
    // What is wrong with the payment itself is wrong without the fee, too.
    let refusal = fixture!("mercado_pago/fee_refused.json");
    let (_stub, gateway) = with([(400, refusal), (400, refusal)]).await;
    assert!(matches!(gateway.checkout(&with_fee()).await, Err(GatewayError::Refused { .. })));
}

#[tokio::test]
async fn amounts_have_the_decimals_of_their_currency() {
    for (amount, currency, expected) in [
        (50_000, Currency::CLP, "\"unit_price\":50000}"),
        (5_000_000, Currency::COP, "\"unit_price\":50000}"),
        (5_000_050, Currency::ARS, "\"unit_price\":50000.50}"),
    ] {
        let (stub, gateway) = with([(200, r#"{"id":"1","init_point":"https://pay.example/1"}"#)]).await;
        gateway.checkout(&payment(amount, currency)).await.expect("made");
        let body = String::from_utf8(stub.seen()[0].body.to_vec()).expect("text");
        assert!(body.contains(expected), "{body}");
    }
}

#[tokio::test]
async fn test_tokens_of_the_older_kind_have_their_own_page() {
    let stub = Stub::new([(201, fixture!("mercado_pago/preference.json"))]).await;
    let gateway = made(stub.url.as_str(), "TEST-1234567890123456", SECRET, Mode::Test);
    let checkout = gateway.checkout(&payment(50_000, Currency::CLP)).await.expect("made");
    let BuyerStep::Open { url } = checkout.step else { panic!("an address") };
    assert!(url.starts_with("https://sandbox.mercadopago.cl/"));
}

#[tokio::test]
async fn another_preference_than_asked_for_is_not_shown_to_the_buyer() {
    for wrong in [
        r#"{"id":"1","init_point":"https://pay.example/1","external_reference":"ref-2"}"#,
        r#"{"id":"1","init_point":"https://pay.example/1","items":[{"unit_price":49999}]}"#,
        r#"{"id":"1","init_point":"javascript:alert(1)"}"#,
        r#"{"id":"1"}"#,
        "[]",
    ] {
        let (_stub, gateway) = with([(201, wrong)]).await;
        let result = gateway.checkout(&payment(50_000, Currency::CLP)).await;
        assert!(matches!(result, Err(GatewayError::Protocol(_))), "{wrong}");
    }
}

#[tokio::test]
async fn a_payment_is_reported() {
    let fixture = fixture!("mercado_pago/payment_approved.json");
    let (stub, gateway) = with([(200, fixture), (200, fixture)]).await;
    let report = gateway.payment("1234567890").await.expect("a report");
    assert_eq!((report.status, report.payment_id.as_str()), (PaymentStatus::Approved, "1234567890"));
    let brl = Currency::from_code("BRL").expect("a currency");
    assert_eq!((report.amount, report.refunded), (Money::new(10_050, brl), Money::new(0, brl)));
    assert_eq!(report.reference, "ORDER-2024-001234");
    assert_eq!(report.reason.as_deref(), Some("approved: accredited"));
    assert_eq!(report.approved_at.expect("a time").to_string(), "2024-01-15T13:30:02Z");
    let other = gateway.payment("1234567891").await;
    assert!(matches!(other, Err(GatewayError::Protocol(_))), "another payment");
    assert_eq!(stub.lines(), ["GET /v1/payments/1234567890", "GET /v1/payments/1234567891"]);
    for nonsense in ["", "../refunds", "1a", "-1"] {
        assert!(matches!(gateway.payment(nonsense).await, Err(GatewayError::NotFound)));
    }
}

#[tokio::test]
async fn senseless_payments_are_not_settled_by() {
    let fine = r#"{"id":1,"status":"approved","status_detail":null,"currency_id":"CLP","transaction_amount":5,"transaction_amount_refunded":null,"external_reference":null,"live_mode":true,"more":[1]}"#;
    for (from, to, passes) in [
        ("", "", true),
        ("\"CLP\"", "\"XXL\"", false),
        (":5", ":5.5", false),
        (":5", ":0", false),
        (":5", ":-5", false),
        ("\"transaction_amount_refunded\":null", "\"transaction_amount_refunded\":6", false),
        ("\"live_mode\":true", "\"live_mode\":false", false),
        ("\"live_mode\":true", "\"other\":1", true),
    ] {
        let body = fine.replacen(from, to, usize::from(!from.is_empty()));
        let (_stub, gateway) = with([(200, body.clone())]).await;
        assert_eq!(gateway.payment("1").await.is_ok(), passes, "{body}");
    }
}

#[tokio::test]
async fn a_refunded_payment_has_given_all_back_even_if_it_does_not_say_so() {
    let body = r#"{"id":1,"status":"refunded","status_detail":"refunded","currency_id":"ARS","transaction_amount":12.5,"external_reference":"r"}"#;
    let (_stub, gateway) = with([(200, body)]).await;
    let report = gateway.payment("1").await.expect("a report");
    assert_eq!((report.status, report.refunded), (PaymentStatus::Refunded, Money::new(1250, Currency::ARS)));
}

#[tokio::test]
async fn payments_are_found_by_our_reference_and_no_other() {
    let (stub, gateway) = with([(200, fixture!("mercado_pago/search.json"))]).await;
    let reports = gateway.payments_of("ref-1").await.expect("found");
    let found: Vec<_> = reports.iter().map(|report| (report.status, report.refunded.amount)).collect();
    assert_eq!(found, [(PaymentStatus::Approved, 25_000), (PaymentStatus::Declined, 0)]);
    assert_eq!(
        stub.lines(),
        [
            "GET /v1/payments/search?sort=date_created&criteria=desc&external_reference=ref-1&limit=50&offset=0"
        ]
    );
}

#[tokio::test]
async fn refunds_have_a_key_and_an_amount_if_they_are_a_part() {
    let answer = fixture!("mercado_pago/refund.json");
    let (none, one) = ("[]", r#"[{"id":8,"amount":10000,"status":"approved"}]"#);
    let answers =
        [(200, none), (201, answer), (200, none), (201, answer), (200, none), (503, "{}"), (201, answer)];
    let (stub, gateway) = with(answers.into_iter().chain([(200, one), (201, answer)])).await;
    let whole = refund("1234567890", 50_000, 50_000, Currency::CLP);
    let part = refund("1234567890", 25_000, 50_000, Currency::CLP);
    let report = gateway.refund(&whole).await.expect("done");
    assert_eq!((report.refund_id.as_str(), report.status), ("1009042015", RefundStatus::Done));
    gateway.refund(&part).await.expect("done");
    gateway.refund(&part).await.expect("done the second time");
    gateway.refund(&after(10_000, &part)).await.expect("done after another");
    let seen = stub.seen();
    let path = "/v1/payments/1234567890/refunds";
    let (asked, made): (Vec<_>, Vec<_>) = seen.iter().partition(|request| request.line.starts_with("GET "));
    assert!(asked.iter().all(|request| request.line == format!("GET {path}")));
    assert!(made.iter().all(|request| request.line == format!("POST {path}")));
    let bodies: Vec<_> = made.iter().map(|request| request.json().to_string()).collect();
    let parts = r#"{"amount":25000}"#;
    assert_eq!(bodies, ["{}", parts, parts, parts, parts]);
    let keys: Vec<_> = made.iter().map(|request| request.header("x-idempotency-key")).collect();
    assert_ne!(keys[0], keys[1]);
    assert!(keys[1..].iter().all(|key| *key == keys[1]), "the same refund has the same key");
}

#[tokio::test]
async fn a_refund_that_was_made_before_is_not_made_again() {
    let refunds = r#"[{"id":8,"amount":10,"status":"approved"},{"id":9,"amount":20,"status":"in_process"},{"id":7,"amount":5,"status":"rejected"}]"#;
    let declined = r#"{"id":10,"amount":20,"status":"rejected"}"#;
    let (stub, gateway) = with([(200, refunds), (200, refunds), (201, declined), (200, refunds)]).await;
    let part = refund("1", 20, 100, Currency::CLP);
    let report = gateway.refund(&after(10, &part)).await.expect("a report");
    assert_eq!((report.refund_id.as_str(), report.status), ("9", RefundStatus::Pending));
    let report = gateway.refund(&after(30, &part)).await.expect("asked");
    assert_eq!((report.refund_id.as_str(), report.status), ("10", RefundStatus::Declined));
    let differ = gateway.refund(&after(0, &part)).await;
    assert!(matches!(differ, Err(GatewayError::Refused { code, .. }) if code == "refunds_differ"));
    let lines = stub.lines();
    assert_eq!(lines[0], "GET /v1/payments/1/refunds");
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_payment_that_is_refunded_already_is_as_good_as_a_refund() {
    let refused = r#"{"message":"x","error":"bad_request","status":400,"cause":[{"code":4296,"description":"Already refunded"}]}"#;
    let whole = refund("1", 100, 100, Currency::CLP);
    // The list was empty at first, and then another worker was faster.
    let (stub, gateway) =
        with([(200, "[]"), (400, refused), (200, r#"{"id":8,"amount":100,"status":"approved"}"#)]).await;
    assert_eq!(gateway.refund(&whole).await.expect("done before").refund_id, "8");
    assert_eq!(stub.seen().len(), 3);
    for others in ["[]", r#"[{"id":8,"amount":60,"status":"approved"}]"#] {
        let (_stub, gateway) = with([(200, "[]"), (400, refused), (200, others)]).await;
        let refused = gateway.refund(&whole).await;
        assert!(matches!(refused, Err(GatewayError::Refused { code, .. }) if code == "4296"));
    }
}

#[tokio::test]
async fn a_refund_can_be_asked_about() {
    let (stub, gateway) = with([(200, fixture!("mercado_pago/refund.json"))]).await;
    let report = gateway.refund_report("1234567890", "1009042015").await.expect("a report");
    assert_eq!(report.status, RefundStatus::Done);
    assert_eq!(stub.lines(), ["GET /v1/payments/1234567890/refunds/1009042015"]);
}

#[tokio::test]
async fn merchant_orders_and_chargebacks_lead_to_payments() {
    let chargeback = r#"{"id":"217000087654321000","payments":[1234567890,"1234567891"],"currency":"BRL"}"#;
    let first = fixture!("mercado_pago/payment_approved.json");
    let second = first.replace("1234567890", "1234567891");
    let (stub, gateway) = with([
        (200, fixture!("mercado_pago/merchant_order.json")),
        (200, first),
        (200, &second),
        (200, chargeback),
        (200, first),
        (200, &second),
        (200, r#"{"id":"1"}"#),
        (200, r#"{"id":"1","payments":[{}]}"#),
        (200, first),
    ])
    .await;
    let order = PaymentHint::MerchantOrder { id: "23603350837".to_owned() };
    let chargeback = PaymentHint::Chargeback { id: "217000087654321000".to_owned() };
    for hint in [&order, &chargeback] {
        let reports = gateway.payments_behind(hint).await.expect("a report");
        let ids: Vec<_> = reports.iter().map(|report| report.payment_id.as_str()).collect();
        assert_eq!(ids, ["1234567890", "1234567891"]);
    }
    assert!(gateway.payments_behind(&order).await.expect("none yet").is_empty());
    assert!(matches!(gateway.payments_behind(&order).await, Err(GatewayError::Protocol(_))));
    let payment = PaymentHint::Payment { payment_id: "1234567890".to_owned(), reference: None };
    assert_eq!(gateway.payments_behind(&payment).await.expect("a report").len(), 1);
    let lines = stub.lines();
    assert_eq!(
        [&lines[0], &lines[1], &lines[3]],
        [
            "GET /merchant_orders/23603350837",
            "GET /v1/payments/1234567890",
            "GET /v1/chargebacks/217000087654321000"
        ]
    );
    for outside in ["../x", ""].map(str::to_owned) {
        let (order, chargeback) =
            (PaymentHint::MerchantOrder { id: outside.clone() }, PaymentHint::Chargeback { id: outside });
        assert!(matches!(gateway.payments_behind(&order).await, Err(GatewayError::NotFound)));
        assert!(matches!(gateway.payments_behind(&chargeback).await, Err(GatewayError::NotFound)));
    }
}

#[tokio::test]
async fn credentials_are_checked_with_a_search() {
    let (stub, gateway) =
        with([(200, r#"{"results":[],"paging":{}}"#), (401, "{}"), (500, ""), (500, ""), (500, "")]).await;
    assert_eq!(
        gateway.check_credentials().await.expect("asked"),
        CredentialCheck::Accepted { account: None }
    );
    let refused = gateway.check_credentials().await.expect("asked");
    assert!(matches!(refused, CredentialCheck::Refused(bad) if bad.field == "access_token"));
    assert!(gateway.check_credentials().await.expect_err("down").may_be_repeated());
    assert!(stub.lines()[0].contains("external_reference=taquilla-credential-check&limit=1"));
}

/// A notification with a right signature.
fn notice(query: &str, signed_id: Option<&str>, body: &str) -> Result<Notification, WebhookRefused> {
    let v1 = sign(SECRET, &manifest(signed_id, Some("req-1"), &NOW.to_string()));
    let headers = HeaderMap::from_iter([
        (HeaderName::from_static("x-signature"), format!("ts={NOW},v1={v1}").parse().expect("a header")),
        (HeaderName::from_static("x-request-id"), "req-1".parse().expect("a header")),
    ]);
    let gateway = gateway("https://api.mercadopago.com", SECRET);
    gateway.verify_webhook(&notification(&headers, query, body.as_bytes(), NOW + 5))
}

#[test]
fn payments_are_asked_about_by_the_id_that_is_signed() {
    let body = fixture!("mercado_pago/notification_payment.json");
    let expected = Notification { id: "12345".to_owned(), subject: about("999999999", None) };
    let query = "data.id=999999999&type=payment";
    assert_eq!(notice(query, Some("999999999"), body), Ok(expected.clone()));
    let ours = "tenant=t_1&account=gwa_1&source_news=webhooks&data.id=999999999&type=payment";
    assert_eq!(notice(ours, Some("999999999"), body), Ok(expected.clone()), "what we put into the address");
    assert_eq!(notice("source_news=webhooks", None, body), Ok(expected), "nothing in the address");
    let other = body.replace("999999999", "999999998");
    assert_eq!(notice(query, Some("999999999"), &other), Err(WebhookRefused::Mismatch));
    assert_eq!(notice(query, None, body), Err(WebhookRefused::Mismatch), "the id must be signed");
    assert_eq!(notice(query, Some(""), body), Err(WebhookRefused::Mismatch));
}

#[test]
fn what_leads_to_payments_is_told_apart() {
    let subject = |query: &str, id: &str, body: &str| notice(query, Some(id), body).expect("signed").subject;
    let chargeback = fixture!("mercado_pago/notification_chargeback.json");
    let id = "233000061680860000";
    let query = format!("data.id={id}&type=topic_chargebacks_wh");
    assert_eq!(subject(&query, id, chargeback), about("81968653106", None), "it names its payment");
    assert_eq!(
        subject("data.id=1&type=chargebacks", "1", "{}"),
        Subject::Payments(PaymentHint::Chargeback { id: "1".to_owned() })
    );
    assert_eq!(
        subject("data.id=1&type=topic_merchant_order_wh", "1", "{}"),
        Subject::Payments(PaymentHint::MerchantOrder { id: "1".to_owned() })
    );

    let order = r#"{"action":"update","id":"23603350837","type":"topic_merchant_order_wh","data":{"currency_id":"","status":"closed"},"status":"closed"}"#;
    let found = notice("", None, order).expect("signed");
    let expected = PaymentHint::MerchantOrder { id: "23603350837".to_owned() };
    assert_eq!(found.subject, Subject::Payments(expected));
    assert_ne!(found.id, "23603350837", "every change of an order is another notification");
    let changed = notice(&query, Some(id), chargeback).expect("signed");
    assert!(changed.id.contains(&NOW.to_string()), "and every change of a chargeback: {}", changed.id);

    let unknown = |kind: &str| Subject::Unknown { kind: kind.to_owned() };
    assert_eq!(
        subject("data.id=ab-1&type=topic_claims_integration_wh", "ab-1", "{}"),
        unknown("topic_claims_integration_wh")
    );
    assert_eq!(subject("data.id=1&type=something_new", "1", ""), unknown("something_new"));
}

#[test]
fn nonsense_is_no_notification_even_if_it_is_signed() {
    for (query, id, body) in [
        ("data.id=1", Some("1"), "{}"),
        ("data.id=1&type=payment", Some("1"), "[1]"),
        ("data.id=1&type=payment", Some("1"), "{"),
        ("data.id=1&data.id=2&type=payment", Some("1"), "{}"),
        ("data.id=../x&type=payment", Some("../x"), "{}"),
        ("type=payment", None, "{}"),
    ] {
        assert_eq!(notice(query, id, body), Err(WebhookRefused::NotANotification), "{query} {body}");
    }
    let huge = format!(r#"{{"x":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(notice("data.id=1&type=payment", Some("1"), &huge), Err(WebhookRefused::NotANotification));
}

#[test]
fn old_signatures_are_refused_after_two_days() {
    let gateway = gateway("https://api.mercadopago.com", SECRET);
    let v1 = sign(SECRET, &manifest(Some("1"), None, &NOW.to_string()));
    let header = format!("ts={NOW},v1={v1}").parse().expect("a header");
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-signature"), header)]);
    let at = |late: i64| {
        gateway.verify_webhook(&notification(&headers, "data.id=1&type=payment", b"", NOW + late)).err()
    };
    assert_eq!((at(48 * 3600), at(-300)), (None, None));
    assert_eq!(at(48 * 3600 + 1), Some(WebhookRefused::OutOfTime));
    assert_eq!(at(-301), Some(WebhookRefused::OutOfTime));
}

#[test]
fn older_notifications_are_refused_unless_they_are_signed() {
    let gateway = gateway("https://api.mercadopago.com", SECRET);
    let nothing = HeaderMap::new();
    for query in ["topic=payment&id=123", "topic=merchant_order&id=5", "topic=invoice&id=5"] {
        let request = notification(&nothing, query, b"", NOW);
        assert_eq!(gateway.verify_webhook(&request), Err(WebhookRefused::Unsigned), "{query}");
    }
    // If they are signed after all, then with their id or without any.
    for signed_id in [Some("123"), None] {
        let found = notice("topic=payment&id=123", signed_id, "").expect("signed");
        assert_eq!(found.subject, about("123", None));
    }
    assert_eq!(notice("topic=payment&id=123", Some("124"), ""), Err(WebhookRefused::Mismatch));
}
