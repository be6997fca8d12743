//! Wompi's events and their checksum.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::untrusted::{IdText, clip, is_id};
use crate::{
    MAX_WEBHOOK_BYTES, Notification, PaymentHint, Subject, WebhookRefused, WebhookRequest, signed_time,
};

/// The header that repeats the checksum of the body.
pub const CHECKSUM_HEADER: HeaderName = HeaderName::from_static("x-event-checksum");

/// The values that an event about a transaction has to sign, at least. With fewer, an
/// old checksum would be good for other transactions.
const CORE: [&str; 3] = ["transaction.id", "transaction.status", "transaction.amount_in_cents"];

/// The most values that are looked up. Wompi signs three.
const MAX_PROPERTIES: usize = 32;

/// The checksum of an event: a SHA-256 of the signed values one after the other, the
/// time and the secret. Not an HMAC.
pub fn event_checksum<S: AsRef<str>>(
    values: impl IntoIterator<Item = S>,
    timestamp: &str,
    events_secret: &str,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    for value in values {
        hash.update(value.as_ref());
    }
    hash.update(timestamp);
    hash.update(events_secret);
    hash.finalize().into()
}

#[derive(Deserialize)]
struct Event {
    event: String,
    data: Box<RawValue>,
    signature: Signature,
    timestamp: IdText,
}

#[derive(Deserialize)]
struct Signature {
    properties: Vec<String>,
    checksum: String,
}

pub(super) fn verify(secret: &str, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
    if request.body.len() > MAX_WEBHOOK_BYTES {
        return Err(WebhookRefused::NotANotification);
    }
    let mut headers = request.headers.get_all(CHECKSUM_HEADER).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(WebhookRefused::Malformed);
    }
    let event: Event = serde_json::from_slice(request.body).map_err(|_| match header {
        Some(_) => WebhookRefused::NotANotification,
        None => WebhookRefused::Unsigned,
    })?;
    if event.signature.properties.len() > MAX_PROPERTIES {
        return Err(WebhookRefused::Malformed);
    }
    let about_transaction = event.event == "transaction.updated";
    let signs = |path: &str| event.signature.properties.iter().any(|property| property == path);
    if event.signature.properties.is_empty() || (about_transaction && !CORE.into_iter().all(signs)) {
        return Err(WebhookRefused::Malformed);
    }
    signed_time::check(&event.timestamp.0, request.received_at)?;
    let values: Result<Vec<_>, _> =
        event.signature.properties.iter().map(|path| value(&event.data, path)).collect();
    let checksum = event_checksum(values?, &event.timestamp.0, secret);
    let stated =
        [Some(event.signature.checksum.as_str()), header.map(|value| value.to_str().unwrap_or_default())];
    // Both are compared, so that the time does not tell which one fits.
    let mut fits = true;
    for stated in stated.into_iter().flatten() {
        let mut bytes = [0; 32];
        hex::decode_to_slice(stated, &mut bytes).map_err(|_| WebhookRefused::Malformed)?;
        fits &= bool::from(bytes.ct_eq(&checksum));
    }
    if !fits {
        return Err(WebhookRefused::Mismatch);
    }
    let subject = if about_transaction {
        let payment_id = value(&event.data, CORE[0])?;
        if !is_id(&payment_id) {
            return Err(WebhookRefused::NotANotification);
        }
        Subject::Payments(PaymentHint::Payment { payment_id, reference: None })
    } else {
        Subject::Unknown { kind: clip(&event.event, 64) }
    };
    // An event has no id of its own. What it says and when is in the checksum.
    Ok(Notification { id: hex::encode(checksum), subject })
}

/// The value at a path of names with points, as it is signed.
fn value(data: &RawValue, path: &str) -> Result<String, WebhookRefused> {
    let mut place = data;
    for name in path.split('.') {
        let object: BTreeMap<String, &RawValue> =
            serde_json::from_str(place.get()).map_err(|_| WebhookRefused::Malformed)?;
        place = object.get(name).copied().ok_or(WebhookRefused::Malformed)?;
    }
    let text = place.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).map_err(|_| WebhookRefused::Malformed),
        // The signature of a missing value is not documented.
        Some(b'n') => Ok(String::new()),
        Some(b'{' | b'[') => Err(WebhookRefused::Malformed),
        // 100.0 is the same number as 100, and is signed as that.
        _ => Ok(match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole.to_owned(),
            _ => text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<String, WebhookRefused> {
        let data = r#"{"transaction":{"id":"a\u0031","cents":100,"rate":1.50,"round":100.00,"none":null,"yes":true,
            "customer":{"name":"Ana"},"list":[1]}}"#;
        value(&RawValue::from_string(data.to_owned()).expect("JSON"), path)
    }

    #[test]
    fn values_are_found_by_their_path_and_written_as_they_are_signed() {
        let fine = |path: &str| of(path).expect(path);
        assert_eq!(fine("transaction.id"), "a1");
        assert_eq!(fine("transaction.cents"), "100");
        assert_eq!(fine("transaction.rate"), "1.50");
        assert_eq!(fine("transaction.round"), "100");
        assert_eq!(fine("transaction.none"), "");
        assert_eq!(fine("transaction.yes"), "true");
        assert_eq!(fine("transaction.customer.name"), "Ana");
        for wrong in ["", "transaction", "transaction.list", "transaction.x", "transaction.id.x", "x.id"] {
            assert_eq!(of(wrong), Err(WebhookRefused::Malformed), "{wrong}");
        }
    }
}
