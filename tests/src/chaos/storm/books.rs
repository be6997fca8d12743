//! The books: the box office's orders compared with a gateway's ledger.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::PaymentReference;
use gateways::{Attempt, Method, Purchase, Stage, Status};
use serde_json::Value;
use testkit::minor;

use super::Storm;
use crate::chaos::caller::orders;

/// The comparison's result: how the orders and payments ended, and what does not add up.
#[derive(Debug, Default)]
pub(in crate::chaos) struct Books {
    /// Differences, in words. Must be empty after the storm.
    pub(in crate::chaos) problems: Vec<String>,
    /// Number of orders or payments, by outcome.
    pub(in crate::chaos) counts: BTreeMap<&'static str, usize>,
    /// Approved payments at the gateway, by order.
    paid: BTreeMap<String, Vec<(Purchase, Attempt)>>,
    /// Payments that an order names.
    known: BTreeSet<String>,
    /// Seats with a valid ticket.
    seats: BTreeSet<String>,
    /// Valid tickets by event.
    tickets: BTreeMap<String, u64>,
}

/// What the organiser keeps of a payment at the gateway, in minor units.
fn kept(purchase: &Purchase, attempt: &Attempt) -> i64 {
    match attempt.dispute.as_ref().map(|dispute| dispute.stage) {
        Some(Stage::Lost) => 0,
        _ => purchase.amount.amount - attempt.refunded(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Books {
    /// Compares the present state, also while messages and refunds are under way.
    pub(in crate::chaos) async fn of(world: &Storm) -> Self {
        let mut books = Self::default();
        books.read_ledger(world);
        let orders = orders(&world.app, &world.crowd).await;
        for order in &orders {
            books.order(order);
        }
        for (order, payments) in &books.paid {
            for (_, attempt) in payments {
                if !books.known.contains(&attempt.payment_id) {
                    books.problems.push(format!("{order}: nobody knows the payment {attempt:?}"));
                }
            }
        }
        books.counts.insert("orders", orders.len());
        for show in &world.shows {
            let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
            let left = world.app.get(path).ok().await["left"].as_u64().unwrap_or_default();
            let token = &world.organizer.token().await;
            let path = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
            let capacity =
                world.app.get(path).token(token).ok().await["capacity"].as_u64().unwrap_or_default();
            let sold = books.tickets.get(&show.id).copied().unwrap_or_default();
            if sold + left != capacity {
                books.problems.push(format!("{}: {sold} sold, {left} left of {capacity}", show.slug));
            }
        }
        books
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Reads the approved payments from the gateway's ledger, by order.
    fn read_ledger(&mut self, world: &Storm) {
        let boot = world.app.cloud.boot("books").expect("a configuration");
        let key = payments::reference_key(&boot.env).expect("a key");
        for purchase in world.simulator().purchases().expect("the gateway's ledger") {
            let approved: Vec<_> = purchase
                .attempts
                .iter()
                .filter(|attempt| attempt.status == Status::Approved)
                .cloned()
                .collect();
            let refused = purchase.attempts.len() - approved.len();
            *self.counts.entry("refused or open at the gateway").or_default() += refused;
            *self.counts.entry("paid more than once").or_default() += usize::from(approved.len() > 1);
            let Some(reference) = PaymentReference::decode(&purchase.reference, &key) else {
                self.problems.push(format!("a purchase that is not ours: {purchase:?}"));
                continue;
            };
            for attempt in approved {
                if kept(&purchase, &attempt) < 0 {
                    self.problems.push(format!("more went back than was paid: {purchase:?}"));
                }
                if purchase.expires_at.is_some_and(|end| attempt.decided_at.is_some_and(|at| at > end)) {
                    self.count("approved late");
                }
                if attempt.method == Method::Cash {
                    self.count("paid in cash");
                }
                let hours = attempt.decided_at.map(|at| at.duration_since(attempt.created_at).as_hours());
                if hours.is_some_and(|hours| hours > 0) {
                    self.count("paid hours later");
                }
                if attempt.dispute.is_some() {
                    self.count("disputed");
                }
                if attempt.refunded() > 0 {
                    self.count("given back");
                }
                self.paid.entry(reference.order.to_string()).or_default().push((purchase.clone(), attempt));
            }
        }
    }

    fn order(&mut self, order: &Value) {
        let id = text(&order["id"]);
        let ours = order["payments"].as_array().cloned().unwrap_or_default();
        let theirs = self.paid.get(&id).cloned().unwrap_or_default();
        let amount = |amount: &Value| minor(amount, &order["currency"]);
        for payment in &ours {
            if amount(&payment["refund_due"]) != 0 {
                self.problems.push(format!("{id}: {} is still to go back", payment["refund_due"]));
            }
            let payment_id = text(&payment["payment_gateway_transaction_id"]);
            let found = theirs.iter().find(|(_, attempt)| attempt.payment_id == payment_id);
            let Some((_, attempt)) = found else {
                if payment["status"] == "approved" {
                    self.problems.push(format!("{id}: the gateway has no such payment: {payment}"));
                }
                continue;
            };
            if !self.known.insert(payment_id.clone()) {
                self.problems.push(format!("{payment_id} pays twice"));
            }
            if payment["status"] != "returned" && amount(&payment["refunded"]) != attempt.refunded() {
                let back = attempt.refunded();
                self.problems.push(format!("{id}: {back} went back at the gateway, not as in {payment}"));
            }
        }
        let valid = self.valid_tickets(&id, order);
        let kept: i64 = theirs.iter().map(|(purchase, attempt)| kept(purchase, attempt)).sum();
        if kept != valid {
            self.problems.push(format!("{id}: tickets worth {valid}, and {kept} at the gateway: {order}"));
        }
        match order["status"].as_str().unwrap_or_default() {
            "paid" => {
                self.count("paid");
                if !order["mailed_at"].is_string() {
                    self.problems.push(format!("{id}: the tickets were not mailed"));
                }
            }
            "partly_refunded" => self.count("refunded in part"),
            "refunded" => self.count("refunded"),
            "refund_due" => self.count("paid when the places were gone"),
            "released" => self.count("never paid"),
            other => self.problems.push(format!("{id}: {other} is no end")),
        }
    }

    /// Counts the order's valid tickets and returns their price, in minor units. Every order here
    /// has one line, whose tickets cost the same.
    fn valid_tickets(&mut self, id: &str, order: &Value) -> i64 {
        let empty = Vec::new();
        let tickets = order["tickets"].as_array().unwrap_or(&empty);
        let valid: Vec<_> = tickets.iter().filter(|ticket| ticket["refunded"] == false).collect();
        for seat in valid.iter().filter_map(|ticket| ticket["seat"].as_str()) {
            if !self.seats.insert(seat.to_owned()) {
                self.problems.push(format!("{id}: {seat} was sold twice"));
            }
        }
        let count = valid.len() as u64;
        *self.tickets.entry(text(&order["event_id"])).or_default() += count;
        match i64::try_from(tickets.len()) {
            Ok(0) | Err(_) => 0,
            Ok(all) => {
                minor(&order["total"], &order["currency"]) / all
                    * i64::try_from(valid.len()).unwrap_or_default()
            }
        }
    }
}
