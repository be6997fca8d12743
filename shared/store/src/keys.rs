//! Every key of the table, typed on the way in and on the way out.
//!
//! Ids are in keys without their prefix; the letter before them says the kind.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::Month;
use domain::discount::DecisionType;
use domain::payment_difference::PaymentDifference;
use domain::pricing::PromotionCode;
use domain::refund_task::RefundTask;
use domain::{
    AreaId, AuditId, DeviceId, DiscountRequestId, EventId, FeePaymentId, GatewayAccountId, InvitationId,
    MemberId, OrderId, SaleStageId, SessionId, TenantId, TicketId, Timestamp, TransferId, UserId,
};

/// The attribute of an item's partition.
pub(crate) const PK: &str = "PK";
/// The attribute of its place within the partition.
pub(crate) const SK: &str = "SK";
/// The attribute of its partition in the sparse index.
pub(crate) const GSI1PK: &str = "GSI1PK";
/// The attribute of its place in the sparse index.
pub(crate) const GSI1SK: &str = "GSI1SK";

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key within the partition.
    pub sk: String,
}

impl Key {
    /// The item `sk` of the partition `pk`.
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as DynamoDB's two attributes.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// Partitions over which the blocks of one pool, the rows of one area and the
/// gates of one event spread: 16 times DynamoDB's 1,000 writes per second.
pub(crate) const SHARDS: u16 = 16;

/// Everything of one user.
pub(crate) fn user_partition(user: UserId) -> String {
    format!("U#{}", user.suffix())
}

/// A user.
pub(crate) fn user(user: UserId) -> Key {
    Key::new(user_partition(user), "PROFILE")
}

/// The claim of a user on an e-mail address, which is given by its fingerprint.
pub(crate) fn email(fingerprint: &str) -> Key {
    Key::new(format!("EM#{fingerprint}"), "C")
}

/// A session, under its user.
pub(crate) fn session(user: UserId, session: SessionId) -> Key {
    Key::new(user_partition(user), format!("{SESSION_PREFIX}{}", session.suffix()))
}

/// Prefix of the sort keys of sessions.
pub(crate) const SESSION_PREFIX: &str = "SES#";

/// A mailed link, given by the hash of its token.
pub(crate) fn link(hash: &str) -> Key {
    Key::new(format!("ML#{hash}"), "C")
}

/// The count of a limit for `who`, within one window of so many seconds.
pub(crate) fn tries(scope: &str, who: &str, seconds: u32, window: i64) -> Key {
    Key::new(format!("TRY#{scope}#{who}"), format!("W#{seconds}#{window}"))
}

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

/// Block `index` of an area's seats or general admissions.
pub(crate) fn area_block(event: EventId, area: AreaId, index: u16) -> Key {
    block(&format!("E#{}#A#{}", event.suffix(), area.suffix()), index)
}

/// Block `index` of a sale stage's quota.
pub(crate) fn stage_block(event: EventId, stage: SaleStageId, index: u16) -> Key {
    block(&format!("E#{}#ST#{}", event.suffix(), stage.suffix()), index)
}

/// Block `index` of a promotion's uses.
pub(crate) fn promotion_block(tenant: TenantId, code: &str, index: u16) -> Key {
    block(&format!("T#{}#P#{code}", tenant.suffix()), index)
}

/// One buyer's uses of a promotion.
pub(crate) fn promotion_buyer(tenant: TenantId, code: &str, user: UserId) -> Key {
    Key::new(format!("T#{}#P#{code}#U#{}", tenant.suffix(), user.suffix()), "B#0000")
}

/// Block `index` of the allotment named `prefix`.
pub(crate) fn block(prefix: &str, index: u16) -> Key {
    Key::new(format!("{prefix}#{}", index % SHARDS), format!("B#{index:04}"))
}

/// The block's index, from its sort key.
pub(crate) fn block_index(sk: &str) -> Option<u16> {
    sk.strip_prefix("B#")?.parse().ok()
}

/// The gate of a ticket: what decides whether it still admits. It exists only
/// once something happened to the ticket.
pub(crate) fn gate(event: EventId, ticket: TicketId) -> Key {
    Key::new(gate_partition(event, u16::from(ticket.uuid().as_bytes()[14]) % SHARDS), ticket.suffix())
}

/// The partition with a part of an event's gates.
pub(crate) fn gate_partition(event: EventId, shard: u16) -> String {
    format!("Q#{}#{shard}", event.suffix())
}

/// Everything of one tenant.
pub(crate) fn tenant_partition(tenant: TenantId) -> String {
    format!("T#{}", tenant.suffix())
}

/// A tenant.
pub(crate) fn tenant(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), META)
}

