use domain::{Currency, Money};
use http::{HeaderMap, HeaderName};
use outbound::Url;
use payments::wompi::{Credentials, Endpoints, WompiGateway, event_checksum, integrity_signature};
use payments::{
    BuyerStep, CredentialCheck, GatewayError, GatewayName, Mode, PaymentGateway, PaymentStatus, RefundStatus,
    Subject, WebhookRefused,
};

use crate::stub::{Stub, about, fixture, notification, payment, quick, refund};

const SECRET: &str = "test_events_0123456789abcdef";
const NOW: i64 = 1_795_000_000;

/// A gateway of the environment that its events' secret is of.
pub(crate) fn gateway(url: &str, events_secret: &str) -> WompiGateway {
    let (mode, word) =
        if events_secret.starts_with("prod") { (Mode::Live, "prod") } else { (Mode::Test, "test") };
    let credentials = Credentials {
        public_key: format!("pub_{word}_X0zDA9xoKdePzhd8a0x9HAez7HgGO2fH"),
        private_key: format!("prv_{word}_0123456789"),
        events_secret: events_secret.to_owned(),
        integrity_secret: format!("{word}_integrity_AbCdEf0123456789"),
    };
    let endpoints = Endpoints { api: url.parse().expect("a URL"), ..Endpoints::of(mode) };
    WompiGateway::new(endpoints, credentials, mode, &quick()).expect("credentials")
}

async fn with<B: Into<String>>(answers: impl IntoIterator<Item = (u16, B)>) -> (Stub, WompiGateway) {
    let stub = Stub::new(answers).await;
    let gateway = gateway(&format!("{}v1", stub.url), SECRET);
    (stub, gateway)
}

#[tokio::test]
async fn the_checkout_is_an_address_with_everything_in_it() {
    let gateway = gateway("https://sandbox.wompi.co/v1", SECRET);
    let payment = payment(9_500_000, Currency::COP);
    let checkout = gateway.checkout(&payment).await.expect("made");
    assert_eq!((gateway.name(), checkout.payment_id), (GatewayName::Wompi, None));
    assert!(checkout.is_repeatable);
    let BuyerStep::Open { url } = checkout.step else { panic!("an address") };
    insta::assert_snapshot!(url, @"https://checkout.wompi.co/p/?public-key=pub_test_X0zDA9xoKdePzhd8a0x9HAez7HgGO2fH&currency=COP&amount-in-cents=9500000&reference=ref-1&signature%3Aintegrity=891e63d3ef976ec4fe049c77e0f01e4be01124b452173392fa3a7fbb661942e5&redirect-url=https%3A%2F%2Fboletos.example%2F%23%2Fpurchases%2F1&expiration-time=2026-11-20T13%3A15%3A00.500Z&customer-data%3Aemail=ana%40example.com&customer-data%3Afull-name=Ana+P%C3%A9rez");
    let url: Url = url.parse().expect("an address");
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).expect("there").1.into_owned();
    let expected = integrity_signature(
        "ref-1",
        9_500_000,
        "COP",
        Some("2026-11-20T13:15:00.500Z"),
        "test_integrity_AbCdEf0123456789",
    );
    assert_eq!(value("signature:integrity"), expected);
    assert_eq!(value("redirect-url"), payment.return_url);
}

#[tokio::test]
async fn only_colombian_pesos_are_taken() {
    let gateway = gateway("https://sandbox.wompi.co/v1", SECRET);
    for wrong in [payment(100, Currency::CLP), payment(0, Currency::COP)] {
        assert!(matches!(gateway.checkout(&wrong).await, Err(GatewayError::Refused { .. })));
    }
}

