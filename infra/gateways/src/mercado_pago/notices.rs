//! Webhooks, their signature, and the older notifications that nobody signs.

use std::sync::Arc;

use domain::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};

use super::views::order_status;
use super::{Account, written};
use crate::actions::Change;
use crate::courier::Letter;
use crate::purchase::Stage;
use crate::service::{Notice, Occasion};
use crate::{hmac_hex, new_uuid};

/// In what the forms of a notification may differ.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// The signature's time is in milliseconds, not in seconds.
    milliseconds: bool,
    /// Repetitions are signed again, as requests of their own.
    signed_again: bool,
    /// There is a request id.
    request_id: bool,
}

impl Form {
    fn of(form: u64) -> Self {
        Self { milliseconds: form % 2 == 1, signed_again: form / 2 % 2 == 1, request_id: form / 4 % 4 != 3 }
    }
}

/// The value of `x-signature`.
fn signature(secret: &str, data_id: Option<&str>, request_id: Option<&str>, ts: &str) -> String {
    let mut manifest = String::new();
    if let Some(id) = data_id {
        manifest += &format!("id:{id};");
    }
    if let Some(id) = request_id {
        manifest += &format!("request-id:{id};");
    }
    manifest += &format!("ts:{ts};");
    format!("ts={ts},v1={}", hmac_hex(secret, &manifest))
}

/// What the merchant is told.
pub(super) fn notices(account: &Account, occasion: &Occasion<'_>) -> Vec<Notice> {
    let target = occasion.target.or(occasion.purchase.notification_url.as_deref());
    let Some(target) = target.and_then(|target| target.parse::<Url>().ok()) else { return Vec::new() };
    let news =
        target.query_pairs().find(|(name, _)| name == "source_news").map(|(_, news)| news.into_owned());
    let mut notices = Vec::new();
    if news.as_deref() != Some("ipn") {
        for (turn, (data_id, kind, body)) in (0..).zip(webhooks(account, occasion)) {
            let mut url = target.clone();
            if let Some(id) = &data_id {
                url.query_pairs_mut().append_pair("data.id", id).append_pair("type", kind);
            }
            let secret = occasion.key(&account.webhook_secret).to_owned();
            notices.push(signed(url, secret, data_id, body.to_string(), occasion, turn));
        }
    }
    // Somebody else's unsigned notification is no other than the gateway's.
    if occasion.target.is_none() && news.as_deref() != Some("webhooks") {
        let (payment, order) = (occasion.attempt.id.clone(), occasion.purchase.number.to_string());
        notices.push(unsigned(&target, "payment", &payment));
        notices.push(unsigned(&target, "merchant_order", &order));
    }
    notices
}

/// Ids, topics and bodies of the webhooks.
fn webhooks(account: &Account, occasion: &Occasion<'_>) -> Vec<(Option<String>, &'static str, Value)> {
    let (purchase, attempt, number) = (occasion.purchase, occasion.attempt, occasion.number);
    let created = written(attempt.updated_at);
    let action = if occasion.change == Change::Created { "payment.created" } else { "payment.updated" };
    let mut webhooks = vec![(
        Some(attempt.id.clone()),
        "payment",
        json!({
            "id": number,
            "live_mode": account.is_live(),
            "type": "payment",
            "date_created": created,
            "user_id": account.collector_id,
            "api_version": "v1",
            "action": action,
            "data": { "id": attempt.id },
        }),
    )];
    if let Some(dispute) = attempt.dispute.as_ref().filter(|dispute| dispute.stage != Stage::Mediation)
        && occasion.change == Change::Disputed
    {
        webhooks.push((
            Some(dispute.number.to_string()),
            "topic_chargebacks_wh",
            json!({
                "actions": ["changed_case_status"],
                "api_version": "v1",
                "application_id": account.collector_id,
                "data": {
                    "checkout": "PRO",
                    "date_updated": "0001-01-01T00:00:00Z",
                    "id": dispute.number,
                    "payment_id": attempt.number,
                    "product_id": "C00A2J8RF4DI8BCIMFU0",
                    "site_id": account.site(),
                    "transaction_intent_id": "",
                },
                "date_created": created,
                "id": number + 1,
                "live_mode": account.is_live(),
                "type": "topic_chargebacks_wh",
                "user_id": account.collector_id,
                "version": attempt.updated_at.as_second(),
            }),
        ));
    }
    // The id of an order is in the body only.
    webhooks.push((
        None,
        "topic_merchant_order_wh",
        json!({
            "action": if occasion.change == Change::Created { "create" } else { "update" },
            "application_id": account.collector_id.to_string(),
            "data": { "currency_id": "", "marketplace": "NONE", "status": order_status(purchase) },
            "date_created": created,
            "id": purchase.number.to_string(),
            "live_mode": account.is_live(),
            "status": order_status(purchase),
            "type": "topic_merchant_order_wh",
            "user_id": account.collector_id,
            "version": 0,
        }),
    ));
    webhooks
}

