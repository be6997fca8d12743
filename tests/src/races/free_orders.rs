//! Free orders that are paid and cancelled at the same moment, or whose function dies: in the
//! end each place is a ticket's or for sale.

use std::time::Duration;

use cloud::services::{FaultRates, Mishap, Spot};
use serde_json::{Value, json};
use testkit::{Request, Show, TestApp, TestUser};

const PLACES: u64 = 100;
/// Rounds of the race if `TAQUILLA_RACE_ROUNDS` does not say how many.
const ROUNDS: u64 = 20;
/// Buyers who take turns.
const BUYERS: u64 = 8;

struct Fixture {
    app: TestApp,
    show: Show,
    ana: TestUser,
}

impl Fixture {
    async fn open(places: u64) -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let places = u32::try_from(places).expect("few");
        let show = app.show(&organizer, "Ensayo Abierto", places, 0).await;
        let ana = app.confirmed("ana").await;
        Self { app, show, ana }
    }

    /// The id of a new reservation of two places.
    async fn reserve(&self, buyer: &TestUser) -> String {
        let places = json!({"area_id": self.show.area, "quantity": 2});
        id(&self.app.reserve(&buyer.token, &self.show.id, places).await["id"])
    }

    fn pay(&self, buyer: &TestUser, order: &str) -> Request {
        self.app.post("/api/v1/purchases").token(&buyer.token).json(json!({"reservation_id": order}))
    }

    fn cancel(&self, buyer: &TestUser, order: &str) -> Request {
        self.app.delete(format!("/api/v1/reservations/{order}")).token(&buyer.token)
    }

    /// How many tickets an order has.
    async fn tickets(&self, buyer: &TestUser, order: &str) -> u64 {
        let order = self.app.get(format!("/api/v1/purchases/{order}")).token(&buyer.token).ok().await;
        order["tickets"].as_array().map_or(0, Vec::len) as u64
    }

    /// How many places can still be sold, once all holds have expired and all messages arrived.
    async fn left(&self) -> u64 {
        self.app.idle().await;
        self.app.clock.advance(Duration::from_secs(1200));
        self.app.idle().await;
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        self.app.get(path).ok().await["left"].as_u64().expect("a number")
    }
}

fn id(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}

/// Retries while the answer is 500 or above, as a client would.
async fn until_answered(request: impl Fn() -> Request) {
    for _ in 0..50 {
        if request().send().await.status < 500 {
            return;
        }
    }
    panic!("nobody answers");
}

/// How many places are neither a ticket's nor for sale, or both, after so many rounds in which
/// a buyer pays and cancels at the same moment.
async fn race(rounds: u64, rates: FaultRates) -> u64 {
    let house = Fixture::open(2 * rounds).await;
    let mut buyers = Vec::new();
    for index in 0..BUYERS.min(rounds) {
        buyers.push(house.app.confirmed(&format!("comprador{index}")).await);
    }
    let (mut tickets, mut turns) = (0, buyers.iter().cycle());
    for _ in 0..rounds {
        let buyer = turns.next().expect("somebody");
        let order = house.reserve(buyer).await;
        house.app.chaos.set(rates.clone());
        // Both have read the order. Because the table fails at times, one may retry much later.
        let together = house.app.chaos.rendezvous(2, Spot::at("U#").by("purchases"));
        tokio::join!(
            together.racer(until_answered(|| house.pay(buyer, &order))),
            together.racer(until_answered(|| house.cancel(buyer, &order))),
        );
        drop(together);
        house.app.chaos.set(FaultRates::default());
        // A buyer without tickets by now gets none later.
        tickets += house.tickets(buyer, &order).await;
    }
    let outcome = (house.left().await + tickets).abs_diff(2 * rounds);
    house.app.idle().await;
    outcome
}

fn rounds() -> u64 {
    boot::Env::process().parsed("TAQUILLA_RACE_ROUNDS").expect("a number").unwrap_or(ROUNDS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_and_cancelling_at_once_loses_and_doubles_no_place() {
    let shaky = FaultRates { server_error: 0.25, ..FaultRates::default() };
    assert_eq!(race(rounds(), shaky).await, 0);
}

/// How many places are lost or sold twice if a cancellation reads the order before it is paid,
/// and writes it after that.
async fn cancel_slowly(rates: FaultRates) -> u64 {
    let house = Fixture::open(PLACES).await;
    let order = house.reserve(&house.ana).await;
    house.app.chaos.set(rates);
    let halt = house.app.chaos.halt(Spot::at("U#").by("purchases"));
    let cancelling = tokio::spawn(house.cancel(&house.ana, &order).send());
    halt.reached().await;
    let paid = house.pay(&house.ana, &order).send().await;
    assert_eq!(paid.status, 201, "{}", paid.text());
    drop(halt);
    let cancelled = cancelling.await.expect("no panic");
    assert!([200, 409].contains(&cancelled.status), "{}", cancelled.text());
    house.app.chaos.set(FaultRates::default());
    let tickets = house.tickets(&house.ana, &order).await;
    let outcome = (house.left().await + tickets).abs_diff(PLACES);
    house.app.idle().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_cancellation_changes_nothing() {
    assert_eq!(cancel_slowly(FaultRates::default()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_cancelled_orders_keep_their_places() {
    let unguarded = FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() };
    assert_eq!(cancel_slowly(unguarded).await, 2, "the race test would not notice a race");
}

/// A buyer's request, at each of whose writes the function dies in turn.
#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve,
    Pay,
    Cancel,
}

/// What a dead function leaves behind expires, or is finished by messages: no request is
/// retried here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_write_loses_no_place() {
    let mut house = Fixture::open(PLACES).await;
    let mut tickets = 0;
    for step in [Step::Reserve, Step::Pay, Step::Cancel] {
        for mishap in [Mishap::DiesBefore, Mishap::DiesAfter] {
            let mut struck = 0;
            for nth in 1.. {
                let places = json!({"area_id": house.show.area, "quantity": 2});
                let quote = house.app.quote(&house.show.id, places).await["quote"].clone();
                house.ana = house.app.sign_in(&house.ana.email, None).await;
                let reserve = house.app.post("/api/v1/reservations").token(&house.ana.token);
                let reserve = reserve.json(json!({"quote": quote}));
                let ambush = |nth| house.app.chaos.ambush(Spot::at("").by("purchases"), nth, mishap);
                let (ambush, answer) = match step {
                    Step::Reserve => (ambush(nth), reserve.send().await),
                    step => {
                        let order = id(&reserve.ok().await["id"]);
                        let request = match step {
                            Step::Pay => house.pay(&house.ana, &order),
                            _ => house.cancel(&house.ana, &order),
                        };
                        (ambush(nth), request.send().await)
                    }
                };
                let has_struck = ambush.has_struck();
                drop(ambush);
                assert_eq!(has_struck, answer.status == 500, "{step:?} {mishap:?} {nth}: {}", answer.text());
                let left = house.left().await;
                house.ana = house.app.sign_in(&house.ana.email, None).await;
                let orders = house.app.get("/api/v1/purchases?limit=100").token(&house.ana.token).ok().await;
                let items = orders["items"].as_array().expect("items").iter();
                tickets = items.map(|order| order["tickets"].as_array().map_or(0, Vec::len) as u64).sum();
                assert_eq!(left + tickets, PLACES, "{step:?} {mishap:?} {nth}");
                if !has_struck {
                    break;
                }
                struck += 1;
            }
            // An allotment and the order, at least.
            assert!(struck >= 2, "{step:?} has {struck} writes");
        }
    }
    assert!(tickets > 0);
    house.app.idle().await;
}
