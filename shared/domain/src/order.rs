//! An order: the reservation that a hold makes and the purchase it becomes.
//!
//! `held ─pay→ awaiting_payment ─paid→ paid ─refund→ partly_refunded, refunded`;
//! a hold or a payment that runs out is `released`. Nothing has to happen for a
//! hold to end: it carries its own expiry, and so does every allotment it took.

mod payment;
mod refund;
mod settlement;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::payable::PriceUnit;
use crate::payment::GatewayName;
use crate::pricing::QuoteLine;
use crate::seat::SeatLabel;
use crate::{
    AreaId, Currency, Error, EventId, Language, Money, OrderId, Result, SaleStageId, TenantId, TicketId,
    UserId,
};

pub use payment::{ManualReason, Payment, PaymentState, RefundProgress, UnusedReason};
pub use refund::{RefundAsk, RefundStep};
pub use settlement::Settlement;

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The places are held; nobody has asked for money yet.
    Held,
    /// A payment was started at a gateway.
    AwaitingPayment,
    /// Paid, or nothing to pay: the tickets are valid.
    Paid,
    /// Some of its tickets were refunded.
    PartlyRefunded,
    /// All of its tickets were refunded.
    Refunded,
    /// Cancelled by the buyer, which alone is written down, or its time ran out.
    Released,
    /// Paid too late, when the places were gone or the buyer had cancelled: the money goes back.
    RefundDue,
}

impl OrderStatus {
    /// True once tickets were issued.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::PartlyRefunded | Self::Refunded)
    }

    /// True once a payment was decided about: its places are sold, or its money goes back.
    pub const fn has_outcome(self) -> bool {
        self.is_settled() || matches!(self, Self::RefundDue)
    }
}

/// Somebody with an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// E-mail address, lower case.
    pub email: String,
    /// Name, possibly empty.
    pub name: String,
}

/// Who will use a ticket. The wire names are Spanish because clients of the
/// Crowdify system send them so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub nombre: Option<String>,
    /// The national id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub rut: Option<String>,
    /// The date of birth, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fecha_nacimiento: Option<jiff::civil::Date>,
}

/// What becomes of money that arrives from now on.
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

/// Tickets of one area and price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The area.
    pub area: AreaId,
    /// How many tickets.
    pub quantity: u8,
    /// The seats, one for each ticket; empty for general admission.
    pub seats: Vec<SeatLabel>,
    /// The stage that set the price.
    pub stage: Option<SaleStageId>,
    /// Price of the tickets before anything else, in minor units.
    pub base: i64,
    /// What the stage added or took off.
    pub stage_adjustment: i64,
    /// What the promotion took off, zero or negative.
    pub promotion: i64,
    /// The convenience fee.
    pub fee: i64,
    /// The value added tax: contained in the other amounts, or on top of them.
    pub vat: i64,
    /// What the buyer pays for the line.
    pub total: i64,
}

impl From<QuoteLine> for OrderLine {
    /// The price that was shown is the price that is charged.
    fn from(line: QuoteLine) -> Self {
        Self {
            area: line.area_id,
            quantity: line.quantity,
            seats: line.seats,
            stage: line.stage_id,
            base: line.base,
            stage_adjustment: line.stage_adjustment,
            promotion: line.promotion,
            fee: line.fee,
            vat: line.vat,
            total: line.total,
        }
    }
}

impl OrderLine {
    /// The line's total divided over its tickets: what is given back when
    /// tickets are refunded one by one.
    pub fn ticket_totals(&self, currency: Currency) -> impl Iterator<Item = i64> {
        PriceUnit::of(currency).even_shares(self.total, self.quantity)
    }
}

/// What an order took from an allotment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Seats of one row block of the line's area.
    Seats {
        /// Index into the order's lines.
        line: u8,
        /// Index of the row block in the area.
        row: u16,
        /// The seat numbers.
        seats: Vec<u16>,
    },
    /// Admissions of the line's area.
    Admissions {
        /// Index into the order's lines.
        line: u8,
        /// How many of which block.
        parts: Vec<Part>,
    },
    /// Tickets of a limited sale stage.
    Stage {
        /// The stage.
        stage: SaleStageId,
        /// How many of which block.
        parts: Vec<Part>,
    },
    /// A use of the order's promotion.
    Promotion {
        /// How many of which block.
        parts: Vec<Part>,
    },
    /// One of the buyer's own uses of the order's promotion.
    PromotionBuyer,
}

/// A quantity from one block of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Index of the block.
    pub block: u16,
    /// How many.
    pub quantity: u8,
}

/// What is special about one ticket of an order; a ticket without is valid and
/// has its first code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketState {
    /// Counts the codes of the ticket: a new one makes the old ones worthless.
    pub serial: u16,
    /// Refunded: admits nobody.
    pub refunded: bool,
    /// Who has it now, if not the buyer.
    pub holder: Option<UserId>,
}

