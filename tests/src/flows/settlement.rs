//! Orders whose money moves without us: disputes, refunds at the gateway, second payments, and
//! payments at another organiser's account.

use std::sync::Arc;
use std::time::Duration;

use domain::gateway_account::GatewayAccount;
use domain::order::{Change, OrderStatus, RefundAsk};
use domain::outbox::Outbox;
use domain::payment::GatewayName;
use domain::{Currency, Language, Money};
use gateways::Simulator;
use payments::{CreatePayment, PaymentGateway, PaymentGateways};
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp, TestUser};

/// The price of a ticket in pesos, the API's unit.
const PRICE: i64 = 50_000;
/// Centavos in a peso; gateways and orders count in centavos.
const CENTAVOS: i64 = 100;

/// An organiser paid through one gateway, and two tickets that Ana bought there.
struct Fixture {
    app: TestApp,
    gateway: GatewayName,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    bought: Value,
}

impl Fixture {
    async fn open() -> Self {
        Self::paid_through(GatewayName::MercadoPago, Country::ARGENTINA).await
    }

    async fn paid_through(gateway: GatewayName, country: Country) -> Self {
        let app = TestApp::start().await;
        let organizer = app.paid_through("organiza", country, &[gateway]).await;
        let show = app.show(&organizer, "Los Faroles", 10, PRICE).await;
        let ana = app.somebody("ana").await;
        let line = json!({"area_id": show.area, "quantity": 2});
        let bought = app.start_buying(&ana.token, &show.id, line).await;
        let house = Self { app, gateway, organizer, show, ana, bought };
        let page = house.app.visit(&house.bought).await;
        house.gateway().approve(&page).expect("approved");
        house.app.idle().await;
        let bought = house.order().await;
        assert_eq!(bought["status"], "paid", "{bought}");
        Self { bought, ..house }
    }

    fn gateway(&self) -> &Simulator {
        self.app.simulator(self.gateway)
    }

    /// The gateway's id of the payment for which the tickets were sold.
    fn payment(&self) -> &str {
        self.bought["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id")
    }

    async fn order(&self) -> Value {
        let path = format!("/api/v1/purchases/{}", self.bought["id"].as_str().expect("an id"));
        self.app.get(path).token(&self.ana.token).ok().await
    }

    /// Scans the first ticket, which is admitted.
    async fn enter(&self) {
        let scanner = self.app.staff(&self.organizer, "puerta", "scanner").await;
        let path = format!("/api/v1/tickets/{}", self.bought["tickets"][0]["id"].as_str().expect("an id"));
        let ticket = self.app.get(path).token(&self.ana.token).ok().await;
        let body = json!({"code": ticket["code"], "event_id": self.show.id});
        let verdict = self.app.post("/api/v1/qr/validate").token(&scanner.token).json(body).ok().await;
        assert_eq!(verdict["reason"], Value::Null, "{verdict}");
    }

    async fn left(&self) -> Value {
        self.app.clock.advance(Duration::from_secs(5));
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        self.app.get(path).ok().await["left"].clone()
    }

    /// Pays at an account with the order's own reference, on a page that we did not open. Returns
    /// the gateway's id of the payment.
    async fn pay_again(&self, account: &GatewayAccount) -> String {
        let client = client(&self.app, account).await;
        let reference = self.gateway().purchase(self.payment()).expect("a purchase").reference;
        let GatewayAccount { id, tenant_id, gateway, .. } = account;
        let address = format!("/api/v1/webhooks/{gateway}?tenant={tenant_id}&account={id}");
        let checkout = client
            .checkout(&CreatePayment {
                reference,
                amount: Money::new(2 * PRICE * CENTAVOS, Currency::ARS),
                seller: "Los Faroles".to_owned(),
                description: "Dos entradas".to_owned(),
                buyer_email: self.ana.email.clone(),
                buyer_name: "Ana".to_owned(),
                expires_at: self.app.clock.now() + Duration::from_secs(600),
                cash_until: None,
                max_installments: None,
                marketplace_fee: None,
                return_url: format!("{}/purchases", self.app.cloud.url()),
                notification_url: format!("{}{address}", self.app.cloud.url()),
                idempotency_key: format!("again-{id}"),
                language: Language::Es,
            })
            .await
            .expect("a checkout");
        let page = self.gateway().visit(&checkout.step).await.expect("a page");
        let (_, page) = page.rsplit_once("/pay/").expect("the page of a purchase");
        let paid = self.gateway().approve(page).expect("approved");
        self.app.idle().await;
        paid.id
    }
}

async fn client(app: &TestApp, account: &GatewayAccount) -> Arc<dyn PaymentGateway> {
    let boot = app.cloud.boot("test").expect("variables");
    let gateways = PaymentGateways::without_sandbox(&boot).expect("variables");
    gateways.of(account).await.expect("credentials")
}

