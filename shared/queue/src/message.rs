use domain::gateway_account::AccountRef;
use domain::payment::{GatewayName, PaymentHint};
use domain::{InvitationId, OrderId, TenantId, Timestamp, TransferId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::MailMessage;
use domain::outbox::OrderNews;
use domain::second_factor::FactorNews;
use domain::user::Email;

/// The message type of one queue.
pub trait Message: Serialize + DeserializeOwned {
    /// The environment variable with the URL of its queue.
    const QUEUE_URL: &'static str;
}

/// A message to `settler`: look at a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PaymentMessage {
    /// A gateway said that something happened to a payment.
    Notification(Notification),
    /// Nothing was heard of an order's payments: ask.
    Reconcile {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
        /// The number of earlier questions about this order.
        #[serde(default)]
        round: u16,
    },
    /// A gateway has news of an order's payments that the order has not, and its buyer
    /// waits for them: ask, once.
    Ask {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// An order has money to be given back.
    Refund {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// Compare what the gateways have of an order's payments with the order, settle
    /// what can be settled, and write down what is left.
    Audit {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
    },
}

impl Message for PaymentMessage {
    const QUEUE_URL: &'static str = "PAYMENTS_QUEUE_URL";
}

/// A gateway's hint, its signature checked. The payment itself is asked of its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The gateway.
    pub gateway: GatewayName,
    /// The organiser's account there; `None` at the sandbox, which all organisers share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountRef>,
    /// The payments to ask about.
    pub hint: PaymentHint,
    /// The time of arrival.
    pub received_at: Timestamp,
}

/// A message to `issuer`: compose the mails about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum IssueMessage {
    /// Draw and mail the tickets of a paid order.
    Tickets {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// Tell the buyer or the organiser news of an order.
    News {
        /// The buyer.
        user: UserId,
        /// The order.
        order: OrderId,
        /// The news.
        news: OrderNews,
    },
    /// Remind an organiser of the refunds that wait for a person.
    RefundsWaiting {
        /// The organiser.
        tenant: TenantId,
    },
    /// Report to an organiser the payment differences of a day.
    PaymentDifferences {
        /// The organiser.
        tenant: TenantId,
        /// The day, in UTC, by its first moment.
        day: Timestamp,
    },
    /// Mail the offer of a transfer to its receiver.
    TransferOffered {
        /// The ticket's holder.
        from: UserId,
        /// The transfer.
        transfer: TransferId,
    },
    /// Mail an invitation to an organiser's staff.
    StaffInvited {
        /// The organiser.
        tenant: TenantId,
        /// The invitation.
        invitation: InvitationId,
    },
    /// Tell a user what was done to the second factors.
    FactorsChanged {
        /// The user.
        user: UserId,
        /// What was done.
        news: FactorNews,
        /// When.
        at: Timestamp,
    },
    /// Mail the links of the orders from which the owner of an address can withdraw.
    WithdrawalAsked {
        /// The address.
        email: Email,
        /// The one order that was asked for; all if missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
    },
    /// Mail a transferred ticket to its new holder.
    TransferAccepted {
        /// The ticket's former holder.
        from: UserId,
        /// The transfer.
        transfer: TransferId,
    },
}

impl Message for IssueMessage {
    const QUEUE_URL: &'static str = "ISSUE_QUEUE_URL";
}

impl Message for MailMessage {
    const QUEUE_URL: &'static str = "MAIL_QUEUE_URL";
}