/// An order with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Who buys.
    pub user: UserId,
    /// The organiser.
    pub tenant: TenantId,
    /// The event.
    pub event: EventId,
    /// How far it is; see [`Order::status_at`].
    pub status: OrderStatus,
    /// The currency of all amounts.
    pub currency: Currency,
    /// What is bought.
    pub lines: Vec<OrderLine>,
    /// What the buyer pays, in minor units.
    pub total: i64,
    /// The buyer.
    pub buyer: Person,
    /// The language of its mails.
    pub language: Language,
    /// One for each ticket in the order of the lines, or none yet.
    pub attendees: Vec<Attendee>,
    /// What it took from the allotments.
    pub holdings: Vec<Holding>,
    /// When an unpaid hold ends.
    pub expires_at: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// The tries to pay.
    pub payments: Vec<Payment>,
    /// What is special about single tickets, by their index.
    pub tickets: BTreeMap<u8, TicketState>,
    /// The promotion whose use it took.
    pub promotion_code: Option<String>,
    /// A digest of the request that created it, if it named an idempotency key.
    pub idempotency: Option<String>,
    /// When its tickets were mailed.
    pub mailed_at: Option<Timestamp>,
    /// Counts changes.
    pub version: u32,
}

/// The most tries to pay one order.
pub const MAX_PAYMENT_ATTEMPTS: usize = 5;

/// One admission document of a paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// The ticket's id.
    pub id: TicketId,
    /// Its index in the order.
    pub index: u8,
    /// The area.
    pub area: AreaId,
    /// The seat, if it has one.
    pub seat: Option<&'a SeatLabel>,
    /// Who will use it, if asked.
    pub attendee: Option<&'a Attendee>,
    /// Counts its codes.
    pub serial: u16,
    /// Refunded: admits nobody.
    pub refunded: bool,
    /// Who has it.
    pub holder: UserId,
}

impl Order {
    /// The status as it is at `now`: a hold that ran out is released, whether or
    /// not anybody wrote that down.
    pub fn status_at(&self, now: Timestamp) -> OrderStatus {
        match self.status {
            OrderStatus::Held | OrderStatus::AwaitingPayment if now >= self.expires_at => {
                OrderStatus::Released
            }
            status => status,
        }
    }

    /// What each ticket is given back for when it is refunded, in the order of the lines, in
    /// minor units.
    pub fn ticket_totals(&self) -> impl Iterator<Item = i64> {
        self.lines.iter().flat_map(|line| line.ticket_totals(self.currency))
    }

    /// The total with its currency.
    pub fn total(&self) -> Money {
        Money::new(self.total, self.currency)
    }

