use domain::{Currency, Money};
use payments::mercado_pago::{MercadoPagoGateway, manifest, sign};
use payments::{
    GatewayError, OpenPayment, PaymentGateway, PaymentHint, PaymentStatus, RefundStatus, Subject,
    WebhookRefused,
};
use serde_json::{Value, json};

use super::FEE;
use crate::tests::{
    Arrival, Bench, MP_SECRET, SHARING, TOKEN, Wanted, mercado_pago_bench, mp_client, refusal,
};
use crate::{Action, Faults, Method, Status};

async fn in_currency(currency: Currency) -> Bench<MercadoPagoGateway> {
    mercado_pago_bench(Wanted { currency: Some(currency), ..Wanted::default() }).await
}

impl Bench<MercadoPagoGateway> {
    /// Calls the API without the client.
    async fn call(&self, path: &str, body: Option<&str>, key: Option<&str>) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.url());
        let mut request = match body {
            Some(body) => self.browser.post(url).body(body.to_owned()),
            None => self.browser.get(url),
        };
        request = request.bearer_auth(TOKEN);
        if let Some(key) = key {
            request = request.header("x-idempotency-key", key);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.url());
        let answer = self.browser.put(url).bearer_auth(TOKEN).body(body.to_string());
        let answer = answer.header("content-type", "application/json").send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}

#[tokio::test]
async fn amounts_have_the_decimals_of_their_currency() {
    for (currency, refunded) in [(Currency::CLP, 5), (Currency::COP, 12_300), (Currency::ARS, 10)] {
        let bench = in_currency(currency).await;
        let id = bench.pay("r").await;
        assert_eq!(bench.report(&id).await.amount, bench.price());
        bench.refund(&id, refunded).await.expect("refunded");
        let report = bench.report(&id).await;
        assert_eq!(report.refunded, Money::new(refunded, currency));
        assert_eq!(report.reason.as_deref(), Some("approved: partially_refunded"));
    }
}

#[tokio::test]
async fn refunds_are_partial_or_whole_and_happen_once() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let id = bench.pay("r").await;
    bench.arrived().await;
    let first = bench.refund(&id, 5_000).await.expect("refunded");
    assert_eq!(first.status, RefundStatus::Done);
    for _ in 0..3 {
        assert_eq!(bench.refund(&id, 5_000).await.expect("the same"), first);
    }
    let second = bench.refund_with(&id, 5_000, 5_000, "another").await.expect("another one");
    assert_ne!(second, first);
    assert_eq!(bench.heard_of().await, [id.clone(), id.clone()], "one for each");
    assert_eq!(bench.report(&id).await.refunded.amount, 10_000);
    assert_eq!(bench.client.refund_report(&id, &first.refund_id).await.expect("known"), first);
    assert!(matches!(bench.client.refund_report(&id, "1").await, Err(GatewayError::NotFound)));
    assert!(refusal(bench.refund_after(&id, 15_001, 10_000).await).starts_with("2085"));
    assert_eq!(
        refusal(bench.refund_with(&id, 5_001, 10_000, "another").await),
        "idempotency_key_already_used: The key was used for another refund"
    );
    bench.refund_after(&id, 15_000, 10_000).await.expect("the rest");
    assert_eq!(bench.status(&id).await, PaymentStatus::Refunded);
    assert!(refusal(bench.refund_after(&id, 1, 25_000).await).starts_with("4296"));

    let whole = bench.pay("s").await;
    let report = bench.refund(&whole, bench.price().amount).await.expect("refunded");
    assert_eq!(bench.status(&whole).await, PaymentStatus::Refunded);
    bench.seconds_pass(25 * 3600);
    let again =
        bench.refund(&whole, bench.price().amount).await.expect("found, although the key is forgotten");
    assert_eq!(again, report);
    assert_eq!(bench.simulator.purchase(&whole).expect("there").attempts[0].refunds.len(), 1);
}

