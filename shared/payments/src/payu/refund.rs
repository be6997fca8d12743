//! Giving money back. PayU has no key against doing it twice, so its list of refunds is
//! read first.

use std::time::Duration;

use outbound::{Call, CallError};
use serde::{Deserialize, Serialize};

use super::order::PaymentId;
use super::query::{Merchant, not_understood, refusal};
use super::{PayuGateway, refund_rules};
use crate::refund_plan::{Plan, plan};
use crate::untrusted::{IdText, checked_id, clip, is_id};
use crate::{GatewayError, RefundPayment, RefundReport, RefundStatus, Result, decimal};

#[derive(Serialize)]
struct Submit<'a> {
    language: &'static str,
    command: &'static str,
    merchant: Merchant<'a>,
    transaction: NewTransaction<'a>,
    test: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewTransaction<'a> {
    order: OrderId,
    #[serde(rename = "type")]
    kind: &'static str,
    reason: String,
    parent_transaction_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_values: Option<NewValues>,
}

#[derive(Serialize)]
struct OrderId {
    id: String,
}

#[derive(Serialize)]
struct NewValues {
    #[serde(rename = "TX_VALUE")]
    value: NewValue,
}

#[derive(Serialize)]
struct NewValue {
    value: String,
    currency: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    code: String,
    error: Option<String>,
    transaction_response: Option<Submitted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Submitted {
    /// Missing while a person at PayU looks at the refund.
    transaction_id: Option<IdText>,
    state: Option<String>,
    error_code: Option<String>,
    response_code: Option<String>,
    response_message: Option<String>,
}

/// The state of a refund in our words.
pub(super) fn refund_status(state: &str) -> RefundStatus {
    match state {
        "APPROVED" => RefundStatus::Done,
        "PENDING" | "SUBMITTED" => RefundStatus::Pending,
        "DECLINED" | "ERROR" | "EXPIRED" => RefundStatus::Declined,
        other => {
            tracing::error!(state = clip(other, 64), "a refund has a state that Taquilla does not know");
            RefundStatus::Pending
        }
    }
}

impl PayuGateway {
    /// Gives money back.
    ///
    /// # Errors
    /// [`GatewayError::TooEarly`] right after the payment. [`GatewayError::Uncertain`] if
    /// PayU got the refund and did not answer, or a worker may have asked for it before:
    /// while PayU reviews a refund it does not show it, so that asking again could give the
    /// money back twice.
    pub(super) async fn refund_once(&self, refund: &RefundPayment) -> Result<RefundReport> {
        let id = PaymentId::read(&refund.payment_id)?;
        let order = self.order(id.order).await?;
        let earlier = order.refunds(&id.transaction);
        if let Plan::Existing(mut report) = plan(refund, &earlier)? {
            report.refund_id = checked_id(report.refund_id)?;
            return Ok(report);
        }
        let parts = u8::try_from(earlier.iter().filter(|refund| refund.part).count()).unwrap_or(u8::MAX);
        let rules = refund_rules(refund.amount.currency);
        if !rules.allow(refund.amount, refund.is_whole(), parts) {
            return Err(GatewayError::Unsupported);
        }
        let from = order.decided_at(&id.transaction).map(|decided| decided + rules.earliest);
        let left = from.map(|from| from.duration_since(self.clock.now()));
        if let Some(retry_after) =
            left.and_then(|left| Duration::try_from(left).ok()).filter(|left| !left.is_zero())
        {
            return Err(GatewayError::TooEarly { retry_after });
        }
        if refund.may_have_been_asked {
            let source = "it may have been asked for before, and is not shown".into();
            return Err(GatewayError::Uncertain { source });
        }
        self.submit(refund, &id).await
    }