fn signed(
    url: Url,
    secret: String,
    data_id: Option<String>,
    body: String,
    occasion: &Occasion<'_>,
    turn: u32,
) -> Notice {
    let form = Form::of(occasion.form >> (4 * turn));
    let (first_id, first_time) = (new_uuid(), occasion.now);
    Arc::new(move |attempt, now: Timestamp| {
        let again = attempt > 0 && form.signed_again;
        let (request_id, time) = if again { (new_uuid(), now) } else { (first_id.clone(), first_time) };
        let ts = if form.milliseconds { time.as_millisecond() } else { time.as_second() }.to_string();
        let request_id = Some(request_id).filter(|_| form.request_id);
        let signature = signature(&secret, data_id.as_deref(), request_id.as_deref(), &ts);
        let mut headers = vec![("content-type", "application/json".to_owned()), ("x-signature", signature)];
        headers.extend(request_id.map(|id| ("x-request-id", id)));
        Letter { url: url.to_string(), headers, body: body.clone() }
    })
}

/// An older notification: no signature, and the id in the address.
fn unsigned(target: &Url, topic: &'static str, id: &str) -> Notice {
    let mut url = target.clone();
    url.query_pairs_mut().append_pair("topic", topic).append_pair("id", id);
    let body = json!({ "resource": id, "topic": topic }).to_string();
    Arc::new(move |_, _| Letter {
        url: url.to_string(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_documented_vectors() {
        // From the table of worked examples in the collected documentation.
        let id = Some("999999999");
        let request = Some("2066ca19-c6f1-498a-be75-1923005edd06");
        for (data_id, request_id, ts, expected) in [
            (
                id,
                Some("f7b2a1d4-0b1c-4ec2-aaaa-9e8b1d2f3c4d"),
                "1704908010",
                "f246e7046a354aa19cf30aa8081623dec63929e02ea63d2f6507be98cf2f8445",
            ),
            (
                id,
                request,
                "1742505638683",
                "4cf1c4a17b8891997a496705879061fab9ed386964b5d3ac66a20c66cbf0c18a",
            ),
            (
                None,
                request,
                "1742505638683",
                "9f59c8a9d60ba191415564946afef3739ce81aa71e62322d757b34f9d6053f81",
            ),
            (id, None, "1742505638683", "99abdced1aaee52da0b0f1c6d4512ac5a4d9f09cea3c37de6df7ba7615b3fe25"),
        ] {
            let signed = signature("mp_test_secret_01", data_id, request_id, ts);
            assert_eq!(signed, format!("ts={ts},v1={expected}"));
        }
    }

    #[test]
    fn all_forms_take_turns() {
        let forms: std::collections::BTreeSet<_> = (0..16)
            .map(Form::of)
            .map(|form| (form.milliseconds, form.signed_again, form.request_id))
            .collect();
        assert_eq!(forms.len(), 8);
    }
}
