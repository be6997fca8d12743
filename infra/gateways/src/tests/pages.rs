//! The pages for people, and the control addresses for scripts.

use domain::Timestamp;
use payments::MethodKind;
use reqwest::header::{ACCEPT_LANGUAGE, LOCATION};
use serde_json::{Value, json};

use super::*;
use crate::{Action, Faults, Method, Status};

impl<G: PaymentGateway> Bench<G> {
    async fn get(&self, path: &str) -> (u16, String) {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.simulator.url())
        };
        let answer = self.browser.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let url = format!("{}{path}", self.simulator.url());
        let answer = self.browser.post(url).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Presses a button of a page: the status, and where it leads.
    async fn press(&self, page: &str, button: &str) -> (u16, String) {
        let answer = self.browser.post(format!("{page}/{button}")).send().await.expect("an answer");
        let location = answer.headers().get(LOCATION).map_or("", |value| value.to_str().expect("text"));
        (answer.status().as_u16(), location.to_owned())
    }
}

/// What the buttons of a page do.
fn buttons(page: &str) -> Vec<String> {
    let parts = page.split("formaction=\"/pay/").skip(1);
    parts.filter_map(|part| Some(part.split_once('/')?.1.split_once('"')?.0.to_owned())).collect()
}

/// A person has the bank refuse, tries again, and goes back to the shop.
async fn a_person_pays<G: PaymentGateway>(bench: Bench<G>) -> String {
    let page = bench.open("r").await;
    let (status, html) = bench.get(&page).await;
    assert_eq!(status, 200);
    assert!(html.contains("Sala Ficticia") && html.contains("nadie paga dinero real"), "{html}");
    assert!(!html.contains("<b>"), "nothing is injected");
    for button in ["approve", "decline", "leave", "later?seconds=15", "after-expiry"] {
        assert!(buttons(&html).contains(&button.to_owned()), "{button}: {html}");
    }
    let own = page.strip_prefix(bench.simulator.url()).expect("its own page").to_owned();
    assert_eq!(bench.press(&page, "decline").await, (303, own.clone()), "the buyer may try again");
    let (_, html) = bench.get(&page).await;
    assert!(html.contains("rechazado por el banco") && html.contains("Volver al comercio"), "{html}");
    assert_eq!(bench.press(&page, "steal").await.0, 404);
    let (_, back) = bench.press(&page, "approve").await;
    assert!(back.starts_with(&format!("{}/orders/1?lang=es&", bench.shop.url)), "{back}");
    assert!(back.ends_with("#top"), "{back}");
    let (_, html) = bench.get(&page).await;
    assert!(!buttons(&html).contains(&"approve".to_owned()), "{html}");
    assert_eq!(bench.press(&page, "decline").await, (303, own), "too late for that");
    let found = bench.client.payments_of("r").await.expect("listed");
    assert_eq!(found.len(), 2);
    assert_eq!(bench.get("/pay/none").await.0, 404);
    back
}

#[tokio::test]
async fn a_person_pays_at_each_gateway() {
    let back = a_person_pays(mercado_pago_bench(Wanted::default()).await).await;
    assert!(back.contains("&status=approved&external_reference=r&merchant_order_id="), "{back}");
    let back = a_person_pays(wompi_bench(Wanted::default()).await).await;
    assert!(back.contains("&id=1292-"), "{back}");
    let back = a_person_pays(payu_bench(Wanted::default()).await).await;
    assert!(back.contains("&transactionState=4&"), "{back}");
}

