use std::time::Duration;

use boot::Clock;
use domain::payment::SignedReference;
use domain::{Currency, Money};
use http::HeaderMap;
use payments::payu::{Algorithm, Credentials, Endpoints, PayuGateway};
use payments::{
    BuyerStep, CredentialCheck, GatewayError, GatewayName, Mode, PaymentGateway, PaymentStatus,
    RefundPayment, RefundStatus, Subject, WebhookRefused,
};

use crate::stub::{Stub, about, after, fixture, notification, payment, quick, refund};

const NOW: i64 = 1_795_000_000;
pub(crate) const APPROVED: &str = "857695047_5fde3c2c-540d-4579-96f7-2a4b8c65a951";

fn made(url: &str, mode: Mode, algorithm: Algorithm) -> PayuGateway {
    // Long after every payment of the fixtures.
    let clock = Clock::movable();
    clock.advance(Duration::from_hours(24 * 3650));
    at(url, mode, algorithm, &clock)
}

fn at(url: &str, mode: Mode, algorithm: Algorithm, clock: &Clock) -> PayuGateway {
    let credentials = Credentials {
        merchant_id: "508029".to_owned(),
        account_id: "512321".to_owned(),
        api_login: "pRRXKOl8ikMmt9u".to_owned(),
        api_key: "4Vj8eK4rloUd272L48hsrarnUA".to_owned(),
        algorithm,
        hmac_secret: None,
    };
    let endpoints = Endpoints { api: url.parse().expect("a URL"), ..Endpoints::of(mode) };
    PayuGateway::new(endpoints, credentials, mode, &quick(), clock).expect("credentials")
}

pub(crate) fn gateway(url: &str) -> PayuGateway {
    made(url, Mode::Live, Algorithm::Md5)
}

pub(crate) async fn with<B: Into<String>>(
    answers: impl IntoIterator<Item = (u16, B)>,
) -> (Stub, PayuGateway) {
    let stub = Stub::new(answers).await;
    let gateway = gateway(stub.url.as_str());
    (stub, gateway)
}

