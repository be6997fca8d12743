//! Seats that are chosen when they are held, for many buyers or two requests at the same moment.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::services::{FaultRates, Mishap, Spot};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::flows::together::picture;

/// Buyers of pairs, and the pairs that there are.
const BUYERS: usize = 64;
const PAIRS: usize = 4;

/// The number of a seat of row A.
fn number(seat: &Value) -> usize {
    let number = seat.as_str().and_then(|seat| seat.strip_prefix("A-")?.parse().ok());
    number.unwrap_or_else(|| panic!("{seat}"))
}

/// All buyers reserve two seats together of eight at once. Returns how often each seat was reserved, and
/// how many were refused.
async fn all_want_two(rates: FaultRates) -> (BTreeMap<String, usize>, usize) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    // In rows of four, no pair is in the way of another.
    let show = app.seated_show(&organizer, "Los Faroles", 2, 4, 0).await;
    let mut wishes = Vec::with_capacity(BUYERS);
    for index in 0..BUYERS {
        let buyer = app.somebody(&format!("comprador{index}")).await;
        let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
        wishes.push((buyer, quote["quote"].clone()));
    }
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(BUYERS, Spot::at("E#").by("purchases"));
    let answers = join_all(wishes.iter().map(|(buyer, quote)| {
        let reserve = app.post("/api/v1/reservations").token(&buyer.token);
        race.racer(reserve.json(json!({"quote": quote})).send())
    }))
    .await;
    assert_eq!(race.met(), BUYERS, "nobody knew of another");
    drop(race);
    app.chaos.set(FaultRates::default());
    let (mut seats, mut refused) = (BTreeMap::new(), 0);
    for answer in &answers {
        let body = answer.json();
        match answer.status {
            201 => {
                for seat in body["lines"][0]["seats"].as_array().expect("seats") {
                    *seats.entry(seat.as_str().expect("a label").to_owned()).or_default() += 1;
                }
            }
            // Whoever is refused is refused because nothing is left; nobody is put off.
            409 => {
                assert_eq!((&body["code"], &body["left"]), (&json!("sold_out"), &json!(0)), "{body}");
                refused += 1;
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
    app.idle().await;
    (seats, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_buyers_four_have_the_four_pairs() {
    let (seats, refused) = all_want_two(FaultRates::default()).await;
    assert_eq!((seats.len(), refused), (2 * PAIRS, BUYERS - PAIRS));
    assert!(seats.values().all(|times| *times == 1), "{seats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_pair_is_had_twice() {
    let unguarded = FaultRates { ignored_conditions: vec!["E#".to_owned()], ..FaultRates::default() };
    let (seats, _) = all_want_two(unguarded).await;
    assert!(seats.values().any(|times| *times > 1), "the race test would not notice a race: {seats:?}");
}

/// Sends one quote twice. The first request waits with its seats before it makes the order, which the
/// second then makes with others. If they `die`, both end before they give up what the order does not
/// name. Returns the statuses, and the row at the end.
async fn one_quote_twice(die: bool) -> ([u16; 2], String) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 8, 50_000).await;
    let ana = app.somebody("ana").await;
    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
    let reserve = || {
        let request = app.post("/api/v1/reservations").token(&ana.token).idempotent("una-vez");
        request.json(json!({"quote": quote["quote"]})).send()
    };
    let dies_at = |nth| {
        let rows = Spot::at("E#").by("purchases");
        die.then(|| app.chaos.ambush(rows, nth, Mishap::DiesBefore))
    };
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let comes_second = async {
        halt.reached().await;
        // Its claim, and the release of what it met.
        let ambush = dies_at(2);
        let second = reserve().await;
        assert!(ambush.is_none_or(|ambush| ambush.has_struck()));
        let ambush = dies_at(1);
        drop(halt);
        (second, ambush)
    };
    let (first, (second, ambush)) = tokio::join!(reserve(), comes_second);
    assert!(ambush.is_none_or(|ambush| ambush.has_struck()));
    let row = picture(&app, &organizer, &show).await;
    let order = reserve().await.ok();
    for seat in order["lines"][0]["seats"].as_array().expect("seats") {
        assert_eq!(row.as_bytes()[number(seat) - 1], b'r', "{seat} of {row}");
    }
    app.idle().await;
    ([first.status, second.status], row)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_quote_that_comes_twice_only_the_seats_of_the_order_stay_held() {
    let (statuses, row) = one_quote_twice(false).await;
    assert_eq!((statuses, row.matches('r').count()), ([201, 201], 2), "{row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_release_seats_of_no_order_stay_held() {
    let (statuses, row) = one_quote_twice(true).await;
    assert_eq!((statuses, row.matches('r').count()), ([500, 500], 4), "{row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_that_comes_twice_at_once_is_one_order() {
    for _ in 0..4 {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.seated_show(&organizer, "Los Faroles", 1, 8, 50_000).await;
        let ana = app.somebody("ana").await;
        let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
        let race = app.chaos.rendezvous(2, Spot::at("U#").by("purchases"));
        let answers = join_all((0..2).map(|_| {
            let request = app.post("/api/v1/reservations").token(&ana.token).idempotent("una-vez");
            race.racer(request.json(json!({"quote": quote["quote"]})).ok())
        }))
        .await;
        assert_eq!(race.met(), 2, "both had seats");
        drop(race);
        assert_eq!((&answers[0]["id"], &answers[0]["lines"]), (&answers[1]["id"], &answers[1]["lines"]));
        let row = picture(&app, &organizer, &show).await;
        assert_eq!(row.matches('r').count(), 2, "{row}");
        app.idle().await;
    }
}

/// The last seats, for a quote that comes twice: the second request waits for the order of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_last_seats_both_requests_have_the_same_order() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 2, 50_000).await;
    let ana = app.somebody("ana").await;
    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
    let reserve = || {
        let request = app.post("/api/v1/reservations").token(&ana.token).idempotent("una-vez");
        request.json(json!({"quote": quote["quote"]})).send()
    };
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let comes_second = async {
        halt.reached().await;
        // It finds the first request's seats, no order, and is never told that there is nothing.
        let waits = reserve();
        tokio::pin!(waits);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
        assert!(early.is_err(), "it waits: {early:?}");
        drop(halt);
        waits.await
    };
    let (first, second) = tokio::join!(reserve(), comes_second);
    let [first, second] = [first.ok(), second.ok()];
    assert_eq!((&first["id"], &first["lines"]), (&second["id"], &second["lines"]));
    assert_eq!(picture(&app, &organizer, &show).await, "rr");
    app.close().await;
}
