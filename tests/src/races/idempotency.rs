//! One idempotency key and two different requests at the same moment.

use std::time::Duration;

use cloud::services::{FaultRates, Spot};
use domain::{Timestamp, UserId};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::table::table_of;

/// The statuses of three requests with one key, of which the first two are the same, and
/// how many places are held in the end.
async fn reserve_at_once(rates: FaultRates) -> (Vec<u16>, u64) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 5000).await;
    let ana = app.somebody("ana").await;
    let mut quotes = Vec::new();
    for quantity in [1, 2] {
        quotes.push(
            app.quote(&show.id, json!({"area_id": show.area, "quantity": quantity})).await["quote"].clone(),
        );
    }
    let reserve = |quote: &Value| {
        let request = app.post("/api/v1/reservations").token(&ana.token).idempotent("una-vez");
        request.json(json!({"quote": quote}))
    };
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(3, Spot::at("U#").by("purchases"));
    let sent = [&quotes[0], &quotes[0], &quotes[1]].map(|quote| race.racer(reserve(quote).send()));
    let answers = join_all(sent).await;
    assert_eq!(race.met(), 3, "none knew of another");
    app.chaos.set(FaultRates::default());

    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = app.get(path).ok().await["left"].as_u64().expect("a number");
    if statuses != [201; 3] {
        // A repetition gets the same answer.
        let again = join_all([&quotes[0], &quotes[1]].map(|quote| reserve(quote).send())).await;
        for (first, again) in [&answers[0], &answers[2]].into_iter().zip(&again) {
            assert_eq!(first.status, again.status, "{}", again.text());
            let word = if first.status == 201 { "id" } else { "code" };
            assert_eq!(first.json()[word], again.json()[word]);
        }
        let refused = answers.into_iter().filter(|answer| answer.status != 201);
        refused.for_each(|answer| drop(answer.refused(422, "idempotency_key_reused")));
    }
    app.idle().await;
    (statuses, 10 - left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_makes_one_reservation() {
    for _ in 0..6 {
        let heard = reserve_at_once(FaultRates::default()).await;
        let (first, second) = ((vec![201, 201, 422], 1), (vec![422, 422, 201], 2));
        assert!(heard == first || heard == second, "{heard:?}");
    }
}

/// A repetition of the first request, and another request with its key, reach their write
/// before the first is answered, and go on after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_keeps_the_first_ones_reservation() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 5000).await;
    let ana = app.somebody("ana").await;
    let quote = async || {
        let line = json!({"area_id": show.area, "quantity": 1});
        app.quote(&show.id, line).await["quote"].clone()
    };
    // The other has the lower id, so a request that looks again would release the first.
    let other = quote().await;
    let first = quote().await;
    let reserve = |quote: &Value| {
        let request = app.post("/api/v1/reservations").token(&ana.token).idempotent("una-vez");
        tokio::spawn(request.json(json!({"quote": quote})).send())
    };
    let spot = || Spot::at("U#").by("purchases");
    let comes_again = app.chaos.halt(spot());
    let again = reserve(&first);
    comes_again.reached().await;
    let is_beside = app.chaos.halt(spot());
    let beside = reserve(&other);
    is_beside.reached().await;
    let answer = reserve(&first).await.expect("no panic");
    assert_eq!(answer.status, 201, "{}", answer.text());

    let store = table_of(&app, "purchases");
    let user: UserId = ana.id.parse().expect("an id");
    drop(is_beside);
    while store.orders_consistent(user, Timestamp::UNIX_EPOCH).await.expect("read").len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(comes_again);
    let again = again.await.expect("no panic");
    assert_eq!((again.status, &again.json()["id"]), (201, &answer.json()["id"]), "{}", again.text());
    beside.await.expect("no panic").refused(422, "idempotency_key_reused");
    let mine = app
        .get(format!("/api/v1/reservations/{}", answer.json()["id"].as_str().expect("an id")))
        .token(&ana.token);
    assert_eq!(mine.ok().await["status"], "held");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_looking_again_one_key_makes_two_reservations() {
    let blind = FaultRates { stale_queries: vec!["U#".to_owned()], ..FaultRates::default() };
    assert_eq!(reserve_at_once(blind).await, (vec![201; 3], 3));
}
