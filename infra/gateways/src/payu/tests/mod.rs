mod refunds;

use std::time::Duration;

use domain::{Currency, Money};
use payments::payu::{Algorithm, PayuGateway, ReturnPage, SignatureKeys};
use payments::{BuyerStep, GatewayError, PaymentGateway, PaymentStatus, RefundStatus};
use reqwest::header::{ACCEPT, LOCATION};
use serde_json::{Value, json};

use crate::tests::{Bench, Wanted, payu_account, payu_bench, payu_client, refusal};
use crate::{Action, Faults, Method, RefundState, Status};

async fn start() -> Bench<PayuGateway> {
    payu_bench(Wanted::default()).await
}

async fn in_currency(currency: Currency) -> Bench<PayuGateway> {
    payu_bench(Wanted { currency: Some(currency), ..Wanted::default() }).await
}

const TEN_MINUTES: u64 = 600;

impl Bench<PayuGateway> {
    async fn form(&self, reference: &str) -> (String, Vec<(&'static str, String)>) {
        match self.client.checkout(&self.order(reference)).await.expect("a checkout").step {
            BuyerStep::Post { action, fields } => (action, fields),
            BuyerStep::Open { .. } => panic!("a form"),
        }
    }

    async fn ask(&self, api: &str, request: &Value) -> Value {
        let url = format!("{}/{api}/4.0/service.cgi", self.simulator.url());
        let answer = self.browser.post(url).header(ACCEPT, "application/json").json(request).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200, "it always says 200");
        answer.json().await.expect("JSON")
    }

    /// Approves or declines the only refund in review.
    fn review(&self, approve: bool) {
        let refunds = self.simulator.refunds_in_review().expect("listed");
        let [refund] = &refunds[..] else { panic!("one refund: {refunds:?}") };
        self.simulator.review_refund(&refund.id, approve).expect("reviewed");
    }
}

fn request(command: &str, place: &str, details: &Value) -> Value {
    let account = payu_account(Currency::COP);
    json!({
        "test": false,
        "language": "es",
        "command": command,
        "merchant": { "apiLogin": account.api_login, "apiKey": account.api_key },
        place: details,
    })
}

#[tokio::test]
async fn forms_are_signed_in_four_ways() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::HmacSha256] {
        let bench = payu_bench(Wanted { algorithm, ..Wanted::default() }).await;
        let id = bench.pay("r").await;
        assert_eq!(bench.heard_of().await, [id], "and confirmed in the same way");
    }
}

#[tokio::test]
async fn forms_are_good_as_they_are_signed_and_no_other() {
    let bench = start().await;
    let (action, fields) = bench.form("r").await;
    let post = async |change: &dyn Fn(&str) -> Option<String>| {
        let fields =
            fields.iter().map(|(name, value)| (*name, change(name).unwrap_or_else(|| value.clone())));
        let fields = fields.filter(|(_, value)| value != "(gone)").collect();
        bench.simulator.visit(&BuyerStep::Post { action: action.clone(), fields }).await
    };
    let page = post(&|_| None).await.expect("a page");
    assert_eq!(post(&|_| None).await.expect("the same"), page);
    for (field, value, why) in [
        ("amount", "25000.51", "La firma digital no es válida."),
        ("currency", "USD", "La firma digital no es válida."),
        ("referenceCode", "s", "La firma digital no es válida."),
        ("signature", "00", "La firma digital no es válida."),
        ("signature", "(gone)", "Falta el parámetro signature."),
        ("buyerEmail", "(gone)", "Falta el parámetro buyerEmail."),
        ("merchantId", "1", "El comercio o la cuenta no existe."),
        ("accountId", "1", "El comercio o la cuenta no existe."),
        ("expirationDate", "tomorrow", "La fecha de expiración no es válida."),
        ("responseUrl", "javascript:alert(1)", "Una URL no es válida."),
    ] {
        let change = |name: &str| (name == field).then(|| value.to_owned());
        let said = post(&change).await.expect_err("refused");
        assert!(said.contains(why), "{field}: {said}");
    }
    let dearer = payments::CreatePayment { amount: Money::new(9_999_900, Currency::COP), ..bench.order("r") };
    let said = bench.visit(&dearer).await.expect_err("refused");
    assert!(said.contains("El código de referencia ya fue usado."), "{said}");
    let euros = payments::CreatePayment { amount: Money::new(100, Currency::ARS), ..bench.order("s") };
    let said = bench.visit(&euros).await.expect_err("refused");
    assert!(said.contains("La cuenta no recibe esa moneda."), "{said}");
    assert_eq!(bench.simulator.purchases().expect("listed").len(), 1);
}