#[tokio::test]
async fn a_person_plays_every_case() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let page = bench.open("a").await;
    let (_, back) = bench.press(&page, "leave").await;
    assert!(back.contains("payment_id=null&status=null"), "{back}");
    let (_, back) = bench.press(&page, "later?seconds=30").await;
    assert!(back.contains("&status=in_process&"), "{back}");
    let (_, html) = bench.get(&page).await;
    assert_eq!(buttons(&html), ["approve", "decline", "again"]);
    bench.press(&page, "again").await;
    bench.seconds_pass(30);
    let found = bench.client.payments_of("a").await.expect("listed");
    assert!(found.len() == 2 && found.iter().all(|report| report.status == PaymentStatus::Approved));

    let page = bench.open("b").await;
    bench.press(&page, "after-expiry").await;
    bench.seconds_pass(9 * 60 + 1);
    let (_, html) = bench.get(&page).await;
    assert!(html.contains("El plazo para pagar terminó.") && buttons(&html) == ["approve", "decline"]);
    bench.seconds_pass(120);
    let paid = bench.client.payments_of("b").await.expect("listed");
    assert_eq!(paid[0].status, PaymentStatus::Approved);
    let (_, html) = bench.get(&page).await;
    assert_eq!(buttons(&html), ["mediate", "charge-back", "refund"]);
    bench.press(&page, "mediate").await;
    let (_, html) = bench.get(&page).await;
    assert_eq!(buttons(&html), ["charge-back", "win", "lose"]);
    bench.press(&page, "charge-back").await;
    assert_eq!(bench.status(&paid[0].payment_id).await, PaymentStatus::ChargedBack);
    bench.press(&page, "win").await;
    assert_eq!(bench.status(&paid[0].payment_id).await, PaymentStatus::Approved);
    bench.press(&page, "refund").await;
    assert_eq!(bench.status(&paid[0].payment_id).await, PaymentStatus::Refunded);
    let (_, html) = bench.get(&page).await;
    assert!(html.contains("devuelto") && buttons(&html).is_empty());

    let page = bench.open("c").await;
    bench.press(&page, "later-declined?seconds=15").await;
    bench.seconds_pass(15);
    bench.press(&page, "approve?method=bank").await;
    let (_, html) = bench.get(&page).await;
    assert!(html.contains("Tarjeta: rechazado por el banco.") && html.contains("Transferencia: aprobado."));
    assert_eq!(bench.press(&bench.open("d").await, "approve?method=gold").await.0, 400);
}

#[tokio::test]
async fn pages_speak_english_to_whom_asks_for_it() {
    let bench = payu_bench(Wanted::default()).await;
    let order = CreatePayment { language: Language::En, ..bench.order("r") };
    let page = bench.visit(&order).await.expect("a page");
    let (_, html) = bench.get(&page).await;
    assert!(html.contains("nobody pays real money") && html.contains("Have the bank decline it"), "{html}");
    assert!(html.contains("COP 25,000.50"), "{html}");
    bench.press(&page, "begin?method=cash").await;
    assert!(bench.get(&page).await.1.contains("Cash: pending."));

    let bench = wompi_bench(Wanted::default()).await;
    let wrong = format!("{}/p/?public-key=pub_test_none", bench.simulator.url());
    let (status, html) = bench.get(&wrong).await;
    assert!(status == 404 && html.contains("La llave pública no existe."), "{html}");
    let answer = bench.browser.get(&wrong).header(ACCEPT_LANGUAGE, "en-GB,en;q=0.9").send().await;
    let html = answer.expect("an answer").text().await.expect("text");
    assert!(html.contains("There is no such public key."), "{html}");
}

#[tokio::test]
async fn reviewers_look_at_refunds_on_the_panel() {
    let bench = payu_bench(Wanted::default()).await;
    let (approved, declined) = (bench.pay("a").await, bench.pay("b").await);
    bench.seconds_pass(660);
    for id in [&approved, &declined] {
        bench.refund(id, bench.price().amount).await.expect("taken");
    }
    let (_, html) = bench.get("/?lang=en").await;
    assert!(html.contains("Refunds to review") && html.matches("/approve?lang=en").count() == 2, "{html}");
    let (_, html) = bench.get("/").await;
    assert!(html.contains("Devoluciones por revisar") && html.contains("COP 25.000,50"), "{html}");
    let refunds = bench.simulator.refunds_in_review().expect("listed");
    let of = |payment: &str| {
        let purchase = bench.simulator.purchase(payment).expect("there");
        purchase.attempts[0].refunds[0].id.clone()
    };
    assert_eq!(refunds.len(), 2);
    let url = bench.simulator.url();
    assert_eq!(
        bench.press(&format!("{url}/review/{}", of(&approved)), "approve").await,
        (303, "/?lang=es".into())
    );
    assert_eq!(bench.press(&format!("{url}/review/{}", of(&declined)), "decline").await.0, 303);
    assert_eq!(bench.press(&format!("{url}/review/{}", of(&declined)), "approve").await.0, 303, "too late");
    assert_eq!(bench.press(&format!("{url}/review/none"), "approve").await.0, 404);
    assert_eq!(bench.status(&approved).await, PaymentStatus::Refunded);
    assert_eq!(bench.status(&declined).await, PaymentStatus::Approved);
    let (_, html) = bench.get("/").await;
    assert!(html.contains("Ninguna.") && html.contains("devuelto"), "{html}");
}

