//! PayU's orders and their transactions, read and checked.

use std::collections::BTreeMap;
use std::fmt;

use domain::{Currency, Money, Timestamp};
use serde::Deserialize;

use super::query::Details;
use super::refund::refund_status;
use super::slip::Extra;
use super::{PayuGateway, map_status};
use crate::credentials::Mode;
use crate::decimal::Decimal;
use crate::methods::{method_kind, method_name};
use crate::refund_plan::EarlierRefund;
use crate::untrusted::{IdText, OneOrMany, clip, is_id, is_number, protocol};
use crate::{
    Dispute, Due, GatewayError, GatewayName, MAX_PAYMENTS_OF_REFERENCE, PaymentReport, PaymentStatus,
    RefundStatus, Result, SignedReference,
};

/// An order and one of its transactions, both of which a refund needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaymentId {
    pub(super) order: u64,
    pub(super) transaction: String,
}

impl PaymentId {
    /// `None` if PayU cannot have made them.
    pub(super) fn new(order: &str, transaction: &str) -> Option<Self> {
        let plain = |text: &str| is_id(text) && text.len() <= 40 && !text.contains('_');
        let order: u64 = Some(order).filter(|order| is_number(order))?.parse().ok()?;
        plain(transaction).then(|| Self { order, transaction: transaction.to_owned() })
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let (order, transaction) = text.split_once('_').ok_or(GatewayError::NotFound)?;
        Self::new(order, transaction).ok_or(GatewayError::NotFound)
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.order, self.transaction)
    }
}

/// The fields of an order that Taquilla needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    id: IdText,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reference_code: Option<String>,
    #[serde(default)]
    is_test: Option<bool>,
    #[serde(default)]
    pub(super) transactions: OneOrMany<Transaction>,
    #[serde(default)]
    additional_values: Values,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) id: String,
    /// Missing in some answers; then it is a payment, unless it has a parent.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    parent_transaction_id: Option<String>,
    pub(super) transaction_response: Option<Response>,
    #[serde(default)]
    payment_method: Option<String>,
    #[serde(default)]
    extra_parameters: Extra,
    #[serde(default)]
    additional_values: Values,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    pub(super) state: String,
    #[serde(default)]
    response_code: Option<String>,
    #[serde(default)]
    operation_date: Option<When>,
    #[serde(default)]
    extra_parameters: Extra,
}

/// Milliseconds since 1970, or a text in one of several forms.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum When {
    Milliseconds(i64),
    Other(serde::de::IgnoredAny),
}

/// Amounts by name, `TX_VALUE` above all.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Values(Option<BTreeMap<String, Option<Value>>>);

#[derive(Debug, Deserialize)]
struct Value {
    value: Option<Decimal>,
    currency: Option<String>,
}

impl Values {
    fn money(&self) -> Option<Money> {
        let value = self.0.as_ref()?.get("TX_VALUE")?.as_ref()?;
        let currency = Currency::from_code(value.currency.as_deref()?)?;
        value.value.as_ref()?.money(currency)
    }
}

impl Transaction {
    /// What PayU tells of a slip, in the transaction or in its answer; see [`Extra`].
    fn due(&self) -> Option<Due> {
        let answered = self.transaction_response.as_ref().map(|response| &response.extra_parameters);
        [Some(&self.extra_parameters), answered].into_iter().flatten().find_map(Extra::due)
    }

    pub(super) fn state(&self) -> &str {
        self.transaction_response.as_ref().map_or("", |response| response.state.as_str())
    }

    /// True if the buyer pays with it.
    fn is_payment(&self) -> bool {
        match self.kind.as_deref() {
            Some(kind) => matches!(kind, "AUTHORIZATION_AND_CAPTURE" | "AUTHORIZATION" | "CAPTURE"),
            None => self.parent_transaction_id.is_none(),
        }
    }

    fn is_approved(&self) -> bool {
        self.state() == "APPROVED"
    }

    /// True if it is a card that was found good and is charged by another transaction.
    fn is_authorisation(&self) -> bool {
        self.kind.as_deref() == Some("AUTHORIZATION")
    }

