//! Mercado Pago's payments, read and checked.

use domain::{Currency, Money};
use outbound::Call;
use serde::Deserialize;

use super::{MercadoPagoGateway, map_status};
use crate::credentials::Mode;
use crate::decimal::Decimal;
use crate::methods::{method_kind, method_name};
use crate::untrusted::{IdText, clip, is_number, page_address, protocol, time};
use crate::{
    Due, GatewayError, GatewayName, MAX_PAYMENTS_OF_REFERENCE, PaymentReport, PaymentStatus, Result,
};

/// The fields of a payment that Taquilla needs.
#[derive(Deserialize)]
struct Payment {
    id: IdText,
    status: String,
    status_detail: Option<String>,
    currency_id: String,
    transaction_amount: Decimal,
    transaction_amount_refunded: Option<Decimal>,
    external_reference: Option<String>,
    date_approved: Option<String>,
    live_mode: Option<bool>,
    payment_type_id: Option<String>,
    payment_method_id: Option<String>,
    date_of_expiration: Option<String>,
    transaction_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    external_resource_url: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Payment>,
}

/// The newest payments with this reference.
pub(super) fn search(reference: &str, limit: usize) -> Call {
    Call::get(["v1", "payments", "search"])
        .query("sort", "date_created")
        .query("criteria", "desc")
        .query("external_reference", reference)
        .query("limit", limit.to_string())
        .query("offset", "0")
}

/// An id for the path of a call: Mercado Pago's are numbers, and anything else is not
/// worth a call.
pub(super) fn numeric_id(payment_id: &str) -> Result<&str> {
    if is_number(payment_id) { Ok(payment_id) } else { Err(GatewayError::NotFound) }
}

impl MercadoPagoGateway {
    pub(super) async fn payment_report(&self, payment_id: &str) -> Result<PaymentReport> {
        let payment: Payment = self.call(&Call::get(["v1", "payments", numeric_id(payment_id)?])).await?;
        if payment.id.0 != payment_id {
            return Err(protocol("it answered with another payment"));
        }
        payment.report(self.mode)
    }

    pub(super) async fn payments_of_reference(&self, reference: &str) -> Result<Vec<PaymentReport>> {
        let found: Found = self.call(&search(reference, MAX_PAYMENTS_OF_REFERENCE)).await?;
        let ours = |payment: &Payment| payment.external_reference.as_deref() == Some(reference);
        let (ours, others): (Vec<_>, Vec<_>) = found.results.into_iter().partition(ours);
        if !others.is_empty() {
            tracing::warn!(others = others.len(), "Mercado Pago found payments of other references");
        }
        ours.into_iter().take(MAX_PAYMENTS_OF_REFERENCE).map(|payment| payment.report(self.mode)).collect()
    }
}

impl Payment {
    fn report(self, mode: Mode) -> Result<PaymentReport> {
        let senseless = || protocol("its amounts make no sense");
        let currency = Currency::from_code(&self.currency_id).ok_or_else(senseless)?;
        let amount = self.transaction_amount.money(currency).ok_or_else(senseless)?;
        let mut refunded = match &self.transaction_amount_refunded {
            Some(refunded) => refunded.money(currency).ok_or_else(senseless)?,
            None => Money::new(0, currency),
        };
        if amount.amount <= 0 || !(0..=amount.amount).contains(&refunded.amount) {
            return Err(senseless());
        }
        if mode == Mode::Live && self.live_mode == Some(false) {
            return Err(protocol("a payment of play money in an account for real money"));
        }
        if !is_number(&self.id.0) {
            return Err(protocol("an id has a wrong form"));
        }
        let detail = self.status_detail.unwrap_or_default();
        let mapped = map_status(&self.status, &detail);
        if !mapped.recognised {
            tracing::error!(
                payment = self.id.0,
                status = clip(&self.status, 64),
                detail = clip(&detail, 64),
                "Mercado Pago has a status that Taquilla does not know"
            );
        }
        if mapped.status == PaymentStatus::Refunded && refunded.amount == 0 {
            refunded = amount;
        }
        let method = self.payment_type_id.as_deref().map(|word| method_kind(GatewayName::MercadoPago, word));
        let due = Due {
            by: time(self.date_of_expiration.as_deref()),
            slip_url: self
                .transaction_details
                .and_then(|details| details.external_resource_url)
                .and_then(|url| page_address(&url).ok()),
            code: None,
        };
        let is_due = mapped.status == PaymentStatus::Pending && (due != Due::default());
        let reference = clip(&self.external_reference.unwrap_or_default(), 256);
        Ok(PaymentReport {
            refunded,
            dispute: mapped.dispute,
            reason: Some(clip(&format!("{}: {detail}", self.status), 100)),
            approved_at: time(self.date_approved.as_deref()),
            method,
            method_name: self.payment_method_id.as_deref().and_then(method_name),
            due: is_due.then_some(due),
            ..PaymentReport::new(self.id.0, reference, mapped.status, amount)
        })
    }
}
