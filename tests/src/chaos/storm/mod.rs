//! Storms at Mercado Pago, Wompi and PayU, each with its own protocol.
//!
//! `TAQUILLA_CHAOS_ORDERS` sets how many orders. The seed is printed, and sets the faults of
//! the cloud and the gateway and what people do.

pub(super) mod books;
pub(super) mod buyer;
mod staff;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloud::services::{Chaos, FaultRates};
use domain::payment::GatewayName;
use fastrand::Rng;
use gateways::{Action, Faults, Method, Simulator, Status};
use serde_json::json;
use testkit::{Country, Organizer, Show, TestApp, TestUser};

use super::caller::{Caller, Refusals, orders_or};
use books::Books;
use buyer::Buyer;

pub(super) const SEED: u64 = 20_261_121;
pub(super) const BUYERS: usize = 24;
/// The price of a ticket, in major units: some dollars in all three countries, and above
/// PayU's minimum refund.
const PRICE: i64 = 25_000;

/// A box office with its buyers and one organiser, which is paid through one gateway.
pub(super) struct Storm {
    pub(super) app: Arc<TestApp>,
    pub(super) gateway: GatewayName,
    organizer: Staff,
    pub(super) shows: [Show; 2],
    pub(super) rows: u8,
    pub(super) crowd: Vec<TestUser>,
    pub(super) refused: Refusals,
}

/// The organiser's admin, who signs in anew for each token, since tokens expire in a storm.
struct Staff {
    app: Arc<TestApp>,
    organizer: Organizer,
}

impl Staff {
    async fn token(&self) -> String {
        self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await.token
    }
}

impl Storm {
    /// Opens a box office with too few places for `orders` orders.
    pub(super) async fn open(gateway: GatewayName, country: Country, orders: usize, buyers: usize) -> Self {
        let app = Arc::new(TestApp::start_with(Chaos::seeded(SEED)).await);
        let organizer = app.paid_through("organiza", country, &[gateway]).await;
        let rows = u8::try_from((orders / 50).clamp(2, 26)).expect("at most 26");
        let admissions = u32::try_from(orders).expect("a reasonable number");
        let shows = [
            app.show(&organizer, "Los Faroles", admissions, PRICE).await,
            app.seated_show(&organizer, "Marea Baja", rows, 40, PRICE).await,
        ];
        let mut crowd = Vec::with_capacity(buyers);
        for index in 0..buyers {
            crowd.push(app.somebody(&format!("comprador{index}")).await);
        }
        app.idle().await;
        let organizer = Staff { app: Arc::clone(&app), organizer };
        Self { app, gateway, organizer, shows, rows, crowd, refused: Refusals::default() }
    }

    pub(super) fn simulator(&self) -> &Simulator {
        self.app.simulator(self.gateway)
    }

    pub(super) fn caller(&self, person: TestUser, seed: u64) -> Caller {
        let (app, refused) = (Arc::clone(&self.app), Arc::clone(&self.refused));
        Caller { app, person, rng: Rng::with_seed(SEED + seed), refused }
    }

    /// Lets the buyers buy until `orders` orders were tried.
    async fn sell(&self, orders: usize) {
        let next = Arc::new(AtomicUsize::new(0));
        let buyers = (0..).zip(&self.crowd).map(|(index, person)| {
            let (caller, next) = (self.caller(person.clone(), index), Arc::clone(&next));
            let (shows, rows, gateway) = (self.shows.clone(), self.rows, self.gateway);
            tokio::spawn(async move {
                let mut buyer = Buyer { caller, shows, rows, gateway, cash: false };
                while next.fetch_add(1, Ordering::Relaxed) < orders {
                    // A second for each order, so that holds and tokens expire on the way.
                    buyer.caller.app.clock.advance(Duration::from_secs(1));
                    buyer.try_an_order().await;
                }
            })
        });
        for buyer in buyers.collect::<Vec<_>>() {
            buyer.await.expect("no panic");
        }
    }

    pub(super) async fn close(self) {
        let Self { app, organizer, .. } = self;
        drop(organizer);
        Arc::into_inner(app).expect("nobody else").close().await;
    }
}

pub(super) fn faults() -> Faults {
    Faults {
        create_500: 3,
        refund_500: 8,
        read_500: 3,
        busy: 2,
        busy_seconds: 0,
        lost_answers: 2,
        timeouts: 1,
        // Longer than our gateway clients wait for an answer.
        timeout_ms: 5_500,
        drop_webhooks: 15,
        duplicate_webhooks: 1,
        forged_webhooks: 10,
        delay_ms: 0,
        reorder_ms: 50,
        seed: SEED,
    }
}

