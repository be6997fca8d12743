//! Orders: one item each, under its buyer, written whole.
//!
//! An order of two tickets is read and written five times on its way, so its
//! item is kept under 1 KB: short attribute names, ids without their kind where
//! the attribute says it, nothing that can be derived. This file alone knows
//! that form.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::event::Language;
use domain::order::{
    Attendee, Holding, Order, OrderLine, OrderStatus, Part, Payment, PaymentState, Person, TicketState,
};
use domain::payment::GatewayName;
use domain::seat::SeatLabel;
use domain::{AreaId, Currency, EventId, OrderId, SaleStageId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::Item;
use crate::items::{from_item, number, string, to_item};
use crate::keys::{self, Key};
use crate::{Failure, Listing, Store};

#[derive(Serialize, Deserialize)]
struct Record {
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
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(rename = "s")]
    state: PaymentState,
    #[serde(rename = "a")]
    amount: i64,
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    refunded: i64,
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    refund_due: i64,
    #[serde(rename = "c")]
    created_at: i64,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<String>,
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

/// `a1:12x2,13x1` (line 1), `r0:3:12,13` (line 0, row 3), `s<stage>:0x2`,
/// `p:0x1`, `u`.
fn holding_text(holding: &Holding) -> String {
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

fn parse_holding(text: &str) -> Option<Holding> {
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
    fn of(order: &Order) -> Self {
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
            payment_id: payment.payment_id.clone(),
            state: payment.state,
            amount: payment.amount,
            refunded: payment.refunded,
            refund_due: payment.refund_due,
            created_at: payment.created_at.as_millisecond(),
            idempotency: payment.idempotency.clone(),
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

    fn into_order(self, user: UserId, id: OrderId) -> Result<Order, Failure> {
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
            Ok::<_, Failure>(Payment {
                attempt: payment.attempt,
                gateway: payment.gateway,
                payment_id: payment.payment_id,
                state: payment.state,
                amount: payment.amount,
                refunded: payment.refunded,
                refund_due: payment.refund_due,
                created_at: time(payment.created_at)?,
                idempotency: payment.idempotency,
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
        Ok(Order {
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
        })
    }
}

fn read(item: Item) -> Result<Order, Failure> {
    let text = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    let key = text("PK").zip(text("SK")).and_then(|(pk, sk)| keys::parse_order(&Key::new(pk, sk)));
    let (user, order) = key.ok_or_else(|| Failure::unreadable("the key of an order"))?;
    from_item::<Record>(item)?.into_order(user, order)
}

/// The whole item, with what the index and the outbox need.
fn write(order: &Order, outbox: Option<String>) -> Result<Item, Failure> {
    let mut item = to_item(&keys::order(order.user, order.id), &Record::of(order))?;
    if order.status.is_settled() {
        // Set once, when paid, and never changed: an index entry costs a write
        // unit whenever its keys change.
        item.insert(
            "GSI1PK".to_owned(),
            string(keys::event_orders(order.event, keys::order_shard(order.id))),
        );
        item.insert("GSI1SK".to_owned(), string(order.id.suffix()));
    }
    if let Some(outbox) = outbox {
        item.insert("ob".to_owned(), string(outbox));
    }
    Ok(item)
}

impl Store {
    /// An order of a user, with every write that was confirmed before.
    pub async fn order(&self, user: UserId, order: OrderId) -> Result<Option<Order>, Failure> {
        self.get_item(&keys::order(user, order), true).await?.map(read).transpose()
    }

    /// A page of a user's orders, the newest first.
    pub async fn orders(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Order>, Failure> {
        let page: Listing<Item> =
            self.list_items(&keys::user_partition(user), keys::ORDER_PREFIX, after, limit, true).await?;
        Ok(Listing { items: page.items.into_iter().map(read).collect::<Result<_, _>>()?, last: page.last })
    }

    /// The user's orders made since `since`, at most 50.
    pub async fn orders_since(&self, user: UserId, since: Timestamp) -> Result<Vec<Order>, Failure> {
        let mut orders = self.orders(user, None, 50).await?.items;
        orders.retain(|order| order.id.created_at() >= since);
        Ok(orders)
    }

    /// Whose order of an event it is; `None` if no such order was ever paid.
    pub async fn buyer_of(&self, event: EventId, order: OrderId) -> Result<Option<UserId>, Failure> {
        let answer = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name("GSI1")
            .key_condition_expression("GSI1PK = :event AND GSI1SK = :order")
            .expression_attribute_values(
                ":event",
                string(keys::event_orders(event, keys::order_shard(order))),
            )
            .expression_attribute_values(":order", string(order.suffix()))
            .limit(1)
            .send()
            .await?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else { return Ok(None) };
        match (item.get("PK"), item.get("SK")) {
            (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => {
                Ok(keys::parse_order(&Key::new(pk, sk)).map(|(user, _)| user))
            }
            _ => Ok(None),
        }
    }

    /// Writes a new order, or answers with the one that is there already.
    pub async fn create_order(
        &self,
        order: &Order,
        outbox: Option<String>,
    ) -> Result<Option<Order>, Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(write(order, outbox)?))
            .condition_expression("attribute_not_exists(PK)")
            .send()
            .await;
        match put.map_err(Failure::from) {
            Ok(_) => Ok(None),
            Err(Failure::Refused(_)) => self.order(order.user, order.id).await,
            Err(other) => Err(other),
        }
    }

    /// Replaces an order, whose `version` is already counted up, if nobody else
    /// did since it was read. `outbox` says what must happen because of it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if somebody did.
    pub async fn update_order(&self, order: &Order, outbox: Option<String>) -> Result<(), Failure> {
        let sent = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(write(order, outbox)?))
            .condition_expression("v = :before")
            .expression_attribute_values(":before", number(order.version.saturating_sub(1)))
            .send()
            .await;
        match sent.map_err(Failure::from) {
            // After an unanswered write the client tries again and is refused by
            // its own success.
            Err(Failure::Refused(_)) => match self.order(order.user, order.id).await? {
                Some(current) if current == *order => Ok(()),
                _ => Err(Failure::Refused(None)),
            },
            other => other.map(|_| ()),
        }
    }

    /// [`Store::update_order`] as a part of a transaction.
    pub(crate) fn update_order_part(
        &self,
        order: &Order,
        outbox: Option<String>,
    ) -> Result<TransactWriteItem, Failure> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(write(order, outbox)?))
            .condition_expression("v = :before")
            .expression_attribute_values(":before", number(order.version.saturating_sub(1)))
            .build()
            .map_err(Failure::unreadable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Notes that the tickets of an order were mailed. Counts as a change of the
    /// order, so that somebody who changes it at the same time notices.
    pub async fn mark_mailed(&self, user: UserId, order: OrderId, now: Timestamp) -> Result<(), Failure> {
        let sent = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::order(user, order).attributes()))
            .update_expression("SET md = :now, v = v + :one REMOVE ob")
            .condition_expression("attribute_exists(PK) AND attribute_not_exists(md)")
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        match sent.map_err(Failure::from) {
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::store_with_clock;

    /// An order of two named tickets with a stage, a promotion and two payments.
    fn order(now: Timestamp) -> Order {
        let line = OrderLine {
            area: AreaId::generate(now),
            quantity: 2,
            seats: vec!["AA-101".parse().expect("a seat"), "AA-102".parse().expect("a seat")],
            stage: Some(SaleStageId::generate(now)),
            base: 24_000_000,
            stage_adjustment: -2_400_000,
            promotion: -1_080_000,
            fee: 718_200,
            vat: 3_399_300,
            total: 21_238_200,
        };
        let payment = Payment {
            attempt: 0,
            gateway: GatewayName::Sandbox,
            payment_id: Some("pay_01jd8m3n7kf8bq4v3k7w2r9s5t".to_owned()),
            state: PaymentState::Pending,
            amount: 21_238_200,
            refunded: 0,
            refund_due: 0,
            created_at: now,
            idempotency: Some("q83vEjRWeJq83vEj".to_owned()),
        };
        let attendee = |name: &str| Attendee { nombre: Some(name.to_owned()), ..Attendee::default() };
        Order {
            id: OrderId::of_quote(domain::QuoteId::generate(now), UserId::generate(now)),
            user: UserId::generate(now),
            tenant: TenantId::generate(now),
            event: EventId::generate(now),
            status: OrderStatus::AwaitingPayment,
            currency: Currency::COP,
            total: line.total,
            holdings: vec![
                Holding::Seats { line: 0, row: 7, seats: vec![101, 102] },
                Holding::Stage {
                    stage: line.stage.expect("set"),
                    parts: vec![Part { block: 3, quantity: 2 }],
                },
                Holding::Promotion { parts: vec![Part { block: 0, quantity: 1 }] },
                Holding::PromotionBuyer,
            ],
            lines: vec![line],
            buyer: Person {
                email: "maria.fernanda@example.com".to_owned(),
                name: "María Fernanda Ríos".to_owned(),
            },
            language: Language::Es,
            attendees: vec![attendee("María Fernanda Ríos"), attendee("Julián Ortega")],
            expires_at: Timestamp::from_second(now.as_second() + 600).expect("in range"),
            paid_at: None,
            payments: vec![payment],
            tickets: BTreeMap::new(),
            promotion_code: Some("PREVENTA10".to_owned()),
            idempotency: Some("q83vEjRWeJq83vEj".to_owned()),
            mailed_at: None,
            version: 1,
        }
    }

    /// The size by DynamoDB's rule: names and values, numbers at two digits a byte.
    fn size(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::L(list) => 3 + list.iter().map(|value| size(value) + 1).sum::<usize>(),
            AttributeValue::M(map) => {
                3 + map.iter().map(|(name, value)| name.len() + size(value) + 1).sum::<usize>()
            }
            _ => 1,
        }
    }

    #[test]
    fn holdings_have_one_text() {
        let now = Timestamp::UNIX_EPOCH;
        for holding in order(now).holdings.into_iter().chain([Holding::Admissions {
            line: 1,
            parts: vec![Part { block: 12, quantity: 2 }, Part { block: 13, quantity: 1 }],
        }]) {
            assert_eq!(parse_holding(&holding_text(&holding)), Some(holding));
        }
        for text in ["", "x", "r0:3", "a:1x1", "a0:1", "sabc:0x1", "é"] {
            assert_eq!(parse_holding(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn an_order_comes_back_as_it_was_and_costs_one_write_unit() {
        let (store, clock) = store_with_clock().await;
        let mut order = order(clock.now());
        assert_eq!(store.create_order(&order, None).await.expect("written"), None);
        assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order.clone()));
        order.status = OrderStatus::Paid;
        order.paid_at = Some(clock.now());
        order.version = 2;
        store.update_order(&order, Some(r#"{"do":"tickets"}"#.to_owned())).await.expect("written");
        let item = write(&order, Some(r#"{"do":"tickets"}"#.to_owned())).expect("an item");
        let bytes: usize = item.iter().map(|(name, value)| name.len() + size(value)).sum();
        assert!(bytes <= 1024, "an order of two costs more than one write unit: {bytes} bytes");
        assert_eq!(store.buyer_of(order.event, order.id).await.expect("read"), Some(order.user));
    }

    #[tokio::test]
    async fn who_comes_second_is_told() {
        let (store, clock) = store_with_clock().await;
        let first = order(clock.now());
        store.create_order(&first, None).await.expect("written");
        let second = Order { total: 1, ..first.clone() };
        assert_eq!(store.create_order(&second, None).await.expect("read"), Some(first.clone()));

        let change = Order { status: OrderStatus::Released, version: 2, ..first.clone() };
        store.update_order(&change, None).await.expect("written");
        store.update_order(&change, None).await.expect("the same change is no conflict");
        let late = Order { status: OrderStatus::Paid, version: 2, ..first.clone() };
        assert!(matches!(store.update_order(&late, None).await, Err(Failure::Refused(_))));
    }

    #[tokio::test]
    async fn mailing_is_noted_once_and_noticed_by_who_changes_the_order() {
        let (store, clock) = store_with_clock().await;
        let mut order = order(clock.now());
        order.status = OrderStatus::Paid;
        store.create_order(&order, Some("{}".to_owned())).await.expect("written");
        let (user, id) = (order.user, order.id);
        store.mark_mailed(user, id, clock.now()).await.expect("noted");
        let noted = store.order(user, id).await.expect("read").expect("there");
        clock.advance(Duration::from_secs(60));
        store.mark_mailed(user, id, clock.now()).await.expect("noted");
        assert_eq!(store.order(user, id).await.expect("read").expect("there"), noted);
        order.version += 1;
        assert!(matches!(store.update_order(&order, None).await, Err(Failure::Refused(_))));
    }

    #[tokio::test]
    async fn the_newest_order_comes_first() {
        let (store, clock) = store_with_clock().await;
        let user = UserId::generate(clock.now());
        let mut ids = Vec::new();
        for _ in 0..3 {
            clock.advance(Duration::from_secs(3600));
            let order = Order { user, ..order(clock.now()) };
            store.create_order(&order, None).await.expect("written");
            ids.insert(0, order.id);
        }
        let page = store.orders(user, None, 2).await.expect("read");
        assert_eq!(page.items.iter().map(|order| order.id).collect::<Vec<_>>(), ids[..2]);
        let rest = store.orders(user, page.last.as_deref(), 2).await.expect("read");
        assert_eq!(rest.items[0].id, ids[2]);
        let recent = store.orders_since(user, ids[1].created_at()).await.expect("read");
        assert_eq!(recent.len(), 2);
    }
}
