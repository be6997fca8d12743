//! Limits on how many there are, for those who come at the same moment.

use futures::future::join_all;
use local::services::Spot;
use serde_json::json;
use testkit::{Answer, TestApp};

/// Reservations that one buyer makes at the same moment.
const RESERVATIONS: usize = 20;

/// How many reservations a buyer has who makes many at once, by the answers and by the
/// list, and how many places are left of so many as were asked for.
async fn reserve_at_once() -> (usize, usize, usize) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let places = u32::try_from(RESERVATIONS).expect("few");
    let show = app.show(&organizer, "Los Faroles", places, 5_000_000).await;
    let ana = app.somebody("ana").await;
    let mut quotes = Vec::new();
    for _ in 0..RESERVATIONS {
        let line = json!({"area_id": show.area, "quantity": 1});
        quotes.push(app.quote(&show.id, line).await["quote"].clone());
    }
    let race = app.chaos.rendezvous(RESERVATIONS, Spot::at("U#").by("purchases"));
    let reserve = |quote| app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    let answers = join_all(quotes.iter().map(|quote| race.racer(reserve(quote).send()))).await;
    assert_eq!(race.met(), RESERVATIONS, "all have seen that there are none");
    let held = |answer: &Answer| match answer.status {
        201 => true,
        429 => false,
        status => panic!("{status}: {}", answer.text()),
    };
    let heard = answers.iter().filter(|answer| held(answer)).count();
    let orders = app.get("/api/v1/purchases?limit=100").token(&ana.token).ok().await;
    let items = orders["items"].as_array().expect("items");
    let listed = items.iter().filter(|order| order["status"] == "held").count();
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = app.get(path).ok().await["left"].as_u64().expect("a number");
    (heard, listed, usize::try_from(left).expect("few"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_reservations_at_once_four_are_held() {
    assert_eq!(reserve_at_once().await, (4, 4, RESERVATIONS - 4));
}
