//! Mercado Pago's notifications.
//!
//! Only the resource's id in the address, the request's id and the time are signed.
//! The body is not, so what it says beyond that is a hint for what to ask.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::MercadoPagoGateway;
use super::signature::{SignatureHeader, request_id};
use crate::untrusted::{IdText, clip, is_id, is_number};
use crate::{
    MAX_WEBHOOK_BYTES, Notification, PaymentHint, Subject, WebhookRefused, WebhookRequest, signed_time,
};

/// Resources that change more than once under one id.
const CHANGES: [&str; 4] =
    ["merchant_order", "topic_merchant_order_wh", "chargebacks", "topic_chargebacks_wh"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    id: Option<IdText>,
    #[serde(rename = "type")]
    kind: Option<String>,
    topic: Option<String>,
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    id: Option<IdText>,
    payment_id: Option<IdText>,
}

/// The parts of a notification's address and body.
struct Parts {
    kind: String,
    /// The id in the address that is signed.
    signed_id: Option<String>,
    /// The id in the address of an older notification (IPN).
    older_id: Option<String>,
    body: Body,
}

impl Parts {
    fn read(request: &WebhookRequest<'_>) -> Result<Self, WebhookRefused> {
        if request.body.len() > MAX_WEBHOOK_BYTES || request.query.len() > 2048 {
            return Err(WebhookRefused::NotANotification);
        }
        let mut query = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.query.as_bytes()) {
            if query.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(WebhookRefused::NotANotification);
            }
        }
        // Older notifications may come without any.
        let body: Body = if request.body.is_empty() {
            Body::default()
        } else if request.body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(request.body).map_err(|_| WebhookRefused::NotANotification)?
        } else {
            return Err(WebhookRefused::NotANotification);
        };
        let mut from_query = |name: &str| query.remove(name).filter(|value| !value.is_empty());
        let kind = from_query("type").or_else(|| from_query("topic"));
        let kind = kind.or_else(|| body.kind.clone()).or_else(|| body.topic.clone());
        Ok(Self {
            kind: clip(&kind.ok_or(WebhookRefused::NotANotification)?, 64),
            signed_id: from_query("data.id"),
            older_id: from_query("id"),
            body,
        })
    }

    /// The payments to ask about.
    fn subject(&self) -> Result<Subject, WebhookRefused> {
        let data = self.body.data.as_ref();
        let (body_id, body_payment) =
            (data.and_then(|data| data.id.as_ref()), data.and_then(|data| data.payment_id.as_ref()));
        if let (Some(signed), Some(unsigned)) = (&self.signed_id, body_id)
            && !signed.eq_ignore_ascii_case(&unsigned.0)
        {
            return Err(WebhookRefused::Mismatch);
        }
        let id = self.signed_id.as_ref().or(self.older_id.as_ref()).or(body_id.map(|id| &id.0));
        let numbered = |id: Option<&String>| {
            id.filter(|id| is_number(id)).cloned().ok_or(WebhookRefused::NotANotification)
        };
        // A chargeback that names its payment needs no question of its own.
        let about = body_payment.map(|id| id.0.clone()).filter(|id| is_number(id));
        let payment = |payment_id| PaymentHint::Payment { payment_id, reference: None };
        Ok(Subject::Payments(match self.kind.as_str() {
            "payment" => payment(numbered(id)?),
            "merchant_order" | "topic_merchant_order_wh" => {
                // Here the notification has the order's id instead of its own.
                let id = numbered(id.or(self.body.id.as_ref().map(|id| &id.0)))?;
                about.map_or(PaymentHint::MerchantOrder { id }, payment)
            }
            "chargebacks" | "topic_chargebacks_wh" => {
                let id = numbered(id)?;
                about.map_or(PaymentHint::Chargeback { id }, payment)
            }
            kind => return Ok(Subject::Unknown { kind: kind.to_owned() }),
        }))
    }

    /// The id of the notification. Those of merchant orders and chargebacks have none
    /// of their own for each change.
    fn id(&self, ts: &str) -> String {
        let own = self.body.id.as_ref().map(|id| &id.0).filter(|id| is_id(id));
        match own.filter(|_| !CHANGES.contains(&self.kind.as_str())) {
            Some(own) => own.clone(),
            None => {
                let about = self.signed_id.as_ref().or(self.older_id.as_ref()).or(own);
                let about = about.map(String::as_str).unwrap_or_default();
                clip(&format!("{}:{}:{ts}", self.kind, clip(about, 40)), 128)
            }
        }
    }
}

impl MercadoPagoGateway {
    /// Checks that Mercado Pago sent this, and reads its subject. Older notifications
    /// (IPN), which have no signature, are refused: our pages ask for webhooks only, and
    /// their news is found without them.
    pub(super) fn notification(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        let parts = Parts::read(request)?;
        let header = SignatureHeader::read(request.headers)?.ok_or(WebhookRefused::Unsigned)?;
        let request_id = request_id(request.headers)?;
        signed_time::check(header.ts, request.received_at)?;
        let lower = parts.signed_id.as_ref().map(|id| id.to_ascii_lowercase());
        // It is not documented whether an older notification is ever signed, nor with which id.
        let ids = match &parts.signed_id {
            Some(id) => [Some(id.as_str()), lower.as_deref()],
            None => [None, parts.older_id.as_deref()],
        };
        if !header.fits(&self.webhook_secret, &ids, request_id) {
            return Err(WebhookRefused::Mismatch);
        }
        Ok(Notification { id: parts.id(header.ts), subject: parts.subject()? })
    }
}
