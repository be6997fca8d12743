//! An order: what a buyer takes at once, from its hold to its tickets and refunds.
//!
//! `held ─pay→ awaiting_payment ─paid→ paid ─refund→ partly_refunded, refunded`; a hold or a
//! payment that runs out is `released`. No worker has to end a hold: the order has its own expiry,
//! and so does every claim on an allotment.

pub mod attendees;
pub mod attributes;
mod cash;
mod change;
mod difference;
#[cfg(any(test, feature = "testing"))]
pub mod fixture;
mod hold_refusal;
mod next;
mod parts;
mod payment;
mod refund;
mod settlement;
mod transition;
mod withdrawal;

use std::collections::BTreeMap;
use std::ops::Deref;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::payment::GatewayName;
use crate::policy::Accepted;
use crate::{
    Currency, Error, EventId, FIRST_VOUCHER, Language, Money, OrderId, OrderPart, Person, PromotionId,
    Result, TenantId, UserId,
};

pub use change::{Change, Revocation, TaskChange};
pub use difference::{differences, undecided};
pub use hold_refusal::HoldRefusal;
pub use next::{Input, RefundOutcome, Report, Secured, Source, Step};
pub use parts::{
    Attendee, ChosenSeats, ExtraKind, ExtraLine, Holding, OrderLine, Part, Ticket, TicketState, Voucher,
};
pub use payment::{Payment, PaymentState, RefundProgress, UnusedReason};
pub use refund::{RefundAsk, RefundStep};
pub use settlement::Settlement;
pub use transition::{GuestTrace, Hold, StartedPayment};

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The places are held; no payment was started yet.
    Held,
    /// A payment was started at a gateway.
    AwaitingPayment,
    /// Paid, or nothing to pay: the tickets are valid.
    Paid,
    /// Some of its tickets or vouchers were refunded.
    PartlyRefunded,
    /// All of its tickets and vouchers were refunded.
    Refunded,
    /// Ended without tickets: cancelled, given up for another order, or its time ran out (which is
    /// not stored).
    Released,
    /// Paid too late, when the places were gone or the buyer had cancelled: the money goes back.
    RefundDue,
}

impl OrderStatus {
    /// True once tickets were issued.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::PartlyRefunded | Self::Refunded)
    }

    /// True once a payment has its outcome: the places are sold, or the money goes back.
    pub const fn has_outcome(self) -> bool {
        self.is_settled() || matches!(self, Self::RefundDue)
    }
}

/// An order with everything that belongs to it.
///
/// Every module can read its [`OrderFields`]; only the transitions in this module change them. A
/// transition returns a [`Change`]: what must be written together with the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(OrderFields);

impl Deref for Order {
    type Target = OrderFields;

    fn deref(&self) -> &OrderFields {
        &self.0
    }
}

impl From<OrderFields> for Order {
    /// The order as the table has it.
    fn from(stored: OrderFields) -> Self {
        Self(stored)
    }
}

/// The fields of an order, which all modules can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFields {
    /// The order's id.
    pub id: OrderId,
    /// The buyer's user id.
    pub user: UserId,
    /// The organiser's tenant id.
    pub tenant: TenantId,
    /// The event of the tickets.
    pub event: EventId,
    /// The status as it was last written; see [`Order::status_at`].
    pub status: OrderStatus,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The lines: each has the tickets of one area and price.
    pub lines: Vec<OrderLine>,
    /// The extras: each has the units of one variant of a product.
    pub extras: Vec<ExtraLine>,
    /// The total that the buyer pays, in minor units.
    pub total: i64,
    /// The buyer's e-mail address and name.
    pub buyer: Person,
    /// The telephone number that a guest left.
    pub phone: Option<String>,
    /// The mark of the network from which a guest made it; `None` for the order of an account.
    pub guest_network: Option<String>,
    /// Counts how often its link was renewed: only the newest link opens it.
    pub link_epoch: u16,
    /// The language of the mails about it.
    pub language: Language,
    /// The attendees: one for each ticket in the order of the lines, or none yet.
    pub attendees: Vec<Attendee>,
    /// Its claims on allotments.
    pub holdings: Vec<Holding>,
    /// When an unpaid hold ends.
    pub expires_at: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// The payments at gateways, failed ones included.
    pub payments: Vec<Payment>,
    /// The state of single tickets, by their index, and of vouchers, by 128 and their index; a new one
    /// has none.
    pub tickets: BTreeMap<u8, TicketState>,
    /// The promotion whose use it claimed; unknown of orders that are older than this field.
    pub promotion_id: Option<PromotionId>,
    /// The code of the promotion whose use it claimed.
    pub promotion_code: Option<String>,
    /// A digest of the request that created it, if the request had an idempotency key.
    pub idempotency: Option<String>,
    /// The operator's commission if all of its money is kept, in minor units.
    pub commission: i64,
    /// The organiser's policies that the buyer accepted; `None` if there were none.
    pub accepted: Option<Accepted>,
    /// When its buyer withdrew, for the last time.
    pub withdrawn_at: Option<Timestamp>,
    /// When its tickets were mailed.
    pub mailed_at: Option<Timestamp>,
    /// Counts changes.
    pub version: u32,
}

