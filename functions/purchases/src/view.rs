//! An order as its buyer sees it: as a reservation first, as a purchase then.

use domain::order::{
    Attendee, IfPaid, Order, OrderStatus, Payment, PaymentState, RefundProgress, UnusedReason,
};
use domain::payment::{Dispute, GatewayName};
use domain::seat::SeatLabel;
use domain::{Amount, AreaId, Currency, EventId, OrderId, SaleStageId, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Conflict, StoredEvent};

use crate::checkout;

/// An order. Amounts are in `currency`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrderView {
    /// The reservation's id, and the purchase's.
    id: OrderId,
    /// How far it is.
    status: OrderStatus,
    /// The event.
    event_id: EventId,
    /// The event's title.
    event_name: String,
    /// The currency of all amounts.
    currency: Currency,
    /// What is bought.
    lines: Vec<LineView>,
    /// What is paid.
    total: Amount,
    /// What gateways took in all, before anything went back: more than `total` if it was
    /// paid twice.
    paid: Amount,
    /// What was given back in all, of payments that bought no tickets, too.
    refunded: Amount,
    /// The promotion that took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion_code: Option<String>,
    /// Who will use the tickets, in the order of the lines.
    attendees: Vec<Attendee>,
    /// What each attendee is asked for before paying.
    attendee_fields: Vec<domain::event::AttendeeField>,
    /// The tries to pay.
    payments: Vec<PaymentView>,
    /// The tickets, once it is paid.
    tickets: Vec<OrderTicket>,
    /// When it was made.
    created_at: Timestamp,
    /// When an unpaid hold ends.
    expires_at: Timestamp,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<Timestamp>,
    /// When its tickets were mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailed_at: Option<Timestamp>,
}

/// Tickets of one area and price.
#[derive(Debug, Serialize, JsonSchema)]
struct LineView {
    /// The area.
    area_id: AreaId,
    /// Its name.
    area_name: String,
    /// How many tickets.
    quantity: u8,
    /// The seats; empty for general admission.
    seats: Vec<SeatLabel>,
    /// The stage that set the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_sale_stage_id: Option<SaleStageId>,
    /// The price of the tickets before anything else.
    base: Amount,
    /// What the stage adds or takes off.
    stage_adjustment: Amount,
    /// What the promotion takes off: zero or negative.
    promotion: Amount,
    /// The convenience fee.
    fee: Amount,
    /// The value added tax.
    vat: Amount,
    /// What is paid for the line.
    total: Amount,
}

/// One try to pay.
#[derive(Debug, Serialize, JsonSchema)]
struct PaymentView {
    /// The gateway.
    gateway: GatewayName,
    /// The gateway's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_gateway_transaction_id: Option<String>,
    /// How far it is.
    status: PaymentState,
    /// Asked for.
    amount: Amount,
    /// Given back.
    refunded: Amount,
    /// To be given back.
    refund_due: Amount,
    /// Why it bought no tickets, if it was approved all the same: all of it goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused_because: Option<UnusedReason>,
    /// What becomes of its money if it is paid or approved from now on; absent if that
    /// cannot be.
    #[serde(skip_serializing_if = "Option::is_none")]
    if_paid: Option<IfPaid>,
    /// Until when the gateway's page takes the money; absent if it takes none, or if the
    /// gateway does not say when it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_until: Option<Timestamp>,
    /// How far the money is that goes back, or went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundView>,
    /// How far it is that the buyer's bank wants the money back.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute: Option<Dispute>,
    /// When it was started.
    created_at: Timestamp,
}

/// Money on its way back to the buyer.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct RefundView {
    /// How far it is.
    state: RefundState,
    /// How much: what is on its way, or all that went back of the payment.
    amount: Amount,
    /// Since when it is so, if it takes longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RefundState {
    /// The gateway gives it back, or will be asked to.
    Pending,
    /// The gateway does not do it by itself: the organiser does.
    ByHand,
    /// It is back.
    Done,
}

impl RefundView {
    fn of(payment: &Payment, currency: Currency) -> Option<Self> {
        let view = |state, amount, since| Some(Self { state, amount: Amount::of(amount, currency), since });
        match &payment.refund {
            None if payment.refund_due > 0 => view(RefundState::Pending, payment.refund_due, None),
            None if payment.refunded > 0 => view(RefundState::Done, payment.refunded, None),
            None => None,
            Some(RefundProgress::Claimed { amount, .. }) => view(RefundState::Pending, *amount, None),
            Some(RefundProgress::Pending { amount, since, .. }) => {
                view(RefundState::Pending, *amount, Some(*since))
            }
            Some(RefundProgress::Manual { amount, since, .. }) => {
                view(RefundState::ByHand, *amount, Some(*since))
            }
        }
    }
}

