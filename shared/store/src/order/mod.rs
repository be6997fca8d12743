//! Orders: one item each, under its buyer, written whole.

mod attributes;
mod beside;
mod billing;
mod choosing;
mod closed_refund_task;
mod context;
mod holding;
mod of_seat;
mod payment_difference;
mod record;
mod refund_task;
mod reminders;
mod settling;
mod statement;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::order::{Change, Order, Revocation};
use domain::outbox::Outbox;
use domain::{EventId, OrderId, Timestamp, UserId};

use crate::failure::{Item, accept_if_written, was_done};
use crate::gate::{GateError, why_used};
use crate::items::{Part, carried, from_item, number, query_all, string, to_item};
use crate::keys::{self, Key};
use crate::{Failure, Listing, Result, Store};

use record::Record;

pub use beside::BesideOrder;
pub use holding::{Held, HoldError, HoldRequest};
pub use settling::SETTLING;
pub use statement::{StatementPlace, StatementStep};

fn read(item: Item) -> Result<Order> {
    let text = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    let key = text(keys::PK).zip(text(keys::SK)).and_then(|(pk, sk)| keys::parse_order(&Key::new(pk, sk)));
    let (user, order) = key.ok_or_else(|| Failure::unreadable("the key of an order"))?;
    from_item::<Record>(item)?.into_order(user, order)
}

/// The whole item of an order, with its index entry and its outbox.
fn write(order: &Order, outbox: Option<&Outbox>) -> Result<Item> {
    let mut item = to_item(&keys::order(order.user, order.id), &Record::of(order))?;
    if order.status.is_settled() {
        // Set once, when paid, and never changed: an index entry costs a write
        // unit whenever its keys change.
        item.insert(
            keys::GSI1PK.to_owned(),
            string(keys::event_orders(order.event, keys::order_shard(order.id))),
        );
        item.insert(keys::GSI1SK.to_owned(), string(order.id.suffix()));
    }
    item.extend(carried(outbox)?);
    Ok(item)
}

impl Store {
    /// An order of a user, read consistently.
    pub async fn order(&self, user: UserId, order: OrderId) -> Result<Option<Order>> {
        self.get_item(&keys::order(user, order), true).await?.map(read).transpose()
    }

    /// A page of a user's orders, newest first.
    pub async fn orders(&self, user: UserId, after: Option<&str>, limit: u16) -> Result<Listing<Order>> {
        let page: Listing<Item> =
            self.list_items(&keys::user_partition(user), keys::ORDER_PREFIX, after, limit, true).await?;
        Ok(Listing { items: page.items.into_iter().map(read).collect::<Result<_, _>>()?, last: page.last })
    }

    /// The cursor of [`Store::orders`] after this order.
    pub fn after_order(order: &Order) -> String {
        keys::order(order.user, order.id).sk
    }

    /// All of the user's orders with quotes made since `since`; the read is eventually consistent.
    pub async fn orders_since(&self, user: UserId, since: Timestamp) -> Result<Vec<Order>> {
        self.all_orders_since(user, since, false).await
    }

    /// [`Store::orders_since`], read consistently.
    pub async fn orders_consistent(&self, user: UserId, since: Timestamp) -> Result<Vec<Order>> {
        self.all_orders_since(user, since, true).await
    }

    /// One query, unless there are more than a thousand. Reads all of them, because ids sort by the
    /// time of the quote: the newest may have been held long before the oldest.
    async fn all_orders_since(&self, user: UserId, since: Timestamp, consistent: bool) -> Result<Vec<Order>> {
        let query = self
            .query_of(keys::user_partition(user))
            .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :end")
            .expression_attribute_values(":first", string(keys::order(user, OrderId::lowest_at(since)).sk))
            .expression_attribute_values(":end", string(keys::ORDERS_END))
            .consistent_read(consistent);
        query_all(query).await?.into_iter().map(read).collect()
    }

