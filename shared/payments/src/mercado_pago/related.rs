//! Things that notifications name and that lead to payments: merchant orders and
//! chargebacks.

use outbound::Call;
use serde::Deserialize;

use super::MercadoPagoGateway;
use crate::untrusted::{IdText, is_number, protocol};
use crate::{GatewayError, MAX_PAYMENTS_OF_REFERENCE, PaymentHint, PaymentReport, Result};

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    payments: Vec<Entry>,
}

/// Lists of payments are documented as ids and as objects.
#[derive(Deserialize)]
#[serde(from = "Box<serde_json::value::RawValue>")]
struct Entry(Option<String>);

#[derive(Deserialize)]
struct Object {
    id: IdText,
}

impl From<Box<serde_json::value::RawValue>> for Entry {
    fn from(raw: Box<serde_json::value::RawValue>) -> Self {
        let id = serde_json::from_str::<IdText>(raw.get())
            .or_else(|_| serde_json::from_str::<Object>(raw.get()).map(|object| object.id));
        Self(id.ok().map(|id| id.0).filter(|id| is_number(id)))
    }
}

impl MercadoPagoGateway {
    /// The payments that something is about, at most [`MAX_PAYMENTS_OF_REFERENCE`].
    pub(super) async fn reports_behind(&self, hint: &PaymentHint) -> Result<Vec<PaymentReport>> {
        let call = match hint {
            PaymentHint::Payment { payment_id, .. } => {
                return Ok(vec![self.payment_report(payment_id).await?]);
            }
            PaymentHint::MerchantOrder { id } if is_number(id) => Call::get(["merchant_orders", id]),
            PaymentHint::Chargeback { id } if is_number(id) => Call::get(["v1", "chargebacks", id]),
            _ => return Err(GatewayError::NotFound),
        };
        let mut reports = Vec::new();
        for id in self.ids_behind(&call).await? {
            reports.push(self.payment_report(&id).await?);
        }
        Ok(reports)
    }

    async fn ids_behind(&self, call: &Call) -> Result<Vec<String>> {
        let named: Named = self.call(call).await?;
        let ids = named.payments.into_iter().take(MAX_PAYMENTS_OF_REFERENCE);
        ids.map(|entry| entry.0.ok_or_else(|| protocol("an id has a wrong form"))).collect()
    }
}