#[tokio::test]
async fn ways_to_pay_that_are_named_are_signed() {
    let bench = start().await;
    let (action, mut fields) = bench.form("r").await;
    let account = payu_account(Currency::COP);
    let keys =
        SignatureKeys { api_key: &account.api_key, hmac_secret: None, merchant_id: &account.merchant_id };
    fields.push(("paymentMethods", "VISA,MASTERCARD".to_owned()));
    let visit = async |fields: &Vec<_>| {
        let step = BuyerStep::Post { action: action.clone(), fields: fields.clone() };
        bench.simulator.visit(&step).await
    };
    assert!(visit(&fields).await.expect_err("not signed").contains("La firma digital no es válida."));
    let signature = keys.sign(Algorithm::Md5, &["r", "25000.50", "COP", "VISA,MASTERCARD"]);
    for (name, value) in &mut fields {
        if *name == "signature" {
            value.clone_from(&signature);
        }
    }
    visit(&fields).await.expect("a page");
    bench.simulator.act("r", Action::Begin(Method::Cash)).expect_err("cards only");
    bench.simulator.act("r", Action::Begin(Method::Card)).expect("a card");
}

#[tokio::test]
async fn the_expiry_is_for_cash_only_and_on_the_countrys_clock() {
    for currency in [Currency::COP, Currency::ARS, Currency::CLP] {
        let bench = in_currency(currency).await;
        let asked = bench.order("a").expires_at;
        bench.open("a").await;
        let told = bench.simulator.purchase("a").expect("there").expires_at.expect("told");
        assert!((told.as_second() - asked.as_second()).abs() <= 1, "{currency}: {told} {asked}");
        let cash = bench.simulator.act("a", Action::Begin(Method::Cash)).expect("begun").payment_id;
        assert_eq!(bench.status(&cash).await, PaymentStatus::Pending);
        assert!(bench.arrived().await.is_empty(), "only what is final is confirmed");
        bench.seconds_pass(TEN_MINUTES);
        assert_eq!(bench.status(&cash).await, PaymentStatus::Expired);
        let heard = bench.arrived().await;
        assert!(heard.len() == 1 && heard[0].text().contains("state_pol=5&"), "{}", heard[0].text());
        let late = bench.simulator.approve("a").expect("cards are taken later too").payment_id;
        assert_eq!(bench.status(&late).await, PaymentStatus::Approved);
    }
}