/// The sort key of the item that a partition is named after.
pub(crate) const META: &str = "META";

/// An event with its areas and sale stages.
pub(crate) fn event_partition(event: EventId) -> String {
    format!("E#{}", event.suffix())
}

/// An event.
pub(crate) fn event(event: EventId) -> Key {
    Key::new(event_partition(event), META)
}

/// An area of an event.
pub(crate) fn area(event: EventId, area: AreaId) -> Key {
    Key::new(event_partition(event), format!("{AREA_PREFIX}{}", area.suffix()))
}

/// Prefix of the sort keys of areas.
pub(crate) const AREA_PREFIX: &str = "A#";

/// A sale stage of an event.
pub(crate) fn sale_stage(event: EventId, stage: SaleStageId) -> Key {
    Key::new(event_partition(event), format!("{STAGE_PREFIX}{}", stage.suffix()))
}

/// Prefix of the sort keys of sale stages.
pub(crate) const STAGE_PREFIX: &str = "ST#";

/// The claim of an event on the readable part of its address.
pub(crate) fn slug(slug: &str) -> Key {
    Key::new(format!("SL#{slug}"), "C")
}

/// The claim of a tenant's event on its internal code, whatever the case of its letters.
pub(crate) fn show_code(tenant: TenantId, code: &str) -> Key {
    Key::new(format!("T#{}#SC#{}", tenant.suffix(), code.to_ascii_uppercase()), "C")
}

/// Points from a tenant to one of its events; sorted by their start.
pub(crate) fn tenant_event(tenant: TenantId, starts_at: Timestamp, event: EventId) -> Key {
    Key::new(
        tenant_partition(tenant),
        format!("{TENANT_EVENT_PREFIX}{}#{}", key_time(starts_at), event.suffix()),
    )
}

/// Prefix of the sort keys of [`tenant_event`].
pub(crate) const TENANT_EVENT_PREFIX: &str = "EV#";

/// The partition that lists all published events by their start.
pub(crate) const PUBLISHED: &str = "PUB";

/// The entry of an event in the public list.
pub(crate) fn published_event(starts_at: Timestamp, event: EventId) -> Key {
    Key::new(PUBLISHED, format!("{}#{}", key_time(starts_at), event.suffix()))
}

/// The partition that lists all events that were ever published.
pub(crate) const SOLD: &str = "SOLD";

/// The entry of an event in [`SOLD`].
pub(crate) fn sold_event(event: EventId) -> Key {
    Key::new(SOLD, event.suffix())
}

/// Reads the sort key that [`sold_event`] wrote.
pub(crate) fn parse_sold_event(sk: &str) -> Option<EventId> {
    EventId::from_suffix(sk).ok()
}

/// A promotion of a tenant. `code` is in capital letters. Those of members' discounts have another
/// prefix: there are too many of them to list.
pub(crate) fn promotion(tenant: TenantId, code: &str) -> Key {
    let is_of_member = code.starts_with(PromotionCode::MEMBER_PREFIX);
    let prefix = if is_of_member { MEMBER_PROMOTION_PREFIX } else { PROMOTION_PREFIX };
    Key::new(tenant_partition(tenant), format!("{prefix}{code}"))
}

/// Prefix of the sort keys of members' promotions.
const MEMBER_PROMOTION_PREFIX: &str = "PM#";

/// Prefix of the sort keys of organisers' promotions.
pub(crate) const PROMOTION_PREFIX: &str = "P#";

/// A scanner of a tenant.
pub(crate) fn device(tenant: TenantId, device: DeviceId) -> Key {
    Key::new(tenant_partition(tenant), format!("{DEVICE_PREFIX}{}", device.suffix()))
}

/// Prefix of the sort keys of scanners.
pub(crate) const DEVICE_PREFIX: &str = "DEV#";

/// A transfer, under its sender and, once accepted, under its receiver.
pub(crate) fn transfer(user: UserId, transfer: TransferId) -> Key {
    Key::new(user_partition(user), format!("{TRANSFER_PREFIX}{}", transfer.suffix()))
}

/// Reads what [`transfer`] wrote; `None` for the key of anything else.
pub(crate) fn parse_transfer(key: &Key) -> Option<(UserId, TransferId)> {
    let user = UserId::from_suffix(key.pk.strip_prefix("U#")?).ok()?;
    let transfer = TransferId::from_suffix(key.sk.strip_prefix(TRANSFER_PREFIX)?).ok()?;
    Some((user, transfer))
}

