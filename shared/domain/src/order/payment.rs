//! The payments of an order, and their refunds.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::GatewayAccountId;
use crate::payment::{Dispute, GatewayName, ManualReason, PayLater};

/// One payment at a gateway. Usually there is one for each try; a try has several if the gateway's
/// page took the buyer's money twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Counts the tries, from 0; part of the reference that the gateway keeps.
    pub attempt: u8,
    /// The gateway of the payment.
    pub gateway: GatewayName,
    /// The organiser's account there; `None` at the sandbox, which all organisers share.
    pub account: Option<GatewayAccountId>,
    /// The gateway's id of the payment, once it has one.
    pub payment_id: Option<String>,
    /// The URL of the checkout. It is kept where asking the gateway again would make a second
    /// payment.
    pub checkout_url: Option<String>,
    /// The state of the payment.
    pub state: PaymentState,
    /// The amount asked for, in minor units of the order's currency.
    pub amount: i64,
    /// The amount refunded so far.
    pub refunded: i64,
    /// The part of `refunded` that a person gave back, of which the gateway may not know.
    pub by_hand: i64,
    /// The amount to be refunded now.
    pub refund_due: i64,
    /// The progress of the refund of `refund_due`; `None` if no worker has begun.
    pub refund: Option<RefundProgress>,
    /// The reason why all of it goes back, if it paid for no tickets.
    pub unused: Option<UnusedReason>,
    /// The dispute, if the buyer's bank wants the money back.
    pub dispute: Option<Dispute>,
    /// When it was started.
    pub created_at: Timestamp,
    /// The fee that its gateway was told to keep for the operator, in minor units.
    pub marketplace_fee: i64,
    /// A digest of the request that started it, if the request had an idempotency key.
    pub idempotency: Option<String>,
    /// True if the gateway closed it at our request, so that it can no longer be paid.
    pub closed: bool,
    /// Until when its buyer may pay it in cash or by transfer, as the organiser and the show allowed
    /// when it was begun; `None` if its page was to offer no cash.
    pub may_extend_to: Option<Timestamp>,
    /// How its buyer pays later, once the gateway told.
    pub later: Option<PayLater>,
    /// The end of its page, if the order was extended since: see [`Order::page_end`].
    ///
    /// [`Order::page_end`]: super::Order::page_end
    pub page_end: Option<Timestamp>,
}

impl Payment {
    /// A payment that was just started.
    pub fn pending(
        attempt: u8,
        gateway: GatewayName,
        account: Option<GatewayAccountId>,
        amount: i64,
        created_at: Timestamp,
    ) -> Self {
        Self {
            attempt,
            gateway,
            account,
            payment_id: None,
            checkout_url: None,
            state: PaymentState::Pending,
            amount,
            refunded: 0,
            by_hand: 0,
            refund_due: 0,
            refund: None,
            unused: None,
            dispute: None,
            created_at,
            marketplace_fee: 0,
            idempotency: None,
            closed: false,
            may_extend_to: None,
            later: None,
            page_end: None,
        }
    }

    /// True until the gateway's decision is final. A declined payment is undecided, too: the
    /// gateway's page lets the buyer try another card.
    pub const fn is_undecided(&self) -> bool {
        matches!(self.state, PaymentState::Pending | PaymentState::Processing | PaymentState::Declined)
    }

    /// True if it may still be approved, or paid.
    pub fn is_open(&self) -> bool {
        // The sandbox has no second card.
        let is_over = self.state == PaymentState::Declined && self.gateway == GatewayName::Sandbox;
        self.is_undecided() && !self.closed && !is_over
    }

    /// Notes that the gateway has the money, that it pays for no tickets, and that all of it goes
    /// back.
    pub(super) fn give_back(&mut self, reason: UnusedReason) {
        self.state = PaymentState::Approved;
        self.refund_due = self.amount;
        self.unused = Some(reason);
    }

    /// The part of the money that the organiser keeps: neither given back nor due, in minor units.
    pub fn kept(&self) -> i64 {
        match (self.state, self.dispute) {
            (_, Some(Dispute::Lost)) => 0,
            (PaymentState::Approved, _) => self.amount - self.refunded - self.refund_due,
            _ => 0,
        }
    }
}

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Not paid, as far as is known.
    Pending,
    /// Paid by the buyer, and not decided by the gateway: the buyer must not pay again.
    Processing,
    /// Declined, cancelled or expired at the gateway.
    Declined,
    /// The gateway has the money.
    Approved,
    /// The gateway has another amount or currency than asked for: the organiser must check it.
    Mismatched,
    /// All of the money went back at the gateway before it paid for anything.
    Returned,
}

/// The reason why an approved payment pays for no tickets, so that all of it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnusedReason {
    /// Another payment has paid the order, whose tickets are valid.
    PaidTwice,
    /// It came after the reservation's time, when the places were gone.
    PlacesGone,
    /// It came after the buyer had cancelled the reservation.
    Cancelled,
    /// It came in time and paid, but the box office lost the places before they were sold
    /// for good.
    PlacesLost,
}

/// The progress of a refund that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum RefundProgress {
    /// A worker is asking the gateway for it. No other worker may before `until`: not every gateway
    /// recognises a repeated refund.
    Claimed {
        /// The amount that is asked for, in minor units.
        amount: i64,
        /// When a worker first asked for it.
        begun: Timestamp,
        /// When the claim ends, because the worker must be dead or gave up by itself.
        until: Timestamp,
        /// A random number of the worker that has the claim, so that no two claims are the same.
        /// `None` once the worker gave up by itself, which it does if asking again is harmless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<u64>,
        /// True if no earlier worker may have asked for it. Old claims do not have this field.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unasked: bool,
    },
    /// The gateway accepted it and decides later.
    Pending {
        /// The amount, in minor units.
        amount: i64,
        /// The gateway's id of the refund.
        refund_id: String,
        /// When the gateway accepted it.
        since: Timestamp,
    },
    /// A person has to do it at the gateway.
    Manual {
        /// The amount, in minor units.
        amount: i64,
        /// The reason why the gateway does not do it by itself.
        reason: ManualReason,
        /// When it was left to a person.
        since: Timestamp,
    },
}