    async fn submit(&self, refund: &RefundPayment, id: &PaymentId) -> Result<RefundReport> {
        let (kind, additional_values) = if refund.is_whole() {
            ("REFUND", None)
        } else {
            let currency = refund.amount.currency.code();
            let value = NewValue { value: decimal::text(refund.amount), currency };
            ("PARTIAL_REFUND", Some(NewValues { value }))
        };
        let submit = Submit {
            language: "es",
            command: "SUBMIT_TRANSACTION",
            merchant: self.merchant(),
            transaction: NewTransaction {
                order: OrderId { id: id.order.to_string() },
                kind,
                // For the reviewer at PayU, and for ours, to compare.
                reason: clip(&refund.idempotency_key, 128),
                parent_transaction_id: &id.transaction,
                additional_values,
            },
            test: false,
        };
        let call = Call::post(["payments-api", "4.0", "service.cgi"], &submit)?;
        let uncertain = |source| GatewayError::Uncertain { source };
        let answer = match self.http.send(&call).await {
            Ok(answer) => answer,
            // It certainly did not arrive.
            Err(CallError::Unanswered(error)) if error.is_connect() => {
                return Err(CallError::Unanswered(error).into());
            }
            Err(error @ (CallError::Unanswered(_) | CallError::TimedOut | CallError::TooLarge)) => {
                return Err(uncertain(error.into()));
            }
            Err(error @ CallError::Unsendable(_)) => return Err(error.into()),
        };
        // Redirects may come after the deed.
        let unclear = answer.status.is_redirection() || answer.is_transient_failure();
        if unclear && answer.status.as_u16() != 429 {
            return Err(uncertain(format!("it answered with status {}", answer.status).into()));
        }
        if !answer.status.is_success() {
            return Err(not_understood(&answer));
        }
        let outcome: Outcome = answer.json().map_err(|error| uncertain(error.into()))?;
        let submitted = match (outcome.code.as_str(), outcome.transaction_response) {
            ("SUCCESS", Some(submitted)) => submitted,
            ("SUCCESS", None) => return Err(uncertain("it says nothing of the refund that it took".into())),
            (code, _) => return Err(refusal(code, outcome.error.as_deref())),
        };
        let state = submitted.state.unwrap_or_default();
        let status = refund_status(&state);
        if status == RefundStatus::Declined {
            let [code, error, message] =
                [submitted.response_code, submitted.error_code, submitted.response_message]
                    .map(|text| clip(&text.unwrap_or_default(), 100));
            tracing::warn!(payment = %id, state, code, error, message, "PayU declines a refund");
        }
        // Until PayU's reviewer has decided, there is no transaction; the order stands for it.
        let transaction = submitted.transaction_id.map(|id| id.0).filter(|id| is_id(id));
        let refund_id = transaction.unwrap_or_else(|| id.order.to_string());
        Ok(RefundReport { refund_id, status })
    }

    /// The progress of a refund. One that PayU reviews has no transaction of its own yet:
    /// [`RefundReport::refund_id`] is the order's then.
    ///
    /// # Errors
    /// [`GatewayError::Unsupported`] if it had none and there are several now.
    pub(super) async fn report_of_refund(&self, payment_id: &str, refund_id: &str) -> Result<RefundReport> {
        let id = PaymentId::read(payment_id)?;
        if refund_id != id.order.to_string() {
            let status = refund_status(&self.transaction_state(refund_id).await?);
            return Ok(RefundReport { refund_id: refund_id.to_owned(), status });
        }
        let order = self.order(id.order).await?;
        let mut states = order.refund_states(&id.transaction);
        let status = match (states.next(), states.next()) {
            (None, _) => RefundStatus::Pending,
            (Some(state), None) => refund_status(state),
            (Some(_), Some(_)) => return Err(GatewayError::Unsupported),
        };
        Ok(RefundReport { refund_id: refund_id.to_owned(), status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::{Table, refund};

    #[test]
    fn every_state_of_a_refund_has_a_meaning() {
        let theirs = ["APPROVED", "PENDING", "SUBMITTED", "DECLINED", "ERROR", "EXPIRED"];
        Table::documented("### PayU: refunds", 1).check(&[&theirs], |words| refund(refund_status(words[0])));
    }
}
