//! The settler dies: no place is lost or oversold, the tickets are issued once, and money is
//! kept or given back once.

use std::time::Duration;

use cloud::services::{Mishap, Spot};
use gateways::{Attempt, Status};
use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

use super::{Death, at_each_write, minutes_pass};
use crate::products::{self, drink};

/// Places on the floor and on the balcony, tickets of the stage, uses of the promotion, and drinks.
const PLACES: u64 = 200;
/// What one order takes of each: two places on the floor, one on the balcony, so three tickets
/// of the stage, one use of the promotion, and two drinks.
const TAKEN: [u64; 5] = [2, 1, 3, 1, 2];

/// A show with five allotments: two areas, the quota of a stage, the uses of a promotion, the stock of a
/// drink that is sold at all shows.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    balcony: String,
    drink: String,
    ana: TestUser,
}

impl Fixture {
    async fn open(price: i64) -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let ana = app.somebody("ana").await;
        let (show, balcony) = show(&app, &organizer, price, PLACES).await;
        let new = |path: String, body: Value| app.post(path).token(&organizer.token).json(body).ok();
        let stage = json!({"stage_name": "Preventa", "price_adjustment_type": "percentage",
            "price_adjustment_value": -10, "quantity_available": PLACES});
        new(format!("/api/v1/events/{}/sale-stages", show.id), stage).await;
        let promotion = json!({"promotion_name": "Amigos", "promotion_code": "AMIGOS",
            "discount_type": "percentage", "discount_value": 10, "applies_to": "tenant",
            "total_uses": PLACES});
        new("/api/v1/promotions".to_owned(), promotion).await;
        let drink = drink(&app, &organizer, PLACES, price).await;
        Self { app, organizer, show, balcony, drink, ana }
    }

    /// Reserves [`TAKEN`] for Ana. Returns the id of the order, which waits to be paid.
    async fn order(&self, ana: &TestUser, show: &Show, balcony: &str) -> String {
        let lines = json!([{"area_id": show.area, "quantity": 2}, {"area_id": balcony, "quantity": 1}]);
        let drinks = json!([{"variant_id": self.drink, "quantity": 2}]);
        let quote =
            json!({"event_id": show.id, "lines": lines, "extras": drinks, "promotion_code": "AMIGOS"});
        let quote = self.app.post("/api/v1/public/quotes").json(quote).ok().await;
        let reserve = self.app.post("/api/v1/reservations").token(&ana.token);
        text(&reserve.json(json!({"quote": quote["quote"]})).ok().await["id"])
    }

    async fn ana(&self) -> TestUser {
        self.app.sign_in(&self.ana.email, None).await
    }

    async fn organizer(&self) -> TestUser {
        self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await
    }

    /// What is left on the floor, on the balcony, of the stage, of the promotion and of the drink.
    async fn left(&self) -> [u64; 5] {
        let token = self.organizer().await.token;
        let get = |path: String| self.app.get(path).token(&token).ok();
        let stages = get(format!("/api/v1/events/{}/sale-stages", self.show.id)).await;
        let promotion = get("/api/v1/promotions/AMIGOS".to_owned()).await;
        [
            places_left(&self.app, &self.show, &self.show.area).await,
            places_left(&self.app, &self.show, &self.balcony).await,
            stages["items"][0]["remaining"].as_u64().expect("a number"),
            promotion["remaining"].as_u64().expect("a number"),
            products::left(&self.app, &token).await,
        ]
    }

    /// The number of mails with tickets to Ana.
    fn ticket_mails(&self) -> usize {
        let mails = self.app.mails(&self.ana.email);
        mails.iter().filter(|mail| !mail.attachments.is_empty()).count()
    }

    /// Checks that the order has its tickets, and that the mails and allotments agree with the
    /// `orders` orders settled so far.
    async fn is_settled(&self, id: &str, orders: u64, death: Death) {
        minutes_pass(&self.app, 20).await;
        let order = order(&self.app, &self.ana().await, id).await;
        assert_eq!((&order["status"], tickets(&order)), (&json!("paid"), 3), "{death:?}: {order}");
        assert_eq!(order["vouchers"].as_array().map(Vec::len), Some(2), "{death:?}: {order}");
        assert_eq!(order["refunded"], 0, "{death:?}: {order}");
        assert_eq!(self.ticket_mails() as u64, orders, "{death:?}");
        let mut taken = TAKEN;
        if order["total"] == 0 {
            // A free order gets no reduction, so it takes no use of the promotion either.
            taken[3] = 0;
        }
        assert_eq!(self.left().await, taken.map(|taken| PLACES - taken * orders), "{death:?}");
    }
}

