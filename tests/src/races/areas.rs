//! A published event keeps an area, also if its last ones are deleted at the same moment.

use cloud::services::{FaultRates, Spot};
use serde_json::{Value, json};
use testkit::{Organizer, TestApp};

/// Creates a draft with so many areas. Returns its path and theirs.
async fn draft(app: &TestApp, organizer: &Organizer, areas: usize) -> (String, Vec<String>) {
    let event = app.draft(organizer, "Los Faroles").await;
    let event = format!("/api/v1/events/{}", event["id"].as_str().expect("an id"));
    let mut paths = Vec::new();
    for number in 0..areas {
        let area = json!({"area_name": format!("Campo {number}"), "kind": "general_admission", "capacity": 10, "price": 1});
        let area = app.post(format!("{event}/areas")).token(&organizer.token).json(area).ok().await;
        paths.push(format!("{event}/areas/{}", area["id"].as_str().expect("an id")));
    }
    (event, paths)
}

/// Whether the event is published, and how many areas it has.
async fn state(app: &TestApp, organizer: &Organizer, event: &str) -> (Value, usize) {
    let status = app.get(event).token(&organizer.token).ok().await["status"].clone();
    let areas = app.get(format!("{event}/areas")).token(&organizer.token).ok().await;
    (status, areas["items"].as_array().map_or(0, Vec::len))
}

fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["E#".to_owned()], ..FaultRates::default() }
}

/// Deletes both areas of a published event at once. Returns how many are left.
async fn delete_both(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let (event, areas) = draft(&app, &organizer, 2).await;
    app.post(format!("{event}/publish")).token(&organizer.token).ok().await;
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("E#").by("events"));
    let delete = |area: &String| race.racer(app.delete(area).token(&organizer.token).send());
    let (one, other) = tokio::join!(delete(&areas[0]), delete(&areas[1]));
    assert_eq!(race.met(), 2, "both have seen both");
    drop(race);
    app.chaos.set(FaultRates::default());
    for answer in [&one, &other] {
        assert!([204, 409].contains(&answer.status), "{}", answer.text());
    }
    let (status, left) = state(&app, &organizer, &event).await;
    assert_eq!(status, "published");
    if left == 1 {
        // The refused deletion changed nothing, and the next try is told why.
        let kept = if one.status == 409 { &areas[0] } else { &areas[1] };
        app.delete(kept).token(&organizer.token).refused(409, "event_published").await;
        let change = json!({"capacity": 11});
        assert_eq!(app.patch(kept).token(&organizer.token).json(change).ok().await["capacity"], 11);
    }
    app.idle().await;
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_last_two_areas_one_stays() {
    for _ in 0..4 {
        assert_eq!(delete_both(FaultRates::default()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_no_area_stays() {
    assert_eq!(delete_both(unguarded()).await, 0, "the race test would not notice a race");
}

/// Deletes the only area of an event while the event goes on sale: by being published or, if
/// it is sold `elsewhere`, by losing its link. True if it is on sale without an area then.
async fn delete_and_publish(rates: FaultRates, elsewhere: bool) -> bool {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let (event, areas) = draft(&app, &organizer, 1).await;
    let request = |method, path: &str| app.request(method, path).token(&organizer.token);
    let publish = || request(reqwest::Method::POST, &format!("{event}/publish"));
    let link = |link: Value| request(reqwest::Method::PATCH, &event).json(json!({"ticketing_link": link}));
    if elsewhere {
        link(json!("https://boletos.example")).ok().await;
        publish().ok().await;
    }
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("E#").by("events"));
    let start = if elsewhere { link(Value::Null) } else { publish() };
    let (deleted, started) = tokio::join!(
        race.racer(app.delete(&areas[0]).token(&organizer.token).send()),
        race.racer(start.send())
    );
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    assert!([204, 409].contains(&deleted.status), "{}", deleted.text());
    assert!([200, 409].contains(&started.status), "{}", started.text());
    let (status, left) = state(&app, &organizer, &event).await;
    let sells = status == "published"
        && app.get(&event).token(&organizer.token).ok().await["ticketing_link"].is_null();
    app.idle().await;
    sells && left == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_not_put_on_sale_while_its_last_area_is_deleted() {
    for elsewhere in [false, true, false, true] {
        assert!(
            !delete_and_publish(FaultRates::default(), elsewhere).await,
            "sold elsewhere first: {elsewhere}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_event_is_on_sale_without_areas() {
    for elsewhere in [false, true] {
        assert!(delete_and_publish(unguarded(), elsewhere).await, "the race test would not notice a race");
    }
}
