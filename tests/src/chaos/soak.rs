//! A storm at the sandbox gateway: many orders while the cloud and the gateway fail at random.
//!
//! `TAQUILLA_CHAOS_ORDERS` sets how many. The seed is printed, and sets both the faults and
//! what the buyers do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloud::services::{Chaos, FaultRates};
use fastrand::Rng;
use gateways::{Action, Attempt, Faults, Method, Purchase, Status};
use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser, minor};

use super::caller::{Caller, Refusals, orders, orders_or, success};

const SEED: u64 = 20_261_121;
const BUYERS: usize = 32;

/// How many orders are tried, and the places for sale: too few for all orders.
struct Size {
    orders: usize,
    admissions: u32,
    rows: u8,
}

fn size() -> Size {
    let orders = orders_or(400);
    let admissions = u32::try_from(orders).expect("a reasonable number");
    let rows = u8::try_from((orders / 50).clamp(2, 26)).expect("at most 26");
    Size { orders, admissions, rows }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_has_its_tickets_or_its_refund() {
    let size = size();
    eprintln!("seed {SEED}, {} orders", size.orders);
    let app = Arc::new(TestApp::start_with(Chaos::seeded(SEED)).await);
    let organizer = app.organizer("organiza").await;
    let shows = [
        app.show(&organizer, "Los Faroles", size.admissions, 15_000).await,
        app.seated_show(&organizer, "Marea Baja", size.rows, 40, 20_000).await,
    ];
    let mut crowd = Vec::with_capacity(BUYERS);
    for index in 0..BUYERS {
        crowd.push(app.somebody(&format!("comprador{index}")).await);
    }
    app.idle().await;

    app.chaos.set(FaultRates::stormy());
    app.cloud.sandbox().set_faults(faults()).expect("possible faults");
    let next = Arc::new(AtomicUsize::new(0));
    let refused = Refusals::default();
    let buyers = crowd.iter().cloned().enumerate().map(|(index, person)| {
        let (app, shows, next, refused) = (app.clone(), shows.clone(), next.clone(), refused.clone());
        let rng = Rng::with_seed(SEED + index as u64);
        let mut buyer = Buyer { caller: Caller { app, person, rng, refused }, shows, rows: size.rows };
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < size.orders {
                // A second for each order, so that holds and tokens expire on the way.
                buyer.caller.app.clock.advance(Duration::from_secs(1));
                buyer.try_an_order().await;
            }
        })
    });
    for buyer in buyers.collect::<Vec<_>>() {
        buyer.await.expect("no panic");
    }

    eprintln!("refused: {:?}", refused.lock().expect("not poisoned"));

    // The storm ends. Of the pending payments, half are approved late and half expire.
    app.chaos.set(FaultRates::default());
    app.cloud.sandbox().set_faults(Faults::default()).expect("possible faults");
    app.clock.advance(Duration::from_secs(12 * 60));
    let late = payments(&app).into_values().map(|(payment, _)| payment);
    for (index, payment) in late.filter(|payment| payment.status == Status::Open).enumerate() {
        let status = if index % 2 == 0 { Status::Approved } else { Status::Expired };
        app.cloud.sandbox().act(&payment.id, Action::Decide(Method::Card, status)).expect("possible");
    }
    settle_down(&app).await;
    balance(&app, &organizer, &shows, &crowd).await;
    Arc::into_inner(app).expect("nobody else").close().await;
}

fn faults() -> Faults {
    Faults {
        create_500: 3,
        refund_500: 5,
        drop_webhooks: 15,
        duplicate_webhooks: 1,
        forged_webhooks: 10,
        reorder_ms: 50,
        seed: SEED,
        ..Faults::default()
    }
}

/// The payments in the gateway's ledger and their amounts, by id.
fn payments(app: &TestApp) -> BTreeMap<String, (Attempt, i64)> {
    let purchases = app.cloud.sandbox().purchases().expect("the gateway's ledger");
    let payment =
        |mut purchase: Purchase| (purchase.id, (purchase.attempts.remove(0), purchase.amount.amount));
    purchases.into_iter().map(payment).collect()
}

/// Lets every message arrive, including those retried minutes later, and reconciles.
async fn settle_down(app: &TestApp) {
    for _ in 0..8 {
        app.idle().await;
        app.clock.advance(Duration::from_secs(16 * 60));
    }
    for _ in 0..3 {
        app.cloud.run_schedule_now("Reconcile").await.expect("the janitor works");
        app.idle().await;
    }
}

struct Buyer {
    caller: Caller,
    shows: [Show; 2],
    rows: u8,
}

