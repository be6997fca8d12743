//! A person whose data is erased while a payment starts, or a ticket is accepted: what happened first
//! holds, and nothing is forgotten that is still needed.

use cloud::services::{FaultRates, Spot};
use serde_json::json;
use testkit::{Organizer, Show, TestApp, TestUser};

use crate::flows::guest_erasure::mailed_confirmation;
use crate::table::{fingerprints, order_of, table_of};

async fn house() -> (TestApp, Organizer, Show, TestUser) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 50, 50_000).await;
    let ana = app.confirmed("ana").await;
    (app, organizer, show, ana)
}

fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() }
}

/// The beginning of the keys of what `person` has under this prefix.
fn of(person: &TestUser, prefix: &str) -> String {
    let (_, id) = person.id.split_once('_').expect("an id");
    format!("U#{id}/{prefix}")
}

/// Whether a payment that starts while its buyer is erased buys tickets that the buyer hears of.
async fn payment_holds(rates: FaultRates) -> bool {
    let (app, _, show, ana) = house().await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let held = app.reserve(&ana.token, &show.id, place).await;
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at(of(&ana, "O#")).by("auth"));
    let erase = app.delete("/api/v1/auth/me").token(&ana.token).json(json!({"erase": true}));
    let erasing = tokio::spawn(erase.send());
    halt.reached().await;
    let pay = json!({"reservation_id": held["id"]});
    let started = app.post("/api/v1/purchases").token(&ana.token).json(pay).ok().await;
    drop(halt);
    assert_eq!(erasing.await.expect("no panic").status, 202);
    app.chaos.set(FaultRates::default());
    app.approve(&started).await;
    app.idle().await;
    let (_, order) = order_of(&app, &ana, &held).await;
    app.idle().await;
    let holds = order.status.is_settled() && !order.is_forgotten() && order.mailed_at.is_some();
    app.close().await;
    holds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_starts_meanwhile_buys_its_tickets() {
    assert!(payment_holds(FaultRates::default()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_a_payment_is_lost() {
    assert!(!payment_holds(unguarded()).await, "the race test would not notice a race");
}

/// Whether the sender's history says of an offer that was accepted while its sender was erased that it
/// was.
async fn acceptance_holds(rates: FaultRates) -> bool {
    let (app, _, show, ana) = house().await;
    let beto = app.confirmed("beto").await;
    let order = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    app.idle().await;
    let offer = json!({"ticket_id": order["tickets"][0]["id"], "to_email": beto.email});
    let offer = app.post("/api/v1/transfers/initiate").token(&ana.token).json(offer).ok().await;
    app.idle().await;
    let token = json!({"token": app.mailed_token(&beto.email)});
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at(of(&ana, "X#")).by("auth"));
    let erase = app.delete("/api/v1/auth/me").token(&ana.token).json(json!({"erase": true}));
    let erasing = tokio::spawn(erase.send());
    halt.reached().await;
    app.post("/api/v1/transfers/accept").token(&beto.token).json(token).ok().await;
    drop(halt);
    assert_eq!(erasing.await.expect("no panic").status, 202);
    app.chaos.set(FaultRates::default());
    app.idle().await;
    let (store, stored) = order_of(&app, &ana, &order).await;
    let held_by = stored.tickets().next().expect("a ticket").holder;
    assert_eq!(held_by.to_string(), beto.id, "Beto has the ticket in any case");
    let id = offer["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let sent = store.transfer(stored.user, id).await.expect("read").expect("there");
    app.close().await;
    sent.state == domain::transfer::TransferState::Accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_is_accepted_meanwhile_was_accepted() {
    assert!(acceptance_holds(FaultRates::default()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_an_accepted_offer_was_cancelled() {
    assert!(!acceptance_holds(unguarded()).await, "the race test would not notice a race");
}

/// Whether a payment that starts while its buyer, a guest, is erased buys tickets that the buyer hears of.
async fn guests_payment_holds(rates: FaultRates) -> bool {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 50, 50_000).await;
    let to = "ana@example.com";
    let held = app.reserve_as_guest(to, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let link = held["order_access"].as_str().expect("a link").to_owned();
    let path = format!("/api/v1/purchases/{}/erase", held["id"].as_str().expect("an id"));
    app.post(&path).link(&link).json(json!({})).ok().await;
    app.idle().await;
    let confirmation = json!({"confirmation": mailed_confirmation(&app, to)});
    app.post(&path).link(&link).json(confirmation).ok().await;
    let guest = fingerprints(&app).guest(&to.parse().expect("an address"));
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at(format!("U#{}/O#", guest.suffix())).by("janitor"));
    let pay = async {
        halt.reached().await;
        let pay = json!({"reservation_id": held["id"]});
        let started = app.post("/api/v1/purchases").link(&link).json(pay).ok().await;
        drop(halt);
        started
    };
    let (ran, started) = tokio::join!(app.cloud.run_schedule_now("Erase"), pay);
    ran.expect("the janitor works");
    app.chaos.set(FaultRates::default());
    app.approve(&started).await;
    app.idle().await;
    let id = held["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let order = table_of(&app, "purchases").order(guest, id).await.expect("read").expect("there");
    let holds = order.status.is_settled() && !order.is_forgotten() && order.mailed_at.is_some();
    app.close().await;
    holds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_payment_that_starts_meanwhile_buys_its_tickets() {
    assert!(guests_payment_holds(FaultRates::default()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_a_guests_payment_is_lost() {
    assert!(!guests_payment_holds(unguarded()).await, "the race test would not notice a race");
}
