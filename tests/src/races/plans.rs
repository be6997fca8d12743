//! Seating plans that are published while their seats are sold, or changed by others.

use cloud::services::{FaultRates, Spot};
use serde_json::json;
use testkit::{Answer, Organizer, Show, TestApp};

use crate::flows::plans::{Planner, seats, without};

fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["E#".to_owned()], ..FaultRates::default() }
}

/// The part of an event's keys that names it.
fn suffix(show: &Show) -> &str {
    show.id.strip_prefix("evt_").expect("an event's id")
}

/// Publishes a plan without a seat while a buyer holds it, both having seen that it is free. Whether it
/// was held, and whether the plan was published.
async fn publish_against_hold(rates: FaultRates) -> (bool, bool) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 8, 50_000).await;
    let buyer = app.somebody("ana").await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    planner.save(0, &without(&planner.plan().await, &["A-8"])).await;
    let quote = app.quote(&show.id, json!({"area_id": show.area, "seats": ["A-7", "A-8"]})).await;
    let reserve = app.post("/api/v1/reservations").token(&buyer.token).json(json!({"quote": quote["quote"]}));
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at(format!("E#{}#A#", suffix(&show))));
    let (held, published) = tokio::join!(race.racer(reserve.send()), race.racer(planner.publish(1).send()));
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    let is_held = settled(&held, 201, "seats_not_found");
    let is_published = settled(&published, 200, "plan_loses_seats");
    if is_held && !is_published {
        let states = planner.units().await;
        assert_eq!(states[7], ("A-8".to_owned(), "reserved".to_owned()));
        // The refused publication left nothing behind: one that keeps the seat is published at once.
        planner.save(1, &planner.get("/plan?version=0").await["plan"]).await;
        planner.publish(2).ok().await;
    }
    app.idle().await;
    (is_held, is_published)
}

/// Whether the request was done; if not, it must have been refused with this code.
fn settled(answer: &Answer, done: u16, refusal: &str) -> bool {
    if answer.status == done {
        return true;
    }
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some(refusal)), "{}", answer.text());
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_either_held_or_taken_out() {
    for _ in 0..4 {
        let (held, published) = publish_against_hold(FaultRates::default()).await;
        assert!(held != published, "held: {held}, published: {published}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_held_seat_is_taken_out() {
    assert_eq!(
        publish_against_hold(unguarded()).await,
        (true, true),
        "the race test would not notice a race"
    );
}

/// A show with one row, and two versions of its plan that lack a seat each.
async fn two_versions(app: &TestApp, organizer: &Organizer) -> Show {
    let show = app.seated_show(organizer, "Los Faroles", 1, 8, 50_000).await;
    let planner = Planner { app, organizer, show: &show };
    let whole = planner.plan().await;
    planner.save(0, &without(&whole, &["A-8"])).await;
    planner.save(1, &without(&whole, &["A-1"])).await;
    show
}

/// Whether the area has the seats of the published plan, each for sale.
async fn is_consistent(planner: &Planner<'_>) -> bool {
    let published = planner.get("/plan").await["published_version"].clone();
    let plan = planner.get(&format!("/plan?version={published}")).await;
    let units: Vec<String> = planner.units().await.into_iter().map(|(label, _)| label).collect();
    units == seats(&plan["plan"])
}

/// Publishes two versions at once. Whether the area has the seats of the one that buyers see.
async fn publish_both(rates: FaultRates) -> bool {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = two_versions(&app, &organizer).await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let guarded = rates.ignored_conditions.is_empty();
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at(format!("E#{}", suffix(&show))).by("events"));
    let (one, two) =
        tokio::join!(race.racer(planner.publish(1).send()), race.racer(planner.publish(2).send()));
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    if guarded {
        let done =
            [&one, &two].into_iter().filter(|answer| settled(answer, 200, "changed_meanwhile")).count();
        assert_eq!(done, 1, "one of two");
    }
    app.idle().await;
    is_consistent(&planner).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_publications_one_gives_the_area_its_seats() {
    for _ in 0..4 {
        assert!(publish_both(FaultRates::default()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_area_has_the_seats_of_neither() {
    let mut broken = false;
    for _ in 0..4 {
        broken |= !publish_both(unguarded()).await;
    }
    assert!(broken, "the race test would not notice a race");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_rows_and_a_deletion_go_before_or_after_a_publication() {
    for deletes in [false, true, false, true] {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = two_versions(&app, &organizer).await;
        let planner = Planner { app: &app, organizer: &organizer, show: &show };
        let area = planner.path(&format!("/areas/{}", show.area));
        let other = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 10, "price": 1});
        app.post(planner.path("/areas")).token(&organizer.token).json(other).ok().await;
        let rows = json!({"rows": [{"label": "B", "first": 1, "last": 4}]});
        let other = match deletes {
            true => app.delete(&area),
            false => app.post(format!("{area}/units")).json(rows),
        };
        let race = app.chaos.rendezvous(2, Spot::at(format!("E#{}", suffix(&show))).by("events"));
        let (published, changed) = tokio::join!(
            race.racer(planner.publish(1).send()),
            race.racer(other.token(&organizer.token).send())
        );
        assert_eq!(race.met(), 2, "neither knew of the other");
        drop(race);
        let published = settled(&published, 200, "changed_meanwhile");
        let changed = settled(&changed, if deletes { 204 } else { 201 }, "changed_meanwhile");
        assert!(published != changed, "published: {published}, changed: {changed}");
        if published {
            assert!(is_consistent(&planner).await);
        } else if !deletes {
            assert_eq!(planner.units().await.len(), 12);
        }
        let left = planner.get("/areas").await["items"].as_array().map(Vec::len);
        assert_eq!(left, Some(if deletes && changed { 1 } else { 2 }));
        app.idle().await;
    }
}
