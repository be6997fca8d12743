//! Keys of orders: what hangs on them and what is to be done about their money.

use domain::payment_difference::PaymentDifference;
use domain::refund_task::RefundTask;
use domain::{EventId, OrderId, OrderPart, TenantId, Timestamp, UserId};

use super::{Key, SHARDS, key_time, parse_place_tenant, tenant_partition, user_partition};

/// An order, under its buyer.
pub(crate) fn order(user: UserId, order: OrderId) -> Key {
    Key::new(user_partition(user), format!("{ORDER_PREFIX}{}", order.suffix()))
}

/// Reads what [`order`] wrote; `None` for the key of anything else.
pub(crate) fn parse_order(key: &Key) -> Option<(UserId, OrderId)> {
    let user = UserId::from_suffix(key.pk.strip_prefix("U#")?).ok()?;
    let order = OrderId::from_suffix(key.sk.strip_prefix(ORDER_PREFIX)?).ok()?;
    Some((user, order))
}

/// The billing data of an order, under its buyer.
pub(crate) fn billing(user: UserId, order: OrderId) -> Key {
    Key::new(user_partition(user), format!("{BILLING_PREFIX}{}", order.suffix()))
}

/// Prefix of the sort keys of [`billing`].
pub(crate) const BILLING_PREFIX: &str = "OB#";

/// Sorts after all sort keys of [`billing`].
pub(crate) const BILLINGS_END: &str = "OB#~";

/// The billing data that a user gave last.
pub(crate) fn last_billing(user: UserId) -> Key {
    Key::new(user_partition(user), "BILL")
}

/// The organiser's further attributes of an order, under its buyer.
pub(crate) fn extra_attributes(user: UserId, order: OrderId) -> Key {
    Key::new(user_partition(user), format!("{EXTRA_ATTRIBUTES_PREFIX}{}", order.suffix()))
}

/// Prefix of the sort keys of [`extra_attributes`].
pub(crate) const EXTRA_ATTRIBUTES_PREFIX: &str = "OA#";

/// The order of a sort key that [`billing`] or [`extra_attributes`] wrote.
pub(crate) fn parse_beside_order(sk: &str) -> Option<OrderId> {
    let of = |prefix| sk.strip_prefix(prefix);
    OrderId::from_suffix(of(BILLING_PREFIX).or_else(|| of(EXTRA_ATTRIBUTES_PREFIX))?).ok()
}

/// Prefix of the sort keys of orders.
pub(crate) const ORDER_PREFIX: &str = "O#";

/// Sorts after all sort keys of orders.
pub(crate) const ORDERS_END: &str = "O#~";

/// The index partition with a part of an event's paid orders.
pub(crate) fn event_orders(event: EventId, shard: u16) -> String {
    format!("E#{}#{shard}", event.suffix())
}

/// The shard of [`event_orders`] that an order is in.
pub(crate) fn order_shard(order: OrderId) -> u16 {
    u16::from(order.uuid().as_bytes()[14]) % SHARDS
}

/// The gate of a ticket or voucher: what decides whether it still admits, or is handed out. It exists
/// only once something happened to it.
pub(crate) fn gate(event: EventId, part: OrderPart) -> Key {
    Key::new(gate_partition(event, u16::from(part.uuid().as_bytes()[14]) % SHARDS), part.suffix())
}

/// The partition with a part of an event's gates.
pub(crate) fn gate_partition(event: EventId, shard: u16) -> String {
    format!("Q#{}#{shard}", event.suffix())
}

/// A refund task: the refund of the payment with this index in an order waits for a person.
pub(crate) fn refund_task(tenant: TenantId, order: OrderId, payment: u8) -> Key {
    Key::new(tenant_partition(tenant), format!("{REFUND_TASK_PREFIX}{}#{payment}", order.suffix()))
}

/// Prefix of the sort keys of [`refund_task`].
pub(crate) const REFUND_TASK_PREFIX: &str = "RT#";

/// The refund task of a payment that a person closed last.
pub(crate) fn closed_refund_task(tenant: TenantId, order: OrderId, payment: u8) -> Key {
    Key::new(tenant_partition(tenant), format!("RTC#{}#{payment}", order.suffix()))
}

/// The index partition with the refund tasks of all tenants.
pub(crate) const REFUND_TASKS: &str = "RT";

/// The sort key of a refund task in [`REFUND_TASKS`]: by tenant, the longest waiting first.
pub(crate) fn refund_task_place(task: &RefundTask) -> String {
    let RefundTask { tenant_id, order_id, payment, since, .. } = task;
    format!("{}#{}#{}#{payment}", tenant_id.suffix(), key_time(*since), order_id.suffix())
}

/// The key of the task with this [`refund_task_place`].
pub(crate) fn parse_refund_task_place(place: &str) -> Option<Key> {
    let (order, payment) = place.split('#').nth(2).zip(place.split('#').nth(3))?;
    let order = OrderId::from_suffix(order).ok()?;
    Some(refund_task(parse_place_tenant(place)?, order, payment.parse().ok()?))
}

/// A payment difference of a tenant, by the day on which it was seen.
pub(crate) fn payment_difference(tenant: TenantId, difference: &PaymentDifference) -> Key {
    let PaymentDifference { order, payment_id, kind, at, .. } = difference;
    let (day, order) = (payment_differences_of_day(*at), order.suffix());
    let payment = payment_id.as_deref().unwrap_or("-");
    Key::new(tenant_partition(tenant), format!("{day}{order}#{payment}#{}", kind.as_str()))
}

/// Prefix of the sort keys of [`payment_difference`].
pub(crate) const PAYMENT_DIFFERENCE_PREFIX: &str = "PD#";

/// The beginning of the sort keys of differences that were seen on the day of `day`.
pub(crate) fn payment_differences_of_day(day: Timestamp) -> String {
    format!("{PAYMENT_DIFFERENCE_PREFIX}{}#", day.strftime("%Y-%m-%d"))
}

/// The index partition with all tenants' differences that were seen on the day of `day`.
pub(crate) fn payment_differences_of_all(day: Timestamp) -> String {
    payment_differences_of_day(day)
}

/// The sort key of a difference in [`payment_differences_of_all`]: by tenant.
pub(crate) fn payment_difference_place(tenant: TenantId, difference: &PaymentDifference) -> String {
    let order = difference.order.suffix();
    format!("{}#{order}#{}", tenant.suffix(), difference.payment_id.as_deref().unwrap_or("-"))
}

/// The mark that the tenant was told about the differences of the day of `day`.
pub(crate) fn payment_report(tenant: TenantId, day: Timestamp) -> Key {
    Key::new(tenant_partition(tenant), format!("PDR#{}", day.strftime("%Y-%m-%d")))
}