#[tokio::test]
async fn a_transaction_is_reported() {
    let fixture = fixture!("wompi/transaction_approved.json");
    let (stub, gateway) = with([(200, fixture), (200, fixture)]).await;
    let report = gateway.payment("1292-1602113476-10985").await.expect("a report");
    assert_eq!(
        (report.status, report.amount),
        (PaymentStatus::Approved, Money::new(9_500_000, Currency::COP))
    );
    assert_eq!((report.reference.as_str(), report.refunded.amount), ("ref-1", 0));
    assert_eq!(report.approved_at.expect("a time").to_string(), "2026-11-20T15:00:07Z");
    assert!(matches!(gateway.payment("1292-1").await, Err(GatewayError::Protocol(_))), "another one");
    let seen = stub.seen();
    assert_eq!(seen[0].line, "GET /v1/transactions/1292-1602113476-10985");
    assert_eq!(seen[0].header("authorization"), "Bearer prv_test_0123456789");
    assert!(matches!(gateway.payment("../merchants").await, Err(GatewayError::NotFound)));
}

#[tokio::test]
async fn voided_is_refunded_and_an_unknown_word_is_undecided() {
    let fixture = fixture!("wompi/transaction_approved.json");
    let with_status = |status: &str| (200, fixture.replace("\"APPROVED\"", &format!("\"{status}\"")));
    let (_stub, gateway) = with(["VOIDED", "SOMETHING_NEW"].map(with_status)).await;
    let report = gateway.payment("1292-1602113476-10985").await.expect("a report");
    assert_eq!((report.status, report.refunded.amount), (PaymentStatus::Refunded, 9_500_000));
    let report = gateway.payment("1292-1602113476-10985").await.expect("a report");
    assert_eq!((report.status, report.approved_at), (PaymentStatus::Pending, None));
}