/// The most tries to pay one order.
pub const MAX_PAYMENT_ATTEMPTS: usize = 5;

/// The outcome of money that arrives from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfPaid {
    /// It buys the tickets.
    Tickets,
    /// The reservation's time is over: it buys the tickets if the places are still free,
    /// and goes back if not.
    TicketsOrRefund,
    /// It goes back: the reservation was cancelled, or is paid already.
    Refund,
}

impl Order {
    /// The status at `now`: a hold that ran out is released, although that is not stored.
    pub fn status_at(&self, now: Timestamp) -> OrderStatus {
        match self.status {
            OrderStatus::Held | OrderStatus::AwaitingPayment if now >= self.expires_at => {
                OrderStatus::Released
            }
            status => status,
        }
    }

    /// The amount that a refund of each ticket and voucher gives back, in minor units: the tickets in
    /// the order of the lines, then the vouchers in that of the extras.
    pub fn part_totals(&self) -> impl Iterator<Item = (OrderPart, i64)> {
        let tickets = self.lines.iter().flat_map(|line| line.ticket_totals(self.currency));
        let tickets = (0..).zip(tickets).map(|(index, amount)| (self.id.ticket(index).into(), amount));
        let vouchers = self.extras.iter().flat_map(|extra| extra.unit_totals(self.currency));
        let vouchers = (0..).zip(vouchers).map(|(index, amount)| (self.id.voucher(index).into(), amount));
        tickets.chain(vouchers)
    }

    /// The total with its currency.
    pub fn total(&self) -> Money {
        Money::new(self.total, self.currency)
    }

    /// True if it was made without an account: its buyer comes to it by its link.
    pub fn is_of_guest(&self) -> bool {
        self.guest_network.is_some()
    }

