//! The facts of mails about payments that a person has to look at.

use domain::payment::{GatewayName, ManualReason, MethodKind};
use domain::payment_difference::PaymentDifference;
use domain::{Money, OrderId, Person, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Organiser, Show};

/// The facts of a mail to the organiser about payments of one order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsMail {
    /// The order.
    pub order: OrderId,
    /// The buyer.
    pub buyer: Person,
    /// The payments that it is about.
    pub payments: Vec<PaymentFacts>,
    /// The amount that was asked for, if another was paid.
    pub asked: Option<Money>,
    /// The price of tickets that are valid though their money is gone.
    pub uncovered: Option<Money>,
    /// True if none of the money is left, so that tickets became worthless.
    #[serde(default)]
    pub worthless: bool,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// One payment in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// The gateway that took it.
    pub gateway: GatewayName,
    /// The gateway's id of it.
    pub payment_id: String,
    /// The money that the mail is about.
    pub amount: Money,
    /// The reason that a person has to give it back, if one has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ManualReason>,
}

/// The facts of a reminder of refunds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundsWaitingMail {
    /// Those that wait longest, the first one longer than the others.
    pub refunds: Vec<WaitingRefund>,
    /// True if there are more than these.
    #[serde(default)]
    pub more: bool,
    /// The organiser, which has to make them.
    pub organiser: Organiser,
}

/// A refund that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRefund {
    /// The order.
    pub order: OrderId,
    /// The buyer, which gets the money.
    pub buyer: Person,
    /// The time since which it waits.
    pub since: Timestamp,
    /// The payment to give back.
    #[serde(flatten)]
    pub payment: PaymentFacts,
}

/// The facts of the report of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferencesMail {
    /// The day, in UTC.
    pub day: Timestamp,
    /// The differences between gateways and orders.
    pub differences: Vec<PaymentDifference>,
    /// True if there are more than these.
    #[serde(default)]
    pub more: bool,
    /// The organiser, which has to look at them.
    pub organiser: Organiser,
}

/// The facts of a mail to the buyer of a payment that comes later, in cash or by transfer.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlipMail {
    /// The order.
    pub order: OrderId,
    /// The address that opens a guest's order; `None` to everybody else.
    pub order_link: Option<String>,
    /// The money to be paid.
    pub amount: Money,
    /// The gateway of the payment.
    pub gateway: GatewayName,
    /// The way to pay.
    pub kind: MethodKind,
    /// The gateway's name of it.
    pub method: Option<String>,
    /// Until when it has to be paid; `None` if it is better not paid.
    pub until: Option<Timestamp>,
    /// The address of the slip.
    pub slip_url: Option<String>,
    /// The number to say at the counter.
    pub code: Option<String>,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}
