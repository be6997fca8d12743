//! Closing a payment that was replaced or cancelled, so that no buyer pays it.

use outbound::{Call, Url};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::MercadoPagoGateway;
use super::preference::with_offset;
use crate::untrusted::is_id;
use crate::{GatewayError, OpenPayment, PaymentStatus, Result};

/// The end of a preference.
#[derive(Serialize)]
struct End {
    expires: bool,
    expiration_date_to: String,
}

#[derive(Serialize)]
struct Cancelled {
    status: &'static str,
}

impl MercadoPagoGateway {
    /// Ends the preference, so that no buyer begins to pay it, and cancels its payments
    /// that are not decided.
    pub(super) async fn close_preference(&self, payment: &OpenPayment) -> Result<()> {
        let id = payment.checkout_url.as_deref().and_then(preference_of);
        let id = id.ok_or(GatewayError::Unsupported)?;
        let end = End { expires: true, expiration_date_to: with_offset(payment.now) };
        self.call::<IgnoredAny>(&Call::put(["checkout", "preferences", &id], &end)?).await?;
        for begun in self.payments_of_reference(&payment.reference).await? {
            match begun.status {
                PaymentStatus::Pending => {
                    let path = ["v1", "payments", begun.payment_id.as_str()];
                    self.call::<IgnoredAny>(&Call::put(path, &Cancelled { status: "cancelled" })?).await?;
                }
                PaymentStatus::Approved => {
                    return Err(GatewayError::Refused {
                        code: "approved".to_owned(),
                        message: "It is paid already.".to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The id of the preference that a page is of.
fn preference_of(page: &str) -> Option<String> {
    let page: Url = page.parse().ok()?;
    let id = page.query_pairs().find(|(name, _)| name == "pref_id")?.1.into_owned();
    is_id(&id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_preference() {
        let page = |query: &str| {
            preference_of(&format!("https://www.mercadopago.com.co/checkout/v1/redirect?{query}"))
        };
        assert_eq!(page("pref_id=123-abcd").as_deref(), Some("123-abcd"));
        assert_eq!(page("a=1&pref_id=123-abcd").as_deref(), Some("123-abcd"));
        for none in ["", "pref_id=", "pref_id=../payments", "id=123-abcd"] {
            assert_eq!(page(none), None, "{none}");
        }
    }
}
