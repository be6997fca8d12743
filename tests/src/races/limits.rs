//! Limits on the number of things, for requests that come at the same moment.

use std::collections::BTreeSet;
use std::time::Duration;

use cloud::services::{FaultRates, Spot};
use domain::DeviceId;
use domain::pricing::MAX_STAGES_PER_EVENT;
use events::MAX_AREAS;
use futures::future::join_all;
use serde_json::{Value, json};
use store::{Device, MAX_DEVICES};
use testkit::{Answer, Organizer, Request, TestApp};

use crate::table::table_of;

/// Reservations that one buyer makes at the same moment.
const RESERVATIONS: usize = 20;

/// Makes queries under `start` stale, so that counting again after a write finds nothing.
fn blind(start: &str) -> FaultRates {
    FaultRates { stale_queries: vec![start.to_owned()], ..FaultRates::default() }
}

/// One buyer makes [`RESERVATIONS`] reservations at once, of a show with as many places.
/// Returns how many are held by the answers and by the list, and how many places are left.
async fn reserve_at_once(rates: FaultRates) -> (usize, usize, usize) {
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
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(RESERVATIONS, Spot::at("U#").by("purchases"));
    let reserve = |quote| app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    let answers = join_all(quotes.iter().map(|quote| race.racer(reserve(quote).send()))).await;
    assert_eq!(race.met(), RESERVATIONS, "all have seen that there are none");
    let held = |answer: &Answer| match answer.status {
        201 => true,
        429 => false,
        status => panic!("{status}: {}", answer.text()),
    };
    app.chaos.set(FaultRates::default());
    let heard = answers.iter().filter(|answer| held(answer)).count();
    let orders = app.get("/api/v1/purchases?limit=100").token(&ana.token).ok().await;
    let items = orders["items"].as_array().expect("items");
    let listed = items.iter().filter(|order| order["status"] == "held").count();
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let left = app.get(path).ok().await["left"].as_u64().expect("a number");
    app.idle().await;
    (heard, listed, usize::try_from(left).expect("few"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_reservations_at_once_four_are_held() {
    assert_eq!(reserve_at_once(FaultRates::default()).await, (4, 4, RESERVATIONS - 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_counting_again_all_twenty_are_held() {
    assert_eq!(reserve_at_once(blind("U#")).await, (RESERVATIONS, RESERVATIONS, 0));
}

/// Sends requests at once; each has read the table before the first one writes. Returns how
/// many got 201, and the codes of the refusals.
async fn at_once(app: &TestApp, spot: Spot, requests: Vec<Request>) -> (usize, BTreeSet<String>) {
    let race = app.chaos.rendezvous(requests.len(), spot);
    let answers = join_all(requests.into_iter().map(|request| race.racer(request.send()))).await;
    assert_eq!(race.met(), answers.len());
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    let code = |answer: &Answer| answer.json()["code"].as_str().expect("a code").to_owned();
    (done.len(), refused.iter().map(code).collect())
}

fn only(code: &str) -> BTreeSet<String> {
    BTreeSet::from([code.to_owned()])
}

async fn offer_at_once(rates: FaultRates) -> (usize, BTreeSet<String>) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Ensayo Abierto", 10, 0).await;
    let ana = app.confirmed("ana").await;
    let order = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    app.idle().await;
    let offer = |name: &str| {
        let body = json!({"ticket_id": order["tickets"][0]["id"], "to_email": format!("{name}@example.com")});
        app.post("/api/v1/transfers/initiate").token(&ana.token).json(body)
    };
    app.chaos.set(rates);
    let outcome = at_once(&app, Spot::at("U#").by("tickets"), ["eva", "beto", "sol"].map(offer).into()).await;
    app.idle().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_has_one_open_offer() {
    assert_eq!(offer_at_once(FaultRates::default()).await, (1, only("transfer_open")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_ticket_has_many_open_offers() {
    let unguarded = FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() };
    assert_eq!(offer_at_once(unguarded).await.0, 3);
}

/// Pairs four scanners at once, for a tenant that may have one more.
async fn pair_at_once(rates: FaultRates) -> (usize, BTreeSet<String>) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let store = table_of(&app, "door");
    let now = app.clock.now();
    for _ in 1..MAX_DEVICES {
        let device = Device {
            id: DeviceId::generate(now),
            name: "Puerta".to_owned(),
            secret_hash: String::new(),
            paired_by: organizer.person.id.parse().expect("an id"),
            paired_at: now,
        };
        let tenant = organizer.tenant.parse().expect("an id");
        store.create_device(tenant, &device).await.expect("paired");
    }
    // So that new ones have higher ids.
    app.clock.advance(Duration::from_secs(1));
    let pair = || app.post("/api/v1/door/devices").token(&organizer.token).json(json!({"name": "Puerta"}));
    app.chaos.set(rates);
    let outcome = at_once(&app, Spot::at("T#").by("door"), (0..4).map(|_| pair()).collect()).await;
    app.idle().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_no_more_scanners_than_it_may() {
    assert_eq!(pair_at_once(FaultRates::default()).await, (1, only("too_many_devices")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_counting_again_a_tenant_has_more_scanners() {
    assert_eq!(pair_at_once(blind("T#")).await.0, 4);
}

/// A draft that may have one more area and one more sale stage.
struct Draft {
    app: TestApp,
    organizer: Organizer,
    event: String,
}

impl Draft {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let draft = app.draft(&organizer, "Los Faroles").await;
        let event = draft["id"].as_str().expect("an id").to_owned();
        let draft = Self { app, organizer, event };
        for _ in 1..MAX_AREAS {
            draft.area().ok().await;
        }
        for _ in 1..MAX_STAGES_PER_EVENT {
            draft.stage().ok().await;
        }
        // So that new ones have higher ids.
        draft.app.clock.advance(Duration::from_secs(1));
        draft
    }

    fn post(&self, what: &str, body: Value) -> Request {
        self.app.post(format!("/api/v1/events/{}/{what}", self.event)).token(&self.organizer.token).json(body)
    }

    fn area(&self) -> Request {
        let body = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 1, "price": 1000});
        self.post("areas", body)
    }

    fn stage(&self) -> Request {
        let body = json!({"stage_name": "Preventa", "price_adjustment_type": "percentage",
            "price_adjustment_value": -10});
        self.post("sale-stages", body)
    }

    /// The first write of a new area, which creates its places.
    fn areas(&self) -> Spot {
        Spot::at(format!("E#{}/A#", &self.event[4..])).by("events")
    }

    fn stages(&self) -> Spot {
        Spot::at(format!("E#{}/ST#", &self.event[4..])).by("pricing")
    }

    /// Four requests wait before their write at `spot`, and from there on their queries are stale.
    /// Returns how many of `what` the event has then.
    async fn blindly(&self, what: &str, spot: Spot, requests: [Request; 4]) -> usize {
        let halts = [(); 4].map(|()| self.app.chaos.halt(spot.clone()));
        let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.send())).collect();
        for halt in &halts {
            halt.reached().await;
        }
        self.app.chaos.set(blind("E#"));
        drop(halts);
        for answer in sent {
            answer.await.expect("no panic");
        }
        self.app.chaos.set(FaultRates::default());
        let path = format!("/api/v1/events/{}/{what}", self.event);
        let listed = self.app.get(path).token(&self.organizer.token).ok().await;
        listed["items"].as_array().expect("items").len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_has_no_more_areas_and_stages_than_it_may() {
    let draft = Draft::open().await;
    let areas = (0..4).map(|_| draft.area()).collect();
    assert_eq!(at_once(&draft.app, draft.areas(), areas).await, (1, only("too_many_areas")));
    let stages = (0..4).map(|_| draft.stage()).collect();
    assert_eq!(at_once(&draft.app, draft.stages(), stages).await, (1, only("too_many_sale_stages")));
    draft.app.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_counting_again_an_event_has_more_areas_and_stages() {
    let draft = Draft::open().await;
    let areas = [(); 4].map(|()| draft.area());
    assert_eq!(draft.blindly("areas", draft.areas(), areas).await, MAX_AREAS + 3);
    let stages = [(); 4].map(|()| draft.stage());
    assert_eq!(draft.blindly("sale-stages", draft.stages(), stages).await, MAX_STAGES_PER_EVENT + 3);
    draft.app.idle().await;
}
