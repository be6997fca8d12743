//! Changes of an allotment's size that die between the pool and its event or area: the next
//! change repairs the difference.

use std::time::Duration;

use cloud::services::{Mishap, Spot};
use serde_json::{Value, json};
use testkit::Request;

use crate::community::Community;

/// Lets `request` die before its write number `nth`. A minute later its lease has ended.
async fn cut_short(house: &mut Community, nth: usize, request: impl FnOnce(&Community) -> Request) {
    let ambush = house.app.chaos.ambush(Spot::at("E#").by("events"), nth, Mishap::DiesBefore);
    let answer = request(house).send().await;
    assert!(ambush.has_struck() && answer.status == 500, "{}", answer.text());
    drop(ambush);
    house.app.clock.advance(Duration::from_secs(61));
    house.sign_in_again().await;
}

fn patch(house: &Community, path: &str, change: Value) -> Request {
    house.app.patch(path).token(&house.organizer.token).json(change)
}

#[tokio::test]
async fn an_interrupted_raise_of_discounts_is_repaired_by_the_next_change() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 3).await;
    let event = format!("/api/v1/events/{}", show.id);
    let raise = |house: &Community| patch(house, &event, json!({"max_discounts": 5}));
    // The writes are the lease, the pool and the event.
    cut_short(&mut house, 3, raise).await;
    assert_eq!(house.remaining(&show).await, 5, "the pool is ahead of the event");
    patch(&house, &event, json!({"artist": "Los Faroles del Sur"})).ok().await;
    assert_eq!(house.remaining(&show).await, 3, "as many as the event says");

    cut_short(&mut house, 3, raise).await;
    raise(&house).ok().await;
    assert_eq!(house.remaining(&show).await, 5, "the same request, again");
    house.app.close().await;
}

#[tokio::test]
async fn if_more_discounts_were_given_meanwhile_none_are_left() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 1).await;
    let event = format!("/api/v1/events/{}", show.id);
    cut_short(&mut house, 3, |house| patch(house, &event, json!({"max_discounts": 5}))).await;
    for name in ["sonia", "beto", "eva"] {
        house.decided(name, &show, "approve").await;
    }
    assert_eq!(house.remaining(&show).await, 2);
    house.app.post(format!("{event}/unpublish")).token(&house.organizer.token).ok().await;
    house.app.post(format!("{event}/publish")).token(&house.organizer.token).ok().await;
    assert_eq!(house.remaining(&show).await, 0);
    house.app.close().await;
}

#[tokio::test]
async fn an_interrupted_resize_or_deletion_of_an_area_is_repaired_by_the_next_change() {
    let mut house = Community::open().await;
    let show = house.app.show(&house.organizer, "Los Faroles", 10, 1000).await;
    let area = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    let public = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = async |house: &Community| {
        house.app.clock.advance(Duration::from_secs(6));
        house.app.get(&public).ok().await["left"].as_u64()
    };
    let more = json!({"area_name": "Platea", "kind": "general_admission", "capacity": 9, "price": 1});
    let areas = format!("/api/v1/events/{}/areas", show.id);
    house.app.post(areas).token(&house.organizer.token).json(more).ok().await;

    cut_short(&mut house, 3, |house| patch(house, &area, json!({"capacity": 25}))).await;
    assert_eq!(left(&house).await, Some(25), "the pool is ahead of the area");
    let said = patch(&house, &area, json!({"description": "Sin sillas"})).ok().await;
    assert_eq!((left(&house).await, &said["capacity"]), (Some(10), &json!(10)));

    cut_short(&mut house, 3, |house| house.app.delete(&area).token(&house.organizer.token)).await;
    assert_eq!(left(&house).await, Some(0), "closed and not deleted");
    patch(&house, &area, json!({"description": "De pie"})).ok().await;
    assert_eq!(left(&house).await, Some(10), "open again");
    house.app.delete(&area).token(&house.organizer.token).send().await.ok_empty();
    house.app.close().await;
}

#[tokio::test]
async fn a_change_of_an_area_is_refused_while_its_places_are_changed() {
    let house = Community::open().await;
    let show = house.app.show(&house.organizer, "Los Faroles", 10, 1000).await;
    let area = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    let pool = format!("E#{}#A#", show.id.trim_start_matches("evt_"));
    let halt = house.app.chaos.halt(Spot::at(pool).by("events"));
    let resize = tokio::spawn(patch(&house, &area, json!({"capacity": 25})).send());
    halt.reached().await;
    patch(&house, &area, json!({"description": "Sin sillas"})).refused(409, "changed_meanwhile").await;
    drop(halt);
    assert_eq!(resize.await.expect("no panic").ok()["capacity"], 25);
    house.app.close().await;
}
