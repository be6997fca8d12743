use std::sync::{Arc, Mutex};
use std::time::Duration;

use boot::Clock;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::faults::WebhookFate;
use super::payment::{Payment, Status};
use super::{lock, new_id};

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deliveries that are on the wire at the same time.
const AT_ONCE: usize = 32;
/// Deliveries that are waiting or on the wire; more are lost, as at any gateway
/// whose receiver is down for too long.
const MAX_PENDING: usize = 100_000;

/// Delivers notifications, and again if the receiver does not answer with 2xx.
pub(super) struct Courier {
    http: reqwest::Client,
    clock: Clock,
    secret: String,
    url_override: Option<String>,
    backoff: Duration,
    max_tries: u32,
    slots: Arc<Semaphore>,
    pending: Arc<watch::Sender<usize>>,
    deliveries: Mutex<JoinSet<()>>,
    /// Where deliveries run, whoever causes them: a test's thread may have no runtime.
    runtime: Handle,
}

/// How the courier works.
pub(super) struct CourierConfig {
    pub(super) clock: Clock,
    pub(super) secret: String,
    pub(super) url_override: Option<String>,
    pub(super) backoff: Duration,
    pub(super) max_tries: u32,
}

/// One copy of a notification on its way.
struct Delivery {
    http: reqwest::Client,
    clock: Clock,
    secret: String,
    url: String,
    body: String,
    wait: Duration,
    backoff: Duration,
    max_tries: u32,
}

#[derive(Serialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: domain::Timestamp,
    data: EventData<'a>,
}

#[derive(Serialize)]
struct EventData<'a> {
    id: &'a str,
    status: Status,
}

impl Courier {
    /// Must be called in a runtime, which then runs the deliveries.
    pub(super) fn new(config: CourierConfig, http: reqwest::Client) -> Self {
        let CourierConfig { clock, secret, url_override, backoff, max_tries } = config;
        Self {
            http,
            clock,
            secret,
            url_override,
            backoff,
            max_tries,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            pending: Arc::new(watch::Sender::new(0)),
            deliveries: Mutex::default(),
            runtime: Handle::current(),
        }
    }

    /// Tells the merchant that `payment` changed, as `fate` has it.
    pub(super) fn announce(&self, payment: &Payment, fate: &WebhookFate) {
        let event = |status| {
            let data = EventData { id: &payment.id, status };
            let event =
                Event { id: new_id("ntf"), kind: "payment.updated", created_at: payment.updated_at, data };
            serde_json::to_string(&event).expect("strings, times and a status have a JSON form")
        };
        let body = event(payment.status);
        for wait in &fate.copies {
            self.send(payment, body.clone(), *wait, self.secret.clone(), self.max_tries);
        }
        if let Some(wait) = fate.forged {
            let lie = if payment.status == Status::Approved { Status::Declined } else { Status::Approved };
            self.send(payment, event(lie), wait, "the key of somebody else".to_owned(), 1);
        }
    }

    fn send(&self, payment: &Payment, body: String, wait: Duration, secret: String, max_tries: u32) {
        let delivery = Delivery {
            http: self.http.clone(),
            clock: self.clock.clone(),
            secret,
            url: self.url_override.clone().unwrap_or_else(|| payment.notification_url.clone()),
            body,
            wait,
            backoff: self.backoff,
            max_tries,
        };
        if *self.pending.borrow() >= MAX_PENDING {
            tracing::warn!(payment = payment.id, "too many pending notifications: one is lost");
            return;
        }
        self.pending.send_modify(|count| *count += 1);
        let (slots, pending) = (Arc::clone(&self.slots), Arc::clone(&self.pending));
        let mut deliveries = lock(&self.deliveries);
        while deliveries.try_join_next().is_some() {}
        let delivering = async move {
            delivery.run(&slots).await;
            pending.send_modify(|count| *count -= 1);
        };
        deliveries.spawn_on(delivering, &self.runtime);
    }

    /// Waits until nothing is waiting or on the wire.
    pub(super) async fn idle(&self) {
        // Fails only if the sender is gone, which this borrow rules out.
        let _ = self.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Drops everything that is not delivered.
    pub(super) fn stop(&self) {
        lock(&self.deliveries).abort_all();
    }
}

impl Delivery {
    async fn run(self, slots: &Semaphore) {
        tokio::time::sleep(self.wait).await;
        for attempt in 0..self.max_tries {
            if attempt > 0 {
                tokio::time::sleep(self.backoff * 2_u32.pow((attempt - 1).min(10))).await;
            }
            // Fails only if the semaphore is closed, which nobody does.
            let Ok(_slot) = slots.acquire().await else { return };
            match self.post().await {
                Ok(status) if status.is_success() => return,
                Ok(status) => tracing::debug!(%status, attempt, "a notification was not accepted"),
                Err(error) => tracing::debug!(%error, attempt, "a notification did not arrive"),
            }
        }
        tracing::warn!(url = self.url, tries = self.max_tries, "gave up on a notification");
    }

    async fn post(&self) -> reqwest::Result<reqwest::StatusCode> {
        // Signed at each try, or a late one would look like a replay.
        let signature = signature(&self.secret, self.clock.now().as_second(), &self.body);
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-sandbox-signature", signature)
            .timeout(PATIENCE)
            .body(self.body.clone());
        Ok(request.send().await?.status())
    }
}

/// The value of `x-sandbox-signature`.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_protocols() {
        // Made with an independent HMAC-SHA-256; Taquilla's client has the same.
        let body = r#"{"id":"ntf_1","type":"payment.updated","created_at":"2026-11-18T16:26:40Z","data":{"id":"pay_1","status":"approved"}}"#;
        assert_eq!(
            signature("sandbox-webhook-secret-of-the-tests", 1_795_000_000, body),
            "t=1795000000,v1=6b428bd45d8cc5c634b682141b464fc970525f255629ab90172e52e9b6e8d22a"
        );
    }
}