#[tokio::test]
async fn scripts_control_it_over_http() {
    let bench = payu_bench(Wanted::default()).await;
    bench.open("r").await;
    let (status, attempt) = bench.post("/control/payments/r/decline", &json!({})).await;
    assert!(status == 200 && attempt.contains("\"status\":\"declined\""), "{attempt}");
    assert_eq!(bench.post("/control/payments/r/approve?after_seconds=60", &json!({})).await.0, 200);
    bench.seconds_pass(60);
    let (_, listed) = bench.get("/control/purchases?about=r&limit=1").await;
    assert!(listed.contains("\"status\":\"approved\""), "{listed}");
    let (status, refused) = bench.post("/control/payments/r/charge-back", &json!({})).await;
    assert!(status == 409 && refused.contains("no_disputes"), "{refused}");
    assert_eq!(bench.post("/control/payments/r/refund?amount=100000", &json!({})).await.0, 200);
    assert_eq!(bench.post("/control/payments/r/steal", &json!({})).await.0, 400);
    assert_eq!(bench.post("/control/payments/none/approve", &json!({})).await.0, 404);
    assert_eq!(bench.post("/control/payments/r/approve?nonsense=1", &json!({})).await.0, 400);

    let id = bench.simulator.purchase("r").expect("there").attempts[1].payment_id.clone();
    bench.seconds_pass(660);
    let other = bench.pay("s").await;
    bench.seconds_pass(660);
    bench.refund(&other, bench.price().amount).await.expect("taken");
    let refund = bench.simulator.refunds_in_review().expect("listed").remove(0).id;
    assert_eq!(bench.post(&format!("/control/refunds/{refund}/maybe"), &json!({})).await.0, 400);
    assert_eq!(bench.post(&format!("/control/refunds/{refund}/approve"), &json!({})).await.0, 204);
    assert_eq!(bench.post(&format!("/control/refunds/{refund}/approve"), &json!({})).await.0, 409);
    assert_eq!(bench.report(&id).await.refunded.amount, 100_000);

    assert_eq!(bench.post("/control/faults", &json!({"read_500": 100, "seed": 3})).await.0, 200);
    assert_eq!(bench.post("/control/faults", &json!({"read_500": 101})).await.0, 400);
    assert_eq!(bench.post("/control/faults", &json!({"nonsense": 1})).await.0, 400);
    let expected = Faults { read_500: 100, seed: 3, ..Faults::default() };
    let (_, faults) = bench.get("/control/faults").await;
    assert_eq!(serde_json::from_str::<Faults>(&faults).expect("faults"), expected);
    assert_eq!(bench.get("/control/idle").await, (204, String::new()));
    assert_eq!(bench.get("/control/purchases").await.0, 200, "faults are for the protocol only");
}

#[tokio::test]
async fn what_is_asked_for_has_a_name() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let page = bench.open("r").await;
    let id = bench.simulator.act("r", Action::Begin(Method::Card)).expect("begun").payment_id;
    let purchase = bench.simulator.purchase(&id).expect("by its payment");
    assert!(page.ends_with(&purchase.id));
    assert_eq!(bench.simulator.purchase("r").expect("by its reference"), purchase);
    assert_eq!(bench.simulator.purchase(&purchase.number.to_string()).expect("by its number"), purchase);
    bench.simulator.purchase("none").expect_err("nothing has this name");
    let attempt = bench.simulator.act(&purchase.id, Action::Decide(Method::Card, Status::Expired));
    assert_eq!(attempt.expect("by its page").status, Status::Expired);
    assert_eq!(bench.status(&id).await, PaymentStatus::Expired);
}

