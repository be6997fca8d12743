//! One readable address leads to one thing, a series is not deleted under its events, and a version of a
//! policy is written once.

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

/// Two organisers take one address at the same moment. Returns how many of them have it as they were
/// told.
async fn two_organisers(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("TS#").by("events"));
    let claim = |organizer: &Organizer| {
        let body = json!({"slug": "la-casa"});
        app.patch("/api/v1/tenant").token(&organizer.token).json(body).send()
    };
    let (one, other) = tokio::join!(race.racer(claim(&faroles)), race.racer(claim(&mareas)));
    assert_eq!(race.met(), 2, "both have seen the address free");
    drop(race);
    app.chaos.set(FaultRates::default());
    let mut told = 0;
    for (organizer, answer) in [(&faroles, one), (&mareas, other)] {
        let tenant = app.get("/api/v1/tenant").token(&organizer.token).ok().await;
        assert_eq!(tenant["slug"] == "la-casa", answer.status == 200, "{}", answer.text());
        match answer.status {
            200 => told += 1,
            _ => drop(answer.refused(409, "slug_taken")),
        }
    }
    app.idle().await;
    app.close().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_organisers_one_gets_the_address() {
    for _ in 0..4 {
        assert_eq!(two_organisers(FaultRates::default()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_two_organisers_have_one_address() {
    assert_eq!(two_organisers(unguarded("TS#")).await, 2, "the race test would not notice a race");
}

/// Two admins publish other texts at the same moment, based on the same version. Returns how many were
/// told that theirs is the next one.
async fn two_texts(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let publish = |es: &str, based_on: u32| {
        let body = json!({"es": es, "based_on": based_on});
        app.put("/api/v1/tenant/policies/terms").token(&organizer.token).json(body).send()
    };
    publish("Uno.", 0).await.ok();
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("T#").by("events"));
    let (one, other) = tokio::join!(race.racer(publish("Dos.", 1)), race.racer(publish("Tres.", 1)));
    assert_eq!(race.met(), 2, "both are based on the first version");
    drop(race);
    app.chaos.set(FaultRates::default());
    let mut told = 0;
    for (es, answer) in [("Dos.", one), ("Tres.", other)] {
        match answer.status {
            200 => {
                told += 1;
                assert_eq!(answer.json()["version"], 2, "{es}");
            }
            _ => drop(answer.refused(409, "changed_meanwhile")),
        }
    }
    app.idle().await;
    app.close().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_of_a_policy_is_written_once() {
    for _ in 0..4 {
        assert_eq!(two_texts(FaultRates::default()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_version_of_a_policy_is_written_twice() {
    assert_eq!(two_texts(unguarded("T#")).await, 2, "the race test would not notice a race");
}