    /// The buyer of an order of an event; `None` if no such order was ever paid.
    pub async fn buyer_of(&self, event: EventId, order: OrderId) -> Result<Option<UserId>> {
        let answer = self
            .index_of(keys::event_orders(event, keys::order_shard(order)))
            .key_condition_expression("GSI1PK = :pk AND GSI1SK = :order")
            .expression_attribute_values(":order", string(order.suffix()))
            .limit(1)
            .send()
            .await?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else { return Ok(None) };
        match (item.get(keys::PK), item.get(keys::SK)) {
            (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => {
                Ok(keys::parse_order(&Key::new(pk, sk)).map(|(user, _)| user))
            }
            _ => Ok(None),
        }
    }

    /// Writes a new order. If there is one with its id already, returns that one and writes nothing.
    pub async fn create_order(&self, order: &Order) -> Result<Option<Order>> {
        let put =
            self.put_of(write(order, None)?).condition_expression("attribute_not_exists(PK)").send().await;
        match was_done(put)? {
            true => Ok(None),
            false => self.order(order.user, order.id).await,
        }
    }

    /// Replaces an order that a transition changed, with the outbox, the refund tasks and the revoked
    /// tickets and vouchers of `change`, all or nothing. Returns the order as it is then, its version counted up. A
    /// payment difference of `change` is noted before.
    ///
    /// Of two callers that write the very same order, both are told that it is written. A caller that
    /// must be alone afterwards needs something in the order that no other caller writes, such as the
    /// owner of a claim.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the order was changed since it was read;
    /// [`Closed::Used`](crate::Closed::Used) and [`GateError::VoucherUsed`] if a ticket or voucher to
    /// be revoked was used at the door.
    pub async fn save_order(
        &self,
        order: &Order,
        change: &Change,
        now: Timestamp,
    ) -> Result<Order, GateError> {
        self.save_order_with(order, change, Vec::new(), now).await
    }

    /// [`Store::save_order`] with further writes in the same transaction.
    pub(crate) async fn save_order_with(
        &self,
        order: &Order,
        change: &Change,
        further: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Order, GateError> {
        if let Some(difference) = &change.difference {
            self.note_payment_difference(order.tenant, difference).await?;
        }
        let revoked = match &change.revokes {
            Revocation::None => Vec::new(),
            Revocation::Parts(parts) => parts.clone(),
            Revocation::Unused => self.unused_parts(order.event, &order.valid_parts()).await?,
        };
        let (order, outbox) = order.written(change, &revoked);
        let written = if revoked.is_empty() && change.tasks.is_empty() && further.is_empty() {
            self.put_order(&order, outbox.as_ref()).await
        } else {
            let mut writes = vec![self.put_order_part(&order, outbox.as_ref())?];
            writes.extend(self.task_parts(&order, &change.tasks)?);
            for part in &revoked {
                writes.push(self.revoke_part(order.event, *part, now)?);
            }
            writes.extend(further);
            self.transact(writes).await
        };
        let is_written = async { Ok(self.order(order.user, order.id).await?.as_ref() == Some(&order)) };
        match accept_if_written(written, is_written).await {
            Ok(()) => Ok(order),
            Err(Failure::Refused(item)) => Err(why_used(item)?),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn put_order(&self, order: &Order, outbox: Option<&Outbox>) -> Result<()> {
        self.put_of(write(order, outbox)?)
            .condition_expression("v = :before")
            .expression_attribute_values(":before", number(order.version.saturating_sub(1)))
            .send()
            .await?;
        Ok(())
    }

    /// The part of a transaction that replaces an order, whose version is counted up, if it is
    /// as it was read.
    pub(crate) fn put_order_part(&self, order: &Order, outbox: Option<&Outbox>) -> Result<TransactWriteItem> {
        self.putting(write(order, outbox)?)
            .condition_expression("v = :before")
            .expression_attribute_values(":before", number(order.version.saturating_sub(1)))
            .part()
    }

    /// Notes that the tickets of an order were mailed. Counts the order's version up, so that a change
    /// at the same time is refused as stale.
    pub async fn mark_mailed(&self, user: UserId, order: OrderId, now: Timestamp) -> Result<()> {
        let sent = self
            .update_of(&keys::order(user, order))
            .update_expression("SET md = :now, v = v + :one REMOVE ob")
            .condition_expression("attribute_exists(PK) AND attribute_not_exists(md)")
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        was_done(sent).map(drop)
    }
}

#[cfg(test)]
mod tests;
