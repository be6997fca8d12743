//! Sixty-four buyers and not enough places.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud::services::Spot;
use serde_json::{Value, json};
use testkit::{Show, TestApp, TestUser};

const BUYERS: usize = 64;

async fn crowd(app: &TestApp) -> Vec<TestUser> {
    let mut crowd = Vec::with_capacity(BUYERS / 4);
    for index in 0..BUYERS / 4 {
        crowd.push(app.somebody(&format!("comprador{index}")).await);
    }
    crowd
}

/// Reserves [`BUYERS`] lines at the same time. Returns the reservations that were held.
async fn rush(
    app: Arc<TestApp>,
    show: &Show,
    crowd: &[TestUser],
    line: impl Fn(usize) -> Value,
) -> Vec<Value> {
    let mut quotes = Vec::with_capacity(BUYERS);
    for index in 0..BUYERS {
        quotes.push(app.quote(&show.id, line(index)).await["quote"].clone());
    }
    // All requests have read that their places are free before the first one writes.
    let race = Arc::new(app.chaos.rendezvous(BUYERS, Spot::at("E#").by("purchases")));
    let attempts = quotes.into_iter().enumerate().map(|(index, quote)| {
        let reserve = app.post("/api/v1/reservations").token(&crowd[index % crowd.len()].token);
        let (race, reserve) = (race.clone(), reserve.json(json!({"quote": quote})).send());
        tokio::spawn(async move { race.racer(reserve).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut held = Vec::new();
    for attempt in attempts {
        let answer = attempt.await.expect("no panic");
        assert!(answer.status < 500, "{}: {}", answer.status, answer.text());
        if answer.status == 201 {
            held.push(answer.json());
        }
    }
    assert_eq!(race.met(), BUYERS);
    held
}

/// How many seats were held more than once.
fn oversold_seats(held: &[Value]) -> usize {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for seat in held.iter().flat_map(|order| order["lines"][0]["seats"].as_array().expect("seats")) {
        *owners.entry(seat.to_string()).or_default() += 1;
    }
    owners.values().filter(|count| **count > 1).count()
}

async fn admissions(guarded: bool) -> u64 {
    let app = Arc::new(TestApp::start().await);
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 40, 50_000).await;
    let crowd = crowd(&app).await;
    if !guarded {
        app.chaos.ignore_conditions("E#");
    }
    let held = rush(app.clone(), &show, &crowd, |_| json!({"area_id": show.area, "quantity": 1})).await;
    app.idle().await;
    held.iter().map(|order| order["lines"][0]["quantity"].as_u64().expect("a number")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn general_admission_is_never_oversold_and_sells_out() {
    assert_eq!(admissions(true).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_general_admission_is_oversold() {
    assert_eq!(admissions(false).await, 64, "the race test would not notice a race");
}

async fn seats(guarded: bool) -> usize {
    let app = Arc::new(TestApp::start().await);
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Marea Baja", 1, 8, 50_000).await;
    let crowd = crowd(&app).await;
    if !guarded {
        app.chaos.ignore_conditions("E#");
    }
    let line = |index: usize| {
        let first = index % 4 * 2 + 1;
        json!({"area_id": show.area, "seats": [format!("A-{first}"), format!("A-{}", first + 1)]})
    };
    let held = rush(app.clone(), &show, &crowd, line).await;
    if guarded {
        assert_eq!(held.len(), 4, "every seat is held by somebody");
    }
    app.idle().await;
    oversold_seats(&held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_never_held_twice() {
    assert_eq!(seats(true).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_seat_is_held_twice() {
    assert_eq!(seats(false).await, 8, "the race test would not notice a race");
}