    /// How many tickets it has.
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
                refunded: state.is_some_and(|state| state.refunded),
                holder: state.and_then(|state| state.holder).unwrap_or(self.user),
            }
        })
    }

    /// What gateways took, whatever went back since, in minor units.
    pub fn paid(&self) -> i64 {
        let approved = self.payments.iter().filter(|payment| payment.state == PaymentState::Approved);
        approved.map(|payment| payment.amount).sum()
    }

    /// What was given back so far, in minor units.
    pub fn refunded(&self) -> i64 {
        self.payments.iter().map(|payment| payment.refunded).sum()
    }

    /// True if money that arrives buys its tickets, as long as its places are free: it has no
    /// outcome, and its buyer did not cancel it. That its time ran out is not written down.
    pub const fn is_payable(&self) -> bool {
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
            _ => Err(Error::conflict("already_paid", "This reservation is paid already.")),
        }
    }

    /// The number of one more try to pay. That of each try is in its reference, so no
    /// two have the same.
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
            _ => Err(Error::conflict(
                "already_paid",
                "This reservation is paid; its tickets can only be refunded.",
            )),
        }
    }

    /// A payment that its gateway decides about: another would be one too many.
    pub fn processing_payment(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.state == PaymentState::Processing)
    }

    /// What becomes of the money if somebody pays `payment` now, or if it is approved;
    /// `None` if neither can happen any more.
    pub fn if_paid(&self, payment: &Payment, now: Timestamp) -> Option<IfPaid> {
        let is_over =
            payment.state == PaymentState::Declined && now >= self.expires_at + payment.gateway.grace();
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

    /// The last try to pay that nobody has paid, at `gateway` if that is given.
    pub fn open_payment(&self, gateway: Option<GatewayName>) -> Option<&Payment> {
        self.payments.iter().rev().find(|payment| {
            payment.state == PaymentState::Pending && gateway.is_none_or(|name| name == payment.gateway)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QuoteId;

    pub(super) fn now() -> Timestamp {
        Timestamp::from_second(1_795_000_000).expect("in range")
    }

    /// An order of 100 with payments in these states, each of another try.
    pub(super) fn order(status: OrderStatus, payments: &[PaymentState]) -> Order {
        let id = OrderId::of_quote(QuoteId::generate(now()), UserId::generate(now()));
        let line = OrderLine {
            area: AreaId::generate(now()),
            quantity: 3,
            seats: Vec::new(),
            stage: None,
            base: 100,
            stage_adjustment: 0,
            promotion: 0,
            fee: 0,
            vat: 0,
            total: 100,
        };
        let payment = |(attempt, state): (u8, &PaymentState)| Payment {
            attempt,
            gateway: GatewayName::Sandbox,
            account: None,
            payment_id: None,
            checkout_url: None,
            state: *state,
            amount: 100,
            refunded: 0,
            by_hand: 0,
            refund_due: 0,
            refund: None,
            unused: None,
            dispute: None,
            created_at: now(),
            idempotency: None,
            closed: false,
        };
        Order {
            id,
            user: UserId::generate(now()),
            tenant: TenantId::generate(now()),
            event: EventId::generate(now()),
            status,
            currency: Currency::CLP,
            lines: vec![line],
            total: 100,
            buyer: Person { email: "ana@example.com".to_owned(), name: String::new() },
            language: Language::Es,
            attendees: Vec::new(),
            holdings: Vec::new(),
            expires_at: now() + std::time::Duration::from_secs(600),
            paid_at: None,
            payments: (0..).zip(payments).map(payment).collect(),
            tickets: BTreeMap::new(),
            promotion_code: None,
            idempotency: None,
            mailed_at: None,
            version: 1,
        }
    }

    #[test]
    fn an_unpaid_hold_ends_by_itself() {
        let order = order(OrderStatus::Held, &[]);
        assert_eq!(order.status_at(now()), OrderStatus::Held);
        assert_eq!(order.status_at(order.expires_at), OrderStatus::Released);
        assert_eq!(order.payable(order.expires_at).expect_err("ended").code(), "reservation_expired");
        order.cancellable(order.expires_at).expect("giving back what is free already harms nobody");
        let paid = Order { status: OrderStatus::Paid, ..order };
        assert_eq!(paid.status_at(paid.expires_at), OrderStatus::Paid);
        assert_eq!(paid.cancellable(now()).expect_err("paid").code(), "already_paid");
    }

    #[test]
    fn tickets_exist_once_it_is_paid_and_know_their_holder() {
        let mut order = order(OrderStatus::Held, &[]);
        assert_eq!(order.tickets().count(), 0);
        order.status = OrderStatus::Paid;
        let receiver = UserId::generate(now());
        order.tickets.insert(1, TicketState { serial: 1, refunded: false, holder: Some(receiver) });
        let holders: Vec<_> =
            order.tickets().map(|ticket| (ticket.id, ticket.serial, ticket.holder)).collect();
        let expected = [
            (order.id.ticket(0), 0, order.user),
            (order.id.ticket(1), 1, receiver),
            (order.id.ticket(2), 0, order.user),
        ];
        assert_eq!(holders, expected);
    }

    #[test]
    fn what_single_tickets_cost_adds_up_to_the_line() {
        let order = order(OrderStatus::Paid, &[]);
        assert_eq!(order.lines[0].ticket_totals(order.currency).collect::<Vec<_>>(), [34, 33, 33]);
    }

    #[test]
    fn who_was_declined_may_pay_with_another_card_until_the_page_ends() {
        let mut order = order(OrderStatus::AwaitingPayment, &[PaymentState::Declined]);
        let if_paid = |order: &Order, now| order.if_paid(&order.payments[0], now);
        assert_eq!(if_paid(&order, now()), None, "the sandbox has no second card");
        order.payments[0].gateway = GatewayName::MercadoPago;
        assert_eq!(if_paid(&order, now()), Some(IfPaid::Tickets));
        assert_eq!(if_paid(&order, order.expires_at), Some(IfPaid::TicketsOrRefund));
        let end = order.expires_at + GatewayName::MercadoPago.grace();
        assert_eq!(if_paid(&order, end), None);
        order.payments[0].state = PaymentState::Pending;
        assert_eq!(if_paid(&order, end), Some(IfPaid::TicketsOrRefund), "nothing is known of it");
        order.payments[0].state = PaymentState::Declined;
        order.status = OrderStatus::Released;
        assert_eq!(if_paid(&order, now()), Some(IfPaid::Refund));
        order.payments[0].closed = true;
        assert_eq!(if_paid(&order, now()), None);
    }

    #[test]
    fn the_last_open_try_is_found_again_at_each_gateway() {
        let (pending, declined) = (PaymentState::Pending, PaymentState::Declined);
        let mut order = order(OrderStatus::AwaitingPayment, &[pending, pending, pending, declined]);
        order.payments[1].gateway = GatewayName::Payu;
        let attempt = |gateway| order.open_payment(gateway).map(|payment| payment.attempt);
        assert_eq!(attempt(None), Some(2));
        assert_eq!(attempt(Some(GatewayName::Payu)), Some(1));
        assert_eq!(attempt(Some(GatewayName::Wompi)), None);
    }

    #[test]
    fn not_more_tries_than_can_be_numbered() {
        let mut order = order(OrderStatus::AwaitingPayment, &[PaymentState::Declined; MAX_PAYMENT_ATTEMPTS]);
        assert_eq!(order.next_attempt().expect_err("too many").code(), "too_many_payments");
        order.payable(now()).expect("the last try may go on");
        order.payments.pop();
        assert_eq!(order.next_attempt().expect("one more"), 4);
    }
}
