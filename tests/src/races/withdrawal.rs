//! A ticket is used or given back, never both, also if its buyer withdraws while the door lets in.

use cloud::services::{FaultRates, Spot};
use serde_json::{Value, json};
use testkit::TestApp;

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The buyer withdraws from an order of one ticket while a door admits it; the `late` function waits
/// before its write until the other is done. Whether the door let in, and whether the ticket was refunded.
async fn at_once(rates: FaultRates, late: &str) -> (bool, bool) {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    let ana = app.confirmed("ana").await;
    let policy = json!({"es": "Diez días.", "withdrawal": "argentina_button"});
    app.put("/api/v1/tenant/policies/refunds").token(&organizer.token).json(policy).ok().await;
    let order = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let path = format!("/api/v1/tickets/{}", text(&order["tickets"][0]["id"]));
    let code = app.get(path).token(&ana.token).ok().await["code"].clone();
    app.idle().await;

    let scan = json!({"code": code, "event_id": show.id});
    let scan = app.post("/api/v1/qr/validate").token(&organizer.token).json(scan).send();
    let withdraw = app.post(format!("/api/v1/purchases/{}/withdrawal", text(&order["id"])));
    let withdraw = withdraw.token(&ana.token).send();
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at("Q#").by(late));
    let (scanned, withdrawn) = if late == "door" {
        let scan = tokio::spawn(scan);
        halt.reached().await;
        let withdrawn = withdraw.await;
        drop(halt);
        (scan.await.expect("no panic"), withdrawn)
    } else {
        let withdraw = tokio::spawn(withdraw);
        halt.reached().await;
        let scanned = scan.await;
        drop(halt);
        (scanned, withdraw.await.expect("no panic"))
    };
    app.chaos.set(FaultRates::default());
    app.idle().await;
    assert!([200, 409].contains(&withdrawn.status), "{}", withdrawn.text());
    let order = app.get(format!("/api/v1/purchases/{}", text(&order["id"]))).token(&ana.token).ok().await;
    assert_eq!(order["tickets"][0]["refunded"] == true, withdrawn.status == 200);
    let outcome = (scanned.ok()["result"] == "admitted", withdrawn.status == 200);
    app.close().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_used_or_given_back() {
    assert_eq!(at_once(FaultRates::default(), "door").await, (false, true));
    assert_eq!(at_once(FaultRates::default(), "purchases").await, (true, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_ticket_is_used_and_given_back() {
    let unguarded = || FaultRates { ignored_conditions: vec!["Q#".to_owned()], ..FaultRates::default() };
    assert_eq!(at_once(unguarded(), "door").await, (true, true), "the race test would not notice a race");
    assert_eq!(at_once(unguarded(), "purchases").await, (true, true));
}
