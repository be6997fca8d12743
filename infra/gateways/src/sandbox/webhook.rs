use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::new_id;
use super::payment::{Payment, Status};
use crate::courier::{Courier, Letter, Parcel, Retries};
use crate::faults::WebhookOutcome;

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells merchants what became of their payments.
pub(super) struct Herald {
    pub(super) courier: Courier,
    pub(super) secret: String,
    pub(super) url_override: Option<String>,
    pub(super) backoff: Duration,
    pub(super) max_tries: u32,
}

#[derive(Serialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: Timestamp,
    data: EventData<'a>,
}

#[derive(Serialize)]
struct EventData<'a> {
    id: &'a str,
    status: Status,
}

impl Herald {
    /// Tells the merchant that `payment` changed, as `outcome` has it.
    pub(super) fn announce(&self, payment: &Payment, outcome: &WebhookOutcome) {
        let event = |status| {
            let data = EventData { id: &payment.id, status };
            let event =
                Event { id: new_id("ntf"), kind: "payment.updated", created_at: payment.updated_at, data };
            serde_json::to_string(&event).expect("strings, times and a status have a JSON form")
        };
        let body = event(payment.status);
        for wait in &outcome.copies {
            self.send(payment, body.clone(), *wait, self.secret.clone(), self.max_tries);
        }
        if let Some(wait) = outcome.forged {
            let lie = if payment.status == Status::Approved { Status::Declined } else { Status::Approved };
            self.send(payment, event(lie), wait, "the key of somebody else".to_owned(), 1);
        }
    }

    fn send(&self, payment: &Payment, body: String, wait: Duration, secret: String, tries: u32) {
        let url = self.url_override.clone().unwrap_or_else(|| payment.notification_url.clone());
        let write = move |_, now: Timestamp| Letter {
            url: url.clone(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                // Signed at each try, or a late one would look like a replay.
                ("x-sandbox-signature", signature(&secret, now.as_second(), &body)),
            ],
            body: body.clone(),
        };
        self.courier.send(Parcel {
            write: Arc::new(write),
            wait,
            patience: PATIENCE,
            accepted: |status| status.is_success(),
            retries: Retries::Soon { backoff: self.backoff, tries },
        });
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
