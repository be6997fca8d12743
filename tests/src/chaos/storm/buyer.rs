//! Buyers on the checkout pages of the real gateways' simulators.

use std::time::Duration;

use gateways::{Action, Method, Simulator, Status};
use serde_json::{Value, json};
use testkit::Show;

use crate::chaos::caller::{Caller, success};

/// How often a buyer reloads a gateway's page that fails to load.
const RELOADS: usize = 8;

pub(in crate::chaos) struct Buyer {
    pub(in crate::chaos) caller: Caller,
    pub(in crate::chaos) shows: [Show; 2],
    pub(in crate::chaos) rows: u8,
    pub(in crate::chaos) gateway: domain::payment::GatewayName,
    /// True if gateways' pages may offer cash.
    pub(in crate::chaos) cash: bool,
}

impl Buyer {
    pub(super) async fn try_an_order(&mut self) {
        let Some(held) = self.caller.hold_some(&self.shows, self.rows).await else { return };
        let id = held["id"].as_str().expect("an id").to_owned();
        if self.caller.rng.u8(0..20) == 0 {
            return; // Leaves the hold unpaid.
        }
        let Some(page) = self.go_to_pay(&id).await else { return };
        match self.caller.rng.u8(0..100) {
            0..5 => {} // Never pays.
            5..9 => {
                let path = format!("/api/v1/reservations/{id}");
                self.caller.signed_in(|app| app.delete(&path)).await;
                self.pay(&page);
            }
            9..16 => {
                self.act(&page, Action::Decide(Method::Card, Status::Declined));
                self.pay(&page);
            }
            16..23 => {
                self.act(&page, Action::Decide(Method::Card, Status::Declined));
                self.caller.pause().await;
                let Some(again) = self.go_to_pay(&id).await else { return };
                self.pay(&again);
            }
            23..31 => self.later(&page, Status::Approved, 5..120),
            31..35 => self.later(&page, Status::Declined, 5..120),
            // After the end of the hold, and after others may have taken the places.
            35..45 => self.later(&page, Status::Approved, 660..1500),
            45..53 => self.pay_twice(&page),
            _ => self.pay(&page),
        }
    }

    pub(in crate::chaos) fn simulator(&self) -> &Simulator {
        self.caller.app.simulator(self.gateway)
    }

    /// Starts a payment and opens the gateway's page, in at most [`RELOADS`] tries.
    pub(in crate::chaos) async fn go_to_pay(&mut self, reservation: &str) -> Option<String> {
        let body = json!({"reservation_id": reservation, "cash": self.cash});
        let purchase = self.caller.signed_in(|app| app.post("/api/v1/purchases").json(body.clone())).await;
        let purchase: Value = success(&purchase)?;
        for _ in 0..RELOADS {
            if let Ok(page) = self.caller.app.try_visit(&purchase).await {
                return Some(page);
            }
            self.caller.pause().await;
        }
        None
    }

    /// Acts on the gateway's page. Errors are ignored: the gateway may no longer allow the action.
    pub(in crate::chaos) fn act(&self, page: &str, action: Action) {
        let _ = self.simulator().act(page, action);
    }

    pub(in crate::chaos) fn pay(&self, page: &str) {
        self.act(page, Action::Decide(Method::Card, Status::Approved));
    }

    pub(in crate::chaos) fn later(&mut self, page: &str, status: Status, seconds: std::ops::Range<u64>) {
        let after = Duration::from_secs(self.caller.rng.u64(seconds));
        let at = self.caller.app.clock.now() + after;
        self.act(page, Action::BeginThen(Method::Card, status, at));
    }

    /// Pays in two windows at once, in the second by another method if the page has one.
    fn pay_twice(&mut self, page: &str) {
        let Ok(purchase) = self.simulator().purchase(page) else { return };
        let other = purchase.methods.iter().copied().find(|method| *method != Method::Card);
        let now = self.caller.app.clock.now();
        let seconds = Duration::from_secs(self.caller.rng.u64(1..30));
        self.act(page, Action::BeginThen(Method::Card, Status::Approved, now + seconds));
        self.act(page, Action::BeginThen(other.unwrap_or(Method::Card), Status::Approved, now + seconds * 2));
    }
}
