//! Several workers settle the payments of one order: the places that are sold in the end are
//! those of the order.

use std::time::Duration;

use cloud::services::{FaultRates, Spot};
use domain::payment::GatewayName;
use gateways::{Action, Method, Status};
use serde_json::{Value, json};
use testkit::{Country, Show, TestApp, TestUser};

/// Orders whose buyers pay in three windows: one payment is declined, and one is a second one.
const ORDERS: u64 = 24;
const PLACES: u32 = 100;

/// Every step takes up to 40 milliseconds.
fn slow() -> FaultRates {
    FaultRates { slow: 1.0, slowest: Duration::from_millis(40), ..FaultRates::default() }
}

fn id(value: &Value) -> &str {
    value.as_str().expect("an id")
}

/// A buyer for each order, because a buyer may have few unpaid ones.
async fn crowd(app: &TestApp, orders: u64) -> Vec<TestUser> {
    let mut crowd = Vec::new();
    for index in 0..orders {
        crowd.push(app.somebody(&format!("comprador{index}")).await);
    }
    crowd
}

/// The number of places that can still be sold.
async fn left(app: &TestApp, show: &Show) -> u64 {
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    app.get(path).ok().await["left"].as_u64().expect("a number")
}

/// The problems once the payments of so many orders are settled and the second ones refunded.
/// For a single order, the workers of its two payments have both read it before either writes.
async fn settle_all(rates: FaultRates, orders: u64) -> Vec<String> {
    let app = TestApp::start().await;
    // Wompi is the gateway that reports each change once.
    let gateway = GatewayName::Wompi;
    let organizer = app.paid_through("organiza", Country::COLOMBIA, &[gateway]).await;
    let show = app.show(&organizer, "Los Faroles", PLACES, 25_000).await;
    let mut bought = Vec::new();
    for buyer in crowd(&app, orders).await {
        let places = json!({"area_id": show.area, "quantity": 2});
        let purchase = app.start_buying(&buyer.token, &show.id, places).await;
        bought.push((app.visit(&purchase).await, purchase, buyer));
    }
    let soon = Duration::from_secs(1);
    let at = app.clock.now() + soon;
    for (page, ..) in &bought {
        let decided: &[Status] = match orders {
            1 => &[Status::Approved, Status::Approved],
            _ => &[Status::Approved, Status::Declined, Status::Approved],
        };
        for status in decided.iter().copied() {
            let action = Action::BeginThen(Method::Card, status, at);
            app.simulator(gateway).act(page, action).expect("begun");
        }
    }
    app.idle().await;
    app.chaos.set(rates);
    let race = (orders == 1).then(|| app.chaos.rendezvous(2, Spot::at("U#").by("settler")));
    app.clock.advance(soon);
    app.idle().await;
    drop(race);
    app.chaos.set(FaultRates::default());

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
    if left + 2 * orders != u64::from(PLACES) {
        wrong.push(format!("{left} places are left of {PLACES}, and {} were sold", 2 * orders));
    }
    app.idle().await;
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_has_its_places_when_several_workers_settle_it() {
    let heard_twice = FaultRates { duplicate_delivery: 0.5, reordered_delivery: 0.5, ..slow() };
    assert_eq!(settle_all(heard_twice, ORDERS).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_workers_on_one_order_one_sells_and_the_other_refunds() {
    assert_eq!(settle_all(FaultRates::default(), 1).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_workers_overwrite_each_others_orders() {
    let unguarded = FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() };
    assert_eq!(settle_all(unguarded, 1).await.len(), 1, "the race test would not notice a race");
}
