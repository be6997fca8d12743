//! Stocks and vouchers, wanted by many at the same moment.

use cloud::services::{FaultRates, Spot};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, TestApp};

use crate::products::{buy_with, drink, left, voucher_code};

/// Buyers, and the shirts that they want.
const BUYERS: usize = 64;
const SHIRTS: usize = 20;
/// Scanners at the bars.
const SCANNERS: usize = 8;

fn unguarded(start: &str) -> FaultRates {
    FaultRates { ignored_conditions: vec![start.to_owned()], ..FaultRates::default() }
}

/// All buyers reserve one of [`SHIRTS`] at once. Returns how many have one, and how many are left.
async fn all_want_one(rates: FaultRates) -> (usize, u64) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let variant = drink(&app, &organizer, SHIRTS as u64, 45_000).await;
    let extra = json!({"variant_id": variant, "quantity": 1});
    let mut wishes = Vec::with_capacity(BUYERS);
    for index in 0..BUYERS {
        let buyer = app.somebody(&format!("comprador{index}")).await;
        let quote = json!({"event_id": show.id, "extras": [extra]});
        let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
        wishes.push((buyer, quote["quote"].clone()));
    }
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(BUYERS, Spot::at("VR#").by("purchases"));
    let answers = join_all(wishes.iter().map(|(buyer, quote)| {
        let reserve = app.post("/api/v1/reservations").token(&buyer.token);
        race.racer(reserve.json(json!({"quote": quote})).send())
    }))
    .await;
    assert_eq!(race.met(), BUYERS, "nobody knew of another");
    drop(race);
    app.chaos.set(FaultRates::default());
    let has_one = |answer: &&Answer| match answer.status {
        201 => true,
        409 => {
            assert_eq!(answer.json()["code"], "product_sold_out");
            false
        }
        status => panic!("{status}: {}", answer.text()),
    };
    let sold = answers.iter().filter(has_one).count();
    let left = left(&app, &organizer.token).await;
    app.idle().await;
    (sold, left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_buyers_twenty_have_a_shirt() {
    assert_eq!(all_want_one(FaultRates::default()).await, (SHIRTS, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_more_shirts_are_sold_than_there_are() {
    assert!(all_want_one(unguarded("VR#")).await.0 > SHIRTS, "the race test would not notice a race");
}

/// All scanners read one voucher at once. Returns how many are told to hand the drink out.
async fn handed_out(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    let variant = drink(&app, &organizer, 5, 0).await;
    let extra = json!({"variant_id": variant, "quantity": 1});
    let order = buy_with(&app, &ana.token, &show.id, None, extra).await;
    let code = voucher_code(&app, &ana.token, &order["vouchers"][0]).await;
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(SCANNERS, "Q#");
    let verdicts = join_all((0..SCANNERS).map(|index| {
        let scan =
            json!({"code": code, "event_id": show.id, "nonce": format!("n{index}"), "accepts": ["voucher"]});
        race.racer(app.post("/api/v1/qr/validate").token(&organizer.token).json(scan).ok())
    }))
    .await;
    app.idle().await;
    verdicts.iter().filter(|verdict| verdict["result"] == "admitted").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drink_is_handed_out_once() {
    assert_eq!(handed_out(FaultRates::default()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_every_bar_hands_a_drink_out() {
    assert_eq!(handed_out(unguarded("Q#")).await, SCANNERS);
}

/// A drink is refunded and handed out at the same moment. Returns what both were told, and whether the
/// buyer has both the money and the drink.
async fn refund_and_hand_out(rates: FaultRates) -> (Answer, Value, bool) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let variant = drink(&app, &organizer, 5, 8_000).await;
    let extra = json!({"variant_id": variant, "quantity": 1});
    let order = buy_with(&app, &ana.token, &show.id, None, extra).await;
    let code = voucher_code(&app, &ana.token, &order["vouchers"][0]).await;
    let path = format!("/api/v1/purchases/{}", order["id"].as_str().expect("an id"));
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, "Q#");
    let refund = json!({"event_id": show.id, "vouchers": [order["vouchers"][0]["id"]]});
    let refund = app.post(format!("{path}/refund")).token(&organizer.token).json(refund).send();
    let scan = json!({"code": code, "event_id": show.id, "accepts": ["voucher"]});
    let scan = app.post("/api/v1/qr/validate").token(&organizer.token).json(scan).ok();
    let (refunded, verdict) = tokio::join!(race.racer(refund), race.racer(scan));
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    app.idle().await;
    let order = app.get(path).token(&ana.token).ok().await;
    let has_both = verdict["result"] == "admitted" && order["refunded"] == 8_000;
    (refunded, verdict, has_both)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drink_is_refunded_or_handed_out() {
    for _ in 0..4 {
        let (refunded, verdict, has_both) = refund_and_hand_out(FaultRates::default()).await;
        assert!(!has_both);
        let is_handed_out = verdict["result"] == "admitted";
        assert_eq!(refunded.status, if is_handed_out { 409 } else { 200 }, "{}", refunded.text());
        let expected = if is_handed_out { Value::Null } else { json!("revoked") };
        assert_eq!(verdict["reason"], expected, "{verdict}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_drink_is_refunded_and_handed_out() {
    assert!(refund_and_hand_out(unguarded("Q#")).await.2, "the race test would not notice a race");
}

/// An order's ten units are reserved while the organiser takes the stock of ten down to five. Returns
/// the stock then, and whether the buyer has the units.
async fn take_down_and_reserve(rates: FaultRates) -> (u64, bool) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    let variant = drink(&app, &organizer, 10, 45_000).await;
    let quote = json!({"event_id": show.id, "extras": [{"variant_id": variant, "quantity": 10}]});
    let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
    let product = &app.get("/api/v1/products").token(&organizer.token).ok().await["items"][0];
    let path = format!("/api/v1/products/{}/variants/{variant}", product["id"].as_str().expect("an id"));
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, "VR#");
    let take = app.patch(path).token(&organizer.token).json(json!({"stock": 5})).send();
    let reserve = app.post("/api/v1/reservations").token(&ana.token);
    let reserve = reserve.json(json!({"quote": quote["quote"]})).send();
    let (taken, reserved) = tokio::join!(race.racer(take), race.racer(reserve));
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    app.chaos.set(FaultRates::default());
    assert!([200, 409].contains(&taken.status), "{}", taken.text());
    let products = app.get("/api/v1/products").token(&organizer.token).ok().await;
    app.idle().await;
    (products["items"][0]["variants"][0]["stock"].as_u64().expect("a number"), reserved.status == 201)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_that_is_taken_down_is_not_sold() {
    for _ in 0..4 {
        let (stock, is_reserved) = take_down_and_reserve(FaultRates::default()).await;
        assert_eq!(stock, if is_reserved { 10 } else { 5 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_more_is_reserved_than_the_stock_has() {
    assert_eq!(take_down_and_reserve(unguarded("VR#")).await, (5, true));
}