#[tokio::test]
async fn refunds_that_are_not_possible_are_refused_with_the_documented_codes() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    bench.open("r").await;
    let pending = bench.simulator.act("r", Action::Begin(Method::Bank)).expect("pending").payment_id;
    assert!(refusal(bench.refund(&pending, 1).await).starts_with("2063"));
    bench.simulator.approve(&pending).expect("paid");
    // Transfers are given back as a whole; the client leaves parts to a person.
    assert!(matches!(bench.refund(&pending, 1).await, Err(GatewayError::Unsupported)));
    bench.seconds_pass(181 * 24 * 3600);
    assert!(matches!(bench.refund(&pending, 25_000).await, Err(GatewayError::Unsupported)), "too old");

    let id = bench.pay("s").await;
    let path = format!("/v1/payments/{id}/refunds");
    for (body, key, code) in [
        ("{}", None, 4292),
        (r#"{"amount":-1}"#, Some("k"), 4040),
        (r#"{"amount":0}"#, Some("k"), 4040),
        (r#"{"amount":"1"}"#, Some("k"), 4041),
    ] {
        let (status, answer) = bench.call(&path, Some(body), key).await;
        assert_eq!((status, answer["cause"][0]["code"].clone()), (400, json!(code)), "{body}: {answer}");
    }
    assert_eq!(
        bench.call(&path, Some(r#"{"amount":1.0}"#), Some("k")).await.0,
        400,
        "pesos have no decimals"
    );
    assert_eq!(bench.call("/v1/payments/1/refunds", Some("{}"), Some("k")).await.0, 404);
    let (status, refund) = bench.call(&path, Some(""), Some("k")).await;
    assert_eq!((status, refund["amount"].clone()), (201, json!(25_000)), "no body is all of it");
}

#[tokio::test]
async fn calls_in_trouble_never_refund_twice() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let faults = Faults { refund_500: 50, lost_answers: 20, busy: 20, seed: 11, ..Faults::default() };
    let mut ids = Vec::new();
    for n in 0..15 {
        ids.push(bench.pay(&format!("r{n}")).await);
    }
    bench.simulator.set_faults(faults).expect("in bounds");
    let mut unanswered = 0;
    for id in &ids {
        while let Err(error) = bench.refund(id, 1_000).await {
            assert!(error.may_be_repeated(), "{error}");
            unanswered += 1;
        }
    }
    assert!(unanswered > 0, "the faults were there");
    for id in &ids {
        let purchase = bench.simulator.purchase(id).expect("there");
        assert_eq!(purchase.attempts[0].refunds.len(), 1);
    }
}

#[tokio::test]
async fn every_status_is_understood() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let mut table = Vec::new();
    let mut note = async |id: &str| {
        let report = bench.report(id).await;
        table.push(format!("{} -> {:?}", report.reason.expect("said"), report.status));
    };
    for (reference, method) in [("a", Method::Card), ("b", Method::Wallet), ("c", Method::Bank)] {
        bench.open(reference).await;
        note(&bench.simulator.act(reference, Action::Begin(method)).expect("begun").payment_id).await;
    }
    for (reference, status) in
        [("d", Status::Declined), ("e", Status::Failed), ("f", Status::Cancelled), ("g", Status::Expired)]
    {
        bench.open(reference).await;
        note(
            &bench
                .simulator
                .act(reference, Action::Decide(Method::Card, status))
                .expect("decided")
                .payment_id,
        )
        .await;
    }
    let lost = bench.pay("h").await;
    note(&lost).await;
    bench.simulator.act(&lost, Action::Mediate).expect("complained");
    note(&lost).await;
    bench.simulator.charge_back(&lost).expect("charged back");
    note(&lost).await;
    bench.simulator.close_dispute(&lost, false).expect("closed");
    note(&lost).await;
    let won = bench.pay("i").await;
    bench.simulator.charge_back(&won).expect("charged back");
    bench.simulator.close_dispute(&won, true).expect("closed");
    note(&won).await;
    bench.simulator.refund_at_gateway(&won, Some(1_000)).expect("refunded");
    assert_eq!(bench.report(&won).await.refunded.amount, 1_000);
    bench.simulator.refund_at_gateway(&won, None).expect("refunded");
    note(&won).await;
    insta::assert_snapshot!(table.join("\n"), @r"
    in_process: pending_contingency -> Pending
    in_process: pending_review_manual -> Pending
    pending: pending_waiting_transfer -> Pending
    rejected: cc_rejected_insufficient_amount -> Declined
    rejected: cc_rejected_other_reason -> Declined
    cancelled: by_payer -> Cancelled
    cancelled: expired -> Expired
    approved: accredited -> Approved
    in_mediation: pending -> Approved
    charged_back: in_process -> ChargedBack
    charged_back: settled -> ChargedBack
    charged_back: reimbursed -> Approved
    refunded: refunded -> Refunded
    ");
}

#[tokio::test]
async fn nobody_pays_after_the_expiry_but_who_began_before() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    bench.open("r").await;
    bench.seconds_pass(9 * 60);
    let error = bench.simulator.approve("r").expect_err("too late");
    assert!(error.to_string().contains("The time to pay is over."), "{error}");
    assert_eq!(bench.client.payments_of("r").await.expect("listed"), []);
}

#[tokio::test]
async fn preferences_are_refused_where_the_real_ones_are() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let later = (bench.clock.now() + jiff::SignedDuration::from_mins(5)).to_string();
    let good = |price: &str| {
        format!(
            r#"{{"items":[{{"title":"Entrada","quantity":2,"currency_id":"CLP","unit_price":{price}}}],
            "back_urls":{{"success":"https://shop.example/"}},"auto_return":"approved","external_reference":"x",
            "expires":true,"expiration_date_to":"{later}","statement_descriptor":"SALA","unknown":{{"a":1}}}}"#
        )
    };
    let (status, made) = bench.call("/checkout/preferences", Some(&good("25000")), None).await;
    assert_eq!((status, made["total_amount"].clone()), (201, json!(50_000)));
    assert_eq!(
        (made["items"][0]["unit_price"].clone(), made["unknown"]["a"].clone()),
        (json!(25_000), json!(1))
    );
    for (from, to) in [
        ("25000", "25000.00"),
        ("25000", "0"),
        ("25000", "-1"),
        ("25000", "\"25000\""),
        ("25000", "1e5"),
        ("\"quantity\":2", "\"quantity\":0"),
        ("CLP", "ARS"),
        ("Entrada", ""),
        ("https://shop.example/", "javascript:alert(1)"),
        ("{\"success\":\"https://shop.example/\"}", "{}"),
        (later.as_str(), "2020-01-01T00:00:00.000-03:00"),
        (later.as_str(), "2099-01-01T00:00:00.000"),
        ("\"SALA\"", "\"A NAME THAT IS LONGER THAN A STATEMENT\""),
        ("\"x\"", &format!("\"{}\"", "x".repeat(257))),
    ] {
        let body = good("25000").replacen(from, to, 1);
        let (status, answer) = bench.call("/checkout/preferences", Some(&body), None).await;
        assert_eq!((status, answer["error"].clone()), (400, json!("bad_request")), "{body}");
    }
    assert_eq!(bench.call("/checkout/preferences", Some("{}"), None).await.0, 400);
    assert_eq!(bench.call("/checkout/preferences", Some("nonsense"), None).await.0, 400);
    // The client's own currency check is the gateway's.
    let dollars = payments::CreatePayment { amount: Money::new(100, Currency::USD), ..bench.order("r") };
    assert!(refusal(bench.client.checkout(&dollars).await).contains("currency_id invalid"));
    assert!(bench.simulator.purchases().expect("listed").len() == 1);
}

