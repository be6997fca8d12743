//! Payments that are declined, repeated, late or not reported.

use std::time::Duration;

use gateways::Faults;
use serde_json::{Value, json};
use testkit::{Show, TestApp};

fn places(show: &Show, quantity: u8) -> Value {
    json!({"area_id": show.area, "quantity": quantity})
}

fn payment(purchase: &Value) -> String {
    let payments = purchase["payments"].as_array().expect("payments");
    let id = &payments.last().expect("a payment")["payment_gateway_transaction_id"];
    id.as_str().expect("an id").to_owned()
}

async fn order(app: &TestApp, token: &str, purchase: &Value) -> Value {
    app.get(format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"))).token(token).ok().await
}

#[tokio::test]
async fn a_declined_payment_can_be_tried_again() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let first = app.start_buying(&ana.token, &show.id, places(&show, 1)).await;
    app.cloud.sandbox().decline(&payment(&first)).expect("declined");
    app.idle().await;
    assert_eq!(order(&app, &ana.token, &first).await["payments"][0]["status"], "declined");

    let body = json!({"reservation_id": first["id"]});
    let second = app.post("/api/v1/purchases").token(&ana.token).json(body).ok().await;
    assert_eq!(second["payments"].as_array().expect("payments").len(), 2);
    app.approve(&second).await;
    assert_eq!(order(&app, &ana.token, &first).await["status"], "paid");
    app.close().await;
}

#[tokio::test]
async fn a_repeated_request_to_pay_starts_one_payment() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let held = app.reserve(&ana.token, &show.id, places(&show, 1)).await;
    let pay = |key: &str, id: &Value| {
        app.post("/api/v1/purchases").token(&ana.token).idempotent(key).json(json!({"reservation_id": id}))
    };
    let first = pay("p1", &held["id"]).ok().await;
    let second = pay("p1", &held["id"]).ok().await;
    assert_eq!(first["checkout_url"], second["checkout_url"]);
    assert_eq!(app.cloud.sandbox().purchases().expect("payments").len(), 1);
    let other = app.reserve(&ana.token, &show.id, places(&show, 2)).await;
    pay("p1", &other["id"]).refused(422, "idempotency_key_reused").await;
    app.close().await;
}

#[tokio::test]
async fn attendees_can_be_corrected_while_the_payment_is_open() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let held = app.reserve(&ana.token, &show.id, places(&show, 1)).await;
    let pay = |attendees: Value| {
        let body = json!({"reservation_id": held["id"], "attendees": attendees});
        app.post("/api/v1/purchases").token(&ana.token).json(body)
    };
    for name in ["Ana Luz", "Beto Sol"] {
        let attendees = json!([{"nombre": name}]);
        assert_eq!(pay(attendees.clone()).ok().await["attendees"], attendees);
        assert_eq!(order(&app, &ana.token, &held).await["attendees"], attendees);
    }
    // An empty list keeps the attendees that were sent before.
    let again = pay(json!([])).ok().await;
    assert_eq!(again["attendees"], json!([{"nombre": "Beto Sol"}]));
    assert_eq!(app.cloud.sandbox().purchases().expect("payments").len(), 1);
    app.approve(&again).await;
    let paid = order(&app, &ana.token, &held).await;
    assert_eq!((&paid["status"], &paid["attendees"]), (&json!("paid"), &json!([{"nombre": "Beto Sol"}])));
    pay(json!([{"nombre": "Carla Mar"}])).refused(409, "already_paid").await;
    app.close().await;
}

#[tokio::test]
async fn a_late_payment_is_sold_if_the_places_are_still_free() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 2, 50_000).await;
    let ana = app.somebody("ana").await;
    let purchase = app.start_buying(&ana.token, &show.id, places(&show, 2)).await;
    app.clock.advance(Duration::from_secs(11 * 60));
    app.approve(&purchase).await;
    assert_eq!(order(&app, &ana.token, &purchase).await["status"], "paid");
    app.close().await;
}

#[tokio::test]
async fn a_late_payment_is_refunded_if_the_places_are_gone() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 2, 50_000).await;
    let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
    let late = app.start_buying(&ana.token, &show.id, places(&show, 2)).await;
    app.clock.advance(Duration::from_secs(11 * 60));
    app.buy(&beto.token, &show.id, places(&show, 2)).await;
    app.approve(&late).await;
    let order = order(&app, &ana.token, &late).await;
    assert_eq!(order["status"], "refund_due");
    assert_eq!(order["refunded"], 100_000, "{order}");
    assert_eq!(order["tickets"], json!([]));
    let subjects: Vec<String> = app.mails(&ana.email).iter().map(|mail| mail.subject.clone()).collect();
    assert_eq!(subjects.len(), 3, "welcome, refund due, refund done: {subjects:?}");
    app.close().await;
}

#[tokio::test]
async fn a_payment_whose_notification_is_lost_is_found_by_asking_the_gateway() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 2, 50_000).await;
    let ana = app.somebody("ana").await;
    app.cloud
        .sandbox()
        .set_faults(Faults { drop_webhooks: 100, ..Faults::default() })
        .expect("possible faults");
    let purchase = app.start_buying(&ana.token, &show.id, places(&show, 1)).await;
    app.idle().await;
    app.cloud.sandbox().approve(&payment(&purchase)).expect("approved");
    app.idle().await;
    assert_eq!(order(&app, &ana.token, &purchase).await["status"], "awaiting_payment");
    app.clock.advance(Duration::from_secs(200));
    app.idle().await;
    assert_eq!(order(&app, &ana.token, &purchase).await["status"], "paid");
    app.close().await;
}

#[tokio::test]
async fn notifications_may_come_twice_forged_and_out_of_order() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 20, 50_000).await;
    let ana = app.somebody("ana").await;
    let faults = Faults { duplicate_webhooks: 3, forged_webhooks: 30, reorder_ms: 30, ..Faults::default() };
    app.cloud.sandbox().set_faults(faults).expect("possible faults");
    let mut bought = Vec::new();
    for _ in 0..5 {
        bought.push(app.buy(&ana.token, &show.id, places(&show, 2)).await);
    }
    assert!(bought.iter().all(|order| order["status"] == "paid"), "{bought:?}");
    let tickets = app.mails(&ana.email).iter().filter(|mail| !mail.attachments.is_empty()).count();
    assert_eq!(tickets, 5, "each order's tickets are mailed once");
    app.close().await;
}