    /// True if it charged the card that `authorisation` found good.
    fn charged(&self, authorisation: &Self) -> bool {
        self.kind.as_deref() == Some("CAPTURE")
            && self.is_approved()
            && authorisation.is_authorisation()
            && self.parent_transaction_id.as_deref().is_none_or(|parent| parent == authorisation.id)
    }

    /// True if it gives back money of `payment`.
    fn gives_back(&self, payment: &str) -> bool {
        matches!(self.kind.as_deref(), Some("REFUND" | "PARTIAL_REFUND" | "VOID"))
            && self.parent_transaction_id.as_deref().is_none_or(|parent| parent == payment)
    }

    fn at(&self) -> Option<Timestamp> {
        match self.transaction_response.as_ref()?.operation_date.as_ref()? {
            When::Milliseconds(milliseconds) => Timestamp::from_millisecond(*milliseconds).ok(),
            When::Other(_) => None,
        }
    }
}

impl Order {
    /// The payments that it lists. Authorisation and capture are one: the capture, once
    /// it is approved. As two, one of them would be given back.
    fn payments(&self) -> impl Iterator<Item = &Transaction> {
        let listed = &self.transactions.0;
        listed.iter().filter(move |payment| {
            payment.is_payment() && !listed.iter().any(|capture| capture.charged(payment))
        })
    }

    /// True if this payment is one of the order that it does not list: it lists a refund
    /// of it, and no other payment that can have brought the money.
    ///
    /// Only then may PayU be asked about a transaction by its id: the answer names no
    /// order, and would have the approval of any transaction pay for this one. An order
    /// with a refund was paid in any case.
    fn hides(&self, payment: &str) -> bool {
        let listed = &self.transactions.0;
        listed.iter().any(|listed| listed.gives_back(payment))
            && listed.iter().all(|listed| {
                if listed.is_payment() { !listed.is_approved() } else { listed.gives_back(payment) }
            })
    }

    /// True if it lists a payment that fits a confirmation: an approved one, or one that
    /// has been given back since, if the confirmation says approved; else any.
    fn lists_confirmed(&self, approved: bool) -> bool {
        let mut listed = self.transactions.0.iter();
        listed.any(|listed| !approved || listed.is_approved() || !listed.is_payment())
    }

    /// The time of a payment's decision, if PayU says so.
    pub(super) fn decided_at(&self, payment: &str) -> Option<Timestamp> {
        self.transactions.0.iter().find(|transaction| transaction.id == payment)?.at()
    }

    /// The states of all refunds of a payment.
    pub(super) fn refund_states(&self, payment: &str) -> impl Iterator<Item = &str> {
        self.transactions
            .0
            .iter()
            .filter(move |transaction| transaction.gives_back(payment))
            .map(Transaction::state)
    }

    /// True if money of another payment of this order went back.
    fn refunded_another(&self, payment: &str) -> bool {
        self.transactions.0.iter().any(|transaction| {
            let parent = transaction.parent_transaction_id.as_deref();
            parent.is_some_and(|parent| parent != payment && transaction.gives_back(parent))
                && refund_status(transaction.state()) == RefundStatus::Done
        })
    }

    /// The refunds of a payment that are not declined, the newest first.
    pub(super) fn refunds(&self, payment: &str) -> Vec<EarlierRefund> {
        let mut refunds: Vec<_> = self
            .transactions
            .0
            .iter()
            .filter(|transaction| transaction.gives_back(payment))
            .map(|transaction| (refund_status(transaction.state()), transaction))
            .filter(|(status, _)| *status != RefundStatus::Declined)
            .collect();
        refunds.sort_by_key(|(_, refund)| std::cmp::Reverse(refund.at()));
        let earlier = |(status, refund): (RefundStatus, &Transaction)| EarlierRefund {
            id: refund.id.clone(),
            amount: refund.additional_values.money(),
            part: refund.kind.as_deref() == Some("PARTIAL_REFUND"),
            status,
        };
        refunds.into_iter().map(earlier).collect()
    }

    /// True if it is a test payment in an account for real money.
    fn is_test_payment(&self, mode: Mode) -> bool {
        mode == Mode::Live && self.is_test == Some(true)
    }

