//! The address of the page on which the buyer pays.

use domain::{Currency, Timestamp};
use sha2::{Digest, Sha256};

use super::WompiGateway;
use crate::decimal::payable;
use crate::untrusted::clip;
use crate::{BuyerStep, Checkout, CreatePayment, GatewayError, GatewayName, Result};

/// The signature that keeps the buyer from changing what is to be paid: a SHA-256 in
/// lower-case hexadecimal of all values one after the other. Not an HMAC.
pub fn integrity_signature(
    reference: &str,
    amount_in_cents: i64,
    currency: &str,
    expiration_time: Option<&str>,
    integrity_secret: &str,
) -> String {
    let mut hash = Sha256::new();
    hash.update(reference);
    hash.update(amount_in_cents.to_string());
    hash.update(currency);
    hash.update(expiration_time.unwrap_or_default());
    hash.update(integrity_secret);
    hex::encode(hash.finalize())
}

impl WompiGateway {
    pub(super) fn checkout_page(&self, payment: &CreatePayment) -> Result<Checkout> {
        if payment.amount.currency != Currency::COP || payment.amount.amount <= 0 {
            return Err(GatewayError::Refused {
                code: "currency".to_owned(),
                message: "Wompi takes Colombian pesos only.".to_owned(),
            });
        }
        payable(GatewayName::Wompi, payment.amount)?;
        let cents = payment.amount.amount;
        let expiration = utc_with_milliseconds(payment.expires_at);
        let secret = &self.credentials.integrity_secret;
        let signature = integrity_signature(&payment.reference, cents, "COP", Some(&expiration), secret);
        let mut url = self.checkout.clone();
        url.query_pairs_mut().extend_pairs([
            ("public-key", self.credentials.public_key.as_str()),
            ("currency", "COP"),
            ("amount-in-cents", &cents.to_string()),
            ("reference", &payment.reference),
            ("signature:integrity", &signature),
            ("redirect-url", &payment.return_url),
            ("expiration-time", &expiration),
            ("customer-data:email", &clip(&payment.buyer_email, 254)),
        ]);
        // A buyer need not have said a name, and what is empty may be refused.
        if !payment.buyer_name.is_empty() {
            url.query_pairs_mut().append_pair("customer-data:full-name", &clip(&payment.buyer_name, 100));
        }
        Ok(Checkout {
            // The transaction comes into being when the buyer pays.
            payment_id: None,
            step: BuyerStep::Open { url: url.into() },
            is_repeatable: true,
            keeps_fee: false,
            expires_at: payment.expires_at,
        })
    }
}

/// A time as it is signed and sent: UTC with milliseconds.
fn utc_with_milliseconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_signed() {
        let time: Timestamp = "2023-06-09T20:28:50.000999Z".parse().expect("a time");
        assert_eq!(utc_with_milliseconds(time), "2023-06-09T20:28:50.000Z");
    }
}
