//! Orders in the API's answers to their buyer, as a reservation and as a purchase.

use domain::order::{
    Attendee, ExtraKind, IfPaid, Order, OrderStatus, Payment, PaymentState, RefundProgress, UnusedReason,
};
use domain::payment::{Dispute, GatewayName, MethodKind};
use domain::seat::SeatLabel;
use domain::{
    Amount, AreaId, Currency, EventId, OrderId, OrderPart, ProductId, PromotionId, SaleStageId, TicketId,
    Timestamp, VariantId, VoucherId,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Conflict, StoredEvent};
use web::PolicyVersionsView;

use crate::checkout;

/// An order: a reservation until it is paid, then a purchase. Amounts are in `currency`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrderView {
    /// The order's id, the same for reservation and purchase.
    id: OrderId,
    /// The order's state; `held` and `awaiting_payment` end at `expires_at`.
    status: OrderStatus,
    /// The event's id.
    event_id: EventId,
    /// The event's title; empty if the event was deleted.
    event_name: String,
    /// The currency of all amounts, such as `COP`.
    currency: Currency,
    /// The places bought, one line for each area and price.
    lines: Vec<LineView>,
    /// The products bought, an entry for each variant; empty without any.
    extras: Vec<ExtraView>,
    /// The price of the whole order, with fees and taxes.
    total: Amount,
    /// The amount that gateways took in all, before refunds: more than `total` if the order was
    /// paid twice.
    paid: Amount,
    /// The amount given back in all, including payments that bought no tickets.
    refunded: Amount,
    /// The address to which the order's mails go.
    customer_email: String,
    /// The promotion that took effect.
    applied_promotion_id: Option<PromotionId>,
    /// The promotion code that took effect.
    promotion_code: Option<String>,
    /// True if it was made without an account.
    guest: bool,
    /// The telephone number that a buyer without an account left.
    phone: Option<String>,
    /// The attendees, in the order of the lines and their tickets; empty if none were given.
    attendees: Vec<Attendee>,
    /// The attendees' fields that the event asks for before the payment.
    attendee_fields: Vec<domain::event::AttendeeField>,
    /// The payments of the order, also declined ones, the oldest first.
    payments: Vec<PaymentView>,
    /// The tickets; empty until the order is paid.
    tickets: Vec<OrderTicket>,
    /// The vouchers, one for each unit of a product; empty until the order is paid.
    vouchers: Vec<OrderVoucher>,
    /// When the order was made.
    created_at: Timestamp,
    /// When an unpaid reservation ends; a slip or a transfer moves it.
    expires_at: Timestamp,
    /// When the order was paid.
    paid_at: Option<Timestamp>,
    /// When the tickets were mailed.
    mailed_at: Option<Timestamp>,
    /// The organiser's policies that the buyer accepted; absent if there were none.
    accepted_policies: Option<AcceptedView>,
    /// Until when the buyer can withdraw from the purchase; only in the answers about one order, and
    /// absent if that is not possible.
    withdraw_until: Option<Timestamp>,
    /// When the buyer withdrew from the purchase.
    withdrawn_at: Option<Timestamp>,
}

/// The versions of the organiser's policies that the buyer accepted.
#[derive(Debug, Serialize, JsonSchema)]
struct AcceptedView {
    /// The version of each policy.
    versions: PolicyVersionsView,
    /// When the buyer accepted them.
    accepted_at: Timestamp,
}

/// Tickets of one area at one price.
#[derive(Debug, Serialize, JsonSchema)]
struct LineView {
    /// The area's id.
    area_id: AreaId,
    /// The area's name; empty if the event was deleted.
    area_name: String,
    /// Number of tickets.
    quantity: u8,
    /// The seats; empty for admissions.
    seats: Vec<SeatLabel>,
    /// The sale stage that set the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_sale_stage_id: Option<SaleStageId>,
    /// The base price of all tickets of the line.
    base: Amount,
    /// The stage's adjustment: negative for a reduction.
    stage_adjustment: Amount,
    /// The promotion's reduction: zero or negative.
    promotion: Amount,
    /// The convenience fee.
    fee: Amount,
    /// The value added tax.
    vat: Amount,
    /// The price of the line, with fee and tax.
    total: Amount,
}

