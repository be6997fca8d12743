//! Giving money back.

use std::cmp::Reverse;

use domain::Currency;
use domain::payable::fits;
use domain::payment::GatewayName;
use outbound::Call;
use serde::{Deserialize, Serialize};

use super::payment::numeric_id;
use super::{IDEMPOTENCY_KEY, MercadoPagoGateway, idempotency_key};
use crate::decimal::Decimal;
use crate::refund_plan::{EarlierRefund, Plan, plan};
use crate::untrusted::{IdText, OneOrMany, checked_id, clip};
use crate::{GatewayError, RefundPayment, RefundReport, RefundStatus, Result};

/// A refund of all has no amount.
#[derive(Serialize)]
struct NewRefund {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Decimal>,
}

#[derive(Deserialize)]
struct Refund {
    id: IdText,
    amount: Option<Decimal>,
    status: Option<String>,
}

impl Refund {
    fn report(self) -> Result<RefundReport> {
        let status = self.status.as_deref().unwrap_or_default();
        Ok(RefundReport { refund_id: checked_id(self.id.0)?, status: refund_status(status) })
    }
}

/// A refund's `status` in our words.
fn refund_status(status: &str) -> RefundStatus {
    match status {
        "approved" => RefundStatus::Done,
        "in_process" => RefundStatus::Pending,
        "rejected" | "cancelled" => RefundStatus::Declined,
        other => {
            tracing::error!(status = clip(other, 64), "a refund has a status that Taquilla does not know");
            RefundStatus::Pending
        }
    }
}

impl MercadoPagoGateway {
    /// Gives money back. Reads Mercado Pago's list of refunds first, which shows a
    /// repetition even after the idempotency key is forgotten, which it keeps for a day.
    pub(super) async fn refund_once(&self, refund: &RefundPayment) -> Result<RefundReport> {
        let id = numeric_id(&refund.payment_id)?;
        let before = self.earlier_refunds(id, refund.amount.currency).await?;
        if let Plan::Existing(report) = plan(refund, &before)? {
            return Ok(report);
        }
        // A part of an order from before prices had the decimals that are taken here.
        if !refund.is_whole() && !fits(GatewayName::MercadoPago, refund.amount) {
            return Err(GatewayError::Unsupported);
        }
        let amount = (!refund.is_whole()).then(|| Decimal::new(refund.amount));
        let call = Call::post(["v1", "payments", id, "refunds"], &NewRefund { amount })?
            .idempotency_key(IDEMPOTENCY_KEY, &idempotency_key(&refund.idempotency_key))?;
        match self.call::<Refund>(&call).await {
            Ok(made) => made.report(),
            // The payment is not in a state to be refunded; because it already was?
            Err(GatewayError::Refused { code, message })
                if refund.is_whole() && matches!(code.as_str(), "2063" | "4296") =>
            {
                let earlier = self.earlier_refunds(id, refund.amount.currency).await?;
                match plan(refund, &earlier) {
                    Ok(Plan::Existing(report)) => Ok(report),
                    _ => Err(GatewayError::Refused { code, message }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The progress of a refund.
    pub(super) async fn report_of_refund(&self, payment_id: &str, refund_id: &str) -> Result<RefundReport> {
        let path = ["v1", "payments", numeric_id(payment_id)?, "refunds", numeric_id(refund_id)?];
        self.call::<Refund>(&Call::get(path)).await?.report()
    }

    /// The refunds of a payment that were not declined, the newest first.
    async fn earlier_refunds(&self, payment_id: &str, currency: Currency) -> Result<Vec<EarlierRefund>> {
        let listed: OneOrMany<Refund> =
            self.call(&Call::get(["v1", "payments", payment_id, "refunds"])).await?;
        let mut refunds = Vec::new();
        for refund in listed.0 {
            let amount = refund.amount.as_ref().and_then(|amount| amount.money(currency));
            let RefundReport { refund_id: id, status } = refund.report()?;
            if status != RefundStatus::Declined {
                refunds.push(EarlierRefund { id, amount, part: true, status });
            }
        }
        // Ids are numbers that grow.
        refunds.sort_by_key(|refund| Reverse((refund.id.len(), refund.id.clone())));
        Ok(refunds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::{Table, refund};

    #[test]
    fn every_status_of_a_refund_has_a_meaning() {
        let theirs = ["approved", "in_process", "rejected", "cancelled"];
        Table::documented("### Mercado Pago: refunds", 1)
            .check(&[&theirs], |words| refund(refund_status(words[0])));
    }
}