    /// A payment of this order in the words that all gateways share.
    fn report(&self, transaction: &Transaction, mode: Mode) -> Result<PaymentReport> {
        let id =
            PaymentId::new(&self.id.0, &transaction.id).ok_or_else(|| protocol("an id has a wrong form"))?;
        if self.is_test_payment(mode) {
            return Err(protocol("a payment of play money in an account for real money"));
        }
        let amount = transaction.additional_values.money().or_else(|| self.additional_values.money());
        let amount = amount.filter(|amount| amount.amount > 0);
        let amount = amount.ok_or_else(|| protocol("its amounts make no sense"))?;
        let response = transaction.transaction_response.as_ref();
        let code = response.and_then(|response| response.response_code.as_deref()).unwrap_or_default();
        let order_status = self.status.as_deref().unwrap_or_default();
        let mut mapped = match order_status {
            // Whichever transaction came last, no money came with this one.
            "" | "NEW" | "IN_PROGRESS" | "DECLINED" if transaction.is_authorisation() => {
                map_status("AUTHORIZED", transaction.state(), code)
            }
            _ => map_status(order_status, transaction.state(), code),
        };
        if !mapped.recognised {
            tracing::error!(
                payment = %id,
                order = clip(order_status, 64),
                state = clip(transaction.state(), 64),
                "PayU has a status that Taquilla does not know"
            );
        }
        let mut refunded = 0;
        if matches!(mapped.status, PaymentStatus::Approved | PaymentStatus::Refunded) {
            (mapped.status, refunded) = self.given_back(transaction, amount, mapped.status)?;
        }
        let decided = matches!(mapped.status, PaymentStatus::Approved | PaymentStatus::Refunded);
        let word = transaction.payment_method.as_deref();
        let due = transaction.due().filter(|_| mapped.status == PaymentStatus::Pending);
        let reference = clip(self.reference_code.as_deref().unwrap_or_default(), 256);
        Ok(PaymentReport {
            refunded: Money::new(refunded, amount.currency),
            dispute: (mapped.status == PaymentStatus::ChargedBack).then_some(Dispute::Lost),
            reason: Some(clip(&format!("{order_status}, {}: {code}", transaction.state()), 100)),
            approved_at: transaction.at().filter(|_| decided),
            method: word.map(|word| method_kind(GatewayName::Payu, word)),
            method_name: word.and_then(method_name),
            due,
            ..PaymentReport::new(id.to_string(), reference, mapped.status, amount)
        })
    }

    /// The part of a payment that PayU has given back, and the status that follows from it.
    fn given_back(
        &self,
        payment: &Transaction,
        amount: Money,
        status: PaymentStatus,
    ) -> Result<(PaymentStatus, i64)> {
        let refunds = self.refunds(&payment.id);
        if refunds.is_empty() && self.refunded_another(&payment.id) {
            // A reference that was paid twice is one order with one status for both payments.
            return Ok((PaymentStatus::Approved, 0));
        }
        let approved: Vec<_> = refunds.iter().filter(|refund| refund.status == RefundStatus::Done).collect();
        let parts_only = !approved.is_empty() && approved.iter().all(|refund| refund.part);
        if !parts_only {
            // Without any refund in sight the order's status alone counts.
            let all = status == PaymentStatus::Refunded || !approved.is_empty();
            let given = if all { amount.amount } else { 0 };
            return Ok((if all { PaymentStatus::Refunded } else { status }, given));
        }
        let mut given: i64 = 0;
        for part in approved {
            let money = part.amount.filter(|money| money.currency == amount.currency && money.amount > 0);
            if money.is_none() {
                tracing::warn!(refund = part.id, "PayU does not say how much a refund is");
            }
            given = given.saturating_add(money.map_or(0, |money| money.amount));
        }
        if given > amount.amount {
            return Err(protocol("its amounts make no sense"));
        }
        let all = given == amount.amount;
        Ok((if all { PaymentStatus::Refunded } else { PaymentStatus::Approved }, given))
    }
}

impl PayuGateway {
    pub(super) async fn order(&self, id: u64) -> Result<Order> {
        let orders: OneOrMany<Order> = self.ask(Details::OrderId(id)).await?.unwrap_or_default();
        let order = orders.0.into_iter().next().ok_or(GatewayError::NotFound)?;
        if order.id.0 != id.to_string() {
            return Err(protocol("it answered with another order"));
        }
        Ok(order)
    }