/// Prefix of the sort keys of transfers.
pub(crate) const TRANSFER_PREFIX: &str = "X#";

/// The item about all of a holder's offers of a ticket: until when one is open, and how many there
/// were.
pub(crate) fn offers(holder: UserId, ticket: TicketId) -> Key {
    Key::new(user_partition(holder), format!("OF#{}", ticket.suffix()))
}

/// Points from a holder to a ticket that is in another user's order.
pub(crate) fn received(user: UserId, ticket: TicketId) -> Key {
    Key::new(user_partition(user), format!("{RECEIVED_PREFIX}{}", ticket.suffix()))
}

/// Prefix of the sort keys of [`received`].
pub(crate) const RECEIVED_PREFIX: &str = "TK#";

/// The record of a request that must not be carried out twice. `scope` says who
/// sent it and to which route.
pub(crate) fn idempotency(scope: &str, key: &str) -> Key {
    Key::new(format!("I#{scope}#{key}"), "I")
}

/// A time as keys hold it: whole seconds, so that text sorts as time does.
pub(crate) fn key_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Points from a tenant to a user of its staff. The role itself is in the user's own item.
pub(crate) fn staff(tenant: TenantId, user: UserId) -> Key {
    Key::new(tenant_partition(tenant), format!("{STAFF_PREFIX}{}", user.suffix()))
}

/// Prefix of the sort keys of [`staff`].
pub(crate) const STAFF_PREFIX: &str = "M#";

/// Counts how often a tenant lost an admin.
pub(crate) fn admins_lost(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "AL")
}

/// An invitation to a tenant's staff.
pub(crate) fn invitation(tenant: TenantId, invitation: InvitationId) -> Key {
    Key::new(tenant_partition(tenant), format!("{INVITATION_PREFIX}{}", invitation.suffix()))
}

/// Reads what [`invitation`] wrote; `None` for the key of anything else.
pub(crate) fn parse_invitation(key: &Key) -> Option<(TenantId, InvitationId)> {
    let invitation = InvitationId::from_suffix(key.sk.strip_prefix(INVITATION_PREFIX)?).ok()?;
    Some((parse_tenant(key)?, invitation))
}

/// Prefix of the sort keys of [`invitation`].
pub(crate) const INVITATION_PREFIX: &str = "MI#";

/// All members of a tenant.
pub(crate) fn members_partition(tenant: TenantId) -> String {
    format!("MB#{}", tenant.suffix())
}

/// A member of a tenant's community.
pub(crate) fn member(tenant: TenantId, member: MemberId) -> Key {
    Key::new(members_partition(tenant), member.suffix())
}

/// The partition of all tenants' claims on one e-mail address of a member, given by its fingerprint.
pub(crate) fn member_emails(fingerprint: &str) -> String {
    format!("MBE#{fingerprint}")
}

/// The claim of a tenant's member on an e-mail address.
pub(crate) fn member_email(fingerprint: &str, tenant: TenantId) -> Key {
    Key::new(member_emails(fingerprint), tenant.suffix())
}

/// The claim of a tenant's member on a national id, which is given by its
/// fingerprint, country included.
pub(crate) fn member_national_id(fingerprint: &str, tenant: TenantId) -> Key {
    Key::new(format!("MBI#{fingerprint}"), tenant.suffix())
}

/// All fee payments of a member.
pub(crate) fn fee_payments_partition(member: MemberId) -> String {
    format!("MP#{}", member.suffix())
}

/// A payment of a member's fee; sorted by its day.
pub(crate) fn fee_payment(member: MemberId, paid_at: Timestamp, payment: FeePaymentId) -> Key {
    Key::new(fee_payments_partition(member), format!("{}#{}", key_time(paid_at), payment.suffix()))
}

/// A member's request for a discount.
pub(crate) fn discount_request(request: DiscountRequestId) -> Key {
    Key::new(format!("DR#{}", request.suffix()), "R")
}

/// Reads what [`discount_request`] wrote; `None` for the key of anything else.
pub(crate) fn parse_discount_request(key: &Key) -> Option<DiscountRequestId> {
    DiscountRequestId::from_suffix(key.pk.strip_prefix("DR#")?).ok()
}

/// The index partition with a tenant's discount requests in one state.
pub(crate) fn discount_requests(tenant: TenantId, state: &str) -> String {
    format!("T#{}#DR#{state}", tenant.suffix())
}