/// A published show with a floor and a balcony.
async fn show(app: &TestApp, organizer: &Organizer, price: i64, balcony: u64) -> (Show, String) {
    let places = u32::try_from(PLACES).expect("few");
    let show = app.show(organizer, "Los Faroles", places, price).await;
    let area = json!({"area_name": "Balcón", "kind": "general_admission", "capacity": balcony,
        "price": price});
    let area = app.post(format!("/api/v1/events/{}/areas", show.id)).token(&organizer.token).json(area);
    let balcony = text(&area.ok().await["id"]);
    (show, balcony)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn tickets(order: &Value) -> usize {
    order["tickets"].as_array().map_or(0, Vec::len)
}

async fn order(app: &TestApp, buyer: &TestUser, id: &str) -> Value {
    app.get(format!("/api/v1/purchases/{id}")).token(&buyer.token).ok().await
}

async fn places_left(app: &TestApp, show: &Show, area: &str) -> u64 {
    let path = format!("/api/v1/public/events/{}/areas/{area}/availability", show.slug);
    app.get(path).ok().await["left"].as_u64().expect("a number")
}

async fn pay(app: &TestApp, buyer: &TestUser, id: &str) -> Value {
    let pay = app.post("/api/v1/purchases").token(&buyer.token);
    pay.json(json!({"reservation_id": id})).ok().await
}

/// The payments that were approved, even if their money went back since.
fn paid(app: &TestApp) -> Vec<Attempt> {
    let purchases = app.cloud.sandbox().purchases().expect("payments");
    let payments = purchases.into_iter().flat_map(|purchase| purchase.attempts);
    payments.filter(|payment| payment.status == Status::Approved).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_has_its_tickets_once() {
    let house = Fixture::open(50_000).await;
    let orders = std::cell::Cell::new(0);
    // The order and five allotments.
    at_each_write("settler", 6, async |death| {
        let ana = house.ana().await;
        let id = house.order(&ana, &house.show, &house.balcony).await;
        let purchase = pay(&house.app, &ana, &id).await;
        let ambush = death.lurk(&house.app);
        house.app.approve(&purchase).await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        orders.set(orders.get() + 1);
        house.is_settled(&id, orders.get(), death).await;
        assert!(paid(&house.app).iter().all(|payment| payment.refunded() == 0), "{death:?}");
        has_struck
    })
    .await;
    assert_eq!(paid(&house.app).len() as u64, orders.get());
    house.app.close().await;
}

/// `purchases` dies after it wrote the order with its tickets. The settler then sells the
/// places, and dies, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_order_has_its_tickets_once() {
    let house = Fixture::open(0).await;
    let orders = std::cell::Cell::new(0);
    at_each_write("settler", 4, async |death| {
        let ana = house.ana().await;
        let id = house.order(&ana, &house.show, &house.balcony).await;
        let first = house.app.chaos.ambush(Spot::at("U#").by("purchases"), 1, Mishap::DiesAfter);
        let pay = house.app.post("/api/v1/purchases").token(&ana.token);
        assert_eq!(pay.json(json!({"reservation_id": id})).send().await.status, 500);
        assert!(first.has_struck());
        drop(first);
        let ambush = death.lurk(&house.app);
        minutes_pass(&house.app, 4).await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        orders.set(orders.get() + 1);
        house.is_settled(&id, orders.get(), death).await;
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_comes_too_late_goes_back_once() {
    let house = Fixture::open(50_000).await;
    let app = &house.app;
    let refunds = std::cell::Cell::new(0);
    // The places that are free, the order, the lease on the refund, its outcome, and the places
    // again.
    at_each_write("settler", 4, async |death| {
        let organizer = Organizer { token: house.organizer().await.token, ..house.organizer.clone() };
        let (show, balcony) = show(app, &organizer, 50_000, 1).await;
        let ana = house.ana().await;
        let id = house.order(&ana, &show, &balcony).await;
        let purchase = pay(app, &ana, &id).await;
        app.clock.advance(Duration::from_secs(11 * 60));
        let beto = app.somebody(&format!("beto{}", refunds.get())).await;
        let last = app.buy(&beto.token, &show.id, json!({"area_id": balcony, "quantity": 1})).await;
        assert_eq!(last["status"], "paid", "{last}");

        let ambush = death.lurk(app);
        app.approve(&purchase).await;
        // The dead worker's lease on the refund has ended by then.
        minutes_pass(app, 4).await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        refunds.set(refunds.get() + 1);
        minutes_pass(app, 10).await;
        let order = order(app, &house.ana().await, &id).await;
        assert_eq!((&order["status"], tickets(&order)), (&json!("refund_due"), 0), "{death:?}: {order}");
        assert_eq!(
            (&order["refunded"], &order["payments"][0]["refund_due"]),
            (&order["total"], &json!(0)),
            "{death:?}: {order}"
        );
        let own = order["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id");
        let payment = app.cloud.sandbox().purchase(own).expect("a payment");
        assert_eq!(payment.attempts[0].refunds.len(), 1, "{death:?}: {payment:?}");
        let told = app.mails(&house.ana.email);
        let told = told.iter().filter(|mail| mail.subject.contains("reembolso")).count();
        assert_eq!(told, refunds.get(), "{death:?}: it is said once that the money is back");
        assert_eq!(places_left(app, &show, &show.area).await, PLACES, "{death:?}");
        assert_eq!(places_left(app, &show, &balcony).await, 0, "{death:?}");
        assert_eq!(
            house.left().await,
            [PLACES; 5],
            "{death:?}: of the other show, the promotion and the drink"
        );
        has_struck
    })
    .await;
    house.app.close().await;
}