    /// The number of its tickets.
    pub fn ticket_count(&self) -> u8 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// Its tickets, in the order of the lines; none before it is paid.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket<'_>> {
        let issued = self.status.is_settled();
        let places = self.lines.iter().flat_map(|line| {
            (0..line.quantity).map(move |place| (line.area, line.seats.get(usize::from(place))))
        });
        (0..).zip(places).filter(move |_| issued).map(|(index, (area, seat))| {
            let state = self.tickets.get(&index);
            Ticket {
                id: self.id.ticket(index),
                index,
                area,
                seat,
                attendee: self.attendees.get(usize::from(index)),
                serial: state.map_or(0, |state| state.serial),
                refunded: self.is_refunded(index),
                holder: state.and_then(|state| state.holder).unwrap_or(self.user),
                transferred_at: state.and_then(|state| state.transferred_at),
            }
        })
    }

    /// Its vouchers, in the order of the extras; none before it is paid.
    pub fn vouchers(&self) -> impl Iterator<Item = Voucher<'_>> {
        let issued = self.status.is_settled();
        let units = self.extras.iter().flat_map(|extra| (0..extra.quantity).map(move |_| extra));
        (0..).zip(units).filter(move |_| issued).map(|(index, extra)| Voucher {
            id: self.id.voucher(index),
            index,
            extra,
            refunded: self.is_refunded(FIRST_VOUCHER + index),
        })
    }

    /// How many units of each extra are not refunded.
    pub fn kept_units(&self) -> Vec<u8> {
        let mut first = FIRST_VOUCHER;
        let extras = self.extras.iter().map(|extra| {
            let kept = (first..first + extra.quantity).filter(|place| !self.is_refunded(*place)).count();
            first += extra.quantity;
            u8::try_from(kept).unwrap_or(u8::MAX)
        });
        extras.collect()
    }

    /// True if the ticket or voucher with this place among the states was refunded.
    pub fn is_refunded(&self, place: u8) -> bool {
        self.tickets.get(&place).is_some_and(|state| state.refunded)
    }

    /// The sum of the approved payments, without regard to refunds, in minor units.
    pub fn paid(&self) -> i64 {
        let approved = self.payments.iter().filter(|payment| payment.state == PaymentState::Approved);
        approved.map(|payment| payment.amount).sum()
    }

    /// The sum of the refunds so far, in minor units.
    pub fn refunded(&self) -> i64 {
        self.payments.iter().map(|payment| payment.refunded).sum()
    }

    /// True if money that arrives buys its tickets, as long as its places are free: it has no
    /// outcome, and the buyer did not cancel it. It may have run out, which is not stored.
    pub fn is_payable(&self) -> bool {
        matches!(self.status, OrderStatus::Held | OrderStatus::AwaitingPayment)
    }

    /// Checks that it may be paid at `now`.
    pub fn payable(&self, now: Timestamp) -> Result<()> {
        match self.status_at(now) {
            OrderStatus::Held | OrderStatus::AwaitingPayment => Ok(()),
            OrderStatus::Released => Err(Error::gone(
                "reservation_expired",
                "This reservation has ended and its places are free again. Ask for a new quote.",
            )),
            OrderStatus::RefundDue => Err(Error::conflict(
                "already_paid",
                "This reservation had ended when it was paid; its money goes back. Ask for a new quote.",
            )),
            _ => Err(Error::conflict("already_paid", "This reservation is paid already.")),
        }
    }

    /// The number of one more payment. It is part of the payment's reference, so no two payments
    /// may share it.
    ///
    /// # Errors
    /// `too_many_payments` (409) after [`MAX_PAYMENT_ATTEMPTS`].
    pub fn next_attempt(&self) -> Result<u8> {
        let attempts = u8::try_from(self.payments.len()).unwrap_or(u8::MAX);
        if usize::from(attempts) < MAX_PAYMENT_ATTEMPTS {
            return Ok(attempts);
        }
        Err(Error::conflict(
            "too_many_payments",
            "This reservation has had too many payment attempts. Cancel it and reserve again.",
        ))
    }

    /// Checks that the buyer may give the places back at `now`.
    pub fn cancellable(&self, now: Timestamp) -> Result<()> {
        match self.status_at(now) {
            OrderStatus::Held | OrderStatus::AwaitingPayment | OrderStatus::Released => Ok(()),
            OrderStatus::RefundDue => Err(Error::conflict(
                "already_paid",
                "The money of this reservation goes back already: there is nothing to cancel.",
            )),
            _ => Err(Error::conflict(
                "already_paid",
                "This reservation is paid; its tickets can only be refunded.",
            )),
        }
    }

    /// A payment about which its gateway has not decided: meanwhile another would pay twice.
    pub fn processing_payment(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.state == PaymentState::Processing)
    }

    /// The outcome if the buyer pays `payment` now, or if the gateway approves it; `None` if
    /// neither can happen any more.
    pub fn if_paid(&self, payment: &Payment, now: Timestamp) -> Option<IfPaid> {
        let is_over = payment.state == PaymentState::Declined
            && now >= self.page_end(payment) + payment.gateway.grace();
        (payment.is_open() && !is_over).then(|| {
            if !self.is_payable() {
                IfPaid::Refund
            } else if now < self.expires_at {
                IfPaid::Tickets
            } else {
                IfPaid::TicketsOrRefund
            }
        })
    }

    /// The last payment that is still to be paid, at `gateway` if that is given.
    pub fn open_payment(&self, gateway: Option<GatewayName>) -> Option<&Payment> {
        self.payments.iter().rev().find(|payment| {
            payment.state == PaymentState::Pending && gateway.is_none_or(|name| name == payment.gateway)
        })
    }
}

#[cfg(test)]
mod tests;