    /// A payment that PayU listed before.
    ///
    /// # Errors
    /// [`GatewayError::NotFound`] if its order does not vouch for it: it lists it as
    /// something else, or lists neither it nor a refund of it.
    pub(super) async fn payment_report(&self, payment_id: &str) -> Result<PaymentReport> {
        let id = PaymentId::read(payment_id)?;
        let order = self.order(id.order).await?;
        let named = |transaction: &&Transaction| transaction.id == id.transaction;
        if order.transactions.0.iter().any(|transaction| named(&transaction)) {
            let payment = order.payments().find(named).ok_or(GatewayError::NotFound)?;
            return order.report(payment, self.mode);
        }
        // An order may list its newest transaction only, which can be a refund.
        if !order.hides(&id.transaction) {
            return Err(GatewayError::NotFound);
        }
        let response: Option<Response> = self.ask(Details::TransactionId(&id.transaction)).await?;
        let transaction = Transaction {
            id: id.transaction,
            kind: None,
            parent_transaction_id: None,
            transaction_response: Some(response.ok_or(GatewayError::NotFound)?),
            payment_method: None,
            extra_parameters: Extra::default(),
            additional_values: Values::default(),
        };
        order.report(&transaction, self.mode)
    }

    pub(super) async fn payments_of_reference(&self, reference: &str) -> Result<Vec<PaymentReport>> {
        self.payments_in(&self.orders_of(reference).await?)
    }

    /// The payments of the reference that a confirmation is signed for.
    ///
    /// # Errors
    /// [`GatewayError::NotFound`] if PayU does not list yet what it confirmed.
    pub(super) async fn payments_confirmed(&self, reference: &SignedReference) -> Result<Vec<PaymentReport>> {
        let orders = self.orders_of(&reference.text).await?;
        if !orders.iter().any(|order| order.lists_confirmed(reference.approved)) {
            return Err(GatewayError::NotFound);
        }
        self.payments_in(&orders)
    }

    async fn orders_of(&self, reference: &str) -> Result<Vec<Order>> {
        let orders: OneOrMany<Order> = self.ask(Details::ReferenceCode(reference)).await?.unwrap_or_default();
        let mut orders = orders.0;
        for order in &mut orders {
            // The name of this field is documented for another call.
            let stated = order.reference_code.get_or_insert_with(|| reference.to_owned());
            if stated != reference {
                return Err(protocol("it answered with other references"));
            }
        }
        Ok(orders)
    }

    /// The payments that orders list, the newest first.
    fn payments_in(&self, orders: &[Order]) -> Result<Vec<PaymentReport>> {
        let mut payments = Vec::new();
        for order in orders {
            if order.is_test_payment(self.mode) {
                // The form's `test` is not signed: a buyer set it.
                tracing::warn!(order = clip(&order.id.0, 64), "an order is paid by a test payment");
                continue;
            }
            for transaction in order.payments() {
                payments.push((transaction.at(), order.report(transaction, self.mode)?));
            }
        }
        payments.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Ok(payments.into_iter().map(|(_, report)| report).take(MAX_PAYMENTS_OF_REFERENCE).collect())
    }

    /// The state of a transaction alone, which is the progress of a refund.
    pub(super) async fn transaction_state(&self, transaction: &str) -> Result<String> {
        if !is_id(transaction) {
            return Err(GatewayError::NotFound);
        }
        let response: Option<Response> = self.ask(Details::TransactionId(transaction)).await?;
        Ok(response.ok_or(GatewayError::NotFound)?.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payment_ids_lead_to_order_and_transaction() {
        let text = "1400449660_60e2080d-08b1-4db2-a54f-8bcbe8271662";
        let id = PaymentId::read(text).expect("an id");
        assert_eq!((id.order, id.to_string().as_str()), (1_400_449_660, text));
        for wrong in ["", "1", "1_", "_a", "x_a", "1_a_b", "1_../x", "99999999999999999999_a"] {
            assert!(matches!(PaymentId::read(wrong), Err(GatewayError::NotFound)), "{wrong}");
        }
        let longest = format!("{}_{}", u64::MAX, "a".repeat(40));
        assert!(PaymentId::read(&longest).is_ok() && longest.len() <= 64, "fits an item's field");
    }
}
