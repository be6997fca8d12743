//! The README's tour "A guest, two seats together and a drink": the same calls to the demo's box office, with
//! the clock moved to the next morning.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::TestApp;

const SHOW: &str = "/api/v1/public/events/la-lluvia-segun-irene";
const ELISA: &str = "elisa@example.com";
/// Longer than the box office's answers are kept.
const A_WHILE: Duration = Duration::from_secs(10);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().unwrap_or_else(|| panic!("{list} is no list"))
}

/// How many of the drink are left.
async fn drinks_left(app: &TestApp, drink: &Value) -> u64 {
    app.clock.advance(A_WHILE);
    let products = app.get(format!("{SHOW}/products")).ok().await;
    let variants =
        items(&products).iter().flat_map(|product| product["variants"].as_array().expect("variants"));
    let found = variants.into_iter().find(|variant| variant["id"] == *drink).cloned().expect("on sale");
    found["left"].as_u64().expect("a number")
}

/// Does something at the simulated gateway on whose page the order is paid.
async fn at_the_gateway(app: &TestApp, page: &str, what: &str) {
    let (gateway, payment) = page.split_once("/pay/").expect("the address of a page");
    let control = format!("{gateway}/control/payments/{payment}/{what}");
    let answer = app.elsewhere(Method::POST, &control).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_buys_two_seats_together_and_a_drink() {
    let app = TestApp::start_with_demo().await;
    app.idle().await;
    let event = app.get(SHOW).ok().await;
    let areas = app.get(format!("{SHOW}/areas")).ok().await;
    let area = text(&items(&areas)[0]["id"]).to_owned();
    let wish = json!({"quantity": 2, "together": true});
    let best = app.post(format!("{SHOW}/areas/{area}/best")).json(wish).ok().await;
    assert_eq!(best["together"], "together");
    let seats: Vec<&str> =
        best["seats"].as_array().expect("seats").iter().map(|seat| text(&seat["seat"])).collect();
    let [(row, one), (other_row, other)] =
        [0, 1].map(|index: usize| seats[index].rsplit_once('-').expect("a row and a number"));
    let [one, other]: [u16; 2] = [one, other].map(|number| number.parse().expect("a number"));
    assert_eq!((row, one.abs_diff(other)), (other_row, 2), "neighbours on one side of the aisle: {seats:?}");

    let products = app.get(format!("{SHOW}/products")).ok().await;
    let drink = items(&products).iter().find(|product| product["kind"] == "drink").expect("a drink");
    let drink = drink["variants"][0]["id"].clone();
    let stock = drinks_left(&app, &drink).await;
    let wanted = json!({
        "event_id": event["id"], "lines": [{"area_id": area, "quantity": 2, "together": true}],
        "extras": [{"variant_id": drink, "quantity": 1}],
    });
    let quote = app.post("/api/v1/public/quotes").json(wanted).ok().await;
    assert_eq!(quote["extras"][0]["total"], 9_000, "{quote}");
    let body = json!({"quote": quote["quote"], "email": ELISA, "name": "Elisa Espera"});
    let held = app.post("/api/v1/reservations").json(body).ok().await;
    let link = text(&held["order_access"]);
    let (reservation, order) =
        ["reservations", "purchases"].map(|kind| format!("/api/v1/{kind}/{}", text(&held["id"]))).into();
    assert_eq!((&held["guest"], &held["total"]), (&json!(true), &quote["totals"]["total"]));

    let methods = app.get(format!("{reservation}/payment-methods")).link(link).ok().await;
    let offered = items(&methods)[0]["methods"].as_array().expect("methods");
    let cash = offered.iter().find(|method| method["kind"] == "cash").expect("cash");
    let body = json!({"reservation_id": held["id"]});
    let begun = app.post("/api/v1/purchases").link(link).json(body).ok().await;
    let page = text(&begun["checkout_url"]).to_owned();
    at_the_gateway(&app, &page, "begin?method=cash").await;
    // Coming back has the gateway asked.
    for _ in 0..2 {
        app.clock.advance(Duration::from_secs(6));
        app.get(&order).link(link).ok().await;
        app.idle().await;
    }
    let waiting = app.get(&order).link(link).ok().await;
    let payment = &waiting["payments"][0];
    assert_eq!(
        (&waiting["status"], &payment["payment_method"]),
        (&json!("awaiting_payment"), &json!("cash"))
    );
    assert_eq!(payment["due_at"], cash["pay_by"], "{waiting}");

    // The next morning.
    app.clock.advance(Duration::from_secs(12 * 3600));
    app.idle().await;
    assert_eq!(drinks_left(&app, &drink).await, stock - 1, "it is kept all night");
    at_the_gateway(&app, &page, "approve?method=cash").await;
    let mails = app.mails(ELISA);
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    let expected = ["Paga tu reserva para La lluvia según Irene", "Tus entradas para La lluvia según Irene"];
    assert_eq!(subjects, expected);
    assert_eq!(mails[1].attachments.len(), 3, "two tickets and a voucher");
    let link = app.mailed_order_link(ELISA);
    let paid = app.get(&order).link(&link).ok().await;
    assert_eq!(
        (&paid["status"], paid["lines"][0]["seats"].as_array().map(Vec::len)),
        (&json!("paid"), Some(2))
    );
    assert_eq!(
        (paid["tickets"].as_array().map(Vec::len), &paid["vouchers"][0]["status"]),
        (Some(2), &json!("valid"))
    );

    let password = app.cloud.logins().expect("the demo's").password;
    let body = json!({"email": "organiza@example.com", "password": password});
    let olga = app.post("/api/v1/auth/login").json(body).ok().await;
    let body = json!({"event_id": event["id"], "vouchers": [paid["vouchers"][0]["id"]]});
    let olga = text(&olga["access_token"]);
    app.post(format!("{order}/refund")).token(olga).json(body).ok().await;
    app.idle().await;
    // What came over a counter goes back by a person's hand.
    let task = format!("/api/v1/tenant/refund-tasks/{}/0/done", text(&held["id"]));
    app.post(task).token(olga).json(json!({"note": "Por transferencia"})).ok().await;
    app.idle().await;
    let refunded = app.get(&order).link(&link).ok().await;
    assert_eq!((&refunded["status"], &refunded["refunded"]), (&json!("partly_refunded"), &json!(9_000)));
    assert_eq!(refunded["vouchers"][0]["status"], "revoked");
    let tickets = refunded["tickets"].as_array().expect("tickets");
    assert!(tickets.iter().all(|ticket| ticket["refunded"] == false), "the seats stay hers: {refunded}");
    assert_eq!(drinks_left(&app, &drink).await, stock, "somebody else can have it");
    app.close().await;
}

/// The two guests of the demo who are at a gateway's page when the box office opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_opens_with_a_paid_order_and_one_that_waits_for_cash() {
    let app = TestApp::start_with_demo().await;
    app.idle().await;
    let order = async |email: &str| {
        let link = app.mailed_order_link(email);
        let text = app.mails(email).last().and_then(|mail| mail.text.clone()).expect("a text");
        let (_, rest) = text.split_once("/purchases/").expect("a link to the order");
        let (id, _) = rest.split_once('#').expect("a link to the order");
        app.get(format!("/api/v1/purchases/{id}")).link(&link).ok().await
    };
    let paid = order("ines@example.com").await;
    assert_eq!(
        (&paid["status"], paid["tickets"].as_array().map(Vec::len)),
        (&json!("paid"), Some(2)),
        "{paid}"
    );
    assert_eq!((&paid["vouchers"][0]["status"], &paid["guest"]), (&json!("valid"), &json!(true)));
    let waiting = order("efrain@example.com").await;
    let payment = &waiting["payments"][0];
    assert_eq!(
        (&waiting["status"], &payment["status"], &payment["payment_method"]),
        (&json!("awaiting_payment"), &json!("processing"), &json!("cash")),
        "{waiting}"
    );
    assert_eq!(waiting["accepted_policies"]["versions"], json!({"terms": 1, "privacy": 1, "refunds": 1}));
    let due =
        |order: &Value| text(&order["payments"][0]["due_at"]).parse::<jiff::Timestamp>().expect("a time");
    let hours = due(&waiting).duration_since(app.clock.now()).as_hours();
    assert!((22..=24).contains(&hours), "until tomorrow: {waiting}");
    // Nobody pays it: a day later the places are for sale again.
    app.clock.advance(Duration::from_secs(27 * 3600));
    app.idle().await;
    assert_eq!(order("efrain@example.com").await["status"], "released");
    app.close().await;
}
