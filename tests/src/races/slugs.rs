//! One readable address leads to one thing, and a series is not deleted under its events.

use cloud::services::{FaultRates, Spot};
use serde_json::{Value, json};
use testkit::{Answer, Organizer, TestApp};

fn unguarded(start: &str) -> FaultRates {
    FaultRates { ignored_conditions: vec![start.to_owned()], ..FaultRates::default() }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// An event and a series take one slug at the same moment. Returns how many of them were created, and
/// checks that the one that was refused is told so.
async fn event_and_series(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    app.chaos.set(rates);
    let new = |path: &str, body: Value| app.post(path).token(&organizer.token).json(body).send();
    let event = json!({
        "name": "Noche", "slug": "faroles", "time_zone": "America/Bogota", "starts_at": "2040-01-10T01:00:00Z",
    });
    let race = app.chaos.rendezvous(2, Spot::at("SL#").by("events"));
    let (event, series) = tokio::join!(
        race.racer(new("/api/v1/events", event)),
        race.racer(new("/api/v1/series", json!({"name": "Noches", "slug": "faroles"}))),
    );
    assert_eq!(race.met(), 2, "both have seen the slug free");
    drop(race);
    app.chaos.set(FaultRates::default());
    let created = [&event, &series].into_iter().filter(|answer| answer.status == 201).count();
    for answer in [event, series].into_iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "slug_taken");
    }
    app.idle().await;
    app.close().await;
    created
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_event_and_a_series_one_gets_the_slug() {
    for _ in 0..4 {
        assert_eq!(event_and_series(FaultRates::default()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_event_and_a_series_share_a_slug() {
    assert_eq!(event_and_series(unguarded("SL#")).await, 2, "the race test would not notice a race");
}

/// An event joins a series that is deleted at the same moment. True if it is then in a series that is
/// not there.
async fn join_and_delete(rates: FaultRates) -> bool {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let event = app.draft(&organizer, "Noche").await;
    let event = format!("/api/v1/events/{}", text(&event["id"]));
    let series =
        app.post("/api/v1/series").token(&organizer.token).json(json!({"name": "Noches"})).ok().await;
    let path = format!("/api/v1/series/{}", text(&series["id"]));
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("T#").by("events"));
    let join = app.patch(&event).token(&organizer.token).json(json!({"series_id": series["id"]}));
    let (joined, deleted) =
        tokio::join!(race.racer(join.send()), race.racer(app.delete(&path).token(&organizer.token).send()),);
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    let is_orphan = orphan(&app, &organizer, &event, &path, (joined, deleted)).await;
    app.idle().await;
    app.close().await;
    is_orphan
}

async fn orphan(
    app: &TestApp,
    organizer: &Organizer,
    event: &str,
    path: &str,
    (joined, deleted): (Answer, Answer),
) -> bool {
    let is_in = !app.get(event).token(&organizer.token).ok().await["series_id"].is_null();
    assert_eq!(is_in, joined.status == 200, "{}", joined.text());
    if is_in && deleted.status == 204 {
        return true;
    }
    let there = app.get(path).token(&organizer.token).send().await;
    assert_eq!(there.status == 200, is_in, "{}", there.text());
    let refused = if is_in { deleted } else { joined };
    assert!([409, 422].contains(&refused.status), "{}", refused.text());
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_is_not_deleted_while_an_event_joins_it() {
    for _ in 0..4 {
        assert!(!join_and_delete(FaultRates::default()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_event_is_in_a_series_that_is_gone() {
    assert!(join_and_delete(unguarded("T#")).await, "the race test would not notice a race");
}
