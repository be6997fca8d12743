//! Payments in cash and by transfer. Where the documentation leaves two ways open, both are answers.

use domain::testing::at;
use domain::{Currency, Timestamp};
use payments::{Due, GatewayName, MethodKind, MethodsAsked, PaymentGateway, PaymentReport, PaymentStatus};
use serde_json::{Value, json};

use crate::stub::{Stub, payment};
use crate::{mercado_pago, payu, wompi};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// What a report tells of a payment that comes later.
fn told(report: &PaymentReport) -> (Option<MethodKind>, Option<&str>, Option<Due>) {
    (report.method, report.method_name.as_deref(), report.due.clone())
}

async fn at_mercado_pago(changes: Value) -> PaymentReport {
    let mut body = json!({
        "id": 1, "status": "pending", "status_detail": "pending_waiting_payment", "currency_id": "COP",
        "transaction_amount": 50000, "external_reference": "ref-1", "live_mode": true,
        "payment_type_id": "ticket", "payment_method_id": "efecty",
    });
    body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    let stub = Stub::new([(200, body.to_string())]).await;
    mercado_pago::gateway(stub.url.as_str(), "mp_test_secret_01").payment("1").await.expect("a report")
}

#[tokio::test]
async fn slips_of_mercado_pago_have_their_own_end_and_address() {
    let (by, url) = ("2026-11-21T10:00:00.000-05:00", "https://www.mercadopago.com.co/payments/1/ticket?a=1");
    let details = json!({ "external_resource_url": url });
    let full = json!({ "date_of_expiration": by, "transaction_details": details });
    let due = Due { by: Some(time(by)), slip_url: Some(url.to_owned()), code: None };
    assert_eq!(
        told(&at_mercado_pago(full.clone()).await),
        (Some(MethodKind::Cash), Some("efecty"), Some(due))
    );
    // The end may be missing, and the address be none.
    let bare = json!({ "transaction_details": { "external_resource_url": "javascript:alert(1)" } });
    assert_eq!(told(&at_mercado_pago(bare).await), (Some(MethodKind::Cash), Some("efecty"), None));
    // A transfer with and without an end.
    let bank = json!({ "payment_type_id": "bank_transfer", "payment_method_id": "pse" });
    assert_eq!(
        told(&at_mercado_pago(bank.clone()).await),
        (Some(MethodKind::BankTransfer), Some("pse"), None)
    );
    let mut dated = bank;
    dated["date_of_expiration"] = by.into();
    let due = Due { by: Some(time(by)), ..Due::default() };
    assert_eq!(told(&at_mercado_pago(dated).await).2, Some(due));
    // Who has paid has nothing left to do.
    let mut paid = full;
    paid["status"] = "approved".into();
    let report = at_mercado_pago(paid).await;
    assert_eq!((report.status, report.due), (PaymentStatus::Approved, None));
    let unknown = json!({ "payment_type_id": "something_new", "payment_method_id": null });
    assert_eq!(told(&at_mercado_pago(unknown).await), (Some(MethodKind::Other), None, None));
}