/// The sort key of a discount request in [`discount_requests`]: by when it was made. It includes what
/// lists filter by, so that a request that does not match is not read.
pub(crate) fn discount_request_place(created_at: Timestamp, place: &RequestPlace) -> String {
    let (request, show) = (place.request.suffix(), place.show.suffix());
    format!("{}#{request}#{show}#{}", key_time(created_at), letter(place.suggestion))
}

/// The fields in a sort key of [`discount_requests`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestPlace {
    /// Id of the request.
    pub request: DiscountRequestId,
    /// The show that the request is for.
    pub show: EventId,
    /// The suggestion when the request was made.
    pub suggestion: DecisionType,
}

const fn letter(suggestion: DecisionType) -> &'static str {
    match suggestion {
        DecisionType::Approved => "a",
        DecisionType::Rejected => "r",
        DecisionType::NeedsClarification => "c",
    }
}

/// Reads what [`discount_request_place`] wrote.
pub(crate) fn parse_discount_request_place(place: &str) -> Option<RequestPlace> {
    let mut parts = place.split('#');
    parts.next()?.parse::<Timestamp>().ok()?;
    let request = DiscountRequestId::from_suffix(parts.next()?).ok()?;
    let show = EventId::from_suffix(parts.next()?).ok()?;
    let named = parts.next()?;
    let suggestion = DecisionType::ALL.into_iter().find(|suggestion| letter(*suggestion) == named)?;
    parts.next().is_none().then_some(RequestPlace { request, show, suggestion })
}

/// Block `index` of the discounts that an event has for members.
pub(crate) fn discount_block(event: EventId, index: u16) -> Key {
    block(&format!("E#{}#D", event.suffix()), index)
}

/// A tenant's own wording of an e-mail: its current version.
pub(crate) fn mail_template(tenant: TenantId, name: &str, language: &str) -> Key {
    Key::new(tenant_partition(tenant), format!("{MAIL_TEMPLATE_PREFIX}{name}#{language}"))
}

/// Prefix of the sort keys of [`mail_template`].
pub(crate) const MAIL_TEMPLATE_PREFIX: &str = "TPL#";

/// A version of a tenant's wording of an e-mail.
pub(crate) fn mail_template_version(tenant: TenantId, name: &str, language: &str, version: u32) -> Key {
    Key::new(
        mail_template_versions(tenant, name, language),
        format!("{MAIL_TEMPLATE_VERSION_PREFIX}{version:08}"),
    )
}

/// Prefix of the sort keys of [`mail_template_version`].
pub(crate) const MAIL_TEMPLATE_VERSION_PREFIX: &str = "V#";

/// All versions of a tenant's wording of an e-mail.
pub(crate) fn mail_template_versions(tenant: TenantId, name: &str, language: &str) -> String {
    format!("T#{}#TPL#{name}#{language}", tenant.suffix())
}

/// An account of a tenant at a payment gateway.
pub(crate) fn gateway_account(tenant: TenantId, account: GatewayAccountId) -> Key {
    Key::new(tenant_partition(tenant), format!("{GATEWAY_ACCOUNT_PREFIX}{}", account.suffix()))
}

/// Prefix of the sort keys of [`gateway_account`].
pub(crate) const GATEWAY_ACCOUNT_PREFIX: &str = "GW#";

/// How many of [`gateway_account`] a tenant has.
pub(crate) fn gateway_account_count(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "GWN")
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

/// The tenant with which a sort key in the index begins.
pub(crate) fn parse_place_tenant(place: &str) -> Option<TenantId> {
    TenantId::from_suffix(place.split('#').next()?).ok()
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

/// The progress of the daily audit of payments.
pub(crate) fn audit_walk() -> Key {
    Key::new("JANITOR", "AUDIT")
}

/// The tenant whose partition an item is in, if it is in one.
pub(crate) fn parse_tenant(key: &Key) -> Option<TenantId> {
    TenantId::from_suffix(key.pk.strip_prefix("T#")?).ok()
}

/// The audit records of a tenant in one month.
pub(crate) fn audit_partition(tenant: TenantId, month: &Month) -> String {
    format!("AU#{}#{}", tenant.suffix(), month.as_str())
}

/// An audit record.
pub(crate) fn audit(tenant: TenantId, at: Timestamp, audit: AuditId) -> Key {
    Key::new(audit_partition(tenant, &Month::of(at)), format!("{}#{}", key_time(at), audit.suffix()))
}
