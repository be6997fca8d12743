//! A show is called off while somebody reserves, or while somebody publishes it again.

use cloud::services::{FaultRates, Spot};
use serde_json::{Value, json};
use testkit::{Answer, TestApp};

/// Longer than the functions cache public data.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(6);

/// A buyer reserves two of ten places while the organiser makes `change`: the reservation has seen
/// the show on sale and claimed its places, and is made after the change. Returns its answer, and how
/// many places are left.
async fn reserve_while(change: &str, rates: FaultRates) -> (Answer, Value) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let line = json!({"area_id": show.area, "quantity": 2});
    let quote = app.quote(&show.id, line).await["quote"].clone();
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let reserve = app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    let reserving = tokio::spawn(reserve.send());
    halt.reached().await;
    app.post(format!("/api/v1/events/{}/{change}", show.id)).token(&organizer.token).ok().await;
    app.chaos.set(rates);
    drop(halt);
    let answer = reserving.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    if change == "unpublish" {
        app.post(format!("/api/v1/events/{}/publish", show.id)).token(&organizer.token).ok().await;
    }
    app.clock.advance(A_WHILE);
    let area = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = app.get(area).ok().await["left"].clone();
    app.idle().await;
    (answer, left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reservation_is_made_after_the_show_was_called_off() {
    for (change, code) in
        [("cancel", "event_cancelled"), ("postpone", "event_postponed"), ("unpublish", "event_not_on_sale")]
    {
        let (answer, left) = reserve_while(change, FaultRates::default()).await;
        answer.refused(409, code);
        assert_eq!(left, json!(10), "{change}: its places are free again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_asking_again_a_cancelled_show_is_reserved() {
    let blind = FaultRates { stale_queries: vec!["E#".to_owned()], ..FaultRates::default() };
    let (answer, left) = reserve_while("cancel", blind).await;
    assert_eq!((answer.status, left), (201, json!(8)), "the race test would not notice a race");
}

/// The organiser cancels a postponed show while a colleague, who has read it before, publishes it
/// again. Returns the colleague's answer, and the state of the show then.
async fn publish_while_cancelled(rates: FaultRates) -> (Answer, Value) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let url = format!("/api/v1/events/{}", show.id);
    app.post(format!("{url}/postpone")).token(&organizer.token).ok().await;
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at(format!("E#{}/META", &show.id[4..])).by("events"));
    let publishing = tokio::spawn(app.post(format!("{url}/publish")).token(&organizer.token).send());
    halt.reached().await;
    app.post(format!("{url}/cancel")).token(&organizer.token).ok().await;
    drop(halt);
    let answer = publishing.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    let state = app.get(&url).token(&organizer.token).ok().await["status"].clone();
    app.idle().await;
    (answer, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_is_final_for_who_read_the_show_before() {
    let (answer, state) = publish_while_cancelled(FaultRates::default()).await;
    answer.refused(409, "changed_meanwhile");
    assert_eq!(state, "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_cancelled_show_is_on_sale_again() {
    let unguarded = FaultRates { ignored_conditions: vec!["E#".to_owned()], ..FaultRates::default() };
    let (answer, state) = publish_while_cancelled(unguarded).await;
    assert_eq!((answer.status, state), (200, json!("published")), "the race test would not notice a race");
}