impl Buyer {
    async fn try_an_order(&mut self) {
        let Some(held) = self.caller.hold_some(&self.shows, self.rows).await else { return };
        match self.caller.rng.u8(0..10) {
            0 => return, // Leaves the hold unpaid.
            1 => {
                let path = format!("/api/v1/reservations/{}", held["id"].as_str().expect("an id"));
                self.caller.signed_in(|app| app.delete(&path)).await;
                return;
            }
            _ => {}
        }
        self.pay(&held).await;
    }

    /// Pays as buyers do: mostly at once, sometimes after a decline, sometimes
    /// never, sometimes after cancelling.
    async fn pay(&mut self, held: &Value) {
        for _ in 0..2 {
            let body = json!({"reservation_id": held["id"]});
            let purchase =
                self.caller.signed_in(|app| app.post("/api/v1/purchases").json(body.clone())).await;
            let Some(purchase) = success(&purchase) else { return };
            let id = purchase["payments"].as_array().and_then(|all| all.last());
            let Some(id) = id.and_then(|payment| payment["payment_gateway_transaction_id"].as_str()) else {
                return;
            };
            let sandbox = self.caller.app.cloud.sandbox();
            match self.caller.rng.u8(0..20) {
                0..=2 => {
                    let _ = sandbox.decline(id);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                3 => return, // Left open: may be paid after the storm.
                4 => {
                    let path = format!("/api/v1/reservations/{}", held["id"].as_str().expect("an id"));
                    self.caller.signed_in(|app| app.delete(&path)).await;
                    let _ = self.caller.app.cloud.sandbox().approve(id);
                    return;
                }
                _ => {
                    let _ = sandbox.approve(id);
                    return;
                }
            }
        }
    }
}

/// Checks the box office's orders and places against the gateway's ledger.
async fn balance(app: &TestApp, organizer: &Organizer, shows: &[Show; 2], crowd: &[TestUser]) {
    let orders = orders(app, crowd).await;
    let ledger = payments(app);
    let mut seats = BTreeSet::new();
    let (mut sold, mut paid_orders, mut refunded_orders) = ([0_u64; 2], 0, 0);
    let mut seen = BTreeSet::new();
    for order in &orders {
        let mut kept = 0;
        for payment in order["payments"].as_array().expect("payments") {
            let id = payment["payment_gateway_transaction_id"].as_str().expect("an id");
            assert!(seen.insert(id.to_owned()), "{id} pays two orders");
            let (theirs, amount) = &ledger[id];
            let refunded = theirs.refunded();
            let ours = minor(&payment["refunded"], &order["currency"]);
            assert_eq!(ours, refunded, "{id}: our refunds and the gateway's");
            assert_eq!(payment["refund_due"], 0, "{id}: {order}");
            if theirs.status == Status::Approved {
                kept += amount - refunded;
            }
        }
        let owed = if order["status"] == "paid" { minor(&order["total"], &order["currency"]) } else { 0 };
        assert_eq!(kept, owed, "the gateway has another amount than the order: {order}");
        match order["status"].as_str().expect("a status") {
            "paid" => {
                paid_orders += 1;
                assert!(order["mailed_at"].is_string(), "{order}");
                let show = usize::from(order["event_id"] == shows[1].id);
                for line in order["lines"].as_array().expect("lines") {
                    sold[show] += line["quantity"].as_u64().expect("a number");
                    for seat in line["seats"].as_array().expect("seats") {
                        assert!(seats.insert(seat.to_string()), "{seat} was sold twice");
                    }
                }
            }
            "refund_due" => refunded_orders += 1,
            "released" => {}
            other => panic!("{other} is no end: {order}"),
        }
    }
    for (payment, _) in ledger.values().filter(|(payment, _)| payment.status == Status::Approved) {
        assert!(seen.contains(&payment.id), "a payment of no order: {payment:?}");
    }
    let capacity = [capacity(app, organizer, &shows[0]).await, capacity(app, organizer, &shows[1]).await];
    let free = [left(app, &shows[0]).await, left(app, &shows[1]).await];
    eprintln!(
        "{} orders: {paid_orders} paid, {refunded_orders} paid late and refunded; sold {sold:?} of {capacity:?}",
        orders.len()
    );
    assert_eq!(
        [sold[0] + free[0], sold[1] + free[1]],
        capacity,
        "what is sold and what is free is everything"
    );
    assert!(paid_orders > 0);
}

async fn capacity(app: &TestApp, organizer: &Organizer, show: &Show) -> u64 {
    let token = app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await.token;
    let path = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    app.get(path).token(token).ok().await["capacity"].as_u64().expect("a number")
}

async fn left(app: &TestApp, show: &Show) -> u64 {
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let availability = app.get(path).ok().await;
    availability["left"].as_u64().unwrap_or_else(|| panic!("how many are left: {availability}"))
}
