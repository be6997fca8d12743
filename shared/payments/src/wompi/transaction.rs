//! Wompi's transactions, read and checked.

use domain::{Currency, Money};
use outbound::Call;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{WompiGateway, failure};
use crate::methods::{method_kind, method_name, slip_code};
use crate::untrusted::{IdText, checked_id, clip, page_address, path_id, protocol, time};
use crate::{
    Due, GatewayError, GatewayName, MAX_PAYMENTS_OF_REFERENCE, PaymentReport, PaymentStatus, Result,
};

/// The fields of a transaction that Taquilla needs.
#[derive(Debug, Deserialize)]
pub(super) struct Transaction {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount_in_cents: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) payment_method_type: Option<String>,
    #[serde(default)]
    payment_method: Option<PaymentMethod>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    status_message: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    finalized_at: Option<String>,
}

/// What Wompi tells of the way to pay. None of it is documented to be there.
#[derive(Debug, Default, Deserialize)]
struct PaymentMethod {
    #[serde(default)]
    extra: Option<Extra>,
}

#[derive(Debug, Default, Deserialize)]
struct Extra {
    /// The bank's page of a transfer.
    #[serde(default)]
    async_payment_url: Option<String>,
    /// The number of the agreement under which a counter takes the money.
    #[serde(default)]
    business_agreement_code: Option<IdText>,
    /// The number of the payment at the counter.
    #[serde(default)]
    payment_intention_identifier: Option<IdText>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

/// A transaction's `status` in our words; `None` for a word that Taquilla does not
/// know.
pub fn status(theirs: &str) -> Option<PaymentStatus> {
    match theirs {
        "PENDING" => Some(PaymentStatus::Pending),
        "APPROVED" => Some(PaymentStatus::Approved),
        "DECLINED" | "ERROR" => Some(PaymentStatus::Declined),
        "VOIDED" => Some(PaymentStatus::Refunded),
        _ => None,
    }
}

/// The holder of the account.
pub(super) fn merchant(public_key: &str) -> Call {
    Call::get(["merchants", public_key])
}

/// The transactions with this reference.
pub(super) fn search(reference: &str) -> Call {
    Call::get(["transactions"]).query("reference", reference)
}

impl WompiGateway {
    pub(super) async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let answer = self.http.send(call).await?;
        if answer.status.is_success() {
            return answer.json().map_err(|error| GatewayError::Protocol(error.to_string()));
        }
        Err(failure::gateway_error(&answer))
    }

    pub(super) async fn transaction(&self, id: &str) -> Result<Transaction> {
        let answer: Data<Transaction> = self.call(&Call::get(["transactions", path_id(id)?])).await?;
        if answer.data.id != id {
            return Err(protocol("it answered with another transaction"));
        }
        Ok(answer.data)
    }

    pub(super) async fn transactions_of(&self, reference: &str) -> Result<Vec<PaymentReport>> {
        let list: Data<Vec<Transaction>> = self.call(&search(reference)).await?;
        let all = list.data.len();
        let ours = |transaction: &Transaction| transaction.reference.as_deref() == Some(reference);
        let mut ours: Vec<_> = list.data.into_iter().filter(ours).collect();
        if ours.len() < all {
            tracing::warn!(others = all - ours.len(), "Wompi found transactions of other references");
        }
        // The order of Wompi's list is not documented.
        ours.sort_by_cached_key(|transaction| std::cmp::Reverse(time(transaction.created_at.as_deref())));
        ours.into_iter().take(MAX_PAYMENTS_OF_REFERENCE).map(Transaction::report).collect()
    }
}

impl Extra {
    fn due(self) -> Due {
        let numbers = [self.business_agreement_code, self.payment_intention_identifier];
        let numbers: Vec<String> = numbers.into_iter().flatten().map(|IdText(number)| number).collect();
        Due {
            by: None,
            slip_url: self.async_payment_url.and_then(|url| page_address(&url).ok()),
            code: slip_code(&numbers.join(" ")),
        }
    }
}

impl Transaction {
    /// The transaction in the words that all gateways share.
    pub(super) fn report(self) -> Result<PaymentReport> {
        let currency = Currency::from_code(&self.currency).ok_or_else(|| protocol("its currency is none"))?;
        let amount = Money::new(self.amount_in_cents, currency);
        if amount.amount <= 0 {
            return Err(protocol("its amounts make no sense"));
        }
        let status = status(&self.status).unwrap_or_else(|| {
            tracing::error!(
                transaction = clip(&self.id, 64),
                status = clip(&self.status, 64),
                "Wompi has a status that Taquilla does not know"
            );
            PaymentStatus::Pending
        });
        let refunded = if status == PaymentStatus::Refunded { amount.amount } else { 0 };
        let decided = matches!(status, PaymentStatus::Approved | PaymentStatus::Refunded);
        let word = self.payment_method_type.as_deref();
        let due = self.payment_method.and_then(|method| method.extra).map(Extra::due);
        let due = due.filter(|due| status == PaymentStatus::Pending && *due != Due::default());
        let reference = clip(&self.reference.unwrap_or_default(), 256);
        Ok(PaymentReport {
            refunded: Money::new(refunded, currency),
            reason: Some(clip(&format!("{}: {}", self.status, self.status_message.unwrap_or_default()), 100)),
            approved_at: time(self.finalized_at.as_deref()).filter(|_| decided),
            method: word.map(|word| method_kind(GatewayName::Wompi, word)),
            method_name: word.and_then(method_name),
            due,
            ..PaymentReport::new(checked_id(self.id)?, reference, status, amount)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning() {
        let statuses = ["PENDING", "APPROVED", "DECLINED", "VOIDED", "ERROR", "approved", "SOMETHING_NEW"];
        let lines = statuses.map(|theirs| format!("{theirs} {:?}", status(theirs)));
        insta::assert_snapshot!(lines.join("\n"), @r"
        PENDING Some(Pending)
        APPROVED Some(Approved)
        DECLINED Some(Declined)
        VOIDED Some(Refunded)
        ERROR Some(Declined)
        approved None
        SOMETHING_NEW None
        ");
    }
}
