//! Giving money back: Wompi only voids, and only for a while.

use outbound::Call;
use serde_json::json;

use super::transaction::Transaction;
use super::{WompiGateway, failure, status};
use crate::untrusted::{clip, protocol};
use crate::{GatewayError, PaymentStatus, RefundPayment, RefundReport, RefundStatus, Result};

impl WompiGateway {
    /// Voids a card payment. A void has no key, and needs none: it is always of all of
    /// the amount, and a transaction that is voided stays voided.
    pub(super) async fn void(&self, refund: &RefundPayment) -> Result<RefundReport> {
        let before = self.transaction(&refund.payment_id).await?;
        match before.status.as_str() {
            "VOIDED" if refund.is_whole() => return Ok(report(before, RefundStatus::Done)),
            "VOIDED" => {
                return Err(GatewayError::Refused {
                    code: "VOIDED".to_owned(),
                    message: "All of the transaction is voided already.".to_owned(),
                });
            }
            "APPROVED" => {}
            other => {
                return Err(GatewayError::Refused {
                    code: clip(other, 64),
                    message: "Only approved transactions can be voided.".to_owned(),
                });
            }
        }
        if before.amount_in_cents != refund.paid.amount || before.currency != refund.paid.currency.code() {
            return Err(protocol("the transaction has another amount than was paid"));
        }
        // The documentation and the specification of the API disagree whether a part can be
        // voided; voiding all instead of a part would be worse than asking a person.
        if !refund.is_whole() || before.payment_method_type.as_deref() != Some("CARD") {
            return Err(GatewayError::Unsupported);
        }
        let call = Call::post(["transactions", before.id.as_str(), "void"], &json!({}))?;
        let answer = self.http.send(&call).await?;
        let refused = (!answer.status.is_success()).then(|| failure::gateway_error(&answer));
        if let Some(error @ GatewayError::Unavailable { .. }) = refused {
            return Err(error);
        }
        // The answer has no documented form: the transaction itself is read again.
        let after = self.transaction(&refund.payment_id).await?;
        match (after.status.as_str(), refused) {
            ("VOIDED", _) => Ok(report(after, RefundStatus::Done)),
            (_, None) => Ok(report(after, RefundStatus::Pending)),
            // Settled already: too late for a void.
            (_, Some(GatewayError::Refused { code, message })) => {
                tracing::warn!(transaction = after.id, code, message, "Wompi does not void a transaction");
                Err(GatewayError::Unsupported)
            }
            (_, Some(error)) => Err(error),
        }
    }

    /// The progress of a void.
    pub(super) async fn report_of_void(&self, payment_id: &str) -> Result<RefundReport> {
        let transaction = self.transaction(payment_id).await?;
        let status = void_status(&transaction.status);
        Ok(report(transaction, status))
    }
}

/// The progress of a void that Wompi took, by the status of its transaction.
fn void_status(theirs: &str) -> RefundStatus {
    match status(theirs) {
        Some(PaymentStatus::Refunded) => RefundStatus::Done,
        // A word that Taquilla does not know may be one on the way.
        Some(PaymentStatus::Approved | PaymentStatus::Pending) | None => RefundStatus::Pending,
        Some(_) => RefundStatus::Declined,
    }
}

/// A void has no id of its own.
fn report(transaction: Transaction, status: RefundStatus) -> RefundReport {
    RefundReport { refund_id: transaction.id, status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::{Table, refund};

    #[test]
    fn every_status_says_something_of_a_void() {
        let theirs = ["PENDING", "APPROVED", "DECLINED", "VOIDED", "ERROR"];
        Table::documented("### Wompi: voids", 1).check(&[&theirs], |words| refund(void_status(words[0])));
    }
}
