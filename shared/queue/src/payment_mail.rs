//! What mails say about payments that people have to look at.

use domain::payment::{GatewayName, ManualReason};
use domain::payment_difference::PaymentDifference;
use domain::{Money, OrderId, Person, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Organiser, Show};

/// What a mail to the organiser about payments of one order says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsMail {
    /// The order.
    pub order: OrderId,
    /// Who bought.
    pub buyer: Person,
    /// The payments that it is about.
    pub payments: Vec<PaymentFacts>,
    /// What was asked for, if it is not what was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Money>,
    /// What tickets cost that are valid though their money is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncovered: Option<Money>,
    /// True if none of the money is left, so that tickets became worthless.
    #[serde(default)]
    pub worthless: bool,
    /// The show.
    pub show: Show,
    /// Who sells.
    pub organiser: Organiser,
}

/// One payment in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// Where it was paid.
    pub gateway: GatewayName,
    /// The gateway's id of it.
    pub payment_id: String,
    /// The money that the mail is about.
    pub amount: Money,
    /// Why a person has to give it back, if one has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ManualReason>,
}

/// What a reminder of refunds says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundsWaitingMail {
    /// Those that wait longest, the first one longer than the others.
    pub refunds: Vec<WaitingRefund>,
    /// True if there are more than these.
    #[serde(default)]
    pub more: bool,
    /// Who has to do them.
    pub organiser: Organiser,
}

/// A refund that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRefund {
    /// The order.
    pub order: OrderId,
    /// Who gets the money.
    pub buyer: Person,
    /// Since when it waits.
    pub since: Timestamp,
    /// What is to be given back, and where.
    #[serde(flatten)]
    pub payment: PaymentFacts,
}

/// What the report of a day says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferencesMail {
    /// The day, in UTC.
    pub day: Timestamp,
    /// What gateways and orders did not agree about.
    pub differences: Vec<PaymentDifference>,
    /// True if there are more than these.
    #[serde(default)]
    pub more: bool,
    /// Who has to look at it.
    pub organiser: Organiser,
}