async fn storm(gateway: GatewayName, country: Country) {
    let orders = orders_or(200);
    eprintln!("{gateway}: seed {SEED}, {orders} orders");
    let world = Storm::open(gateway, country, orders, BUYERS).await;
    world.app.chaos.set(FaultRates::stormy());
    world.simulator().set_faults(faults()).expect("possible faults");
    world.sell(orders).await;
    world.give_back().await;
    eprintln!("{gateway}: refused: {:?}", world.refused.lock().expect("not poisoned"));

    // The storm ends: messages arrive, people do their tasks, reconciliation finds the rest.
    world.app.chaos.set(FaultRates::default());
    world.simulator().set_faults(Faults::default()).expect("possible faults");
    world.settle_down().await;
    let books = Books::of(&world).await;
    eprintln!("{gateway}: {:?}", books.counts);
    assert_eq!(books.problems, Vec::<String>::new());
    assert_eq!(world.differences().await, Vec::<serde_json::Value>::new());
    // A storm that lacks one of these has tested too little.
    for happened in
        ["paid", "never paid", "approved late", "paid more than once", "given back", "refunded in part"]
    {
        assert!(books.counts.contains_key(happened), "{happened}: {:?}", books.counts);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_at_mercado_pago_has_its_tickets_or_its_refund() {
    storm(GatewayName::MercadoPago, Country::CHILE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_at_wompi_has_its_tickets_or_its_refund() {
    storm(GatewayName::Wompi, Country::COLOMBIA).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_at_payu_has_its_tickets_or_its_refund() {
    storm(GatewayName::Payu, Country::COLOMBIA).await;
}

/// The books before and after reconciliation. A first order is sold; then the gateway drops
/// all notifications, a second order is paid, and `meanwhile` is done to the first payment.
async fn unheard(gateway: GatewayName, country: Country, meanwhile: impl Fn(&Simulator, &str)) -> [Books; 2] {
    let world = Storm::open(gateway, country, 10, 1).await;
    let [show, _] = &world.shows;
    let token = world.crowd[0].token.clone();
    let line = json!({"area_id": show.area, "quantity": 2});
    let heard = world.app.buy(&token, &show.id, line.clone()).await;
    assert_eq!(heard["status"], "paid", "{heard}");
    world
        .simulator()
        .set_faults(Faults { drop_webhooks: 100, ..Faults::default() })
        .expect("possible faults");
    let page = world.app.visit(&world.app.start_buying(&token, &show.id, line).await).await;
    world.simulator().act(&page, Action::Decide(Method::Card, Status::Approved)).expect("paid");
    let paid = &heard["payments"][0]["payment_gateway_transaction_id"];
    meanwhile(world.simulator(), paid.as_str().expect("an id"));
    world.app.idle().await;
    // Reconciliation waits for the clock, which stands still.
    let before = Books::of(&world).await;
    world.simulator().set_faults(Faults::default()).expect("possible faults");
    world.settle_down().await;
    let after = Books::of(&world).await;
    world.close().await;
    [before, after]
}

/// The negative control: the books show a payment that has no notification and is not
/// reconciled.
#[tokio::test]
async fn an_unreported_payment_shows_in_the_books_until_reconciliation() {
    for (gateway, country) in [
        (GatewayName::MercadoPago, Country::ARGENTINA),
        (GatewayName::Wompi, Country::COLOMBIA),
        (GatewayName::Payu, Country::COLOMBIA),
    ] {
        let [before, after] = unheard(gateway, country, |_, _| {}).await;
        let problems = before.problems.join("\n");
        assert!(problems.contains("nobody knows the payment"), "{gateway}: {problems}");
        assert!(problems.contains("awaiting_payment is no end"), "{gateway}: {problems}");
        assert_eq!(after.problems, Vec::<String>::new(), "{gateway}");
    }
}

#[tokio::test]
async fn valid_tickets_without_their_money_show_in_the_books() {
    let refund = |gateway: &Simulator, payment: &str| {
        gateway.refund_at_gateway(payment, None).expect("refunded");
    };
    let [before, after] = unheard(GatewayName::MercadoPago, Country::CHILE, refund).await;
    let problems = before.problems.join("\n");
    assert!(problems.contains("went back at the gateway, not as in"), "{problems}");
    assert!(problems.contains("and 0 at the gateway"), "{problems}");
    assert_eq!(after.problems, Vec::<String>::new());
    let charge_back = |gateway: &Simulator, payment: &str| {
        gateway.charge_back(payment).expect("charged back");
        gateway.close_dispute(payment, false).expect("lost");
    };
    let [before, after] = unheard(GatewayName::MercadoPago, Country::CHILE, charge_back).await;
    assert!(before.problems.join("\n").contains("and 0 at the gateway"), "{:?}", before.problems);
    assert_eq!(after.problems, Vec::<String>::new());
}
