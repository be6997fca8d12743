//! The form of an order's item.
//!
//! An order of two tickets is read and written five times on its way, so its
//! item is kept under 1 KB: short attribute names, ids without their kind where
//! the attribute says it, nothing that can be derived. This file alone knows
//! that form.
//!
//! A record with `remote` describes to serde a struct of the domain, which is written and read itself.

use std::collections::BTreeMap;

use domain::order::{
    Attendee, ExtraKind, ExtraLine, Holding, Order, OrderFields, OrderLine, OrderStatus, Part, Payment,
    PaymentState, RefundProgress, TicketState, UnusedReason,
};
use domain::payment::{Dispute, GatewayName, PayLater};
use domain::policy::Accepted;
use domain::seat::SeatLabel;
use domain::{
    AreaId, Currency, EventId, GatewayAccountId, Language, OrderId, Person, ProductId, PromotionId,
    SaleStageId, TenantId, Timestamp, UserId, VariantId,
};
use jiff::fmt::serde::timestamp::{millisecond, second};
use serde::{Deserialize, Serialize};

use crate::{Failure, Result};

#[serde_with::skip_serializing_none]
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
    lines: Vec<Line>,
    #[serde(rename = "ex", default, skip_serializing_if = "Vec::is_empty")]
    extras: Vec<ExtraRecord>,
    #[serde(rename = "t")]
    total: i64,
    #[serde(rename = "m")]
    email: String,
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "ph")]
    phone: Option<String>,
    #[serde(rename = "nw")]
    guest_network: Option<String>,
    #[serde(rename = "le", default, skip_serializing_if = "is_first_epoch")]
    link_epoch: u16,
    #[serde(rename = "la")]
    language: Language,
    #[serde(rename = "at", default, skip_serializing_if = "Vec::is_empty")]
    attendees: Vec<Attendee>,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    holdings: Vec<String>,
    /// Seconds: the allotments know no finer time.
    #[serde(rename = "x", with = "second::required")]
    expires_at: Timestamp,
    #[serde(rename = "pd", default, with = "millisecond::optional")]
    paid_at: Option<Timestamp>,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    payments: Vec<PaymentOfItem>,
    #[serde(rename = "tk", default, skip_serializing_if = "BTreeMap::is_empty")]
    tickets: BTreeMap<String, Ticket>,
    #[serde(rename = "pi")]
    promotion_id: Option<PromotionId>,
    #[serde(rename = "pc")]
    promotion_code: Option<String>,
    #[serde(rename = "ik")]
    idempotency: Option<String>,
    #[serde(rename = "co", default, skip_serializing_if = "is_zero")]
    commission: i64,
    /// Versions and second, as [`Accepted`] writes them.
    #[serde(rename = "ac")]
    accepted: Option<String>,
    #[serde(rename = "wd", default, with = "millisecond::optional")]
    withdrawn_at: Option<Timestamp>,
    #[serde(rename = "md", default, with = "millisecond::optional")]
    mailed_at: Option<Timestamp>,
    #[serde(rename = "v")]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Line(#[serde(with = "LineRecord")] OrderLine);

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(remote = "OrderLine")]
struct LineRecord {
    #[serde(rename = "a")]
    area: AreaId,
    #[serde(rename = "q")]
    quantity: u8,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    seats: Vec<SeatLabel>,
    #[serde(rename = "g")]
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

/// An extra. What it is stands beside its amounts: other kinds have other attributes.
#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct ExtraRecord {
    #[serde(rename = "d", with = "bare")]
    product: ProductId,
    #[serde(rename = "r", with = "bare")]
    variant: VariantId,
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "q")]
    quantity: u8,
    #[serde(rename = "g")]
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

impl From<&ExtraLine> for ExtraRecord {
    fn from(extra: &ExtraLine) -> Self {
        let ExtraKind::Product { product, variant } = extra.kind;
        Self {
            product,
            variant,
            name: extra.name.clone(),
            quantity: extra.quantity,
            stage: extra.stage,
            base: extra.base,
            stage_adjustment: extra.stage_adjustment,
            promotion: extra.promotion,
            fee: extra.fee,
            vat: extra.vat,
            total: extra.total,
        }
    }
}

