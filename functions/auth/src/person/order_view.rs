//! What an export shows of an order, with what stands beside it.

use domain::billing::Billing;
use domain::national_id::IdKind;
use domain::order::{Attendee, Order, OrderStatus, Payment, PaymentState};
use domain::payment::{GatewayName, MethodKind};
use domain::policy::PolicyVersions;
use domain::seat::SeatLabel;
use domain::{
    Amount, AreaId, Currency, EventId, Language, OrderId, TenantId, TicketId, Timestamp, VariantId, VoucherId,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use store::BesideOrder;

/// An order with what it says of its buyer. Amounts are in `currency`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OrderData {
    id: OrderId,
    event_id: EventId,
    organiser_id: TenantId,
    status: OrderStatus,
    buyer_email: String,
    buyer_name: String,
    /// The telephone number that was left with an order without an account.
    buyer_phone: Option<String>,
    /// True if it was made without an account.
    guest: bool,
    /// The mark of the network from which an order without an account was made, in place of its address.
    network_mark: Option<String>,
    /// The language of its mails.
    language: Language,
    attendees: Vec<Attendee>,
    lines: Vec<LineData>,
    extras: Vec<ExtraData>,
    currency: Currency,
    total: Amount,
    promotion_code: Option<String>,
    payments: Vec<PaymentData>,
    tickets: Vec<TicketData>,
    vouchers: Vec<VoucherData>,
    /// Who the invoice is for.
    billing: Option<BillingData>,
    /// What the organiser's own systems keep with the order.
    extra_attributes: Option<Map<String, Value>>,
    /// The versions of the organiser's policies that were accepted.
    accepted_policies: Option<AcceptedData>,
    created_at: Timestamp,
    paid_at: Option<Timestamp>,
    mailed_at: Option<Timestamp>,
    withdrawn_at: Option<Timestamp>,
}

/// Tickets of one area at one price.
#[derive(Debug, Serialize, JsonSchema)]
struct LineData {
    area_id: AreaId,
    quantity: u8,
    seats: Vec<SeatLabel>,
    total: Amount,
}

/// Units of one variant of a product.
#[derive(Debug, Serialize, JsonSchema)]
struct ExtraData {
    variant_id: VariantId,
    name: String,
    quantity: u8,
    total: Amount,
}

/// A payment of an order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PaymentData {
    gateway: GatewayName,
    payment_id: Option<String>,
    state: PaymentState,
    amount: Amount,
    refunded: Amount,
    /// The way of a payment in cash or by transfer.
    method: Option<MethodKind>,
    /// The gateway's name of that way.
    method_name: Option<String>,
    due_at: Option<Timestamp>,
    slip_url: Option<String>,
    slip_code: Option<String>,
    created_at: Timestamp,
}

/// A ticket of an order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct TicketData {
    id: TicketId,
    refunded: bool,
    /// True if it was handed on.
    handed_on: bool,
    transferred_at: Option<Timestamp>,
}

/// A voucher of an order.
#[derive(Debug, Serialize, JsonSchema)]
struct VoucherData {
    id: VoucherId,
    name: String,
    refunded: bool,
}

/// Who an invoice is for.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BillingData {
    name: String,
    id_kind: IdKind,
    id_number: String,
    address: String,
    city: String,
    country: String,
    email: Option<String>,
    invoiced_at: Option<Timestamp>,
}

/// Policies that were accepted, by the numbers of their versions; 0 of those that there were not.
#[derive(Debug, Serialize, JsonSchema)]
struct AcceptedData {
    terms: u16,
    privacy: u16,
    refunds: u16,
    accepted_at: Timestamp,
}

impl From<Billing> for BillingData {
    fn from(billing: Billing) -> Self {
        let Billing { name, id_kind, id_number, address, city, country, email, version: _, invoiced_at } =
            billing;
        Self { name, id_kind, id_number, address, city, country, email, invoiced_at }
    }
}

impl OrderData {
    /// An order with what stands beside it.
    pub(super) fn new(order: &Order, beside: BesideOrder) -> Self {
        let amount = |minor| Amount::of(minor, order.currency);
        let payment = |payment: &Payment| {
            let later = payment.later.as_ref();
            PaymentData {
                gateway: payment.gateway,
                payment_id: payment.payment_id.clone(),
                state: payment.state,
                amount: amount(payment.amount),
                refunded: amount(payment.refunded),
                method: later.map(|later| later.kind),
                method_name: later.and_then(|later| later.name.clone()),
                due_at: later.and_then(|later| later.due_at),
                slip_url: later.and_then(|later| later.slip_url.clone()),
                slip_code: later.and_then(|later| later.code.clone()),
                created_at: payment.created_at,
            }
        };
        let lines = order.lines.iter().map(|line| LineData {
            area_id: line.area,
            quantity: line.quantity,
            seats: line.seats.clone(),
            total: amount(line.total),
        });
        let extras = order.extras.iter().map(|extra| ExtraData {
            variant_id: extra.variant(),
            name: extra.name.clone(),
            quantity: extra.quantity,
            total: amount(extra.total),
        });
        let tickets = order.tickets().map(|ticket| TicketData {
            id: ticket.id,
            refunded: ticket.refunded,
            handed_on: ticket.holder != order.user,
            transferred_at: ticket.transferred_at,
        });
        let vouchers = order.vouchers().map(|voucher| VoucherData {
            id: voucher.id,
            name: voucher.extra.name.clone(),
            refunded: voucher.refunded,
        });
        let accepted = order.accepted.map(|accepted| {
            let PolicyVersions { terms, privacy, refunds } = accepted.versions;
            AcceptedData { terms, privacy, refunds, accepted_at: accepted.at }
        });
        Self {
            id: order.id,
            event_id: order.event,
            organiser_id: order.tenant,
            status: order.status,
            buyer_email: order.buyer.email.clone(),
            buyer_name: order.buyer.name.clone(),
            buyer_phone: order.phone.clone(),
            guest: order.is_of_guest(),
            network_mark: order.guest_network.clone(),
            language: order.language,
            attendees: order.attendees.clone(),
            lines: lines.collect(),
            extras: extras.collect(),
            currency: order.currency,
            total: amount(order.total),
            promotion_code: order.promotion_code.clone(),
            payments: order.payments.iter().map(payment).collect(),
            tickets: tickets.collect(),
            vouchers: vouchers.collect(),
            billing: beside.billing.map(BillingData::from),
            extra_attributes: beside.extra_attributes.map(|attributes| attributes.data),
            accepted_policies: accepted,
            created_at: order.id.created_at(),
            paid_at: order.paid_at,
            mailed_at: order.mailed_at,
            withdrawn_at: order.withdrawn_at,
        }
    }
}
