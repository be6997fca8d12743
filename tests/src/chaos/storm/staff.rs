//! The organiser's refunds and tasks, and the reviews at the gateway.

use std::time::Duration;

use domain::payment::GatewayName;
use gateways::{Method, RefundState, Stage, Status};
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use serde_json::{Value, json};
use store::Store;
use testkit::{TestUser, minor};

use super::Storm;
use crate::chaos::caller::{orders, success};

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

impl Storm {
    /// Gives money back in every way during the storm: the organiser refunds tickets, here or at
    /// the gateway, and banks take payments back.
    pub(in crate::chaos) async fn give_back(&self) {
        let token = self.organizer.token().await;
        let organizer = TestUser { token, ..self.organizer.organizer.person.clone() };
        let mut caller = self.caller(organizer, 1_000);
        let paid: Vec<Value> = orders(&self.app, &self.crowd).await;
        for order in paid.iter().filter(|order| order["status"] == "paid") {
            let payments = order["payments"].as_array().expect("payments");
            let paying = payments.iter().find(|payment| payment["status"] == "approved");
            let id = paying.and_then(|payment| payment["payment_gateway_transaction_id"].as_str());
            let Some(id) = id else { continue };
            match caller.rng.u8(0..100) {
                0..16 => {
                    let tickets = order["tickets"].as_array().expect("tickets");
                    let some = caller.rng.usize(1..=tickets.len());
                    let ids: Vec<&Value> = tickets.iter().take(some).map(|ticket| &ticket["id"]).collect();
                    let body = json!({"event_id": order["event_id"], "tickets": ids});
                    let path = format!("/api/v1/purchases/{}/refund", order["id"].as_str().expect("an id"));
                    let answer = caller.signed_in(|app| app.post(&path).json(body.clone())).await;
                    success(&answer).unwrap_or_else(|| panic!("{}", answer.text()));
                }
                16..21 if self.shows_refunds(id) => drop(self.simulator().refund_at_gateway(id, None)),
                // Only Mercado Pago tells organisers of disputes.
                21..28 if self.gateway == GatewayName::MercadoPago => {
                    drop(self.simulator().charge_back(id));
                }
                _ => {}
            }
        }
    }

    /// Whether the gateway's API shows a refund that the organiser makes on the gateway's pages:
    /// Wompi shows only the void of a card payment on the same day.
    fn shows_refunds(&self, payment: &str) -> bool {
        let day = |time: Timestamp| time.to_zoned(TimeZone::fixed(offset(-5))).date();
        let purchase = self.simulator().purchase(payment).expect("a payment of the gateway's");
        let attempt = purchase.attempts.iter().find(|attempt| attempt.payment_id == payment);
        let decided = attempt.and_then(|attempt| attempt.decided_at);
        self.gateway != GatewayName::Wompi
            || attempt.is_some_and(|attempt| attempt.method == Method::Card)
                && decided.is_some_and(|at| day(at) == day(self.app.clock.now()))
    }

    /// Lets every message arrive, including those retried minutes later, and people do their
    /// tasks. Reconciliation and the daily audit find what no notification told.
    pub(in crate::chaos) async fn settle_down(&self) {
        self.wait_and_work(10).await;
        for _ in 0..3 {
            self.app.cloud.run_schedule_now("Reconcile").await.expect("the janitor works");
            self.app.idle().await;
        }
        self.compare().await;
        self.wait_and_work(4).await;
    }

    async fn wait_and_work(&self, rounds: usize) {
        for round in 0..rounds {
            self.app.idle().await;
            self.decide(round);
            self.work_through_tasks().await;
            self.app.clock.advance(Duration::from_secs(16 * 60));
        }
        self.app.idle().await;
    }

    /// Lets a day pass and the janitor audit all orders.
    async fn compare(&self) {
        self.app.clock.advance(Duration::from_secs(24 * 3600));
        // Each run audits a part of the orders.
        for _ in 0..4 {
            self.app.cloud.run_schedule_now("Audit").await.expect("the janitor works");
            self.app.idle().await;
        }
    }

    /// The gateway's reviewers grant three of four refunds; the organiser wins every other dispute.
    fn decide(&self, round: usize) {
        let gateway = self.simulator();
        for (index, refund) in gateway.refunds_in_review().expect("the gateway's ledger").iter().enumerate() {
            gateway.review_refund(&refund.id, !(index + round).is_multiple_of(4)).expect("reviewed");
        }
        let purchases = gateway.purchases().expect("the gateway's ledger");
        let attempts = purchases.iter().flat_map(|purchase| &purchase.attempts);
        for (index, attempt) in attempts.filter(|attempt| attempt.status == Status::Approved).enumerate() {
            let stage = attempt.dispute.as_ref().map(|dispute| dispute.stage);
            if matches!(stage, Some(Stage::Open | Stage::Mediation)) {
                gateway.close_dispute(&attempt.payment_id, index % 2 == 0).expect("decided");
            }
        }
    }

    /// The organiser gives back by hand what the gateway did not, and marks the task as done.
    async fn work_through_tasks(&self) {
        let token = self.organizer.token().await;
        let tasks = self.app.get("/api/v1/tenant/refund-tasks?limit=100").token(&token).ok().await;
        for task in tasks["items"].as_array().expect("tasks") {
            if !self.give_back_by_hand(task).await {
                continue;
            }
            let (order, payment) = (text(&task["order_id"]), &task["payment"]);
            let path = format!("/api/v1/tenant/refund-tasks/{order}/{payment}/done");
            let body = json!({"since": task["since"], "note": "a mano"});
            let answer = self.app.post(path).token(&token).json(body).send().await;
            // The gateway may already have reported the refund.
            assert!([200, 404, 409].contains(&answer.status), "{}", answer.text());
        }
    }

    /// Gives back what a task asks for, unless the gateway already did: a person looks there
    /// first. False if the gateway still reviews a refund, so that the task has to wait.
    async fn give_back_by_hand(&self, task: &Value) -> bool {
        let boot = self.app.cloud.boot("staff").expect("a configuration");
        let store = Store::new(&boot).expect("a configuration");
        let (user, id) = (text(&task["user_id"]).parse(), text(&task["order_id"]).parse());
        let order = store.order(user.expect("a user"), id.expect("an order")).await;
        let order = order.expect("read").expect("an order");
        let place = task["payment"].as_u64().and_then(|place| usize::try_from(place).ok());
        let booked = order.payments[place.expect("a place")].refunded;
        let payment_id = text(&task["payment_id"]);
        let purchase = self.simulator().purchase(payment_id).expect("a payment of the gateway's");
        let attempt = purchase.attempts.iter().find(|attempt| attempt.payment_id == payment_id);
        let attempt = attempt.expect("the payment");
        if attempt.refunds.iter().any(|refund| refund.state == RefundState::InReview) {
            return false;
        }
        let amount = minor(&task["amount"]["amount"], &task["amount"]["currency"]);
        let missing = amount - (attempt.refunded() - booked);
        if missing > 0 {
            self.simulator().refund_at_gateway(payment_id, Some(missing)).expect("given back");
        }
        true
    }

    /// The payment differences that this day's audit finds, or an earlier one found.
    pub(in crate::chaos) async fn differences(&self) -> Vec<Value> {
        self.compare().await;
        let token = self.organizer.token().await;
        let found = self.app.get("/api/v1/tenant/payment-differences").token(token).ok().await;
        found["items"].as_array().expect("items").clone()
    }
}