impl From<ExtraRecord> for ExtraLine {
    fn from(record: ExtraRecord) -> Self {
        Self {
            kind: ExtraKind::Product { product: record.product, variant: record.variant },
            name: record.name,
            quantity: record.quantity,
            stage: record.stage,
            base: record.base,
            stage_adjustment: record.stage_adjustment,
            promotion: record.promotion,
            fee: record.fee,
            vat: record.vat,
            total: record.total,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_first_epoch(epoch: &u16) -> bool {
    *epoch == 0
}

#[derive(Serialize, Deserialize)]
struct PaymentOfItem(#[serde(with = "PaymentRecord")] Payment);

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(remote = "Payment")]
struct PaymentRecord {
    #[serde(rename = "n")]
    attempt: u8,
    #[serde(rename = "g")]
    gateway: GatewayName,
    #[serde(rename = "ac", default, with = "suffix")]
    account: Option<GatewayAccountId>,
    #[serde(rename = "i")]
    payment_id: Option<String>,
    #[serde(rename = "u")]
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
    #[serde(rename = "rp")]
    refund: Option<RefundProgress>,
    #[serde(rename = "w")]
    unused: Option<UnusedReason>,
    #[serde(rename = "di")]
    dispute: Option<Dispute>,
    #[serde(rename = "c", with = "millisecond::required")]
    created_at: Timestamp,
    #[serde(rename = "mf", default, skip_serializing_if = "is_zero")]
    marketplace_fee: i64,
    #[serde(rename = "k")]
    idempotency: Option<String>,
    #[serde(rename = "cl", default, skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    /// Seconds, as the allotments have them.
    #[serde(rename = "e", default, with = "second::optional")]
    may_extend_to: Option<Timestamp>,
    #[serde(rename = "l")]
    later: Option<PayLater>,
    #[serde(rename = "pe", default, with = "second::optional")]
    page_end: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Ticket(#[serde(with = "TicketRecord")] TicketState);

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(remote = "TicketState")]
struct TicketRecord {
    #[serde(rename = "s", default)]
    serial: u16,
    #[serde(rename = "r", default)]
    refunded: bool,
    #[serde(rename = "h")]
    holder: Option<UserId>,
    #[serde(rename = "t", default, with = "second::optional")]
    transferred_at: Option<Timestamp>,
}

/// An id without its kind.
mod bare {
    use domain::{Id, StaticType};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<K: StaticType, S: Serializer>(
        id: &Id<K>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&id.suffix())
    }

    pub(super) fn deserialize<'de, K: StaticType, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Id<K>, D::Error> {
        Id::from_suffix(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An id without its kind, if there is one.
mod suffix {
    use domain::GatewayAccountId as Id;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(|id| id.suffix()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
        let suffix = Option::<String>::deserialize(deserializer)?;
        suffix.map(|suffix| Id::from_suffix(&suffix)).transpose().map_err(D::Error::custom)
    }
}

/// A holding as text: `a1:12x2,13x1` (line 1), `r0:3:12,13` (line 0, row 3), `s<stage>:0x2`, `x0:3x2`
/// (extra 0), `p:0x1`, `u`.
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
        Holding::Extra { extra, parts: of } => format!("x{extra}:{}", parts(of)),
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
        'x' => Holding::Extra { extra: name.parse().ok()?, parts: parts(rest)? },
        'p' => Holding::Promotion { parts: parts(rest)? },
        _ => return None,
    })
}

impl Record {
    pub(super) fn of(order: &Order) -> Self {
        let ticket = |(index, ticket): (&u8, &TicketState)| (index.to_string(), Ticket(ticket.clone()));
        Self {
            tenant: order.tenant,
            event: order.event,
            status: order.status,
            currency: order.currency,
            lines: order.lines.iter().cloned().map(Line).collect(),
            extras: order.extras.iter().map(ExtraRecord::from).collect(),
            total: order.total,
            email: order.buyer.email.clone(),
            name: order.buyer.name.clone(),
            phone: order.phone.clone(),
            guest_network: order.guest_network.clone(),
            link_epoch: order.link_epoch,
            language: order.language,
            attendees: order.attendees.clone(),
            holdings: order.holdings.iter().map(holding_text).collect(),
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            payments: order.payments.iter().cloned().map(PaymentOfItem).collect(),
            tickets: order.tickets.iter().map(ticket).collect(),
            promotion_id: order.promotion_id,
            promotion_code: order.promotion_code.clone(),
            idempotency: order.idempotency.clone(),
            commission: order.commission,
            accepted: order.accepted.as_ref().map(Accepted::to_string),
            withdrawn_at: order.withdrawn_at,
            mailed_at: order.mailed_at,
            version: order.version,
        }
    }

    pub(super) fn into_order(self, user: UserId, id: OrderId) -> Result<Order> {
        let ticket = |(index, Ticket(ticket)): (String, Ticket)| {
            Ok::<_, Failure>((index.parse().map_err(Failure::unreadable)?, ticket))
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
            lines: self.lines.into_iter().map(|Line(line)| line).collect(),
            extras: self.extras.into_iter().map(ExtraLine::from).collect(),
            total: self.total,
            buyer: Person { email: self.email, name: self.name },
            phone: self.phone,
            guest_network: self.guest_network,
            link_epoch: self.link_epoch,
            language: self.language,
            attendees: self.attendees,
            holdings: self.holdings.into_iter().map(holding).collect::<Result<_, _>>()?,
            expires_at: self.expires_at,
            paid_at: self.paid_at,
            payments: self.payments.into_iter().map(|PaymentOfItem(payment)| payment).collect(),
            tickets: self.tickets.into_iter().map(ticket).collect::<Result<_, _>>()?,
            promotion_id: self.promotion_id,
            promotion_code: self.promotion_code,
            idempotency: self.idempotency,
            commission: self.commission,
            accepted: self.accepted.map(|text| text.parse().map_err(Failure::unreadable)).transpose()?,
            withdrawn_at: self.withdrawn_at,
            mailed_at: self.mailed_at,
            version: self.version,
        }))
    }
}