#[tokio::test]
async fn a_preference_offers_cash_and_instalments_as_it_is_told() {
    let answer = (201, r#"{"id":"1","init_point":"https://pay.example/1"}"#);
    let stub = Stub::new([answer, answer]).await;
    let gateway = mercado_pago::gateway(stub.url.as_str(), "mp_test_secret_01");
    let plain = payment(50_000, Currency::CLP);
    let mut cash = plain.clone();
    cash.cash_until = Some(time("2026-11-21T15:00:00Z"));
    cash.max_installments = Some(3);
    for payment in [&plain, &cash] {
        gateway.checkout(payment).await.expect("made");
    }
    let [plain, cash] = &stub.seen()[..] else { panic!("two") };
    let both = json!({ "excluded_payment_types": [{"id": "ticket"}, {"id": "atm"}] });
    assert_eq!((&plain.json()["payment_methods"], plain.json().get("date_of_expiration")), (&both, None));
    let machines = json!({ "excluded_payment_types": [{"id": "atm"}], "installments": 3 });
    let cash = cash.json();
    assert_eq!(
        (&cash["payment_methods"], &cash["date_of_expiration"]),
        (&machines, &json!("2026-11-21T15:00:00.000+00:00"))
    );
    assert_eq!(cash["expiration_date_to"], "2026-11-20T13:15:00.500+00:00", "the page ends with the hold");
}

#[tokio::test]
async fn mercado_pago_tells_its_methods_once_an_hour() {
    let methods = json!([
        {"id": "visa", "name": "Visa", "payment_type_id": "credit_card", "status": "active"},
        {"id": "old", "name": "Old", "payment_type_id": "credit_card", "status": "deactive"},
        {"id": "efecty", "name": "Efecty", "payment_type_id": "ticket", "status": "active"},
        {"id": "redlink", "name": "Red Link", "payment_type_id": "atm"},
        {"id": "pse", "name": "PSE", "payment_type_id": "bank_transfer"},
        {"id": "x", "name": null, "payment_type_id": "credit_card"},
        {"id": "y"},
    ]);
    let broken = (403, "{}".to_owned());
    let stub = Stub::new([(200, methods.to_string()), broken]).await;
    let gateway = mercado_pago::gateway(stub.url.as_str(), "mp_test_secret_01");
    let asked = |second, cash: bool| MethodsAsked {
        currency: Currency::COP,
        cash_until: cash.then(|| at(90_000)),
        max_installments: Some(6),
        now: at(second),
    };
    let names = async |asked: MethodsAsked| {
        let offers = gateway.methods(&asked).await.expect("offers");
        offers.into_iter().map(|offer| offer.name).collect::<Vec<_>>()
    };
    assert_eq!(names(asked(0, false)).await, ["Visa", "PSE"]);
    assert_eq!(names(asked(3599, true)).await, ["Visa", "Efecty", "PSE"]);
    // An hour later it does not answer: what is known of it is told.
    assert_eq!(names(asked(3600, true)).await, ["Crédito", "Débito", "Mercado Pago", "PSE", "Efectivo"]);
    assert_eq!(stub.lines(), ["GET /v1/payment_methods", "GET /v1/payment_methods"]);
}

async fn at_wompi(method: &str, extra: Value) -> PaymentReport {
    let body = json!({"data": {
        "id": "1-2-3", "status": "PENDING", "amount_in_cents": 5_000_000, "currency": "COP",
        "reference": "ref-1", "payment_method_type": method,
        "payment_method": {"type": method, "extra": extra},
    }});
    let stub = Stub::new([(200, body.to_string())]).await;
    let gateway = wompi::gateway(&format!("{}v1", stub.url), "test_events_0123456789abcdef");
    gateway.payment("1-2-3").await.expect("a report")
}

#[tokio::test]
async fn wompi_tells_no_due_time_and_perhaps_the_numbers() {
    let collect = "BANCOLOMBIA_COLLECT";
    let numbers = json!({ "business_agreement_code": "12345", "payment_intention_identifier": 678 });
    let due = Due { code: Some("12345 678".to_owned()), ..Due::default() };
    let kind = (Some(MethodKind::Cash), Some("bancolombia_collect"));
    assert_eq!(told(&at_wompi(collect, numbers).await), (kind.0, kind.1, Some(due)));
    assert_eq!(told(&at_wompi(collect, json!({})).await), (kind.0, kind.1, None));
    assert_eq!(told(&at_wompi(collect, Value::Null).await), (kind.0, kind.1, None));
    let page = "https://bank.example/pse?a=1";
    let due = Due { slip_url: Some(page.to_owned()), ..Due::default() };
    let pse = at_wompi("PSE", json!({ "async_payment_url": page })).await;
    assert_eq!(told(&pse), (Some(MethodKind::BankTransfer), Some("pse"), Some(due)));
    assert_eq!(told(&at_wompi("PSE", json!({ "async_payment_url": null })).await).2, None);
    assert_eq!(
        told(&at_wompi("CARD", json!({ "brand": "VISA" })).await),
        (Some(MethodKind::Card), Some("card"), None)
    );
}

async fn at_payu(transaction: Value, response: Value) -> PaymentReport {
    let mut body = json!({"code": "SUCCESS", "error": null, "result": {"payload": {
        "id": 1, "status": "IN_PROGRESS", "referenceCode": "ref-1", "transactions": [{
            "id": "a-b", "type": "AUTHORIZATION_AND_CAPTURE", "paymentMethod": "EFECTY",
            "transactionResponse": {"state": "PENDING", "operationDate": 1_795_000_000_000_i64},
            "additionalValues": {"TX_VALUE": {"value": 50000, "currency": "COP"}},
        }],
    }}});
    let made = &mut body["result"]["payload"]["transactions"][0];
    made["extraParameters"] = transaction;
    made["transactionResponse"]["extraParameters"] = response;
    let (_stub, gateway) = payu::with([(200, body.to_string())]).await;
    gateway.payment("1_a-b").await.expect("a report")
}

#[tokio::test]
async fn payu_may_tell_of_a_slip_in_two_places_or_nowhere() {
    let slip = json!({
        "EXPIRATION_DATE": 1_795_086_400_000_i64, "REFERENCE": 4711,
        "URL_PAYMENT_RECEIPT_HTML": "https://gateway.payulatam.com/ppp-web-gateway/voucher.zul?vid=1",
    });
    let due = Due {
        by: Timestamp::from_second(1_795_086_400).ok(),
        slip_url: Some("https://gateway.payulatam.com/ppp-web-gateway/voucher.zul?vid=1".to_owned()),
        code: Some("4711".to_owned()),
    };
    let kind = (Some(MethodKind::Cash), Some("efecty"));
    for [transaction, response] in [[slip.clone(), Value::Null], [Value::Null, slip]] {
        let report = at_payu(transaction, response).await;
        assert_eq!(
            (report.status, told(&report)),
            (PaymentStatus::Pending, (kind.0, kind.1, Some(due.clone())))
        );
    }
    for nothing in [Value::Null, json!({}), json!("x"), json!({ "BANK_URL": "https://bank.example" })] {
        assert_eq!(told(&at_payu(nothing.clone(), nothing).await), (kind.0, kind.1, None));
    }
}

#[tokio::test]
async fn the_form_to_payu_has_the_end_of_its_slips() {
    let gateway = payu::gateway("https://api.payulatam.com");
    let mut payment = payment(2_000_000, Currency::COP);
    let end = async |payment| match gateway.checkout(&payment).await.expect("made").step {
        payments::BuyerStep::Post { fields, .. } => {
            fields.into_iter().find(|(name, _)| *name == "expirationDate").expect("an end").1
        }
        payments::BuyerStep::Open { url } => panic!("{url}"),
    };
    assert_eq!(end(payment.clone()).await, "2026-11-20 08:15:00");
    payment.cash_until = Some(time("2026-11-21T15:00:00Z"));
    assert_eq!(end(payment.clone()).await, "2026-11-21 10:00:00");
    let asked =
        MethodsAsked { currency: Currency::COP, cash_until: None, max_installments: None, now: at(0) };
    let offers = gateway.methods(&asked).await.expect("offers");
    assert!(offers.iter().all(|offer| offer.kind != MethodKind::Cash), "{offers:?}");
    assert_eq!(gateway.name(), GatewayName::Payu);
}