#[tokio::test]
async fn colombian_pesos_have_no_centavos_here() {
    let bench = in_currency(Currency::COP).await;
    let with =
        |price: &str| format!(r#"{{"items":[{{"title":"Entrada","quantity":1,"unit_price":{price}}}]}}"#);
    for (price, status) in [("87830.50", 400), ("87830.00", 400), ("87831", 201)] {
        assert_eq!(bench.call("/checkout/preferences", Some(&with(price)), None).await.0, status, "{price}");
    }
    // The client does not even ask.
    let centavos = Money::new(8_783_050, Currency::COP);
    let order = payments::CreatePayment { amount: centavos, ..bench.order("r") };
    assert!(refusal(bench.client.checkout(&order).await).starts_with("decimals"));
    let id = bench.pay("s").await;
    assert!(matches!(bench.refund(&id, 12_345).await, Err(GatewayError::Unsupported)), "a person does");
}

#[tokio::test]
async fn a_fee_is_kept_where_the_merchant_shares() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let order = |reference: &str, fee: i64| payments::CreatePayment {
        marketplace_fee: Some(Money::new(fee, Currency::CLP)),
        ..bench.order(reference)
    };
    let sharing = mp_client(bench.simulator.url(), SHARING);
    let fee = |reference: &str| {
        let purchases = bench.simulator.purchases().expect("listed");
        let purchase = purchases.into_iter().find(|purchase| purchase.reference == reference).expect("made");
        purchase.details.get(FEE).cloned()
    };
    for (reference, asked, kept) in [("all", 625, true), ("too much", 25_000, false)] {
        let checkout = sharing.checkout(&order(reference, asked)).await.expect("made");
        assert_eq!(
            (checkout.keeps_fee, fee(reference)),
            (kept, kept.then(|| asked.to_string())),
            "{reference}"
        );
    }
    let checkout = bench.client.checkout(&order("own", 625)).await.expect("made without it");
    assert_eq!((checkout.keeps_fee, fee("own")), (false, None));
}