/// One ticket; its code is at `/api/v1/qr/{id}`.
#[derive(Debug, Serialize, JsonSchema)]
struct OrderTicket {
    /// The ticket's id.
    id: TicketId,
    /// The area.
    area_id: AreaId,
    /// The seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<SeatLabel>,
    /// Refunded: it admits nobody.
    refunded: bool,
    /// When its holder entered all the same, as a door reported later. Told to the
    /// organiser alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered_at: Option<Timestamp>,
}

impl OrderView {
    /// What the buyer sees of `order` at `now`. `sheet` is missing if the event
    /// was deleted, which only happens to events without sales.
    pub(crate) fn new(order: &Order, sheet: Option<&StoredEvent>, now: Timestamp) -> Self {
        let amount = |minor| Amount::of(minor, order.currency);
        let area_name = |area: AreaId| {
            sheet.and_then(|sheet| sheet.area(area)).map(|area| area.area_name.clone()).unwrap_or_default()
        };
        let lines = order.lines.iter().map(|line| LineView {
            area_id: line.area,
            area_name: area_name(line.area),
            quantity: line.quantity,
            seats: line.seats.clone(),
            applied_sale_stage_id: line.stage,
            base: amount(line.base),
            stage_adjustment: amount(line.stage_adjustment),
            promotion: amount(line.promotion),
            fee: amount(line.fee),
            vat: amount(line.vat),
            total: amount(line.total),
        });
        let payments = order.payments.iter().map(|payment| PaymentView {
            gateway: payment.gateway,
            payment_gateway_transaction_id: payment.payment_id.clone(),
            status: payment.state,
            amount: amount(payment.amount),
            refunded: amount(payment.refunded),
            refund_due: amount(payment.refund_due),
            unused_because: payment.unused,
            if_paid: order.if_paid(payment, now),
            pay_until: checkout::pay_until(order, payment).filter(|until| now < *until),
            refund: RefundView::of(payment, order.currency),
            dispute: payment.dispute,
            created_at: payment.created_at,
        });
        let tickets = order.tickets().map(|ticket| OrderTicket {
            id: ticket.id,
            area_id: ticket.area,
            seat: ticket.seat.cloned(),
            refunded: ticket.refunded,
            entered_at: None,
        });
        Self {
            id: order.id,
            status: order.status_at(now),
            event_id: order.event,
            event_name: sheet.map(|sheet| sheet.event.name.clone()).unwrap_or_default(),
            currency: order.currency,
            lines: lines.collect(),
            total: amount(order.total),
            paid: amount(order.paid()),
            refunded: amount(order.refunded()),
            promotion_code: order.promotion_code.clone(),
            attendees: order.attendees.clone(),
            attendee_fields: sheet.map(|sheet| sheet.event.attendee_fields.clone()).unwrap_or_default(),
            payments: payments.collect(),
            tickets: tickets.collect(),
            created_at: order.id.created_at(),
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            mailed_at: order.mailed_at,
        }
    }

    /// With the entries that contradict the tickets' refunds.
    pub(crate) fn with_entries(mut self, conflicts: &[Conflict]) -> Self {
        for ticket in &mut self.tickets {
            let entries = conflicts.iter().filter(|conflict| conflict.ticket == ticket.id);
            ticket.entered_at = entries.map(|conflict| conflict.scan.at).min();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use domain::order::RefundAsk;
    use domain::payment::ManualReason;

    use super::*;

    #[test]
    fn a_refund_is_told_in_the_buyers_words() {
        let since = Timestamp::from_second(1_795_000_000).expect("in range");
        let check = |refunded, refund_due, refund, expected: Option<(RefundState, i64, bool)>| {
            let payment = Payment {
                attempt: 0,
                gateway: GatewayName::Wompi,
                account: None,
                payment_id: None,
                checkout_url: None,
                state: PaymentState::Approved,
                amount: 100,
                refunded,
                by_hand: 0,
                refund_due,
                refund,
                unused: None,
                dispute: None,
                created_at: since,
                idempotency: None,
                closed: false,
            };
            let view = RefundView::of(&payment, Currency::CLP);
            let view = view.map(|view| (view.state, view.amount, view.since.is_some()));
            let amount = |minor| Amount::of(minor, Currency::CLP);
            assert_eq!(view, expected.map(|(state, minor, since)| (state, amount(minor), since)));
        };
        check(0, 0, None, None);
        check(0, 40, None, Some((RefundState::Pending, 40, false)));
        check(40, 0, None, Some((RefundState::Done, 40, false)));
        check(40, 60, None, Some((RefundState::Pending, 60, false)));
        let claimed = RefundAsk { amount: 40, begun: since, may_have_been_asked: false }.claim(since);
        check(0, 60, Some(claimed), Some((RefundState::Pending, 40, false)));
        let pending = RefundProgress::Pending { amount: 40, refund_id: "r".to_owned(), since };
        check(0, 40, Some(pending), Some((RefundState::Pending, 40, true)));
        let by_hand = RefundProgress::Manual { amount: 40, reason: ManualReason::Declined, since };
        check(20, 40, Some(by_hand), Some((RefundState::ByHand, 40, true)));
    }
}
