//! Events and their checksum.

use std::sync::Arc;

use domain::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Account, is_void, method_word, status_word, written};
use crate::actions::Change;
use crate::courier::Letter;
use crate::purchase::{Method, Status};
use crate::service::{Notice, Occasion};

/// What an event about a transaction may sign, in turns.
const PROPERTIES: [&[&str]; 3] = [
    &["transaction.id", "transaction.status", "transaction.amount_in_cents"],
    &["transaction.amount_in_cents", "transaction.id", "transaction.status"],
    &[
        "transaction.status",
        "transaction.id",
        "transaction.reference",
        "transaction.amount_in_cents",
        "transaction.currency",
    ],
];

/// The hash of the values at `properties`, one after the other, time and secret.
fn checksum(data: &Value, properties: &[&str], timestamp: i64, secret: &str) -> String {
    let mut text = String::new();
    for property in properties {
        let value = data.pointer(&format!("/{}", property.replace('.', "/")));
        match value {
            Some(Value::String(value)) => text += value,
            Some(value) => text += &value.to_string(),
            None => {}
        }
    }
    hex::encode(Sha256::digest(format!("{text}{timestamp}{secret}")))
}

/// What the merchant is told: only what is decided.
pub(super) fn notices(account: &Account, occasion: &Occasion<'_>) -> Vec<Notice> {
    let (purchase, attempt) = (occasion.purchase, occasion.attempt);
    let target = occasion.target.or(account.events_url.as_deref()).or(purchase.notification_url.as_deref());
    let Some(target) = target else { return Vec::new() };
    let status = occasion.status();
    let mut events = Vec::new();
    // Support gives money back without a word.
    let silent = occasion.change == Change::Refunded && !is_void(attempt);
    if attempt.status != Status::Pending && !silent {
        let turn = usize::try_from(occasion.form % 3).unwrap_or_default();
        let data = json!({
            "transaction": {
                "id": attempt.id,
                "amount_in_cents": purchase.amount.amount,
                "reference": purchase.reference,
                "customer_email": purchase.buyer.email,
                "currency": purchase.amount.currency,
                "payment_method_type": method_word(attempt.method),
                "redirect_url": purchase.return_urls[0],
                "status": status_word(status, is_void(attempt) && !occasion.forged),
                "shipping_address": null,
                "payment_link_id": null,
                "payment_source_id": null,
            },
        });
        events.push(("transaction.updated", data, PROPERTIES[turn]));
    }
    if attempt.method == Method::Wallet && occasion.change == Change::Created {
        let data = json!({
            "nequi_token": {
                "id": format!("nequi_{}", attempt.number),
                "status": "APPROVED",
                "phone_number": "3991111111",
            },
        });
        events.push(("nequi_token.updated", data, &["nequi_token.id", "nequi_token.status"][..]));
    }
    let secret = occasion.key(&account.events_secret);
    let upper = occasion.form / 3 % 2 == 1;
    events
        .into_iter()
        .map(|(event, data, properties)| {
            let timestamp = occasion.now.as_second();
            let checksum = checksum(&data, properties, timestamp, secret);
            let checksum = if upper { checksum.to_uppercase() } else { checksum };
            let body = json!({
                "event": event,
                "data": data,
                "environment": if account.public_key.starts_with("pub_test_") { "test" } else { "prod" },
                "signature": { "properties": properties, "checksum": checksum },
                "timestamp": timestamp,
                "sent_at": written(occasion.now),
            });
            // Repetitions are the same to the last byte, time included.
            let letter = Letter {
                url: target.to_owned(),
                headers: vec![
                    ("content-type", "application/json".to_owned()),
                    ("x-event-checksum", checksum),
                ],
                body: body.to_string(),
            };
            let notice: Notice = Arc::new(move |_, _: Timestamp| letter.clone());
            notice
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_documented_vectors() {
        let of = |id: &str, status: &str, cents: i64, reference: &str| json!({ "transaction": { "id": id, "status": status, "amount_in_cents": cents, "reference": reference } });
        assert_eq!(
            checksum(
                &of("1234-1610641025-49201", "APPROVED", 4_490_000, "MZQ3X2DE2SMX"),
                PROPERTIES[0],
                1_530_291_411,
                "prod_events_OcHnIzeBl5socpwByQ4hA52Em3USQ93Z"
            ),
            "5a18ec5e8fdb7df463e9f94774cba8f583ba21bd04a09ceff2ea68a4bc0aefbe"
        );
        let reordered =
            ["transaction.status", "transaction.id", "transaction.reference", "transaction.amount_in_cents"];
        assert_eq!(
            checksum(
                &of("11004-1718123303-80111", "DECLINED", 150_000, "ORD-7"),
                &reordered,
                1_718_123_399,
                "test_events_0123456789abcdef"
            ),
            "1c65e146dd842316d98d5000fd93b99b387002710a3bb718eb7ee28965f7549d"
        );
    }
}
