//! Slips that keep places, against whoever else wants or ends them.

use std::time::Duration;

use cloud::services::{FaultRates, Rendezvous, Spot};
use domain::payment::GatewayName;
use gateways::{Action, Method, Status};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Country, Show, TestApp, TestUser};

const PLACES: u32 = 4;

/// A show with four places, of which Ana reserves two, and how she pays.
struct Fixture {
    app: TestApp,
    gateway: GatewayName,
    show: Show,
    ana: TestUser,
    beto: TestUser,
}

impl Fixture {
    async fn open(gateway: GatewayName) -> Self {
        let app = TestApp::start().await;
        let gateways: &[GatewayName] = if gateway == GatewayName::Sandbox { &[] } else { &[gateway] };
        let organizer = app.paid_through("organiza", Country::COLOMBIA, gateways).await;
        let show = app.show(&organizer, "Los Faroles", PLACES, 25_000).await;
        let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
        app.idle().await;
        Self { app, gateway, show, ana, beto }
    }

    /// A purchase of so many places whose payment was begun, and the simulator's id of its page.
    async fn begin(&self, quantity: u8) -> (Value, String) {
        let places = json!({"area_id": self.show.area, "quantity": quantity});
        let purchase = self.app.start_buying(&self.ana.token, &self.show.id, places).await;
        let page = match self.gateway {
            GatewayName::Sandbox => {
                purchase["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id").to_owned()
            }
            _ => self.app.visit(&purchase).await,
        };
        (purchase, page)
    }

    fn act(&self, page: &str, action: Action) {
        self.app.simulator(self.gateway).act(page, action).expect("possible");
    }

    /// The buyer comes back from a page of the sandbox, which does not tell of slips: reading the
    /// order twice has the settler ask.
    async fn come_back(&self, purchase: &Value) {
        let path = format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"));
        for _ in 0..2 {
            self.app.clock.advance(Duration::from_secs(6));
            self.app.get(&path).token(&self.ana.token).ok().await;
        }
    }

    /// The order as it is in the table, which asks no gateway.
    async fn order(&self, purchase: &Value) -> Value {
        let ana = self.app.sign_in(&self.ana.email, None).await;
        let list = self.app.get("/api/v1/purchases").token(&ana.token).ok().await;
        let orders = list["items"].as_array().expect("a list");
        orders.iter().find(|order| order["id"] == purchase["id"]).expect("the order").clone()
    }

    async fn left(&self) -> u64 {
        self.app.clock.advance(Duration::from_secs(6));
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        self.app.get(path).ok().await["left"].as_u64().expect("a number")
    }
}

