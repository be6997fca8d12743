//! Things that notifications name and that lead to payments: merchant orders and
//! chargebacks.

use serde::Deserialize;

use super::super::untrusted::{IdText, is_number, protocol};
use super::super::{GatewayError, MAX_PAYMENTS_OF_REFERENCE};
use super::MercadoPagoGateway;
use crate::http::Call;

/// Something at Mercado Pago that has payments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Related {
    /// All payments of one page.
    MerchantOrder(String),
    /// A buyer's bank that takes money back.
    Chargeback(String),
}

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
    /// The ids of the payments that something is about, at most
    /// [`MAX_PAYMENTS_OF_REFERENCE`].
    ///
    /// # Errors
    /// If Mercado Pago does not answer, or does not know it.
    pub async fn payments_behind(&self, related: &Related) -> Result<Vec<String>, GatewayError> {
        let call = match related {
            Related::MerchantOrder(id) if is_number(id) => Call::get(["merchant_orders", id]),
            Related::Chargeback(id) if is_number(id) => Call::get(["v1", "chargebacks", id]),
            _ => return Err(GatewayError::NotFound),
        };
        let named: Named = self.call(&call).await?;
        let ids = named.payments.into_iter().take(MAX_PAYMENTS_OF_REFERENCE);
        ids.map(|entry| entry.0.ok_or_else(|| protocol("an id has a wrong form"))).collect()
    }
}
