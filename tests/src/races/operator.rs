//! An organiser is suspended while somebody reserves, pays or publishes; and two events are published where
//! there is room for one.

use cloud::services::{FaultRates, Spot};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Organizer, Show, TestApp, TestUser};

use crate::community::text;
use crate::flows::operator::{oversee, suspend};
use crate::operator::operator;

/// Longer than the functions cache public data.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(6);

fn blind() -> FaultRates {
    FaultRates { stale_queries: vec!["T#".to_owned()], ..FaultRates::default() }
}

fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["T#".to_owned()], ..FaultRates::default() }
}

/// A show with ten places, and the people around it.
struct House {
    app: TestApp,
    operator: TestUser,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
}

impl House {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (operator, organizer) = (operator(&app).await, app.organizer("organiza").await);
        let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
        let ana = app.somebody("ana").await;
        Self { app, operator, organizer, show, ana }
    }

    fn place(&self) -> Value {
        json!({"area_id": self.show.area, "quantity": 2})
    }

    /// A draft that could be published.
    async fn draft(&self, name: &str) -> String {
        let draft = text(&self.app.draft(&self.organizer, name).await["id"]).to_owned();
        let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 5, "price": 1_000});
        let path = format!("/api/v1/events/{draft}/areas");
        self.app.post(path).token(&self.organizer.token).json(area).ok().await;
        draft
    }
}

/// A buyer reserves two of ten places while the organiser is suspended: the reservation has seen that it
/// may sell, and is made after the suspension. Returns its answer, and how many places are left.
async fn reserve_while_suspended(rates: FaultRates) -> (Answer, Value) {
    let house = House::open().await;
    let House { app, operator, organizer, show, ana } = &house;
    let quote = app.quote(&show.id, house.place()).await["quote"].clone();
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let reserve = app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    let reserving = tokio::spawn(reserve.send());
    halt.reached().await;
    suspend(app, operator, organizer).await;
    app.chaos.set(rates);
    drop(halt);
    let answer = reserving.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    app.clock.advance(A_WHILE);
    let area = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = app.get(area).ok().await["left"].clone();
    house.app.close().await;
    (answer, left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reservation_is_made_after_a_suspension() {
    let (answer, left) = reserve_while_suspended(FaultRates::default()).await;
    answer.refused(409, "organiser_suspended");
    assert_eq!(left, json!(10), "its places are free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_asking_again_a_suspended_organiser_is_reserved_at() {
    let (answer, left) = reserve_while_suspended(blind()).await;
    assert_eq!((answer.status, left), (201, json!(8)), "the race test would not notice a race");
}

/// A buyer begins to pay while the organiser is suspended.
async fn pay_while_suspended(rates: FaultRates) -> Answer {
    let house = House::open().await;
    let House { app, operator, organizer, show, ana } = &house;
    let held = app.reserve(&ana.token, &show.id, house.place()).await;
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let pay = app.post("/api/v1/purchases").token(&ana.token).json(json!({"reservation_id": held["id"]}));
    let paying = tokio::spawn(pay.send());
    halt.reached().await;
    suspend(app, operator, organizer).await;
    app.chaos.set(rates);
    drop(halt);
    let answer = paying.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    house.app.close().await;
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_buyer_is_sent_to_pay_after_a_suspension() {
    pay_while_suspended(FaultRates::default()).await.refused(409, "organiser_suspended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_asking_again_a_buyer_is_sent_to_pay_a_suspended_organiser() {
    let answer = pay_while_suspended(blind()).await;
    assert!(answer.ok()["checkout_url"].is_string(), "the race test would not notice a race");
}

/// The organiser publishes an event while it is suspended. Returns the answer, and the event's state.
async fn publish_while_suspended(rates: FaultRates) -> (Answer, Value) {
    let house = House::open().await;
    let House { app, operator, organizer, .. } = &house;
    let url = format!("/api/v1/events/{}", house.draft("Ensayo").await);
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at("E#").by("events"));
    let publishing = tokio::spawn(app.post(format!("{url}/publish")).token(&organizer.token).send());
    halt.reached().await;
    suspend(app, operator, organizer).await;
    drop(halt);
    let answer = publishing.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    let state = app.get(&url).token(&organizer.token).ok().await["status"].clone();
    house.app.close().await;
    (answer, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_published_after_a_suspension() {
    let (answer, state) = publish_while_suspended(FaultRates::default()).await;
    answer.refused(409, "organiser_suspended");
    assert_eq!(state, "draft");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_suspended_organiser_publishes() {
    let (answer, state) = publish_while_suspended(unguarded()).await;
    assert_eq!((answer.status, state), (200, json!("published")), "the race test would not notice a race");
}

/// How many of two events are published at the same moment, of an organiser who may have one more.
async fn publish_at_once(rates: FaultRates) -> usize {
    let house = House::open().await;
    let House { app, operator, organizer, .. } = &house;
    oversee(app, operator, &organizer.tenant, json!({"quotas": {"published_events": 2}})).await;
    let drafts = [house.draft("Ensayo").await, house.draft("Estreno").await];
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("E#").by("events"));
    let racers = drafts.iter().map(|draft| {
        let path = format!("/api/v1/events/{draft}/publish");
        race.racer(app.post(path).token(&organizer.token).send())
    });
    let answers = join_all(racers).await;
    assert_eq!(race.met(), 2);
    app.chaos.set(FaultRates::default());
    let mut published = 0;
    for answer in answers {
        match answer.status {
            200 => published += 1,
            _ => drop(answer.refused(409, "quota_reached")),
        }
    }
    let detail = app.get(format!("/api/v1/operator/tenants/{}", organizer.tenant)).token(&operator.token);
    assert_eq!(detail.ok().await["published_events"], json!(published + 1));
    house.app.close().await;
    published
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_events_one_is_published_where_there_is_room_for_one() {
    assert_eq!(publish_at_once(FaultRates::default()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_both_are_published() {
    assert_eq!(publish_at_once(unguarded()).await, 2, "the race test would not notice a race");
}