fn unguarded(key: &str) -> FaultRates {
    FaultRates { ignored_conditions: vec![key.to_owned()], ..FaultRates::default() }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

/// Ana's money comes the second after her slip's time is over, at the same moment as Beto reserves
/// the same four places: both have found them free. Returns how many places were given away, and what
/// is wrong with Ana's money.
async fn the_due_second(rates: FaultRates) -> (u64, Vec<String>) {
    let house = Fixture::open(GatewayName::Sandbox).await;
    let (purchase, page) = house.begin(4).await;
    house.act(&page, Action::Begin(Method::Cash));
    house.come_back(&purchase).await;
    house.app.idle().await;
    let end = time(&house.order(&purchase).await["expires_at"]);
    assert!(end > house.app.clock.now() + Duration::from_secs(3600), "the places are kept until {end}");
    house
        .app
        .clock
        .advance(end.duration_since(house.app.clock.now()).unsigned_abs() + Duration::from_secs(1));
    house.app.idle().await;
    let beto = house.app.sign_in(&house.beto.email, None).await;
    let quote = house.app.quote(&house.show.id, json!({"area_id": house.show.area, "quantity": 4})).await;
    house.app.chaos.set(rates);
    let race = house.app.chaos.rendezvous(2, "E#");
    house.act(&page, Action::Decide(Method::Cash, Status::Approved));
    let reserve =
        house.app.post("/api/v1/reservations").token(&beto.token).json(json!({"quote": quote["quote"]}));
    let held = race_of(&race, reserve.send()).await;
    house.app.idle().await;
    drop(race);
    house.app.chaos.set(FaultRates::default());
    let order = house.order(&purchase).await;
    let tickets = order["tickets"].as_array().map_or(0, Vec::len) as u64;
    let mut wrong = Vec::new();
    if tickets == 0 && order["status"] != "refund_due" {
        wrong.push(format!("money for nothing: {order}"));
    }
    let given = tickets + if held == 201 { 4 } else { 0 };
    house.app.idle().await;
    (given, wrong)
}

async fn race_of(race: &Rendezvous, request: impl Future<Output = testkit::Answer>) -> u16 {
    race.racer(request).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_at_the_due_second_has_its_places_or_goes_back() {
    assert_eq!(the_due_second(FaultRates::default()).await, (4, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_places_are_sold_twice_at_the_due_second() {
    assert_eq!(the_due_second(unguarded("E#")).await.0, 8, "the race test would not notice a race");
}

/// Ana cancels while a worker keeps her places for a slip: it stands before a write at `spot`.
/// Returns what is wrong then.
async fn cancelled_meanwhile(spot: &str, rates: FaultRates) -> Vec<String> {
    let house = Fixture::open(GatewayName::Sandbox).await;
    let (purchase, page) = house.begin(2).await;
    house.app.chaos.set(rates);
    let halt = house.app.chaos.halt(Spot::at(spot).by("settler"));
    house.act(&page, Action::Begin(Method::Cash));
    house.come_back(&purchase).await;
    halt.reached().await;
    let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
    let cancelled = house.app.delete(path).token(&house.ana.token).ok().await;
    drop(halt);
    house.app.idle().await;
    house.app.chaos.set(FaultRates::default());
    let (order, left) = (house.order(&purchase).await, house.left().await);
    let mut wrong = Vec::new();
    if (&cancelled["status"], &order["status"]) != (&json!("released"), &json!("released")) {
        wrong.push(format!("{} of a cancelled reservation", order["status"]));
    }
    if left != u64::from(PLACES) {
        wrong.push(format!("{left} places are left"));
    }
    house.app.idle().await;
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_reservation_has_no_places_though_a_worker_was_about_to_keep_them() {
    for spot in ["E#", "U#"] {
        assert_eq!(cancelled_meanwhile(spot, FaultRates::default()).await, Vec::<String>::new(), "{spot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_cancelled_reservation_keeps_its_places() {
    let wrong = cancelled_meanwhile("U#", unguarded("U#")).await;
    assert!(wrong.iter().any(|what| what.contains("awaiting_payment")), "no race was noticed: {wrong:?}");
}

impl Fixture {
    /// Has somebody else look at pages of the gateway until the next one is one whose slips do not end
    /// with it: of Mercado Pago's that is every second one.
    async fn skip_pages(&self) {
        loop {
            let places = json!({"area_id": self.show.area, "quantity": 1});
            let purchase = self.app.start_buying(&self.beto.token, &self.show.id, places).await;
            let page = self.app.visit(&purchase).await;
            let details = self.app.simulator(self.gateway).purchase(&page).expect("a purchase").details;
            let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
            self.app.delete(path).token(&self.beto.token).ok().await;
            if !details.contains_key("slip_end") {
                return;
            }
        }
    }

    /// A purchase with two pages on which Ana may get a slip; that of the second is good longer.
    async fn two_pages(&self) -> (Value, [String; 2]) {
        self.skip_pages().await;
        let (purchase, first) = self.begin(2).await;
        self.act(&first, Action::Decide(Method::Card, Status::Declined));
        self.app.idle().await;
        self.app.clock.advance(Duration::from_secs(120));
        self.skip_pages().await;
        let body = json!({"reservation_id": purchase["id"]});
        let again = self.app.post("/api/v1/purchases").token(&self.ana.token).json(body).ok().await;
        let second = self.app.visit(&again).await;
        assert_ne!(first, second);
        self.app.idle().await;
        (purchase, [first, second])
    }

    /// Waits until both payments of the order are seen as slips, without those that stand still.
    async fn both_noted(&self, purchase: &Value) {
        for _ in 0..200 {
            let order = self.order(purchase).await;
            let payments = order["payments"].as_array().expect("payments");
            if payments.iter().all(|payment| payment["status"] == "processing") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the slips were not noted");
    }

    /// What is wrong with the order of two slips: both are noted, the later one counts, and the
    /// places are kept as long as the order says.
    async fn wrong(&self, purchase: &Value) -> Vec<String> {
        let order = self.order(purchase).await;
        let payments = order["payments"].as_array().expect("payments");
        let lost = payments.iter().filter(|payment| payment["status"] != "processing");
        let mut wrong: Vec<String> = lost.map(|payment| format!("a slip is {}", payment["status"])).collect();
        let due = payments.iter().filter(|payment| payment["due_at"].is_string());
        let latest = due.map(|payment| time(&payment["due_at"])).max();
        let end = time(&order["expires_at"]);
        if latest.map(|due| due + Duration::from_secs(150 * 60)) != Some(end) {
            wrong.push(format!("it ends at {end}: {payments:?}"));
        }
        let rest = end.duration_since(self.app.clock.now()).unsigned_abs();
        self.app.clock.advance(rest - Duration::from_secs(60));
        self.app.idle().await;
        let left = self.left().await;
        if left != u64::from(PLACES) - 2 {
            wrong.push(format!("{left} places are left"));
        }
        self.app.idle().await;
        wrong
    }
}

/// Ana gets two slips for one order. A worker that has heard of the first one stands before its write
/// at `spot` until others have noted both. Returns what is wrong with the order then.
async fn two_slips(spot: &str, rates: FaultRates) -> Vec<String> {
    let house = Fixture::open(GatewayName::MercadoPago).await;
    let (purchase, [first, second]) = house.two_pages().await;
    house.app.chaos.set(rates);
    let halt = house.app.chaos.halt(Spot::at(spot).by("settler"));
    // Mercado Pago tells of each slip twice.
    house.act(&first, Action::Begin(Method::Cash));
    halt.reached().await;
    house.act(&second, Action::Begin(Method::Cash));
    house.both_noted(&purchase).await;
    drop(halt);
    house.app.idle().await;
    house.app.chaos.set(FaultRates::default());
    house.wrong(&purchase).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_slips_the_later_one_keeps_the_places_whoever_comes_last() {
    assert_eq!(two_slips("U#", FaultRates::default()).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_one_of_two_slips_is_lost() {
    assert!(!two_slips("U#", unguarded("U#")).await.is_empty(), "the race test would not notice a race");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_worker_cuts_no_hold_short() {
    assert_eq!(two_slips("E#", FaultRates::default()).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_stale_worker_cuts_a_hold_short() {
    let wrong = two_slips("E#", unguarded("E#")).await;
    assert!(wrong.contains(&"4 places are left".to_owned()), "no race was noticed: {wrong:?}");
}
