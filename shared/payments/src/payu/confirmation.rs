//! The confirmation that PayU posts when a transaction is decided.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::order::PaymentId;
use super::{PayuGateway, confirmation_value};
use crate::untrusted::is_number;
use crate::{
    MAX_WEBHOOK_BYTES, Notification, PaymentHint, SignedReference, Subject, WebhookRefused, WebhookRequest,
};

/// `state_pol` of a transaction that was approved.
const APPROVED: &str = "4";

/// A confirmation with a right signature: PayU's, or one that a buyer made of a return
/// page's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// An order and a transaction at PayU. They are not signed, so this may be another
    /// buyer's payment, a refund, or nothing; it tells notifications apart and is not asked
    /// about.
    pub payment_id: String,
    /// Our reference. Signed.
    pub reference: String,
    /// `state_pol`: 4 approved, 5 expired, 6 declined. Signed, but as true as it was once.
    pub state: String,
}

impl Confirmation {
    /// The confirmation in the words that all gateways share.
    pub(super) fn notification(self) -> Notification {
        Notification {
            id: format!("{}:{}", self.payment_id, self.state),
            subject: Subject::Payments(PaymentHint::Payment {
                payment_id: self.payment_id,
                reference: Some(SignedReference { text: self.reference, approved: self.state == APPROVED }),
            }),
        }
    }
}

/// The fields of a form, or of a flat JSON object: PayU mentions both, and documents
/// only the form.
fn fields(body: &[u8]) -> Result<BTreeMap<String, String>, WebhookRefused> {
    let no_notification = |_| WebhookRefused::NotANotification;
    let mut fields = BTreeMap::new();
    let mut put = |name: String, value: String| match fields.insert(name, value) {
        // Two values would leave open which one is signed.
        Some(_) => Err(WebhookRefused::Malformed),
        None => Ok(()),
    };
    if body.trim_ascii_start().starts_with(b"{") {
        let object: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(body).map_err(no_notification)?;
        for (name, value) in object {
            let text = value.get();
            match text.as_bytes().first() {
                Some(b'"') => put(name, serde_json::from_str(text).map_err(no_notification)?)?,
                Some(b'{' | b'[' | b'n') => {}
                _ => put(name, text.to_owned())?,
            }
        }
    } else {
        for (name, value) in form_urlencoded::parse(body) {
            put(name.into_owned(), value.into_owned())?;
        }
    }
    Ok(fields)
}

impl PayuGateway {
    /// Checks that this is signed as PayU signs, and reads its subject.
    ///
    /// # Errors
    /// If it is not signed so.
    pub fn confirmation(&self, request: &WebhookRequest<'_>) -> Result<Confirmation, WebhookRefused> {
        if request.body.len() > MAX_WEBHOOK_BYTES {
            return Err(WebhookRefused::NotANotification);
        }
        let mut fields = fields(request.body)?;
        let mut field = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let sign = field("sign").ok_or(WebhookRefused::Unsigned)?;
        let mut needed = |name: &str| field(name).ok_or(WebhookRefused::NotANotification);
        let (merchant, reference) = (needed("merchant_id")?, needed("reference_sale")?);
        let (value, currency, state) = (needed("value")?, needed("currency")?, needed("state_pol")?);
        let signed_value = confirmation_value(&value).ok_or(WebhookRefused::Malformed)?;
        // With more than two decimals it is not documented what is signed.
        let as_it_is = self.keys().fits(&sign, &[&reference, &value, &currency, &state]);
        let as_documented = self.keys().fits(&sign, &[&reference, &signed_value, &currency, &state]);
        let odd = value.split_once('.').is_some_and(|(_, fraction)| fraction.len() > 2);
        if merchant != self.credentials.merchant_id || !(as_documented | (as_it_is & odd)) {
            return Err(WebhookRefused::Mismatch);
        }
        let (order, transaction) = (needed("reference_pol")?, needed("transaction_id")?);
        let payment_id =
            PaymentId::new(&order, &transaction).ok_or(WebhookRefused::NotANotification)?.to_string();
        if !is_number(&state) || reference.chars().count() > 255 {
            return Err(WebhookRefused::NotANotification);
        }
        Ok(Confirmation { payment_id, reference, state })
    }
}