/// Units of one variant of a product, at one price.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderExtra")]
struct ExtraView {
    /// The product's id.
    product_id: ProductId,
    /// The variant's id.
    variant_id: VariantId,
    /// The name of a unit when it was bought.
    name: String,
    /// Number of units.
    quantity: u8,
    /// The sale stage that set the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_sale_stage_id: Option<SaleStageId>,
    /// The base price of all units.
    base: Amount,
    /// The stage's adjustment: negative for a reduction.
    stage_adjustment: Amount,
    /// The promotion's reduction: zero or negative.
    promotion: Amount,
    /// The convenience fee.
    fee: Amount,
    /// The value added tax.
    vat: Amount,
    /// The price of the units, with fee and tax.
    total: Amount,
}

/// One voucher of the order: what a unit of a product is handed out for. Its code is at
/// `/api/v1/qr/{id}`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct OrderVoucher {
    /// The voucher's id.
    id: VoucherId,
    /// The product's id.
    product_id: ProductId,
    /// The variant's id.
    variant_id: VariantId,
    /// What is handed out for it.
    name: String,
    /// Whether it is good for a unit.
    status: VoucherStatus,
    /// When the product was handed out. Absent if it was not, and in lists.
    handed_out_at: Option<Timestamp>,
}

/// Whether a voucher is good for a unit of its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VoucherStatus {
    /// The product can be fetched; a list does not say whether it was.
    Valid,
    /// The product was handed out.
    HandedOut,
    /// The voucher was refunded or voided.
    Revoked,
}

/// One try at a gateway to pay an order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PaymentView {
    /// The gateway.
    gateway: GatewayName,
    /// The gateway's id of the payment, once known.
    payment_gateway_transaction_id: Option<String>,
    /// The payment's state.
    status: PaymentState,
    /// The amount asked for.
    amount: Amount,
    /// The amount already given back.
    refunded: Amount,
    /// The amount still to be given back.
    refund_due: Amount,
    /// Why an approved payment bought no tickets; all of its money goes back.
    unused_because: Option<UnusedReason>,
    /// What happens to the money if the payment is paid or approved from now on; absent if that can
    /// not happen.
    if_paid: Option<IfPaid>,
    /// Until when the gateway's page takes the money; absent if it takes none, or if its end is not
    /// known.
    pay_until: Option<Timestamp>,
    /// How the buyer pays later, such as in cash; absent for cards, and until the gateway tells.
    payment_method: Option<MethodKind>,
    /// The gateway's name of that way, such as `efecty`.
    method_name: Option<String>,
    /// Until when the buyer has to pay; the places are kept until the money is there.
    due_at: Option<Timestamp>,
    /// The address of the slip.
    slip_url: Option<String>,
    /// The number to say at the counter.
    slip_code: Option<String>,
    /// True if the places were gone when the gateway told of the slip: it is better not paid.
    without_places: bool,
    /// The progress of the refund; absent if nothing goes back.
    refund: Option<RefundView>,
    /// The state of a dispute: the buyer's bank wants the money back.
    dispute: Option<Dispute>,
    /// When the payment was started.
    created_at: Timestamp,
}

/// A refund of a payment, for its buyer.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct RefundView {
    /// The refund's state.
    state: RefundState,
    /// The amount: of the refund in progress or, once done, all that went back of the payment.
    amount: Amount,
    /// Since when the refund is in this state, if it takes longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RefundState {
    /// The gateway gives the money back, or will be asked to.
    Pending,
    /// The gateway can not give it back: the organiser does it by hand.
    ByHand,
    /// The money is back with the buyer, or on its way from the gateway.
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

/// One ticket of the order; its code is at `/api/v1/qr/{id}`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct OrderTicket {
    /// The ticket's id.
    id: TicketId,
    /// The area's id.
    area_id: AreaId,
    /// The seat; absent for admissions.
    seat: Option<SeatLabel>,
    /// True if the ticket was refunded or voided: it admits nobody.
    refunded: bool,
    /// When it changed hands the last time.
    transferred_at: Option<Timestamp>,
    /// When the holder of a refunded ticket entered all the same, as a door reported later. Only
    /// shown to the organiser.
    entered_at: Option<Timestamp>,
}