#[tokio::test]
async fn a_preference_is_read_and_changed_as_the_vendors_library_does() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let body = r#"{"items":[{"title":"Entrada","quantity":2,"unit_price":25000}],"metadata":{"a":1}}"#;
    let (status, made) = bench.call("/checkout/preferences/", Some(body), None).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/checkout/preferences/{}", made["id"].as_str().expect("an id"));
    assert_eq!(bench.call(&path, None, None).await, (200, made.clone()));
    let change = json!({"external_reference": "r", "items": [{"title": "Entrada", "quantity": 1, "unit_price": 9000}]});
    let (status, changed) = bench.put(&path, &change).await;
    assert_eq!((status, &changed["total_amount"], &changed["metadata"]["a"]), (200, &json!(9000), &json!(1)));
    assert_eq!(bench.call(&path, None, None).await, (200, changed));
    assert_eq!(bench.put(&path, &json!({"items": []})).await.0, 400);
    assert_eq!(bench.call("/checkout/preferences/44444-none", None, None).await.0, 404);
}

#[tokio::test]
async fn what_is_closed_is_not_paid() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let open = |reference: &str| {
        let page = bench.simulator.purchase(reference).expect("there").id;
        OpenPayment {
            reference: reference.to_owned(),
            payment_id: None,
            checkout_url: Some(format!("https://www.mercadopago.cl/checkout/v1/redirect?pref_id={page}")),
            now: bench.clock.now(),
        }
    };
    bench.open("r").await;
    let begun = bench.simulator.act("r", Action::Begin(Method::Bank)).expect("begun").payment_id;
    for _ in 0..2 {
        bench.client.close(&open("r")).await.expect("closed");
    }
    assert_eq!(bench.status(&begun).await, PaymentStatus::Cancelled);
    bench.simulator.approve("r").expect_err("its time is over");

    let paid = bench.pay("s").await;
    assert!(refusal(bench.client.close(&open("s")).await).starts_with("approved"));
    assert_eq!(
        bench.put(&format!("/v1/payments/{paid}"), &json!({"status": "cancelled"})).await.1["cause"][0]["code"],
        2018
    );
    let unknown = OpenPayment { checkout_url: None, ..open("r") };
    assert!(matches!(bench.client.close(&unknown).await, Err(GatewayError::Unsupported)));
}

