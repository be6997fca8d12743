//! A buyer withdraws from a purchase, where the accepted refund policy gives the right to.

use std::time::Duration;

use domain::Timestamp;
use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp, TestUser};

use crate::community::text;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn policy(app: &TestApp, organizer: &Organizer, body: Value) {
    app.put("/api/v1/tenant/policies/refunds").token(&organizer.token).json(body).ok().await;
}

fn withdraw(app: &TestApp, person: &TestUser, order: &Value) -> Request {
    app.post(format!("/api/v1/purchases/{}/withdrawal", text(&order["id"]))).token(&person.token)
}

async fn shown(app: &TestApp, person: &TestUser, order: &Value) -> Value {
    app.get(format!("/api/v1/purchases/{}", text(&order["id"]))).token(&person.token).ok().await
}

async fn buy(app: &TestApp, person: &TestUser, show: &Show, quantity: u32) -> Value {
    app.buy(&person.token, &show.id, json!({"area_id": show.area, "quantity": quantity})).await
}

/// The code of one of the order's tickets.
async fn code(app: &TestApp, person: &TestUser, ticket: &Value) -> Value {
    let path = format!("/api/v1/tickets/{}", text(&ticket["id"]));
    app.get(path).token(&person.token).ok().await["code"].clone()
}

#[tokio::test]
async fn a_buyer_withdraws_and_gets_the_money_back() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let before = buy(&app, &ana, &show, 1).await;
    withdraw(&app, &ana, &before).refused(409, "no_withdrawal").await;

    policy(&app, &organizer, json!({"es": "Diez días.", "withdrawal": "argentina_button"})).await;
    // Longer than it is cached which policies hold.
    app.clock.advance(Duration::from_secs(6));
    let order = buy(&app, &ana, &show, 2).await;
    // In a week, less the day before the show.
    let until: Timestamp = text(&shown(&app, &ana, &order).await["withdraw_until"]).parse().expect("a time");
    assert!(app.clock.now() + DAY < until && until < app.clock.now() + DAY * 7, "{until}");
    // Another policy later changes nothing for who accepted this one.
    policy(&app, &organizer, json!({"es": "No."})).await;
    withdraw(&app, &eva, &order).refused(404, "reservation_not_found").await;

    let done = withdraw(&app, &ana, &order).ok().await;
    assert_eq!((&done["status"], done.get("withdraw_until")), (&json!("refunded"), None));
    assert!(text(&done["code"]).starts_with("R-"), "{done}");
    app.idle().await;
    let again = withdraw(&app, &ana, &order).ok().await;
    assert_eq!((&again["code"], &again["withdrawn_at"]), (&done["code"], &done["withdrawn_at"]));
    assert_eq!(again["refunded"], order["total"], "all of the money is back");
    let mails = app.mails(&ana.email);
    let told = mails.iter().filter(|mail| mail.subject.contains(text(&done["code"]))).count();
    assert_eq!(told, 1);
    // The places are for sale again.
    app.clock.advance(Duration::from_secs(6));
    let areas = app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await;
    assert_eq!(areas["items"][0]["left"], 9);
    assert_eq!(shown(&app, &ana, &before).await.get("withdraw_until"), None);
    app.idle().await;
    app.close().await;
}

#[tokio::test]
async fn what_was_used_or_handed_on_stays() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    policy(&app, &organizer, json!({"es": "Cinco días.", "withdrawal": "colombia_retracto"})).await;
    let order = buy(&app, &ana, &show, 3).await;
    let scan = json!({"code": code(&app, &ana, &order["tickets"][0]).await, "event_id": show.id});
    let scan = app.post("/api/v1/qr/validate").token(&organizer.token).json(scan).ok().await;
    assert_eq!(scan["result"], "admitted");
    let offer = json!({"ticket_id": order["tickets"][1]["id"], "to_email": eva.email});
    app.post("/api/v1/transfers/initiate").token(&ana.token).json(offer).ok().await;
    app.idle().await;
    let token = json!({"token": app.mailed_token(&eva.email)});
    app.post("/api/v1/transfers/accept").token(&eva.token).json(token).ok().await;
    app.idle().await;

    let done = withdraw(&app, &ana, &order).ok().await;
    assert_eq!(done["status"], "partly_refunded");
    let refunded: Vec<_> =
        done["tickets"].as_array().expect("tickets").iter().map(|ticket| &ticket["refunded"]).collect();
    assert_eq!(refunded, [false, false, true]);
    app.idle().await;
    let kept = code(&app, &eva, &order["tickets"][1]).await;
    let scan = json!({"code": kept, "event_id": show.id});
    let scan = app.post("/api/v1/qr/validate").token(&organizer.token).json(scan).ok().await;
    assert_eq!(scan["result"], "admitted", "the friend's ticket holds");
    app.close().await;
}

#[tokio::test]
async fn the_right_ends_a_day_before_the_show() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    let ana = app.confirmed("ana").await;
    policy(&app, &organizer, json!({"es": "Diez días.", "withdrawal": "argentina_button"})).await;
    let order = buy(&app, &ana, &show, 1).await;
    let until = text(&shown(&app, &ana, &order).await["withdraw_until"]).to_owned();
    app.clock.advance(DAY * 6 + DAY / 2);
    let ana = app.sign_in(&ana.email, None).await;
    let over = withdraw(&app, &ana, &order).refused(409, "withdrawal_over").await;
    assert_eq!(over["until"], until);
    assert_eq!(shown(&app, &ana, &order).await.get("withdraw_until"), None);
    app.idle().await;
    app.close().await;
}

#[tokio::test]
async fn a_guest_withdraws_by_the_orders_link_without_signing_in() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    policy(&app, &organizer, json!({"es": "Diez días.", "withdrawal": "argentina_button"})).await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let (order, link) = app.buy_as_guest("ana@example.com", &show.id, place.clone()).await;
    let (_, other) = app.buy_as_guest("eva@example.com", &show.id, place).await;
    let withdrawal = || app.post(format!("/api/v1/purchases/{}/withdrawal", text(&order["id"])));
    withdrawal().refused(401, "sign_in_required").await;
    withdrawal().link(&other).refused(404, "reservation_not_found").await;
    let done = withdrawal().link(&link).ok().await;
    assert_eq!(done["status"], "refunded");
    app.idle().await;
    assert!(app.mails("ana@example.com").iter().any(|mail| mail.subject.contains(text(&done["code"]))));
    app.close().await;
}