fn refunded(order: &Value) -> Vec<bool> {
    let tickets = order["tickets"].as_array().expect("tickets").iter();
    tickets.map(|ticket| ticket["refunded"].as_bool().expect("a flag")).collect()
}

#[tokio::test]
async fn a_lost_dispute_revokes_the_unused_tickets() {
    let house = Fixture::open().await;
    house.enter().await;
    house.gateway().charge_back(house.payment()).expect("charged back");
    house.app.idle().await;
    let open = house.order().await;
    assert_eq!((&open["status"], refunded(&open)), (&json!("paid"), vec![false, false]), "still valid");

    house.gateway().close_dispute(house.payment(), false).expect("decided");
    house.app.idle().await;
    let lost = house.order().await;
    assert_eq!((&lost["status"], refunded(&lost)), (&json!("partly_refunded"), vec![false, true]));
    assert_eq!(lost["refunded"], 0, "the bank gave it, not the organiser");
    assert_eq!(house.left().await, 9, "the place is on sale again");
    house.app.close().await;
}

#[tokio::test]
async fn a_won_dispute_changes_nothing() {
    let house = Fixture::open().await;
    house.gateway().charge_back(house.payment()).expect("charged back");
    house.app.idle().await;
    house.gateway().close_dispute(house.payment(), true).expect("decided");
    house.app.idle().await;
    let won = house.order().await;
    assert_eq!((&won["status"], refunded(&won)), (&json!("paid"), vec![false, false]));
    assert_eq!(house.left().await, 8);
    house.app.close().await;
}

#[tokio::test]
async fn tickets_are_revoked_once_the_gateway_has_refunded_everything() {
    let house = Fixture::open().await;
    house.gateway().refund_at_gateway(house.payment(), Some(PRICE * CENTAVOS)).expect("given back");
    house.app.idle().await;
    let part = house.order().await;
    assert_eq!((&part["refunded"], refunded(&part)), (&json!(PRICE), vec![false, false]));
    house.gateway().refund_at_gateway(house.payment(), None).expect("given back");
    house.app.idle().await;
    let all = house.order().await;
    assert_eq!((&all["status"], refunded(&all)), (&json!("refunded"), vec![true, true]));
    assert_eq!(all["refunded"], 2 * PRICE);
    assert_eq!(house.left().await, 10);
    house.app.close().await;
}

#[tokio::test]
async fn a_second_payment_under_the_same_reference_is_refunded() {
    let house = Fixture::open().await;
    let account = house.app.connect(&house.organizer, house.gateway, 1).await;
    // A payment at another account of the organiser does not count for this order.
    house.pay_again(&account).await;
    assert_eq!(house.order().await["payments"].as_array().map(Vec::len), Some(1));

    let (_, order) = crate::table::order_of(&house.app, &house.ana, &house.bought).await;
    let boot = house.app.cloud.boot("test").expect("variables");
    let store = store::Store::new(&boot).expect("a table");
    let own = order.payments[0].account.expect("an account");
    let own = store.gateway_account(order.tenant, own).await.expect("read").expect("an account");
    let again = house.pay_again(&own).await;
    let order = house.order().await;
    assert_eq!((&order["status"], refunded(&order)), (&json!("paid"), vec![false, false]), "{order}");
    let second = &order["payments"][1];
    assert_eq!(second["payment_gateway_transaction_id"], again);
    assert_eq!((&second["refunded"], &second["refund_due"]), (&json!(2 * PRICE), &json!(0)));
    assert_eq!(order["payments"][0]["refunded"], 0);
    house.app.close().await;
}

#[tokio::test]
async fn money_at_another_organisers_account_pays_for_nothing() {
    let house = Fixture::open().await;
    let (_, before) = crate::table::order_of(&house.app, &house.ana, &house.bought).await;
    let stranger = house.app.organizer_in("otra", Country::ARGENTINA).await;
    let account = house.app.connect(&stranger, house.gateway, 0).await;
    house.pay_again(&account).await;
    let (_, after) = crate::table::order_of(&house.app, &house.ana, &house.bought).await;
    assert_eq!(after, before);

    let list = |token: &str| house.app.get("/api/v1/tenant/payment-differences").token(token);
    let theirs = list(&stranger.token).ok().await;
    assert_eq!(theirs["items"][0]["kind"], "foreign_account", "who has the money is told: {theirs}");
    assert_eq!(list(&house.organizer.token).ok().await["items"], json!([]));
    house.app.close().await;
}

