//! A person whose client retries failed requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use testkit::{Answer, Request, Show, TestApp, TestUser};

/// Retries of one request before the caller gives up.
const TRIES: usize = 12;

/// Number of refused requests, by error code.
pub(super) type Refusals = Arc<Mutex<BTreeMap<String, usize>>>;

/// A person whose client retries while the box office answers 503 or `changed_meanwhile`.
pub(super) struct Caller {
    pub(super) app: Arc<TestApp>,
    pub(super) person: TestUser,
    pub(super) rng: Rng,
    pub(super) refused: Refusals,
}

impl Caller {
    /// Sends a request as this person, who signs in again when the access token has expired.
    pub(super) async fn signed_in(&mut self, request: impl Fn(&TestApp) -> Request) -> Answer {
        let token = self.person.token.clone();
        let answer = self.send(|app| request(app).token(&token)).await;
        if answer.status != 401 {
            return answer;
        }
        let body = json!({"email": self.person.email, "password": testkit::PASSWORD});
        let signed_in = self.send(|app| app.post("/api/v1/auth/login").json(body.clone())).await.ok();
        self.person.token = signed_in["access_token"].as_str().expect("a token").to_owned();
        let token = self.person.token.clone();
        self.send(|app| request(app).token(&token)).await
    }

    /// Holds one to four places at one of two shows: general admission, or seated with so many
    /// `rows`. `None` if refused, mostly because the places are gone.
    pub(super) async fn hold_some(&mut self, [admission, seated]: &[Show; 2], rows: u8) -> Option<Value> {
        let quantity = self.rng.u8(1..=4);
        if self.rng.u8(0..3) == 0 {
            // Half of the buyers name their seats, half have them chosen.
            let line = match self.rng.bool() {
                true => self.seats(seated, rows, quantity),
                false => json!({"area_id": seated.area, "quantity": quantity, "together": self.rng.bool()}),
            };
            return self.hold(seated, &line).await;
        }
        self.hold(admission, &json!({"area_id": admission.area, "quantity": quantity})).await
    }

    /// Asks for a quote and holds its places. `None` if either is refused.
    async fn hold(&mut self, show: &Show, line: &Value) -> Option<Value> {
        let body = json!({"event_id": show.id, "lines": [line]});
        let quote = self.send(|app| app.post("/api/v1/public/quotes").json(body.clone())).await;
        let quote = success(&quote)?;
        let key = format!("r{}", self.rng.u64(..));
        let body = json!({"quote": quote["quote"]});
        let held =
            self.signed_in(|app| app.post("/api/v1/reservations").idempotent(&key).json(body.clone())).await;
        success(&held)
    }

    /// A line of a quote: adjacent seats in one of the first `rows` rows, of 40 seats each.
    fn seats(&mut self, show: &Show, rows: u8, quantity: u8) -> Value {
        let row = char::from(b'A' + self.rng.u8(0..rows));
        let first = self.rng.u16(1..=41 - u16::from(quantity));
        let seats: Vec<String> =
            (first..first + u16::from(quantity)).map(|seat| format!("{row}-{seat}")).collect();
        json!({"area_id": show.area, "seats": seats})
    }

    /// Waits 20 to 120 milliseconds, in which other callers act.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(20..120))).await;
    }

    /// Sends a request, and again while the answer is 503 or `changed_meanwhile`. A 500 fails the
    /// test; other refusals are counted.
    pub(super) async fn send(&mut self, request: impl Fn(&TestApp) -> Request) -> Answer {
        let mut answer = request(&self.app).send().await;
        for _ in 0..TRIES {
            let changed = answer.status == 409 && answer.json()["code"] == "changed_meanwhile";
            if answer.status != 503 && !changed {
                break;
            }
            self.pause().await;
            answer = request(&self.app).send().await;
        }
        assert_ne!(answer.status, 500, "{}", answer.text());
        if answer.status >= 400 {
            let code = answer.json()["code"].as_str().expect("a code").to_owned();
            *self.refused.lock().expect("not poisoned").entry(code).or_default() += 1;
        }
        answer
    }
}

/// The JSON of a success; `None` for any other answer.
pub(super) fn success(answer: &Answer) -> Option<Value> {
    (answer.status < 300).then(|| answer.json())
}

/// How many orders are tried: `TAQUILLA_CHAOS_ORDERS`, or `default`, small enough for every
/// run of the tests.
pub(super) fn orders_or(default: usize) -> usize {
    boot::Env::process().parsed("TAQUILLA_CHAOS_ORDERS").expect("a number").unwrap_or(default)
}

/// All orders of all buyers, read by each buyer through the API.
pub(super) async fn orders(app: &TestApp, crowd: &[TestUser]) -> Vec<Value> {
    let mut orders = Vec::new();
    for person in crowd {
        let token = app.sign_in(&person.email, None).await.token;
        let mut path = "/api/v1/purchases?limit=100".to_owned();
        loop {
            let page = app.get(&path).token(&token).ok().await;
            orders.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/purchases?limit=100&cursor={cursor}");
        }
    }
    orders
}