#[tokio::test]
async fn confirmations_have_the_fields_of_the_real_ones() {
    let bench = start().await;
    let id = bench.pay("r").await;
    let arrived = bench.arrived().await;
    let fields: std::collections::BTreeMap<_, _> =
        form_urlencoded::parse(&arrived[0].body).into_owned().collect();
    assert!(fields.len() > 60, "{fields:?}");
    let order = bench.simulator.purchase("r").expect("there").number.to_string();
    for (name, value) in [
        ("merchant_id", "508029"),
        ("state_pol", "4"),
        ("response_code_pol", "1"),
        ("response_message_pol", "APPROVED"),
        ("reference_sale", "r"),
        ("reference_pol", &order),
        ("value", "25000.50"),
        ("tax", "0.00"),
        ("currency", "COP"),
        ("attempts", "1"),
        ("test", "1"),
        ("transaction_id", id.split_once('_').expect("two ids").1),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    assert_eq!(arrived[0].header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn confirmations_and_return_pages_are_signed_after_different_roundings() {
    let bench = start().await;
    for (n, cents) in [15_000, 15_020, 15_025, 15_034, 15_035, 9_995, 2_000_000].into_iter().enumerate() {
        let reference = format!("r{n}");
        let order =
            payments::CreatePayment { amount: Money::new(cents, Currency::COP), ..bench.order(&reference) };
        let page = bench.visit(&order).await.expect("a page");
        for (button, expected) in
            [("decline", "6"), ("leave", "6"), ("begin?method=cash", "7"), ("approve", "4")]
        {
            let answer = bench.browser.post(format!("{page}/{button}")).send().await.expect("an answer");
            let location = answer.headers()[LOCATION].to_str().expect("text").to_owned();
            if button == "decline" {
                assert!(location.starts_with("/pay/"), "the buyer may try again");
                continue;
            }
            let query = location.split_once('?').expect("a query").1.split('#').next().expect("a query");
            let query = query.trim_start_matches("lang=es&");
            let said = bench.client.return_page(query).expect("signed");
            let expected = ReturnPage { reference: reference.clone(), state: expected.to_owned() };
            assert_eq!(said, expected, "{cents}");
        }
        let heard = bench.heard_of().await;
        assert_eq!(heard.len(), 3, "declined, abandoned, approved: {cents}");
    }
}

#[tokio::test]
async fn what_a_merchant_does_not_say_of_the_tax_is_added() {
    let bench = start().await;
    let (action, fields) = bench.form("r").await;
    let fields = fields.into_iter().filter(|(name, _)| !name.starts_with("tax")).collect();
    bench.simulator.visit(&BuyerStep::Post { action, fields }).await.expect("a page");
    bench.simulator.approve("r").expect("paid");
    let arrived = bench.arrived().await;
    assert!(arrived[0].text().contains("&tax=3991.67&"), "{}", arrived[0].text());
}

#[tokio::test]
async fn every_status_is_understood() {
    let bench = start().await;
    let mut table = Vec::new();
    let mut note = async |reference: &str, action| {
        bench.open(reference).await;
        let id = bench.simulator.act(reference, action).expect("done").payment_id;
        let report = bench.report(&id).await;
        table.push(format!("{} -> {:?}", report.reason.expect("said"), report.status));
    };
    note("a", Action::Begin(Method::Cash)).await;
    for (reference, status) in [
        ("b", Status::Approved),
        ("c", Status::Declined),
        ("d", Status::Failed),
        ("e", Status::Cancelled),
        ("f", Status::Expired),
    ] {
        note(reference, Action::Decide(Method::Card, status)).await;
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    IN_PROGRESS, PENDING: PENDING_TRANSACTION_CONFIRMATION -> Pending
    CAPTURED, APPROVED: APPROVED -> Approved
    DECLINED, DECLINED: INSUFFICIENT_FUNDS -> Declined
    DECLINED, ERROR: ENTITY_MESSAGING_ERROR -> Declined
    DECLINED, DECLINED: ABANDONED_TRANSACTION -> Cancelled
    DECLINED, EXPIRED: EXPIRED_TRANSACTION -> Expired
    ");
    let id = bench.simulator.purchase("b").expect("there").attempts[0].payment_id.clone();
    bench.simulator.refund_at_gateway(&id, None).expect("refunded");
    assert_eq!(bench.status(&id).await, PaymentStatus::Refunded, "what the merchant does on its pages shows");
    assert_eq!(bench.simulator.purchase("b").expect("there").attempts[0].refunds[0].state, RefundState::Done);
}

#[tokio::test]
async fn questions_are_answered_in_the_form_of_the_real_ones() {
    let bench = start().await;
    bench.open("r").await;
    bench.simulator.decline("r").expect("declined");
    bench.seconds_pass(1);
    bench.simulator.approve("r").expect("paid");
    let purchase = bench.simulator.purchase("r").expect("there");
    let ask = async |command: &str, details: Value| {
        bench.ask("reports-api", &request(command, "details", &details)).await
    };
    let answer = ask("ORDER_DETAIL", json!({ "orderId": purchase.number })).await;
    let order = &answer["result"]["payload"];
    assert_eq!((&order["status"], &order["isTest"]), (&"CAPTURED".into(), &true.into()), "{order}");
    let first = &order["transactions"][0];
    assert_eq!(first["transactionResponse"]["state"], "APPROVED", "the newest first");
    assert!(first["transactionResponse"]["operationDate"].as_i64().expect("a number") > 1_500_000_000_000);
    let text = ask("ORDER_DETAIL", json!({ "orderId": purchase.number.to_string() })).await;
    assert_eq!(text, answer, "the number may be a text");
    let answer = ask("ORDER_DETAIL_BY_REFERENCE_CODE", json!({ "referenceCode": "r" })).await;
    assert_eq!(answer["result"]["payload"][0], *order);
    let id = &purchase.attempts[0].id;
    let answer = ask("TRANSACTION_RESPONSE_DETAIL", json!({ "transactionId": id })).await;
    assert_eq!(answer["result"]["payload"]["responseCode"], "INSUFFICIENT_FUNDS");
    assert_eq!(ask("PING", Value::Null).await["result"]["payload"], "PONG");
    for (command, details) in [
        ("ORDER_DETAIL", json!({ "orderId": 1 })),
        ("ORDER_DETAIL_BY_REFERENCE_CODE", json!({ "referenceCode": "none" })),
        ("TRANSACTION_RESPONSE_DETAIL", json!({ "transactionId": "none" })),
    ] {
        assert_eq!(ask(command, details).await, json!({ "code": "SUCCESS", "error": null, "result": null }));
    }
    for (command, details) in
        [("ORDER_DETAIL", json!({})), ("ORDER_DETAIL", json!({ "orderId": true })), ("STEAL", Value::Null)]
    {
        let answer = ask(command, details).await;
        assert_eq!((&answer["code"], &answer["result"]), (&"ERROR".into(), &Value::Null), "{answer}");
    }
    let url = format!("{}/reports-api/4.0/service.cgi", bench.simulator.url());
    let ping = request("PING", "details", &Value::Null);
    let xml = bench.browser.post(url).json(&ping).send().await.expect("an answer");
    assert_eq!(xml.text().await.expect("text"), "<response><code>SUCCESS</code></response>");
    assert_eq!(bench.ask("reports-api", &json!([1])).await["code"], "ERROR");
}

#[tokio::test]
async fn orders_may_list_their_newest_transaction_only() {
    let bench = payu_bench(Wanted { lists_newest_only: true, ..Wanted::default() }).await;
    let id = bench.pay("r").await;
    bench.seconds_pass(TEN_MINUTES);
    bench.refund(&id, bench.price().amount).await.expect("taken");
    bench.review(true);
    let report = bench.report(&id).await;
    assert_eq!((report.status, report.refunded), (PaymentStatus::Refunded, bench.price()));
}

#[tokio::test]
async fn merchants_see_nothing_of_each_other() {
    let bench = start().await;
    let id = bench.pay("r").await;
    let stranger = super::Account {
        merchant_id: "508030".to_owned(),
        api_login: "somebody".to_owned(),
        api_key: "somebodyElsesKey".to_owned(),
        ..payu_account(Currency::COP)
    };
    let stranger = payu_client(bench.simulator.url(), &stranger, Algorithm::Md5, &bench.clock);
    assert!(matches!(stranger.payment(&id).await, Err(GatewayError::NotFound)));
    assert_eq!(stranger.payments_of("r").await.expect("listed"), []);
}