/// Refunds Ana's order at PayU, where a reviewer approves the refund or not.
async fn reviewed(approve: bool) -> (Fixture, Value) {
    let house = Fixture::paid_through(GatewayName::Payu, Country::COLOMBIA).await;
    let path = format!("/api/v1/purchases/{}/refund", house.bought["id"].as_str().expect("an id"));
    let refund = house.app.post(path).token(&house.organizer.token);
    refund.json(json!({"event_id": house.show.id})).ok().await;
    house.app.idle().await;
    let waits = house.order().await;
    assert_eq!((&waits["refunded"], &waits["payments"][0]["refund_due"]), (&json!(0), &json!(2 * PRICE)));
    assert_eq!(house.left().await, 10, "the places are on sale all the same");

    // PayU accepts no refund in the first ten minutes of a payment.
    assert!(house.gateway().refunds_in_review().expect("listed").is_empty());
    house.app.clock.advance(Duration::from_secs(620));
    house.app.idle().await;
    let in_review = house.gateway().refunds_in_review().expect("listed");
    let [review] = &in_review[..] else { panic!("one refund: {in_review:?}") };
    house.gateway().review_refund(&review.id, approve).expect("reviewed");
    house.app.clock.advance(Duration::from_secs(200));
    house.app.idle().await;
    let order = house.order().await;
    (house, order)
}

#[tokio::test]
async fn a_refund_in_review_is_followed_until_it_is_done() {
    let (house, order) = reviewed(true).await;
    assert_eq!((&order["refunded"], &order["payments"][0]["refund_due"]), (&json!(2 * PRICE), &json!(0)));
    house.app.close().await;
}

#[tokio::test]
async fn a_refund_that_is_declined_late_becomes_a_task() {
    let (house, order) = reviewed(false).await;
    assert_eq!((&order["refunded"], &order["payments"][0]["refund_due"]), (&json!(0), &json!(2 * PRICE)));
    let tasks = house.app.get("/api/v1/tenant/refund-tasks").token(&house.organizer.token).ok().await;
    assert_eq!(tasks["items"][0]["reason"], "declined", "{tasks}");
    house.app.close().await;
}

/// PayU does not report a refund that is in review. So a worker that finds the lease of a dead
/// one does not ask again, which could refund twice, but leaves the refund to a person.
#[tokio::test]
async fn a_refund_whose_worker_died_is_not_asked_for_twice_at_payu() {
    let house = Fixture::paid_through(GatewayName::Payu, Country::COLOMBIA).await;
    house.app.clock.advance(Duration::from_secs(620));
    let path = format!("/api/v1/purchases/{}/refund", house.bought["id"].as_str().expect("an id"));
    let refund = house.app.post(path).token(&house.organizer.token);
    refund.json(json!({"event_id": house.show.id})).ok().await;
    house.app.idle().await;
    let in_review = house.gateway().refunds_in_review().expect("listed");
    let [review] = &in_review[..] else { panic!("one refund: {in_review:?}") };

    // As if the worker had died before it wrote PayU's answer.
    let (store, mut order) = crate::table::order_of(&house.app, &house.ana, &house.bought).await;
    let now = house.app.clock.now();
    let asked = RefundAsk { amount: order.payments[0].refund_due, begun: now, may_have_been_asked: false };
    drop(order.claim_refund(0, asked.claim(now)));
    let again = Change::with_message(Outbox::Refund { news: None });
    store.save_order(&order, &again, now).await.expect("written");
    house.app.idle().await;
    assert_eq!(house.gateway().refunds_in_review().expect("listed").len(), 1, "asked for once");
    let list = house.app.get("/api/v1/tenant/refund-tasks").token(&house.organizer.token);
    let tasks = list.ok().await;
    assert_eq!(tasks["items"][0]["reason"], "uncertain", "{tasks}");

    // Once PayU reports the refund, the task is done.
    house.gateway().review_refund(&review.id, true).expect("reviewed");
    house.app.cloud.run_schedule_now("Audit").await.expect("the janitor works");
    house.app.idle().await;
    assert_eq!(house.order().await["refunded"], 2 * PRICE);
    house.app.close().await;
}

/// As if a worker had sold some of the places of a late payment, found the others gone, noted
/// the refund and died.
#[tokio::test]
async fn places_of_a_refunded_late_payment_are_for_sale_again() {
    let house = Fixture::open().await;
    assert_eq!(house.left().await, 8);
    let (store, mut order) = crate::table::order_of(&house.app, &house.ana, &house.bought).await;
    order.edit(|order| {
        order.status = OrderStatus::RefundDue;
        order.paid_at = None;
        order.payments[0].refund_due = order.payments[0].amount;
    });
    let back = Change::with_message(Outbox::Refund { news: None });
    store.save_order(&order, &back, house.app.clock.now()).await.expect("written");
    house.app.idle().await;
    assert_eq!(house.order().await["refunded"], 2 * PRICE);
    assert_eq!(house.left().await, 10);
    house.app.close().await;
}