#[tokio::test]
async fn transactions_are_found_by_our_reference_the_newest_first() {
    let (stub, gateway) = with([(200, fixture!("wompi/list.json")), (200, r#"{"data":[]}"#)]).await;
    let reports = gateway.payments_of("ref-1").await.expect("found");
    let statuses: Vec<_> = reports.iter().map(|report| report.status).collect();
    assert_eq!(statuses, [PaymentStatus::Pending, PaymentStatus::Declined]);
    assert!(gateway.payments_of("ref-2").await.expect("none").is_empty());
    assert_eq!(stub.lines()[0], "GET /v1/transactions?reference=ref-1");
}

const ID: &str = "1292-1602113476-10985";

fn transaction(status: &str) -> (u16, String) {
    (200, fixture!("wompi/transaction_approved.json").replace("\"APPROVED\"", &format!("\"{status}\"")))
}

#[tokio::test]
async fn a_card_payment_is_voided_once() {
    let whole = refund(ID, 9_500_000, 9_500_000, Currency::COP);
    let voided = (201, "any form".to_owned());
    let (stub, gateway) = with([transaction("APPROVED"), voided.clone(), transaction("VOIDED")]).await;
    let report = gateway.refund(&whole).await.expect("voided");
    assert_eq!((report.refund_id.as_str(), report.status), (ID, RefundStatus::Done));
    assert_eq!(stub.lines()[1], format!("POST /v1/transactions/{ID}/void"));

    let (stub, gateway) = with([transaction("VOIDED")]).await;
    assert_eq!(gateway.refund(&whole).await.expect("before").status, RefundStatus::Done);
    assert_eq!(stub.seen().len(), 1, "no second void");

    let (_stub, gateway) = with([transaction("APPROVED"), voided, transaction("APPROVED")]).await;
    assert_eq!(gateway.refund(&whole).await.expect("soon").status, RefundStatus::Pending);

    // The void was made, and its answer lost.
    let refused = (422, r#"{"error":{"type":"UNPROCESSABLE","reason":"ya"}}"#.to_owned());
    let (_stub, gateway) = with([transaction("APPROVED"), refused, transaction("VOIDED")]).await;
    assert_eq!(gateway.refund(&whole).await.expect("voided").status, RefundStatus::Done);

    let (_stub, gateway) = with([transaction("APPROVED"), (503, String::new())]).await;
    assert!(gateway.refund(&whole).await.expect_err("down").may_be_repeated());
}

#[tokio::test]
async fn a_void_can_be_asked_about() {
    let (stub, gateway) = with(["APPROVED", "VOIDED"].map(transaction)).await;
    for expected in [RefundStatus::Pending, RefundStatus::Done] {
        let report = gateway.refund_report(ID, ID).await.expect("a report");
        assert_eq!((report.refund_id.as_str(), report.status), (ID, expected));
    }
    assert_eq!(stub.lines(), vec![format!("GET /v1/transactions/{ID}"); 2]);
}

#[tokio::test]
async fn what_cannot_be_voided_is_left_to_a_person() {
    let whole = refund(ID, 9_500_000, 9_500_000, Currency::COP);
    let part = refund(ID, 4_750_000, 9_500_000, Currency::COP);
    let (stub, gateway) = with([transaction("APPROVED")]).await;
    assert!(matches!(gateway.refund(&part).await, Err(GatewayError::Unsupported)), "a part");
    assert_eq!(stub.seen().len(), 1, "nothing is voided");

    let nequi = fixture!("wompi/transaction_approved.json").replace("\"CARD\"", "\"NEQUI\"");
    let (stub, gateway) = with([(200, nequi)]).await;
    assert!(matches!(gateway.refund(&whole).await, Err(GatewayError::Unsupported)), "no card");
    assert_eq!(stub.seen().len(), 1, "nothing is voided");

    let settled = (422, r#"{"error":{"type":"UNPROCESSABLE","reason":"Ya fue liquidada"}}"#.to_owned());
    let (_stub, gateway) = with([transaction("APPROVED"), settled, transaction("APPROVED")]).await;
    assert!(matches!(gateway.refund(&whole).await, Err(GatewayError::Unsupported)), "too late");

    let (_stub, gateway) = with([transaction("DECLINED")]).await;
    assert!(matches!(gateway.refund(&whole).await, Err(GatewayError::Refused { .. })), "no money");
    let (_stub, gateway) = with([transaction("VOIDED")]).await;
    assert!(matches!(gateway.refund(&part).await, Err(GatewayError::Refused { .. })), "all is back");
    let other = refund(ID, 9_400_000, 9_400_000, Currency::COP);
    let (_stub, gateway) = with([transaction("APPROVED")]).await;
    assert!(matches!(gateway.refund(&other).await, Err(GatewayError::Protocol(_))), "another amount");
}

#[tokio::test]
async fn both_keys_are_checked() {
    let merchant = fixture!("wompi/merchant.json");
    let (stub, gateway) = with([(200, merchant), (200, r#"{"data":[]}"#)]).await;
    let accepted = CredentialCheck::Accepted { account: Some("Los Faroles".to_owned()) };
    assert_eq!(gateway.check_credentials().await.expect("asked"), accepted);
    assert_eq!(stub.lines()[0], "GET /v1/merchants/pub_test_X0zDA9xoKdePzhd8a0x9HAez7HgGO2fH");

    let refused = |check| match check {
        CredentialCheck::Refused(bad) => bad.field,
        CredentialCheck::Accepted { .. } => "none",
    };
    let (_stub, gateway) = with([(404, "{}")]).await;
    assert_eq!(refused(gateway.check_credentials().await.expect("asked")), "public_key");
    let (_stub, gateway) = with([(200, merchant), (401, "{}")]).await;
    assert_eq!(refused(gateway.check_credentials().await.expect("asked")), "private_key");
    let (_stub, gateway) = with([(200, merchant), (502, ""), (502, ""), (502, "")]).await;
    assert!(gateway.check_credentials().await.expect_err("down").may_be_repeated());
}

/// A signed event; `header` is sent along.
fn verify(
    event: &str,
    properties: &[&str],
    values: &[&str],
    header: Option<&str>,
) -> Result<Subject, WebhookRefused> {
    let checksum = hex::encode(event_checksum(values, &NOW.to_string(), SECRET));
    let properties = serde_json::to_string(properties).expect("JSON");
    let body = format!(
        r#"{{"event":"{event}","data":{{"transaction":{{"id":"1-2-3","status":"APPROVED","amount_in_cents":100,"note":null}},"nequi_token":{{"id":"n","status":"APPROVED"}}}},"environment":"test","signature":{{"properties":{properties},"checksum":"{checksum}"}},"timestamp":{NOW}}}"#
    );
    let name = HeaderName::from_static("x-event-checksum");
    let headers: HeaderMap =
        header.map(|value| (name, value.parse().expect("a header"))).into_iter().collect();
    let gateway = gateway("https://sandbox.wompi.co/v1", SECRET);
    gateway.verify_webhook(&notification(&headers, "", body.as_bytes(), NOW)).map(|notice| notice.subject)
}

const CORE: [&str; 3] = ["transaction.id", "transaction.status", "transaction.amount_in_cents"];

#[test]
fn an_event_has_to_sign_what_matters() {
    let payment = Ok(about("1-2-3", None));
    assert_eq!(verify("transaction.updated", &CORE, &["1-2-3", "APPROVED", "100"], None), payment);
    let more = ["transaction.note", CORE[2], CORE[0], CORE[1]];
    assert_eq!(verify("transaction.updated", &more, &["", "100", "1-2-3", "APPROVED"], None), payment);
    for fewer in [&CORE[..2], &CORE[1..], &CORE[..1], &[]] {
        let value = |path: &&str| match *path {
            "transaction.id" => "1-2-3",
            "transaction.status" => "APPROVED",
            _ => "100",
        };
        let values: Vec<_> = fewer.iter().map(value).collect();
        assert_eq!(verify("transaction.updated", fewer, &values, None), Err(WebhookRefused::Malformed));
    }
    let missing = [CORE[0], CORE[1], CORE[2], "transaction.other"];
    assert_eq!(
        verify("transaction.updated", &missing, &["1-2-3", "APPROVED", "100", ""], None),
        Err(WebhookRefused::Malformed)
    );
}

#[test]
fn header_and_body_must_both_be_right() {
    let values = ["1-2-3", "APPROVED", "100"];
    let right = hex::encode(event_checksum(values, &NOW.to_string(), SECRET));
    let check = |header: &str| verify("transaction.updated", &CORE, &values, Some(header)).err();
    assert_eq!(check(&right.to_uppercase()), None);
    assert_eq!(check(&"00".repeat(32)), Some(WebhookRefused::Mismatch));
    assert_eq!(check("00"), Some(WebhookRefused::Malformed));
    let wrong = verify("transaction.updated", &CORE, &["1-2-4", "APPROVED", "100"], Some(&right));
    assert_eq!(wrong, Err(WebhookRefused::Mismatch));
}

#[test]
fn other_events_are_acknowledged_if_they_are_signed() {
    let properties = ["nequi_token.id", "nequi_token.status"];
    let kind = "nequi_token.updated";
    assert_eq!(
        verify(kind, &properties, &["n", "APPROVED"], None),
        Ok(Subject::Unknown { kind: kind.to_owned() })
    );
    assert_eq!(verify(kind, &properties, &["n", "DECLINED"], None), Err(WebhookRefused::Mismatch));
    assert_eq!(verify(kind, &[], &[], None), Err(WebhookRefused::Malformed), "nothing is signed");
}

#[test]
fn events_are_believed_for_two_days_and_repeated_ones_have_the_same_id() {
    let secret = "prod_events_OcHnIzeBl5socpwByQ4hA52Em3USQ93Z";
    let gateway = gateway("https://production.wompi.co/v1", secret);
    let (headers, sent) = (HeaderMap::new(), 1_530_291_411);
    let at = |late: i64| {
        let body = fixture!("wompi/event.json").as_bytes();
        gateway.verify_webhook(&notification(&headers, "", body, sent + late))
    };
    let first = at(0).expect("signed");
    assert_eq!(at(28 * 3600).expect("the last repetition").id, first.id);
    assert!(first.id.len() <= 128);
    assert_eq!(at(48 * 3600 + 1), Err(WebhookRefused::OutOfTime));
    assert_eq!(at(-301), Err(WebhookRefused::OutOfTime));
    let nonsense = gateway.verify_webhook(&notification(&headers, "", b"<xml>", sent));
    assert_eq!(nonsense, Err(WebhookRefused::Unsigned));
}
