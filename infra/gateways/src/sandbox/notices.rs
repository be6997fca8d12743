//! Notifications and their signature.

use std::sync::Arc;

use domain::Timestamp;
use serde_json::json;

use super::{Account, standing};
use crate::courier::Letter;
use crate::hmac_hex;
use crate::purchase::Status;
use crate::service::{Notice, Occasion};

/// The value of `x-sandbox-signature`.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    format!("t={seconds},v1={}", hmac_hex(secret, &format!("{seconds}.{body}")))
}

/// What the merchant is told: only what is decided.
pub(super) fn notice(account: &Account, occasion: &Occasion<'_>) -> Option<Notice> {
    let (purchase, attempt) = (occasion.purchase, occasion.attempt);
    if attempt.status == Status::Pending {
        return None;
    }
    let status = match (occasion.forged, occasion.status()) {
        (false, _) => standing(purchase, attempt).0,
        (true, Status::Approved) => "approved",
        (true, _) => "declined",
    };
    let body = json!({
        "id": format!("ntf_{}", occasion.number),
        "type": "payment.updated",
        "created_at": attempt.updated_at,
        "data": { "id": attempt.id, "status": status },
    });
    let (body, secret) = (body.to_string(), occasion.key(&account.webhook_secret).to_owned());
    let url = occasion.target.or(purchase.notification_url.as_deref())?.to_owned();
    Some(Arc::new(move |_, now: Timestamp| Letter {
        url: url.clone(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            // Signed at each try, or a late one would look like a replay.
            ("x-sandbox-signature", signature(&secret, now.as_second(), &body)),
        ],
        body: body.clone(),
    }))
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