#[tokio::test]
async fn the_checkout_is_a_signed_form() {
    let gateway = gateway("https://api.payulatam.com");
    let mut payment = payment(2_000_000, Currency::COP);
    payment.reference = "TestPayU".to_owned();
    let checkout = gateway.checkout(&payment).await.expect("made");
    assert_eq!((gateway.name(), checkout.payment_id), (GatewayName::Payu, None));
    let BuyerStep::Post { action, fields } = checkout.step else { panic!("a form") };
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    insta::assert_snapshot!(format!("{action}\n{}", lines.join("\n")), @r"
    https://checkout.payulatam.com/ppp-web-gateway-payu/
    merchantId=508029
    accountId=512321
    description=2 × Los Faroles
    referenceCode=TestPayU
    amount=20000
    tax=0
    taxReturnBase=0
    currency=COP
    signature=7ee7cf808ce6a39b17481c54f2c57acc
    test=0
    lng=es
    buyerEmail=ana@example.com
    buyerFullName=Ana Pérez
    payerEmail=ana@example.com
    payerFullName=Ana Pérez
    expirationDate=2026-11-20 08:15:00
    responseUrl=https://boletos.example/#/purchases/1
    confirmationUrl=https://boletos.example/api/v1/webhooks/gateway
    ");
    assert!(checkout.is_repeatable);
}

#[tokio::test]
async fn other_algorithms_are_named_and_test_payments_marked() {
    let gateway = made("https://sandbox.api.payulatam.com", Mode::Test, Algorithm::HmacSha256);
    let mut payment = payment(2_000_000, Currency::COP);
    payment.reference = "TestPayU".to_owned();
    let checkout = gateway.checkout(&payment).await.expect("made");
    let BuyerStep::Post { fields, .. } = checkout.step else { panic!("a form") };
    let field = |name: &str| fields.iter().find(|(field, _)| *field == name).expect("there").1.as_str();
    assert_eq!(field("algorithmSignature"), "HMAC-SHA256");
    assert_eq!(field("signature"), "eaf61598d5593b366086c9a00aa5746ccad1a6e9b209a1a242fce224202b2b36");
    assert_eq!(field("test"), "1");
}

#[tokio::test]
async fn amounts_have_two_decimals_or_none() {
    let gateway = gateway("https://api.payulatam.com");
    for (amount, currency, expected) in [
        (50_000, Currency::CLP, "50000"),
        (5_000_050, Currency::ARS, "50000.50"),
        (5_000_000, Currency::COP, "50000"),
    ] {
        let checkout = gateway.checkout(&payment(amount, currency)).await.expect("made");
        let BuyerStep::Post { fields, .. } = checkout.step else { panic!("a form") };
        assert!(fields.contains(&("amount", expected.to_owned())));
    }
    let euro = Currency::from_code("EUR").expect("a currency");
    assert!(matches!(gateway.checkout(&payment(1, euro)).await, Err(GatewayError::Refused { .. })));
}

#[tokio::test]
async fn a_payment_is_a_transaction_of_an_order() {
    let fixture = fixture!("payu/order_approved.json");
    let (stub, gateway) = with([(200, fixture), (200, fixture)]).await;
    let report = gateway.payment(APPROVED).await.expect("a report");
    assert_eq!((report.status, report.payment_id.as_str()), (PaymentStatus::Approved, APPROVED));
    assert_eq!((report.amount, report.refunded.amount), (Money::new(9_500_000, Currency::COP), 0));
    assert_eq!(report.reference, "ref-1");
    assert_eq!(report.approved_at.expect("a time").as_millisecond(), 1_795_186_800_123);
    let declined = gateway.payment("857695047_1b1f7d50-540d-4579-96f7-2a4b8c65a000").await.expect("a report");
    assert_eq!((declined.status, declined.approved_at), (PaymentStatus::Declined, None));
    assert_eq!(declined.reason.as_deref(), Some("CAPTURED, DECLINED: INSUFFICIENT_FUNDS"));

    let request = &stub.seen()[0];
    assert_eq!(request.line, "POST /reports-api/4.0/service.cgi");
    assert_eq!(request.header("accept"), "application/json");
    insta::assert_snapshot!(request.json(), @r#"{"test":false,"language":"en","command":"ORDER_DETAIL","merchant":{"apiLogin":"pRRXKOl8ikMmt9u","apiKey":"4Vj8eK4rloUd272L48hsrarnUA"},"details":{"orderId":857695047}}"#);
    for nonsense in ["", "857695047", "857695047_", "x_y", "1_../x"] {
        assert!(matches!(gateway.payment(nonsense).await, Err(GatewayError::NotFound)));
    }
}

#[tokio::test]
async fn an_order_that_lists_its_newest_transaction_only_is_understood() {
    let (stub, gateway) = with([
        (200, fixture!("payu/order_refunded_newest_only.json")),
        (200, fixture!("payu/transaction.json")),
    ])
    .await;
    let report = gateway.payment(APPROVED).await.expect("a report");
    assert_eq!((report.status, report.refunded.amount), (PaymentStatus::Refunded, 9_500_000));
    let seen = stub.seen();
    assert_eq!(seen[1].json()["command"], "TRANSACTION_RESPONSE_DETAIL");
    assert_eq!(seen[1].json()["details"]["transactionId"], "5fde3c2c-540d-4579-96f7-2a4b8c65a951");

    let (_stub, gateway) =
        with([(200, fixture!("payu/order_refunded_newest_only.json")), (200, fixture!("payu/nothing.json"))])
            .await;
    assert!(matches!(gateway.payment(APPROVED).await, Err(GatewayError::NotFound)), "no such transaction");
}

#[tokio::test]
async fn a_refund_of_a_part_leaves_the_payment_approved() {
    let (_stub, gateway) = with([(200, fixture!("payu/order_part_refunded.json"))]).await;
    let report = gateway.payment(APPROVED).await.expect("a report");
    assert_eq!((report.status, report.refunded.amount), (PaymentStatus::Approved, 4_750_000));
}

#[tokio::test]
async fn an_order_that_was_paid_twice_has_only_given_back_what_it_says() {
    let of_another = r#""parentTransactionId":"1b1f7d50-540d-4579-96f7-2a4b8c65a000""#;
    let of_this = r#""parentTransactionId":"5fde3c2c-540d-4579-96f7-2a4b8c65a951""#;
    let order = fixture!("payu/order_part_refunded.json");
    assert!(order.contains(of_this));
    let (_stub, gateway) = with([(200, order.replace(of_this, of_another))]).await;
    let report = gateway.payment(APPROVED).await.expect("a report");
    assert_eq!((report.status, report.refunded.amount), (PaymentStatus::Approved, 0));
}

#[tokio::test]
async fn senseless_orders_are_not_settled_by() {
    let fixture = fixture!("payu/order_approved.json");
    for (from, to) in [
        ("\"id\":857695047", "\"id\":857695048"),
        ("\"isTest\":false", "\"isTest\":true"),
        ("95000.00", "95000.001"),
        ("95000.00", "-1"),
    ] {
        let (_stub, gateway) = with([(200, fixture.replacen(from, to, 1))]).await;
        let result = gateway.payment(APPROVED).await;
        let fallback = to == "95000.001" || to == "-1";
        match result {
            // The order says its amount as well.
            Ok(report) => assert!(fallback && report.amount.amount == 9_500_000 && to == "95000.001"),
            Err(error) => assert!(matches!(error, GatewayError::Protocol(_)), "{to}"),
        }
    }
}

#[tokio::test]
async fn payments_are_found_by_our_reference_the_newest_first() {
    let (stub, gateway) =
        with([(200, fixture!("payu/orders_of_reference.json")), (200, fixture!("payu/nothing.json"))]).await;
    let reports = gateway.payments_of("ref-1").await.expect("found");
    let found: Vec<_> = reports.iter().map(|report| (report.status, report.reference.as_str())).collect();
    assert_eq!(found, [(PaymentStatus::Approved, "ref-1"), (PaymentStatus::Cancelled, "ref-1")]);
    assert_eq!((reports[0].payment_id.as_str(), reports[0].amount.amount), (APPROVED, 9_500_000));
    assert!(gateway.payments_of("ref-2").await.expect("none").is_empty());
    assert_eq!(stub.seen()[0].json()["details"]["referenceCode"], "ref-1");
    let (_stub, gateway) = with([(200, fixture!("payu/order_approved.json"))]).await;
    assert!(matches!(gateway.payments_of("ref-2").await, Err(GatewayError::Protocol(_))), "of another");
}

#[tokio::test]
async fn questions_are_repeated_and_refusals_are_not() {
    let (stub, gateway) =
        with([(503, ""), (200, r#"{"code":"ERROR","error":"Invalid","result":null}"#), (200, "<xml/>")])
            .await;
    let refused = gateway.payments_of("ref-1").await;
    assert!(matches!(refused, Err(GatewayError::Refused { message, .. }) if message == "Invalid"));
    assert!(matches!(gateway.payments_of("ref-1").await, Err(GatewayError::Protocol(_))));
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn refunds_look_first_and_then_submit() {
    let order = fixture!("payu/order_approved.json");
    let pending = fixture!("payu/refund_pending.json");
    let (stub, gateway) = with([(200, order), (200, pending), (200, order), (200, pending)]).await;
    let report = gateway.refund(&refund(APPROVED, 9_500_000, 9_500_000, Currency::COP)).await.expect("taken");
    assert_eq!((report.refund_id.as_str(), report.status), ("857695047", RefundStatus::Pending));
    gateway.refund(&refund(APPROVED, 4_750_050, 9_500_000, Currency::COP)).await.expect("taken");
    let seen = stub.seen();
    assert_eq!(seen[1].line, "POST /payments-api/4.0/service.cgi");
    insta::assert_snapshot!(seen[1].json(), @r#"{"language":"es","command":"SUBMIT_TRANSACTION","merchant":{"apiLogin":"pRRXKOl8ikMmt9u","apiKey":"4Vj8eK4rloUd272L48hsrarnUA"},"transaction":{"order":{"id":"857695047"},"type":"REFUND","reason":"ord_1-0-refund-0-9500000","parentTransactionId":"5fde3c2c-540d-4579-96f7-2a4b8c65a951"},"test":false}"#);
    insta::assert_snapshot!(seen[3].json()["transaction"], @r#"{"order":{"id":"857695047"},"type":"PARTIAL_REFUND","reason":"ord_1-0-refund-0-4750050","parentTransactionId":"5fde3c2c-540d-4579-96f7-2a4b8c65a951","additionalValues":{"TX_VALUE":{"value":"47500.50","currency":"COP"}}}"#);
}

#[tokio::test]
async fn a_refund_that_payu_knows_is_not_submitted_again() {
    let (stub, gateway) = with([
        (200, fixture!("payu/order_refunded_newest_only.json")),
        (200, fixture!("payu/order_part_refunded.json")),
        (200, fixture!("payu/order_part_refunded.json")),
        (200, fixture!("payu/order_part_refunded.json")),
    ])
    .await;
    let refunded = "77777777-540d-4579-96f7-2a4b8c65a951";
    let report =
        gateway.refund(&refund(APPROVED, 9_500_000, 9_500_000, Currency::COP)).await.expect("a report");
    assert_eq!((report.refund_id.as_str(), report.status), (refunded, RefundStatus::Done));
    let part = refund(APPROVED, 4_750_000, 9_500_000, Currency::COP);
    assert_eq!(gateway.refund(&part).await.expect("a report").refund_id, refunded);
    // Colombia refunds one part of an order.
    let next = after(part.amount.amount, &part);
    assert!(matches!(gateway.refund(&next).await, Err(GatewayError::Unsupported)));
    let whole = gateway.refund(&refund(APPROVED, 9_500_000, 9_500_000, Currency::COP)).await;
    assert!(matches!(whole, Err(GatewayError::Refused { code, .. }) if code == "refunds_differ"));
    assert!(stub.lines().iter().all(|line| line.contains("reports-api")), "nothing is submitted");
}

#[tokio::test]
async fn a_refund_without_an_answer_is_uncertain() {
    let order = fixture!("payu/order_approved.json");
    let whole = refund(APPROVED, 9_500_000, 9_500_000, Currency::COP);
    let silent = r#"{"code":"SUCCESS","error":null,"transactionResponse":null}"#;
    for (status, body) in [(500, ""), (504, ""), (302, ""), (200, "<html>"), (200, silent)] {
        let (stub, gateway) = with([(200, order), (status, body)]).await;
        let error = gateway.refund(&whole).await.expect_err("unknown");
        assert!(matches!(error, GatewayError::Uncertain { .. }) && !error.may_be_repeated(), "{status}");
        assert_eq!(stub.seen().len(), 2, "it is not sent twice");
    }
    let (_stub, gateway) = with([(200, order), (429, "")]).await;
    assert!(gateway.refund(&whole).await.expect_err("not taken").may_be_repeated());
    let error = r#"{"code":"ERROR","error":"The order is too new","transactionResponse":null}"#;
    let (_stub, gateway) = with([(200, order), (200, error)]).await;
    assert!(matches!(gateway.refund(&whole).await, Err(GatewayError::Refused { .. })));
    let declined = r#"{"code":"SUCCESS","error":null,"transactionResponse":{"transactionId":"7-7","state":"DECLINED","responseCode":"X"}}"#;
    let (_stub, gateway) = with([(200, order), (200, declined)]).await;
    let report = gateway.refund(&whole).await.expect("an answer");
    assert_eq!((report.refund_id.as_str(), report.status), ("7-7", RefundStatus::Declined));
}

/// PayU does not show a refund that it reviews, so that one that was never asked for
/// looks the same as one for which a worker asked before it died.
#[tokio::test]
async fn a_refund_that_may_have_been_asked_for_is_not_submitted() {
    let answers = [fixture!("payu/order_approved.json"), fixture!("payu/order_refunded_newest_only.json")];
    let (stub, gateway) = with(answers.map(|answer| (200, answer))).await;
    let whole = refund(APPROVED, 9_500_000, 9_500_000, Currency::COP);
    let perhaps = RefundPayment { may_have_been_asked: true, ..whole };
    assert!(matches!(gateway.refund(&perhaps).await, Err(GatewayError::Uncertain { .. })));
    let report = gateway.refund(&perhaps).await.expect("a report");
    assert_eq!(report.status, RefundStatus::Done);
    assert!(stub.lines().iter().all(|line| line.contains("reports-api")), "nothing is submitted");
}

#[tokio::test]
async fn a_refund_that_was_taken_is_taken_though_its_number_is_odd() {
    let odd =
        fixture!("payu/refund_pending.json").replace("\"transactionId\":null", "\"transactionId\":\"../x\"");
    assert!(odd.contains("../x"), "{odd}");
    let (_stub, gateway) = with([(200, fixture!("payu/order_approved.json")), (200, odd.as_str())]).await;
    let report = gateway.refund(&refund(APPROVED, 9_500_000, 9_500_000, Currency::COP)).await.expect("taken");
    assert_eq!((report.refund_id.as_str(), report.status), ("857695047", RefundStatus::Pending));
}

/// In Colombia PayU refuses refunds for ten minutes.
#[tokio::test]
async fn a_refund_right_after_the_payment_has_to_wait() {
    let clock = Clock::movable();
    let order = |minutes: u64| {
        let at = clock.now().as_millisecond() - i64::try_from(minutes * 60_000).expect("few");
        fixture!("payu/order_approved.json").replace("1795186800123", &at.to_string())
    };
    let pesos = |order: String| order.replace("COP", "ARS");
    let taken = fixture!("payu/refund_pending.json").to_owned();
    let answers = [order(9), order(11), taken.clone(), pesos(order(0)), taken].map(|answer| (200, answer));
    let stub = Stub::new(answers).await;
    let gateway = at(stub.url.as_str(), Mode::Live, Algorithm::Md5, &clock);
    let whole = refund(APPROVED, 9_500_000, 9_500_000, Currency::COP);
    let error = gateway.refund(&whole).await.expect_err("too early");
    assert!(error.may_be_repeated());
    let GatewayError::TooEarly { retry_after } = error else { panic!("{error:?}") };
    assert!((50..=60).contains(&retry_after.as_secs()), "{retry_after:?}");
    gateway.refund(&whole).await.expect("taken");
    gateway.refund(&refund(APPROVED, 9_500_000, 9_500_000, Currency::ARS)).await.expect("at once");
    assert_eq!(stub.seen().len(), 5);
}

#[tokio::test]
async fn a_refund_can_be_asked_about() {
    let (stub, gateway) = with([(200, fixture!("payu/transaction.json"))]).await;
    assert_eq!(gateway.refund_report(APPROVED, "7-7").await.expect("a report").status, RefundStatus::Done);
    assert_eq!(stub.seen()[0].json()["details"]["transactionId"], "7-7");
}

/// A refund goes by the number of its order until PayU has reviewed it.
#[tokio::test]
async fn a_refund_without_a_transaction_is_looked_for_in_its_order() {
    let part = fixture!("payu/order_part_refunded.json");
    let declined = part.replacen("\"state\":\"APPROVED\"", "\"state\":\"DECLINED\"", 1);
    let refund = r#"{"id":"8-8","type":"PARTIAL_REFUND","transactionResponse":{"state":"PENDING"}},"#;
    let several = part.replacen("\"transactions\":[", &format!("\"transactions\":[{refund}"), 1);
    let answers =
        [(200, fixture!("payu/order_approved.json")), (200, part), (200, &declined), (200, &several)];
    let (stub, gateway) = with(answers).await;
    for expected in [RefundStatus::Pending, RefundStatus::Done, RefundStatus::Declined] {
        let report = gateway.refund_report(APPROVED, "857695047").await.expect("a report");
        assert_eq!((report.refund_id.as_str(), report.status), ("857695047", expected));
    }
    let several = gateway.refund_report(APPROVED, "857695047").await;
    assert!(matches!(several, Err(GatewayError::Unsupported)), "which one is not known");
    assert_eq!(stub.seen()[0].json()["details"]["orderId"], 857_695_047);
}

#[tokio::test]
async fn credentials_are_checked_with_a_ping() {
    let (stub, gateway) = with([
        (200, r#"{"code":"SUCCESS","error":null,"transactionResponse":null}"#),
        (200, r#"{"code":"ERROR","error":"Invalid credentials"}"#),
        (200, "PONG"),
    ])
    .await;
    assert_eq!(
        gateway.check_credentials().await.expect("asked"),
        CredentialCheck::Accepted { account: None }
    );
    let refused = gateway.check_credentials().await.expect("asked");
    assert!(matches!(refused, CredentialCheck::Refused(bad) if bad.field == "api_key"));
    assert!(matches!(gateway.check_credentials().await, Err(GatewayError::Protocol(_))));
    insta::assert_snapshot!(stub.seen()[0].json(), @r#"{"test":false,"language":"en","command":"PING","merchant":{"apiLogin":"pRRXKOl8ikMmt9u","apiKey":"4Vj8eK4rloUd272L48hsrarnUA"}}"#);
}

pub(crate) fn confirm(body: &str) -> Result<Subject, WebhookRefused> {
    let headers = HeaderMap::new();
    let gateway = gateway("https://api.payulatam.com");
    gateway.verify_webhook(&notification(&headers, "", body.as_bytes(), NOW)).map(|notice| notice.subject)
}

#[test]
fn a_confirmation_leads_to_its_reference() {
    let form = fixture!("payu/confirmation.txt").trim_end();
    let reference = SignedReference { text: "ORD-2026-000123".to_owned(), approved: true };
    let subject = || Ok(about("7069375_f5e668f1-7ecc-4b83-a4d1-0aaa68260862", Some(reference.clone())));
    assert_eq!(confirm(form), subject());
    let headers = HeaderMap::new();
    let gateway = gateway("https://api.payulatam.com");
    let confirmation =
        gateway.confirmation(&notification(&headers, "", form.as_bytes(), NOW)).expect("signed");
    assert_eq!((confirmation.reference.as_str(), confirmation.state.as_str()), ("ORD-2026-000123", "4"));

    // The same as JSON, in which PayU may send it.
    let pairs = form_urlencoded::parse(form.as_bytes());
    let object: serde_json::Map<_, _> =
        pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let json = serde_json::Value::Object(object).to_string();
    assert_eq!(confirm(&json), subject());
    let numbers = json.replace("\"250000.00\"", "250000.00").replace("\"508029\"", "508029");
    assert_eq!(confirm(&numbers), subject());
}

#[test]
fn what_is_no_confirmation_is_refused() {
    let form = fixture!("payu/confirmation.txt").trim_end();
    let changed = |from: &str, to: &str| confirm(&form.replacen(from, to, 1));
    assert_eq!(changed("sign=", "other="), Err(WebhookRefused::Unsigned));
    assert_eq!(changed("3b66f7a1", "3b66f7a2"), Err(WebhookRefused::Mismatch));
    assert_eq!(changed("merchant_id=508029", "merchant_id=508028"), Err(WebhookRefused::Mismatch));
    assert_eq!(changed("value=250000.00", "value=250000.01"), Err(WebhookRefused::Mismatch));
    assert_eq!(changed("value=250000.00", "value=lots"), Err(WebhookRefused::Malformed));
    assert_eq!(changed("state_pol=4", "state_pol=6"), Err(WebhookRefused::Mismatch));
    assert_eq!(changed("currency=COP", "currency="), Err(WebhookRefused::NotANotification));
    assert_eq!(
        changed("transaction_id=f5e668f1", "transaction_id=../x"),
        Err(WebhookRefused::NotANotification)
    );
    assert_eq!(changed("reference_pol=7069375", "reference_pol="), Err(WebhookRefused::NotANotification));
    assert_eq!(confirm(&format!("{form}&value=1.00")), Err(WebhookRefused::Malformed), "two amounts");
    for nonsense in ["", "{", "[]", "a=b"] {
        assert!(confirm(nonsense).is_err(), "{nonsense}");
    }
    assert_eq!(confirm(&"a=b&".repeat(20_000)), Err(WebhookRefused::NotANotification));
}

#[test]
fn more_than_two_decimals_are_understood_both_ways() {
    let keys = payments::payu::SignatureKeys {
        api_key: "4Vj8eK4rloUd272L48hsrarnUA",
        hmac_secret: None,
        merchant_id: "508029",
    };
    for (signed, passes) in [("150.25", true), ("150.255", true), ("150.26", false), ("150.3", false)] {
        let sign = keys.sign(Algorithm::Sha256, &["r", signed, "USD", "4"]);
        let form = format!(
            "merchant_id=508029&reference_sale=r&value=150.255&currency=USD&state_pol=4&sign={sign}&reference_pol=1&transaction_id=2"
        );
        assert_eq!(confirm(&form).is_ok(), passes, "{signed}");
    }
    // With two decimals there is one way only.
    let sign = keys.sign(Algorithm::Md5, &["r", "150.00", "USD", "4"]);
    let form = format!(
        "merchant_id=508029&reference_sale=r&value=150.00&currency=USD&state_pol=4&sign={sign}&reference_pol=1&transaction_id=2"
    );
    assert_eq!(confirm(&form), Err(WebhookRefused::Mismatch));
}

#[test]
fn a_return_page_says_how_far_the_payment_was() {
    let gateway = gateway("https://api.payulatam.com");
    let query = "merchantId=508029&referenceCode=TestPayU04&TX_VALUE=150.25&currency=USD&transactionState=6&signature=00286dc735bd9eaa8ae3a3a4cbb40688&message=x";
    let page = gateway.return_page(query).expect("signed");
    assert_eq!((page.reference.as_str(), page.state.as_str()), ("TestPayU04", "6"));
    assert_eq!(gateway.return_page(&query.replace("TX_VALUE=150.25", "TX_VALUE=150.35")), None);
    assert_eq!(gateway.return_page(&format!("{query}&currency=COP")), None);
    assert_eq!(gateway.return_page(""), None);
}