/// The time until which a slip is asked to be good.
fn tomorrow<G: PaymentGateway>(bench: &Bench<G>) -> CreatePayment {
    let cash_until = Some(bench.clock.now() + jiff::SignedDuration::from_hours(22));
    CreatePayment { cash_until, ..bench.order("r") }
}

/// A person gets a slip, and pays it at the counter, the next morning, or never. Returns what the
/// client read of it.
async fn a_person_pays_in_cash<G: PaymentGateway>(bench: Bench<G>, button: &str) -> PaymentReport {
    let page = bench.visit(&tomorrow(&bench)).await.expect("a page");
    bench.press(&page, "begin?method=cash").await;
    let (_, html) = bench.get(&page).await;
    assert_eq!(buttons(&html)[..3], ["approve", "tomorrow", "expire"], "{html}");
    assert!(
        html.contains("Pagar en el mostrador") && html.contains("Se paga en efectivo hasta el"),
        "{html}"
    );
    let read = async || bench.client.payments_of("r").await.expect("listed").remove(0);
    let pending = read().await;
    assert_eq!((pending.status, pending.method), (PaymentStatus::Pending, Some(MethodKind::Cash)));
    bench.press(&page, button).await;
    let (before, after) = match button {
        "approve" => (PaymentStatus::Approved, PaymentStatus::Approved),
        "tomorrow" => (PaymentStatus::Pending, PaymentStatus::Approved),
        _ => (PaymentStatus::Expired, PaymentStatus::Expired),
    };
    // At Wompi, what nobody paid is an error like others.
    let is = |status, expected| {
        status == expected || (expected, status) == (PaymentStatus::Expired, PaymentStatus::Declined)
    };
    assert!(is(read().await.status, before), "{:?}", read().await);
    bench.seconds_pass(20 * 3600);
    assert!(is(read().await.status, after), "{:?}", read().await);
    pending
}

#[tokio::test]
async fn a_person_pays_at_the_counter_of_each_gateway() {
    for button in ["approve", "tomorrow", "expire"] {
        let told = a_person_pays_in_cash(mercado_pago_bench(Wanted::default()).await, button).await;
        let due = told.due.expect("Mercado Pago tells of its slips");
        assert!(due.by.is_some() && due.slip_url.is_some_and(|url| url.contains("/pay/")), "{button}");
        a_person_pays_in_cash(wompi_bench(Wanted::default()).await, button).await;
        a_person_pays_in_cash(payu_bench(Wanted::default()).await, button).await;
    }
}

/// Two slips of Mercado Pago or PayU, whose documentation leaves open what they tell.
async fn two_slips<G: PaymentGateway>(bench: Bench<G>) -> Vec<Option<Timestamp>> {
    let mut told = Vec::new();
    for reference in ["a", "b"] {
        let order = CreatePayment { reference: reference.to_owned(), ..tomorrow(&bench) };
        bench.visit(&order).await.expect("a page");
        let payment = bench.simulator.act(reference, Action::Begin(Method::Cash)).expect("begun").payment_id;
        told.push(bench.report(&payment).await.due.and_then(|due| due.by));
    }
    told
}

#[tokio::test]
async fn what_is_not_documented_of_slips_comes_both_ways() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let page_ends = bench.order("r").expires_at;
    let ends = two_slips(bench).await;
    let with_page = ends.iter().flatten().filter(|end| **end < page_ends + Duration::from_secs(60));
    assert_eq!((ends.iter().flatten().count(), with_page.count()), (2, 1), "{ends:?}");
    let told = two_slips(payu_bench(Wanted::default()).await).await;
    assert_eq!(told.iter().flatten().count(), 1, "{told:?}");
}
