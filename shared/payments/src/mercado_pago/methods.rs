//! The ways to pay that Mercado Pago offers in the account's country.

use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use domain::payment::GatewayName;
use outbound::Call;
use serde::Deserialize;

use super::MercadoPagoGateway;
use crate::methods::method_kind;
use crate::untrusted::clip;
use crate::{MethodKind, MethodOffer, MethodsAsked};

/// How long an answer is used, in seconds: countries get new banks, but not every minute.
const KEPT_SECONDS: i64 = 3600;

/// The most methods that are shown: a country has about thirty.
const MOST: usize = 60;

/// The ways to pay as Mercado Pago last told them.
#[derive(Debug, Default)]
pub(super) struct KnownMethods(Mutex<Option<(Timestamp, Vec<Told>)>>);

/// A way to pay.
#[derive(Debug, Clone, Deserialize)]
struct Told {
    name: Option<String>,
    payment_type_id: Option<String>,
    status: Option<String>,
}

impl KnownMethods {
    fn kept(&self, now: Timestamp) -> Option<Vec<Told>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told_at, methods) = known.as_ref()?;
        let age = now.as_second() - told_at.as_second();
        (0..KEPT_SECONDS).contains(&age).then(|| methods.clone())
    }

    fn keep(&self, methods: &[Told], now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, methods.to_vec()));
    }
}

impl MercadoPagoGateway {
    /// What Mercado Pago tells, an hour old at most; the usual ways if it does not answer.
    pub(super) async fn offered_methods(&self, asked: &MethodsAsked) -> Vec<MethodOffer> {
        let told = match self.methods.kept(asked.now) {
            Some(told) => told,
            None => match self.call::<Vec<Told>>(&Call::get(["v1", "payment_methods"])).await {
                Ok(told) => {
                    self.methods.keep(&told, asked.now);
                    told
                }
                Err(error) => {
                    tracing::warn!(%error, "Mercado Pago does not tell its ways to pay");
                    return asked.usual(GatewayName::MercadoPago);
                }
            },
        };
        let offers: Vec<_> = told.iter().filter_map(|told| told.offer(asked)).take(MOST).collect();
        if offers.is_empty() { asked.usual(GatewayName::MercadoPago) } else { offers }
    }
}

impl Told {
    fn offer(&self, asked: &MethodsAsked) -> Option<MethodOffer> {
        let word = self.payment_type_id.as_deref()?;
        let is_usable = self.status.as_deref().is_none_or(|status| status == "active");
        // Cash machines are left out of the page: see `preference`.
        let is_shown = is_usable && word != "atm";
        let kind = method_kind(GatewayName::MercadoPago, word);
        let name = self.name.as_deref().map(|name| clip(name.trim(), 60)).filter(|name| !name.is_empty())?;
        asked.offer(kind, name).filter(|_| is_shown && kind != MethodKind::Other)
    }
}
