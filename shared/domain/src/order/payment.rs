//! The tries to pay an order, and the money that goes back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::GatewayAccountId;
use crate::payment::{Dispute, GatewayName, ManualReason};

/// One payment at a gateway. Usually one for each try; a try has several where the
/// gateway's page took the buyer's money twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Counts the tries, from 0; part of the reference that the gateway keeps.
    pub attempt: u8,
    /// The gateway.
    pub gateway: GatewayName,
    /// The organiser's account there; `None` at the sandbox, which is one for everybody.
    pub account: Option<GatewayAccountId>,
    /// The gateway's id of the payment, once it has one.
    pub payment_id: Option<String>,
    /// The page where the buyer pays, where asking the gateway again would make a
    /// second payment.
    pub checkout_url: Option<String>,
    /// How far it is.
    pub state: PaymentState,
    /// Asked for, in minor units of the order's currency.
    pub amount: i64,
    /// Given back so far.
    pub refunded: i64,
    /// How much of that a person gave back, which the gateway may know nothing of.
    pub by_hand: i64,
    /// To be given back now.
    pub refund_due: i64,
    /// How far the refund of `refund_due` is; `None` if nobody began with it.
    pub refund: Option<RefundProgress>,
    /// Why all of it goes back, if it paid for no tickets.
    pub unused: Option<UnusedReason>,
    /// Whether the buyer's bank wants the money back.
    pub dispute: Option<Dispute>,
    /// When it was started.
    pub created_at: Timestamp,
    /// A digest of the request that started it, if it named an idempotency key.
    pub idempotency: Option<String>,
    /// True if the gateway closed it for us, so that nobody can pay it any more.
    pub closed: bool,
}

impl Payment {
    /// A try of which nothing is known yet.
    pub fn pending(
        attempt: u8,
        (gateway, account): (GatewayName, Option<GatewayAccountId>),
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
            idempotency: None,
            closed: false,
        }
    }

    /// True if nothing is known that decides about it for good. A declined one is among
    /// these: the page of the gateway lets the buyer try another card.
    pub const fn is_undecided(&self) -> bool {
        matches!(self.state, PaymentState::Pending | PaymentState::Processing | PaymentState::Declined)
    }

    /// True if it may still be approved, or paid.
    pub fn is_open(&self) -> bool {
        // The sandbox has no second card.
        let is_over = self.state == PaymentState::Declined && self.gateway == GatewayName::Sandbox;
        self.is_undecided() && !self.closed && !is_over
    }

    /// Notes that the gateway has the money, that it pays for nothing, and that it goes back.
    pub(super) fn give_back(&mut self, reason: UnusedReason) {
        self.state = PaymentState::Approved;
        self.refund_due = self.amount;
        self.unused = Some(reason);
    }

    /// What of the money is still the organiser's and not about to go back, in minor
    /// units.
    pub fn kept(&self) -> i64 {
        match (self.state, self.dispute) {
            (_, Some(Dispute::Lost)) => 0,
            (PaymentState::Approved, _) => self.amount - self.refunded - self.refund_due,
            _ => 0,
        }
    }
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nobody has paid it, as far as is known.
    Pending,
    /// The buyer has paid, and the gateway has not decided: not to be paid once more.
    Processing,
    /// Declined, cancelled or expired at the gateway.
    Declined,
    /// The gateway has the money.
    Approved,
    /// The gateway has another amount or currency than asked for: the organiser
    /// must look.
    Mismatched,
    /// All of the money went back at the gateway before it paid for anything.
    Returned,
}

/// Why a payment that a gateway approved pays for no tickets, so that all of it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnusedReason {
    /// The order has its money from another payment: its tickets hold.
    PaidTwice,
    /// It came after the reservation's time, when the places were gone.
    PlacesGone,
    /// It came after the buyer had cancelled the reservation.
    Cancelled,
    /// It came in time and paid, but the box office lost the places before they were sold
    /// for good.
    PlacesLost,
}

/// How far the refund of what is due is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum RefundProgress {
    /// A worker is asking the gateway for it. Nobody else may before `until`: not
    /// every gateway recognises a refund that is asked for twice.
    Claimed {
        /// How much is asked for, in minor units.
        amount: i64,
        /// When it was first asked for.
        begun: Timestamp,
        /// When the worker must be dead; long past if it gave up by itself.
        until: Timestamp,
        /// Drawn by the worker that has it in hand, so that no two claims are the same.
        /// `None` once it gave up by itself, which it does if asking again is harmless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<u64>,
        /// True if no worker before may have asked for it. Old claims do not say so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unasked: bool,
    },
    /// The gateway accepted it and decides later.
    Pending {
        /// How much, in minor units.
        amount: i64,
        /// The gateway's id of the refund.
        refund_id: String,
        /// Since when.
        since: Timestamp,
    },
    /// A person has to do it at the gateway.
    Manual {
        /// How much, in minor units.
        amount: i64,
        /// Why the gateway does not do it by itself.
        reason: ManualReason,
        /// Since when.
        since: Timestamp,
    },
}