#[tokio::test]
async fn searches_are_sorted_and_paged() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    bench.open("r").await;
    for _ in 0..3 {
        bench.simulator.decline("r").expect("declined");
        bench.seconds_pass(1);
    }
    let search = async |more: &str| {
        let path = format!("/v1/payments/search?external_reference=r&{more}");
        let (status, found) = bench.call(&path, None, None).await;
        let ids: Vec<_> =
            found["results"].as_array().into_iter().flatten().map(|found| found["id"].clone()).collect();
        (status, found["paging"]["total"].as_u64(), ids)
    };
    let (_, total, all) = search("sort=date_created&criteria=desc").await;
    assert_eq!((total, all.len()), (Some(3), 3));
    let (_, total, page) = search("sort=date_created&criteria=asc&limit=2&offset=1").await;
    assert_eq!((total, page), (Some(3), vec![all[1].clone(), all[0].clone()]));
    assert_eq!(search("criteria=desc").await.0, 400);
    assert_eq!(search("sort=date_created").await.0, 400);
    assert_eq!(search("sort=date_created&criteria=desc&limit=x").await.0, 400);
}

#[tokio::test]
async fn merchants_see_nothing_of_each_other() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let id = bench.pay("r").await;
    bench.simulator.charge_back(&id).expect("charged back");
    let purchase = bench.simulator.purchase(&id).expect("there");
    let stranger = mp_client(bench.simulator.url(), "APP_USR-somebody-else-0000");
    assert!(matches!(stranger.payment(&id).await, Err(GatewayError::NotFound)));
    assert_eq!(stranger.payments_of("r").await.expect("listed"), []);
    let order = PaymentHint::MerchantOrder { id: purchase.number.to_string() };
    let dispute = purchase.attempts[0].dispute.as_ref().expect("disputed").number;
    let dispute = PaymentHint::Chargeback { id: dispute.to_string() };
    for related in [&order, &dispute] {
        assert!(matches!(stranger.payments_behind(related).await, Err(GatewayError::NotFound)));
        let known = bench.client.payments_behind(related).await.expect("known");
        assert_eq!(known, [bench.report(&id).await]);
    }
    let whole = payments::RefundPayment {
        payment_id: id,
        amount: bench.price(),
        paid: bench.price(),
        refunded_before: Money::new(0, bench.price().currency),
        idempotency_key: "k".to_owned(),
        may_have_been_asked: false,
    };
    assert!(matches!(stranger.refund(&whole).await, Err(GatewayError::NotFound)));
}

/// What arrived since the last call, in the order of its words.
async fn subjects(bench: &Bench<MercadoPagoGateway>) -> Vec<Subject> {
    let arrived = bench.arrived().await.into_iter();
    let mut subjects: Vec<_> = arrived.map(|arrival| arrival.verdict.expect("genuine").subject).collect();
    subjects.sort_by_key(|subject| format!("{subject:?}"));
    subjects
}

#[tokio::test]
async fn payments_orders_and_chargebacks_are_told_of() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let payment_id = bench.pay("r").await;
    let order = bench.simulator.purchase("r").expect("there").number.to_string();
    let order = Subject::Payments(PaymentHint::MerchantOrder { id: order });
    let payment = Subject::Payments(PaymentHint::Payment { payment_id: payment_id.clone(), reference: None });
    assert_eq!(subjects(&bench).await, [order.clone(), payment.clone()]);

    bench.simulator.charge_back(&payment_id).expect("charged back");
    // The chargeback names its payment.
    assert_eq!(subjects(&bench).await, [order, payment.clone(), payment]);
}

