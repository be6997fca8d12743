//! Storms of buyers who pay in cash: early, late, twice, never, or after they cancelled. In the end the
//! money and the places agree, and every place of a dead slip is for sale.
//!
//! `TAQUILLA_CHAOS_ORDERS` sets how many orders each gateway has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloud::services::FaultRates;
use domain::payment::GatewayName;
use gateways::{Action, Faults, Method, Status};
use testkit::Country;

use super::caller::orders_or;
use super::storm::books::Books;
use super::storm::buyer::Buyer;
use super::storm::{BUYERS, SEED, Storm, faults};

const HOUR: Duration = Duration::from_secs(3600);

impl Buyer {
    /// Gets a slip, or pays in another way, as buyers do.
    async fn try_a_slip(&mut self) {
        let Some(held) = self.caller.hold_some(&self.shows, self.rows).await else { return };
        let id = held["id"].as_str().expect("an id").to_owned();
        let Some(page) = self.go_to_pay(&id).await else { return };
        let now = self.caller.app.clock.now();
        let within = |rng: &mut fastrand::Rng, hours: std::ops::Range<u64>| {
            now + Duration::from_secs(rng.u64(hours.start * 3600..hours.end * 3600))
        };
        let cash = |at| Action::BeginThen(Method::Cash, Status::Approved, at);
        match self.caller.rng.u8(0..100) {
            0..20 => self.pay(&page),
            // Early: within minutes, so that the notifications of both cross.
            20..35 => self.later(&page, Status::Approved, 5..600),
            35..40 => {
                let at = now + Duration::from_secs(self.caller.rng.u64(1..300));
                self.act(&page, cash(at));
            }
            // The next hours or the next morning.
            40..60 => {
                let at = within(&mut self.caller.rng, 0..23);
                self.act(&page, cash(at));
            }
            // Around the due second, and hours after it.
            60..70 => {
                let at = within(&mut self.caller.rng, 23..30);
                self.act(&page, cash(at));
            }
            // Never.
            70..82 => self.act(&page, Action::Begin(Method::Cash)),
            // Twice: a slip, and a card in another window of the page.
            82..90 => {
                let at = within(&mut self.caller.rng, 0..20);
                self.act(&page, cash(at));
                let soon = now + Duration::from_secs(20);
                self.act(&page, Action::BeginThen(Method::Card, Status::Approved, soon));
            }
            // Cancelled: before the money, or with it under way.
            _ => {
                let at = within(&mut self.caller.rng, 0..20);
                self.act(&page, cash(at));
                self.caller.pause().await;
                let path = format!("/api/v1/reservations/{id}");
                self.caller.signed_in(|app| app.delete(&path)).await;
            }
        }
    }
}

impl Storm {
    /// Lets the buyers order until `orders` orders were tried.
    async fn sell_for_cash(&self, orders: usize) {
        let next = Arc::new(AtomicUsize::new(0));
        let buyers = (0..).zip(&self.crowd).map(|(index, person)| {
            let (caller, next) = (self.caller(person.clone(), index), Arc::clone(&next));
            let (shows, rows, gateway) = (self.shows.clone(), self.rows, self.gateway);
            tokio::spawn(async move {
                let mut buyer = Buyer { caller, shows, rows, gateway, cash: true };
                while next.fetch_add(1, Ordering::Relaxed) < orders {
                    // Tokens and cards' holds expire on the way, and one buyer's slips become old.
                    buyer.caller.app.clock.advance(Duration::from_secs(3));
                    buyer.try_a_slip().await;
                }
            })
        });
        for buyer in buyers.collect::<Vec<_>>() {
            buyer.await.expect("no panic");
        }
    }

    /// Slips that nobody has paid by now are never paid, though some gateways would take it.
    fn let_slips_die(&self) {
        let gateway = self.simulator();
        for purchase in gateway.purchases().expect("the gateway's ledger") {
            for attempt in purchase.attempts.iter().filter(|attempt| attempt.status == Status::Pending) {
                let _ = gateway.act(&attempt.payment_id, Action::Decide(attempt.method, Status::Expired));
            }
        }
    }
}

async fn storm(gateway: GatewayName, country: Country) {
    let orders = orders_or(120);
    eprintln!("{gateway}, cash: seed {SEED}, {orders} orders");
    let world = Storm::open(gateway, country, orders, BUYERS).await;
    world.app.chaos.set(FaultRates::stormy());
    world.simulator().set_faults(faults()).expect("possible faults");
    world.sell_for_cash(orders).await;
    // The storm goes on through the night, while people pay.
    for _ in 0..16 {
        world.app.clock.advance(HOUR);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.app.chaos.set(FaultRates::default());
    world.simulator().set_faults(Faults::default()).expect("possible faults");
    for _ in 0..16 {
        world.app.clock.advance(HOUR);
        world.app.idle().await;
    }
    world.let_slips_die();
    eprintln!("{gateway}, cash: refused: {:?}", world.refused.lock().expect("not poisoned"));
    world.settle_down().await;
    let books = Books::of(&world).await;
    eprintln!("{gateway}, cash: {:?}", books.counts);
    assert_eq!(books.problems, Vec::<String>::new());
    // A storm that lacks one of these has tested too little.
    for happened in
        ["paid", "never paid", "paid more than once", "given back", "paid in cash", "paid hours later"]
    {
        let count = books.counts.get(happened).copied().unwrap_or_default();
        assert!(count > 0, "{happened}: {:?}", books.counts);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_of_mercado_pago_have_their_places_or_their_money_back() {
    storm(GatewayName::MercadoPago, Country::CHILE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_of_wompi_have_their_places_or_their_money_back() {
    storm(GatewayName::Wompi, Country::COLOMBIA).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_of_payu_have_their_places_or_their_money_back() {
    storm(GatewayName::Payu, Country::COLOMBIA).await;
}
