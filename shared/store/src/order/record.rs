//! The form of an order's item.
//!
//! An order of two tickets is read and written five times on its way, so its
//! item is kept under 1 KB: short attribute names, ids without their kind where
//! the attribute says it, nothing that can be derived. This file alone knows
//! that form.

use std::collections::BTreeMap;

use domain::order::{
    Attendee, Holding, Order, OrderFields, OrderLine, OrderStatus, Part, Payment, PaymentState,
    RefundProgress, TicketState, UnusedReason,
};
use domain::payment::{Dispute, GatewayName};
use domain::seat::SeatLabel;
use domain::{
    AreaId, Currency, EventId, GatewayAccountId, Language, OrderId, Person, SaleStageId, TenantId, Timestamp,
    UserId,
};
use serde::{Deserialize, Serialize};

use crate::Failure;

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "T")]
    tenant: TenantId,
    #[serde(rename = "E")]
    event: EventId,
    #[serde(rename = "s")]
    status: OrderStatus,
    #[serde(rename = "cu")]
    currency: Currency,
    #[serde(rename = "li")]
    lines: Vec<LineRecord>,
    #[serde(rename = "t")]
    total: i64,
    #[serde(rename = "m")]
    email: String,
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "la")]
    language: Language,
    #[serde(rename = "at", default, skip_serializing_if = "Vec::is_empty")]
    attendees: Vec<Attendee>,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    holdings: Vec<String>,
    /// Seconds: the allotments know no finer time.
    #[serde(rename = "x")]
    expires_at: i64,
    #[serde(rename = "pd", default, skip_serializing_if = "Option::is_none")]
    paid_at: Option<i64>,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    payments: Vec<PaymentRecord>,
    #[serde(rename = "tk", default, skip_serializing_if = "BTreeMap::is_empty")]
    tickets: BTreeMap<String, TicketRecord>,
    #[serde(rename = "pc", default, skip_serializing_if = "Option::is_none")]
    promotion_code: Option<String>,
    #[serde(rename = "ik", default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<String>,
    #[serde(rename = "md", default, skip_serializing_if = "Option::is_none")]
    mailed_at: Option<i64>,
    #[serde(rename = "v")]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct LineRecord {
    #[serde(rename = "a")]
    area: AreaId,
    #[serde(rename = "q")]
    quantity: u8,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    seats: Vec<SeatLabel>,
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    stage: Option<SaleStageId>,
    #[serde(rename = "b")]
    base: i64,
    #[serde(rename = "j", default, skip_serializing_if = "is_zero")]
    stage_adjustment: i64,
    #[serde(rename = "p", default, skip_serializing_if = "is_zero")]
    promotion: i64,
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    fee: i64,
    #[serde(rename = "v", default, skip_serializing_if = "is_zero")]
    vat: i64,
    #[serde(rename = "t")]
    total: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

#[derive(Serialize, Deserialize)]
struct PaymentRecord {
    #[serde(rename = "n")]
    attempt: u8,
    #[serde(rename = "g")]
    gateway: GatewayName,
    #[serde(rename = "ac", default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
    #[serde(rename = "s")]
    state: PaymentState,
    #[serde(rename = "a")]
    amount: i64,
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    refunded: i64,
    #[serde(rename = "bh", default, skip_serializing_if = "is_zero")]
    by_hand: i64,
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    refund_due: i64,
    #[serde(rename = "rp", default, skip_serializing_if = "Option::is_none")]
    refund: Option<RefundProgress>,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    unused: Option<UnusedReason>,
    #[serde(rename = "di", default, skip_serializing_if = "Option::is_none")]
    dispute: Option<Dispute>,
    #[serde(rename = "c")]
    created_at: i64,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<String>,
    #[serde(rename = "cl", default, skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
}

#[derive(Serialize, Deserialize)]
struct TicketRecord {
    #[serde(rename = "s", default)]
    serial: u16,
    #[serde(rename = "r", default)]
    refunded: bool,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    holder: Option<UserId>,
}

fn time(millisecond: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_millisecond(millisecond).map_err(Failure::unreadable)
}

/// A holding as text: `a1:12x2,13x1` (line 1), `r0:3:12,13` (line 0, row 3), `s<stage>:0x2`, `p:0x1`,
/// `u`.
pub(super) fn holding_text(holding: &Holding) -> String {
    let parts = |parts: &[Part]| {
        parts.iter().map(|part| format!("{}x{}", part.block, part.quantity)).collect::<Vec<_>>().join(",")
    };
    match holding {
        Holding::Seats { line, row, seats } => {
            let seats: Vec<_> = seats.iter().map(u16::to_string).collect();
            format!("r{line}:{row}:{}", seats.join(","))
        }
        Holding::Admissions { line, parts: of } => format!("a{line}:{}", parts(of)),
        Holding::Stage { stage, parts: of } => format!("s{}:{}", stage.suffix(), parts(of)),
        Holding::Promotion { parts: of } => format!("p:{}", parts(of)),
        Holding::PromotionBuyer => "u".to_owned(),
    }
}

