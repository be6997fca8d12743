//! An order as its buyer sees it: as a reservation first, as a purchase then.

use domain::order::{Attendee, Order, OrderStatus, PaymentState};
use domain::payment::GatewayName;
use domain::seat::SeatLabel;
use domain::{AreaId, Currency, EventId, OrderId, SaleStageId, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::EventSheet;

/// An order. Amounts are in minor units of `currency`.
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
    total: i64,
    /// What was given back.
    refunded: i64,
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
    base: i64,
    /// What the stage adds or takes off.
    stage_adjustment: i64,
    /// What the promotion takes off: zero or negative.
    promotion: i64,
    /// The convenience fee.
    fee: i64,
    /// The value added tax.
    vat: i64,
    /// What is paid for the line.
    total: i64,
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
    amount: i64,
    /// Given back.
    refunded: i64,
    /// To be given back.
    refund_due: i64,
    /// When it was started.
    created_at: Timestamp,
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
}

impl OrderView {
    /// What the buyer sees of `order` at `now`. `sheet` is missing if the event
    /// was deleted, which only happens to events without sales.
    pub(crate) fn new(order: &Order, sheet: Option<&EventSheet>, now: Timestamp) -> Self {
        let area_name = |area: AreaId| {
            sheet.and_then(|sheet| sheet.area(area)).map(|area| area.area_name.clone()).unwrap_or_default()
        };
        let lines = order.lines.iter().map(|line| LineView {
            area_id: line.area,
            area_name: area_name(line.area),
            quantity: line.quantity,
            seats: line.seats.clone(),
            applied_sale_stage_id: line.stage,
            base: line.base,
            stage_adjustment: line.stage_adjustment,
            promotion: line.promotion,
            fee: line.fee,
            vat: line.vat,
            total: line.total,
        });
        let payments = order.payments.iter().map(|payment| PaymentView {
            gateway: payment.gateway,
            payment_gateway_transaction_id: payment.payment_id.clone(),
            status: payment.state,
            amount: payment.amount,
            refunded: payment.refunded,
            refund_due: payment.refund_due,
            created_at: payment.created_at,
        });
        let tickets = order.tickets().map(|ticket| OrderTicket {
            id: ticket.id,
            area_id: ticket.area,
            seat: ticket.seat.cloned(),
            refunded: ticket.refunded,
        });
        Self {
            id: order.id,
            status: order.status_at(now),
            event_id: order.event,
            event_name: sheet.map(|sheet| sheet.event.name.clone()).unwrap_or_default(),
            currency: order.currency,
            lines: lines.collect(),
            total: order.total,
            refunded: order.refunded(),
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
}