impl OrderView {
    /// The view of `order` at `now`. `sheet` is `None` if the event was deleted, which can only
    /// happen to events without sales.
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
            payment_method: payment.later.as_ref().map(|later| later.kind),
            method_name: payment.later.as_ref().and_then(|later| later.name.clone()),
            due_at: payment.pay_by().filter(|_| payment.is_awaited()),
            slip_url: payment.later.as_ref().and_then(|later| later.slip_url.clone()),
            slip_code: payment.later.as_ref().and_then(|later| later.code.clone()),
            without_places: payment.later.as_ref().is_some_and(|later| later.without_places),
            refund: RefundView::of(payment, order.currency),
            dispute: payment.dispute,
            created_at: payment.created_at,
        });
        let tickets = order.tickets().map(|ticket| OrderTicket {
            id: ticket.id,
            area_id: ticket.area,
            seat: ticket.seat.cloned(),
            refunded: ticket.refunded,
            transferred_at: ticket.transferred_at,
            entered_at: None,
        });
        let extras = order.extras.iter().map(|extra| {
            let ExtraKind::Product { product, variant } = extra.kind;
            ExtraView {
                product_id: product,
                variant_id: variant,
                name: extra.name.clone(),
                quantity: extra.quantity,
                applied_sale_stage_id: extra.stage,
                base: amount(extra.base),
                stage_adjustment: amount(extra.stage_adjustment),
                promotion: amount(extra.promotion),
                fee: amount(extra.fee),
                vat: amount(extra.vat),
                total: amount(extra.total),
            }
        });
        let vouchers = order.vouchers().map(|voucher| {
            let ExtraKind::Product { product, variant } = voucher.extra.kind;
            OrderVoucher {
                id: voucher.id,
                product_id: product,
                variant_id: variant,
                name: voucher.extra.name.clone(),
                status: if voucher.refunded { VoucherStatus::Revoked } else { VoucherStatus::Valid },
                handed_out_at: None,
            }
        });
        Self {
            id: order.id,
            status: order.status_at(now),
            event_id: order.event,
            event_name: sheet.map(|sheet| sheet.event.name.clone()).unwrap_or_default(),
            currency: order.currency,
            lines: lines.collect(),
            extras: extras.collect(),
            total: amount(order.total),
            paid: amount(order.paid()),
            refunded: amount(order.refunded()),
            customer_email: order.buyer.email.clone(),
            applied_promotion_id: order.promotion_id,
            promotion_code: order.promotion_code.clone(),
            guest: order.is_of_guest(),
            phone: order.phone.clone(),
            attendees: order.attendees.clone(),
            attendee_fields: sheet.map(|sheet| sheet.event.attendee_fields.clone()).unwrap_or_default(),
            payments: payments.collect(),
            tickets: tickets.collect(),
            vouchers: vouchers.collect(),
            created_at: order.id.created_at(),
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            mailed_at: order.mailed_at,
            accepted_policies: order.accepted.map(|accepted| AcceptedView {
                versions: accepted.versions.into(),
                accepted_at: accepted.at,
            }),
            withdraw_until: None,
            withdrawn_at: order.withdrawn_at,
        }
    }

    /// Says until when the buyer can withdraw.
    pub(crate) fn with_withdrawal(self, withdraw_until: Option<Timestamp>) -> Self {
        Self { withdraw_until, ..self }
    }

    /// Adds which of the vouchers' products were handed out.
    pub(crate) fn with_handed_out(mut self, used: &[(VoucherId, Timestamp)]) -> Self {
        for voucher in &mut self.vouchers {
            let at = used.iter().find(|(id, _)| *id == voucher.id).map(|(_, at)| *at);
            if let Some(at) = at {
                voucher.handed_out_at = Some(at);
                voucher.status = VoucherStatus::HandedOut;
            }
        }
        self
    }

    /// Adds the entries that contradict the tickets' refunds.
    pub(crate) fn with_entries(mut self, conflicts: &[Conflict]) -> Self {
        for ticket in &mut self.tickets {
            let part = OrderPart::from(ticket.id);
            let entries = conflicts.iter().filter(|conflict| conflict.part == part);
            ticket.entered_at = entries.map(|conflict| conflict.scan.at).min();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use domain::order::RefundAsk;
    use domain::payment::ManualReason;
    use domain::testing::at;

    use super::*;

    #[test]
    fn a_refund_view_shows_the_payments_refund_state() {
        let since = at(0);
        let check = |refunded, refund_due, refund, expected: Option<(RefundState, i64, bool)>| {
            let pending = Payment::pending(0, GatewayName::Wompi, None, 100, since);
            let state = PaymentState::Approved;
            let payment = Payment { state, refunded, refund_due, refund, ..pending };
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