#[tokio::test]
async fn signatures_come_in_all_forms() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    for n in 0..12 {
        bench.pay(&format!("r{n}")).await;
    }
    let arrived = bench.arrived().await;
    let ts = |arrival: &Arrival| {
        let header = arrival.header("x-signature").to_owned();
        header.split_once(',').expect("two parts").0.trim_start_matches("ts=").len()
    };
    for (what, found) in [
        ("seconds", arrived.iter().any(|arrival| ts(arrival) == 10)),
        ("milliseconds", arrived.iter().any(|arrival| ts(arrival) == 13)),
        ("a request id", arrived.iter().any(|arrival| !arrival.header("x-request-id").is_empty())),
        ("no request id", arrived.iter().any(|arrival| arrival.header("x-request-id").is_empty())),
        ("an id in the address", arrived.iter().any(|arrival| arrival.query.contains("data.id="))),
        ("no id in the address", arrived.iter().any(|arrival| !arrival.query.contains("data.id="))),
    ] {
        assert!(found, "{what}");
    }
    // The client's own helpers sign the same.
    let arrival = arrived.iter().find(|arrival| arrival.query.contains("data.id=")).expect("one");
    let (_, id) = arrival.query.split_once("data.id=").expect("there");
    let id = id.split('&').next().expect("an id");
    let header = arrival.header("x-signature");
    let (ts, v1) = header.split_once(",v1=").expect("two parts");
    let text = manifest(Some(id), Some(arrival.header("x-request-id")), ts.trim_start_matches("ts="));
    assert_eq!(sign(MP_SECRET, &text), v1);
    assert!(arrival.query.starts_with("source_news=webhooks&"), "{}", arrival.query);
}

#[tokio::test]
async fn repetitions_are_signed_again_or_not() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    crate::lock(&bench.shop.moods).extend([500; 16]);
    for n in 0..8 {
        bench.pay(&format!("r{n}")).await;
    }
    let first = bench.arrived().await;
    bench.seconds_pass(900);
    let second = bench.arrived().await;
    assert_eq!((first.len(), second.len()), (16, 16));
    assert!(second.iter().all(|arrival| arrival.accepted));
    let signatures: Vec<_> = first.iter().map(|arrival| arrival.header("x-signature")).collect();
    let same = second.iter().filter(|arrival| signatures.contains(&arrival.header("x-signature"))).count();
    assert!((1..16).contains(&same), "{same}");
}

#[tokio::test]
async fn who_does_not_ask_for_webhooks_gets_unsigned_notifications_too() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    for (reference, address, signed, unsigned) in [
        ("a", "/hook", 2, 2),
        ("b", "/hook?source_news=ipn", 0, 2),
        ("c", "/hook?source_news=webhooks", 2, 0),
    ] {
        let body = json!({
            "items": [{ "title": "Entrada", "quantity": 1, "unit_price": 25_000 }],
            "external_reference": reference,
            "notification_url": format!("{}{address}", bench.shop.url),
        });
        assert_eq!(bench.call("/checkout/preferences", Some(&body.to_string()), None).await.0, 201);
        let id = bench.simulator.approve(reference).expect("paid").payment_id;
        let (with, without): (Vec<_>, Vec<_>) =
            bench.arrived().await.into_iter().partition(|arrival| arrival.verdict.is_ok());
        assert_eq!((with.len(), without.len()), (signed, unsigned), "{address}");
        let refused = without.iter().map(|arrival| arrival.verdict.clone());
        assert!(refused.into_iter().all(|verdict| verdict == Err(WebhookRefused::Unsigned)));
        assert_eq!(bench.client.payments_of(reference).await.expect("found")[0].payment_id, id);
    }
}

/// `cargo xtask sdk` installs the library and runs this.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and the vendor's library: `cargo xtask sdk`"]
async fn the_vendors_library_talks_to_it() {
    let env = boot::Env::process();
    let modules = env.required("TAQUILLA_SDK_MODULES").expect("the folder of the library");
    let bench = mercado_pago_bench(Wanted::default()).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mercado_pago/vendor.cjs");
    let mut node = tokio::process::Command::new("node");
    node.arg(script).env("NODE_PATH", modules).env("SIMULATOR_URL", bench.simulator.url());
    node.env("ACCESS_TOKEN", TOKEN).env("WEBHOOK_SECRET", MP_SECRET);
    assert!(node.status().await.expect("Node.js starts").success());
}
