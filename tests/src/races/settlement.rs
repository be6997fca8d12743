//! Several workers have the payments of one order in hand: what is sold in the end is
//! what the order has.

use std::time::Duration;

use domain::payment::GatewayName;
use local::gateways::{Action, Method, Status};
use local::services::Weather;
use serde_json::{Value, json};
use testkit::{Country, Show, Somebody, TestApp};

/// Orders whose buyers pay in three windows, of which one is declined and one too many.
const ORDERS: u64 = 24;
const PLACES: u32 = 100;

/// Every step takes its time.
fn slow() -> Weather {
    Weather { slow: 1.0, slowest: Duration::from_millis(40), ..Weather::default() }
}

fn id(value: &Value) -> &str {
    value.as_str().expect("an id")
}

/// The buyer of each order: nobody may have many unpaid ones.
async fn crowd(app: &TestApp) -> Vec<Somebody> {
    let mut crowd = Vec::new();
    for index in 0..ORDERS {
        crowd.push(app.somebody(&format!("comprador{index}")).await);
    }
    crowd
}

/// How many places can still be sold.
async fn left(app: &TestApp, show: &Show) -> u64 {
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    app.get(path).ok().await["left"].as_u64().expect("a number")
}

/// What is wrong once all payments are settled, and what was paid twice given back.
async fn settle_all(weather: Weather) -> Vec<String> {
    let app = TestApp::start().await;
    // Of the gateways, the one that tells of each change once.
    let gateway = GatewayName::Wompi;
    let organizer = app.paid_through("organiza", Country::COLOMBIA, &[gateway]).await;
    let show = app.show(&organizer, "Los Faroles", PLACES, 25_000).await;
    let mut bought = Vec::new();
    for buyer in crowd(&app).await {
        let places = json!({"area_id": show.area, "quantity": 2});
        let purchase = app.start_buying(&buyer.token, &show.id, places).await;
        bought.push((app.visit(&purchase).await, purchase, buyer));
    }
    let soon = Duration::from_secs(1);
    let at = app.clock.now() + soon;
    for (page, ..) in &bought {
        for status in [Status::Approved, Status::Declined, Status::Approved] {
            let action = Action::BeginThen(Method::Card, status, at);
            app.simulator(gateway).act(page, action).expect("begun");
        }
    }
    app.idle().await;
    app.chaos.set(weather);
    app.clock.advance(soon);
    app.idle().await;
    app.chaos.set(Weather::default());

    let mut wrong = Vec::new();
    for (_, purchase, buyer) in &bought {
        let path = format!("/api/v1/purchases/{}", id(&purchase["id"]));
        let order = app.get(path).token(&buyer.token).ok().await;
        let tickets = order["tickets"].as_array().map_or(0, Vec::len);
        if order["status"] != "paid" || tickets != 2 || order["refunded"] != order["total"] {
            wrong.push(format!("{tickets} tickets of 2: {order}"));
        }
    }
    let left = left(&app, &show).await;
    if left + 2 * ORDERS != u64::from(PLACES) {
        wrong.push(format!("{left} places are left of {PLACES}, and {} were sold", 2 * ORDERS));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_has_its_places_whoever_settles_its_payments() {
    let heard_twice = Weather { duplicate_delivery: 0.5, reordered_delivery: 0.5, ..slow() };
    assert_eq!(settle_all(heard_twice).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_workers_overwrite_each_others_orders() {
    let unguarded = Weather { ignored_conditions: vec!["U#".to_owned()], ..slow() };
    assert!(!settle_all(unguarded).await.is_empty(), "the race test would not notice a race");
}