pub(super) fn parse_holding(text: &str) -> Option<Holding> {
    let parts = |text: &str| -> Option<Vec<Part>> {
        let part = |text: &str| {
            let (block, quantity) = text.split_once('x')?;
            Some(Part { block: block.parse().ok()?, quantity: quantity.parse().ok()? })
        };
        text.split(',').map(part).collect()
    };
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    if kind == 'u' {
        return Some(Holding::PromotionBuyer);
    }
    let (name, rest) = rest.split_once(':')?;
    Some(match kind {
        'r' => {
            let (row, seats) = rest.split_once(':')?;
            let seats = seats.split(',').map(|seat| seat.parse().ok()).collect::<Option<_>>()?;
            Holding::Seats { line: name.parse().ok()?, row: row.parse().ok()?, seats }
        }
        'a' => Holding::Admissions { line: name.parse().ok()?, parts: parts(rest)? },
        's' => Holding::Stage { stage: SaleStageId::from_suffix(name).ok()?, parts: parts(rest)? },
        'p' => Holding::Promotion { parts: parts(rest)? },
        _ => return None,
    })
}

impl Record {
    pub(super) fn of(order: &Order) -> Self {
        let line = |line: &OrderLine| LineRecord {
            area: line.area,
            quantity: line.quantity,
            seats: line.seats.clone(),
            stage: line.stage,
            base: line.base,
            stage_adjustment: line.stage_adjustment,
            promotion: line.promotion,
            fee: line.fee,
            vat: line.vat,
            total: line.total,
        };
        let payment = |payment: &Payment| PaymentRecord {
            attempt: payment.attempt,
            gateway: payment.gateway,
            account: payment.account.map(|account| account.suffix()),
            payment_id: payment.payment_id.clone(),
            checkout_url: payment.checkout_url.clone(),
            state: payment.state,
            amount: payment.amount,
            refunded: payment.refunded,
            by_hand: payment.by_hand,
            refund_due: payment.refund_due,
            refund: payment.refund.clone(),
            unused: payment.unused,
            dispute: payment.dispute,
            created_at: payment.created_at.as_millisecond(),
            idempotency: payment.idempotency.clone(),
            closed: payment.closed,
        };
        let ticket = |(index, ticket): (&u8, &TicketState)| {
            let record =
                TicketRecord { serial: ticket.serial, refunded: ticket.refunded, holder: ticket.holder };
            (index.to_string(), record)
        };
        Self {
            tenant: order.tenant,
            event: order.event,
            status: order.status,
            currency: order.currency,
            lines: order.lines.iter().map(line).collect(),
            total: order.total,
            email: order.buyer.email.clone(),
            name: order.buyer.name.clone(),
            language: order.language,
            attendees: order.attendees.clone(),
            holdings: order.holdings.iter().map(holding_text).collect(),
            expires_at: order.expires_at.as_second(),
            paid_at: order.paid_at.map(Timestamp::as_millisecond),
            payments: order.payments.iter().map(payment).collect(),
            tickets: order.tickets.iter().map(ticket).collect(),
            promotion_code: order.promotion_code.clone(),
            idempotency: order.idempotency.clone(),
            mailed_at: order.mailed_at.map(Timestamp::as_millisecond),
            version: order.version,
        }
    }

    pub(super) fn into_order(self, user: UserId, id: OrderId) -> Result<Order, Failure> {
        let line = |line: LineRecord| OrderLine {
            area: line.area,
            quantity: line.quantity,
            seats: line.seats,
            stage: line.stage,
            base: line.base,
            stage_adjustment: line.stage_adjustment,
            promotion: line.promotion,
            fee: line.fee,
            vat: line.vat,
            total: line.total,
        };
        let payment = |payment: PaymentRecord| {
            let account = payment.account.map(|account| GatewayAccountId::from_suffix(&account));
            Ok::<_, Failure>(Payment {
                attempt: payment.attempt,
                gateway: payment.gateway,
                account: account.transpose().map_err(Failure::unreadable)?,
                payment_id: payment.payment_id,
                checkout_url: payment.checkout_url,
                state: payment.state,
                amount: payment.amount,
                refunded: payment.refunded,
                by_hand: payment.by_hand,
                refund_due: payment.refund_due,
                refund: payment.refund,
                unused: payment.unused,
                dispute: payment.dispute,
                created_at: time(payment.created_at)?,
                idempotency: payment.idempotency,
                closed: payment.closed,
            })
        };
        let ticket = |(index, ticket): (String, TicketRecord)| {
            let index = index.parse().map_err(Failure::unreadable)?;
            let state =
                TicketState { serial: ticket.serial, refunded: ticket.refunded, holder: ticket.holder };
            Ok::<_, Failure>((index, state))
        };
        let holding =
            |text: String| parse_holding(&text).ok_or_else(|| Failure::unreadable(format!("holding {text}")));
        Ok(Order::from(OrderFields {
            id,
            user,
            tenant: self.tenant,
            event: self.event,
            status: self.status,
            currency: self.currency,
            lines: self.lines.into_iter().map(line).collect(),
            total: self.total,
            buyer: Person { email: self.email, name: self.name },
            language: self.language,
            attendees: self.attendees,
            holdings: self.holdings.into_iter().map(holding).collect::<Result<_, _>>()?,
            expires_at: Timestamp::from_second(self.expires_at).map_err(Failure::unreadable)?,
            paid_at: self.paid_at.map(time).transpose()?,
            payments: self.payments.into_iter().map(payment).collect::<Result<_, _>>()?,
            tickets: self.tickets.into_iter().map(ticket).collect::<Result<_, _>>()?,
            promotion_code: self.promotion_code,
            idempotency: self.idempotency,
            mailed_at: self.mailed_at.map(time).transpose()?,
            version: self.version,
        }))
    }
}
