//! Typed identifiers: a prefix that says what a thing is, and a UUIDv7.
//!
//! The text form is a [TypeID](https://github.com/jetify-com/typeid): `ord_` and
//! 26 characters of lower-case base32. Ids of different kinds do not mix at
//! compile time, and a new kind is one line in the `ids!` table below.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use type_safe_id::TypeSafeId;
use uuid::Uuid;

pub use type_safe_id::StaticType;

/// An id of the kind `K`. Ordered by creation time, to the millisecond.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with \"{expected}_\"")]
pub struct InvalidId {
    /// The prefix that was expected, such as `ord`.
    pub expected: &'static str,
}

impl<K: StaticType> Id<K> {
    /// A fresh id whose time part is `now`.
    pub fn generate(now: Timestamp) -> Self {
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the operating system provides randomness");
        Self::of_time(now, &random)
    }

    /// The lowest id whose time part is `time`: no id generated then or later sorts before it.
    pub fn lowest_at(time: Timestamp) -> Self {
        Self::of_time(time, &[0; 10])
    }

    fn of_time(time: Timestamp, rest: &[u8; 10]) -> Self {
        let millis = u64::try_from(time.as_millisecond()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, rest).into_uuid())
    }

    /// The id at `index` of several that are derived from this one: `index` is added to its last byte.
    #[must_use]
    pub fn nth(&self, index: u8) -> Self {
        let last = self.0.as_bytes()[15].wrapping_add(index);
        Self::from_uuid(with_last_byte(self.0, last))
    }

    /// The id with these 128 bits.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The 128 bits of the id, without its kind.
    pub const fn uuid(&self) -> Uuid {
        self.0
    }

    /// The 26 characters after the prefix, as table keys hold them.
    pub fn suffix(&self) -> String {
        let mut text = self.to_string();
        text.drain(..=K::TYPE.len());
        text
    }

    /// Reads what [`Id::suffix`] wrote.
    pub fn from_suffix(suffix: &str) -> Result<Self, InvalidId> {
        format!("{}_{suffix}", K::TYPE).parse()
    }

    /// When the id was generated, to the millisecond.
    pub fn created_at(&self) -> Timestamp {
        let millis = self.0.get_timestamp().map_or(0, |time| {
            let (seconds, nanos) = time.to_unix();
            seconds * 1000 + u64::from(nanos) / 1_000_000
        });
        Timestamp::from_millisecond(i64::try_from(millis).unwrap_or(0)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: StaticType> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TypeSafeId::<K>::from_uuid(self.0).fmt(f)
    }
}

impl<K: StaticType> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: StaticType> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse::<TypeSafeId<K>>()
            .map(|id| Self::from_uuid(id.uuid()))
            .map_err(|_| InvalidId { expected: K::TYPE })
    }
}

impl<K: StaticType> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: StaticType> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<K: StaticType> JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Id_{}", K::TYPE).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::TYPE),
        })
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident, $kind:ident = $prefix:literal;)*) => {$(
        /// The kind behind the id type of the same name.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $kind;
        impl StaticType for $kind {
            const TYPE: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $id = Id<$kind>;
    )*};
}

ids! {
    /// A person with a login: buyer or staff.
    UserId, UserKind = "usr";
    /// A signed-in browser or app.
    SessionId, SessionKind = "ses";
    /// An organiser's account, the scope of its data.
    TenantId, TenantKind = "tnt";
    /// A date with a stage, tickets and an organiser.
    EventId, EventKind = "evt";
    /// Several dates of one show.
    SeriesId, SeriesKind = "srs";
    /// A part of an event's venue, with one price.
    AreaId, AreaKind = "area";
    /// A seating plan.
    PlanId, PlanKind = "pln";
    /// A picture of an event.
    ImageId, ImageKind = "img";
    /// A sale stage of an event.
    SaleStageId, SaleStageKind = "stg";
    /// A product that is sold beside tickets.
    ProductId, ProductKind = "prd";
    /// A variant of a product, with its own price and stock.
    VariantId, VariantKind = "var";
    /// A voucher of an order: the right to one unit of a product.
    VoucherId, VoucherKind = "vch";
    /// A promotion of a tenant.
    PromotionId, PromotionKind = "prm";
    /// A quote: a computed price, sealed.
    QuoteId, QuoteKind = "quo";
    /// An order: a reservation and, once paid, its tickets.
    OrderId, OrderKind = "ord";
    /// A ticket of an order.
    TicketId, TicketKind = "tkt";
    /// A scanner's paired device.
    DeviceId, DeviceKind = "dev";
    /// An offer of a ticket from one person to another.
    TransferId, TransferKind = "trf";
    /// An invitation to work for an organiser.
    InvitationId, InvitationKind = "inv";
    /// A member of a tenant's community.
    MemberId, MemberKind = "mem";
    /// A payment of a member's fee.
    FeePaymentId, FeePaymentKind = "fee";
    /// A member's request for a discount.
    DiscountRequestId, DiscountRequestKind = "drq";
    /// A tenant's account at a payment gateway.
    GatewayAccountId, GatewayAccountKind = "gwa";
    /// An audit record of a change.
    AuditId, AuditKind = "aud";
    /// A request to the API, as logs name it.
    RequestId, RequestKind = "req";
}

/// The most tickets that one order holds; fits the last byte of a ticket id.
pub const MAX_TICKETS_PER_ORDER: u8 = 20;

/// The most vouchers that one order holds, beside its tickets.
pub const MAX_VOUCHERS_PER_ORDER: u8 = 20;

/// The place of an order's first voucher; places below are its tickets'.
pub(crate) const FIRST_VOUCHER: u8 = 128;

impl OrderId {
    /// The id of the order that `buyer` makes of a quote. A repeated `POST /reservations` thus
    /// finds the order that it made (it is idempotent); another buyer's order from the same quote
    /// has another id.
    ///
    /// It has the quote's time; its random bits are a digest of quote and buyer.
    pub fn of_quote(quote: QuoteId, buyer: UserId) -> Self {
        let digest = Sha256::new().chain_update(quote.uuid()).chain_update(buyer.uuid()).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        Self::from_uuid(with_last_byte(Self::of_time(quote.created_at(), &random).uuid(), 0))
    }

    /// The id of the ticket at `index` (from 0) of this order.
    ///
    /// Ticket ids are derived, never stored: they are the order's bits with the
    /// number of the ticket in the last byte.
    pub fn ticket(&self, index: u8) -> TicketId {
        TicketId::from_uuid(with_last_byte(self.uuid(), index + 1))
    }

    /// The id of the voucher at `index` (from 0) of this order: derived as those of its tickets, whose
    /// numbers end far below.
    pub fn voucher(&self, index: u8) -> VoucherId {
        VoucherId::from_uuid(with_last_byte(self.uuid(), FIRST_VOUCHER + index + 1))
    }
}

impl AuditId {
    /// The id derived from a time and these parts: the same parts give the same id.
    pub fn of_parts(at: Timestamp, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // The length goes first: without it, parts that are cut elsewhere would give the same
            // digest.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut random = [0; 10];
        random.copy_from_slice(&digest.finalize()[..10]);
        Self::of_time(at, &random)
    }
}

impl VariantId {
    /// The id of the copy that a request makes of this variant: the same whenever it is repeated.
    #[must_use]
    pub fn copied_by(&self, request: RequestId) -> Self {
        let digest = Sha256::new().chain_update(request.uuid()).chain_update(self.uuid()).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        Self::of_time(request.created_at(), &random)
    }
}

impl DiscountRequestId {
    /// The id of a member's `attempt`th request (from 0) for a show.
    ///
    /// It is derived from member, show and attempt, so that of two concurrent requests one finds
    /// the other's item: one open request per member and show, with a single write and no lock.
    pub fn of(member: MemberId, show: EventId, attempt: u8) -> Self {
        let digest = Sha256::new()
            .chain_update(member.uuid())
            .chain_update(show.uuid())
            .chain_update([attempt])
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl InvitationId {
    /// The id of a tenant's invitation of the address with this fingerprint: the user who is signed
    /// in with the address finds the invitation, and of two concurrent invitations one finds the
    /// other's item.
    pub fn of(tenant: TenantId, fingerprint: &str) -> Self {
        let digest = Sha256::new().chain_update(tenant.uuid()).chain_update(fingerprint).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl TicketId {
    /// The order that the ticket belongs to and the ticket's index in it.
    /// `None` if no order can have such a ticket.
    pub fn order(&self) -> Option<(OrderId, u8)> {
        let number = self.uuid().as_bytes()[15];
        (1..=MAX_TICKETS_PER_ORDER)
            .contains(&number)
            .then(|| (OrderId::from_uuid(with_last_byte(self.uuid(), 0)), number - 1))
    }
}

impl VoucherId {
    /// The order that the voucher belongs to, and the voucher's index in it.
    /// `None` if no order can have such a voucher.
    pub fn order(&self) -> Option<(OrderId, u8)> {
        let number = self.uuid().as_bytes()[15].checked_sub(FIRST_VOUCHER)?;
        (1..=MAX_VOUCHERS_PER_ORDER)
            .contains(&number)
            .then(|| (OrderId::from_uuid(with_last_byte(self.uuid(), 0)), number - 1))
    }
}

/// A part of an order that is used up at a door, and refunded, by itself: a ticket or a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderPart {
    /// A ticket, which admits.
    Ticket(TicketId),
    /// A voucher, for which a product is handed out.
    Voucher(VoucherId),
}

impl OrderPart {
    /// The ticket or voucher with these 128 bits; its last byte says which.
    pub fn from_uuid(uuid: Uuid) -> Self {
        if uuid.as_bytes()[15] > FIRST_VOUCHER {
            Self::Voucher(VoucherId::from_uuid(uuid))
        } else {
            Self::Ticket(TicketId::from_uuid(uuid))
        }
    }

    /// The 128 bits of the id, without its kind.
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::Ticket(ticket) => ticket.uuid(),
            Self::Voucher(voucher) => voucher.uuid(),
        }
    }

    /// The 26 characters after the prefix, as table keys hold them.
    pub fn suffix(&self) -> String {
        TicketId::from_uuid(self.uuid()).suffix()
    }

    /// Reads what [`OrderPart::suffix`] wrote.
    pub fn from_suffix(suffix: &str) -> Result<Self, InvalidId> {
        TicketId::from_suffix(suffix).map(|id| Self::from_uuid(id.uuid()))
    }

    /// The order that it belongs to, and its place among the states of the order's parts.
    pub fn order(&self) -> Option<(OrderId, u8)> {
        match self {
            Self::Ticket(ticket) => ticket.order(),
            Self::Voucher(voucher) => voucher.order().map(|(order, index)| (order, FIRST_VOUCHER + index)),
        }
    }

    /// The ticket, if it is one.
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Ticket(ticket) => Some(*ticket),
            Self::Voucher(_) => None,
        }
    }

    /// The voucher, if it is one.
    pub fn voucher(&self) -> Option<VoucherId> {
        match self {
            Self::Ticket(_) => None,
            Self::Voucher(voucher) => Some(*voucher),
        }
    }
}

impl From<TicketId> for OrderPart {
    fn from(ticket: TicketId) -> Self {
        Self::Ticket(ticket)
    }
}

impl From<VoucherId> for OrderPart {
    fn from(voucher: VoucherId) -> Self {
        Self::Voucher(voucher)
    }
}

impl<'de> Deserialize<'de> for OrderPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let part = match text.parse() {
            Ok(ticket) => Self::Ticket(ticket),
            Err(_) => Self::Voucher(text.parse().map_err(serde::de::Error::custom)?),
        };
        Ok(part)
    }
}

inline_schema!(OrderPart, {
    "type": "string",
    "pattern": "^(tkt|vch)_[0-7][0-9a-hjkmnp-tv-z]{25}$",
});

fn with_last_byte(uuid: Uuid, last: u8) -> Uuid {
    let mut bytes = uuid.into_bytes();
    bytes[15] = last;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn text_round_trips_and_sorts_by_time() {
        let (a, b) = (EventId::generate(at(0)), EventId::generate(at(1)));
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.to_string().parse::<EventId>(), Ok(a));
        assert_eq!(EventId::from_suffix(&a.suffix()), Ok(a));
        assert_eq!(a.created_at(), at(0));
    }

    #[test]
    fn kinds_do_not_mix() {
        let event = EventId::generate(at(0)).to_string();
        assert_eq!(event.parse::<AreaId>(), Err(InvalidId { expected: "area" }));
        assert!("evt_".parse::<EventId>().is_err());
        assert!("nonsense".parse::<EventId>().is_err());
    }

    #[test]
    fn a_quote_becomes_one_order_of_each_buyer() {
        let quote = QuoteId::generate(at(0));
        let [ana, beto] = [1, 2].map(|second| UserId::generate(at(second)));
        assert_eq!(OrderId::of_quote(quote, ana), OrderId::of_quote(quote, ana));
        assert_ne!(OrderId::of_quote(quote, ana), OrderId::of_quote(quote, beto));
        assert_eq!(OrderId::of_quote(quote, ana).created_at(), quote.created_at());
    }

    #[test]
    fn tickets_are_derived_from_their_order() {
        let order = OrderId::of_quote(QuoteId::generate(at(0)), UserId::generate(at(0)));
        for index in 0..MAX_TICKETS_PER_ORDER {
            assert_eq!(order.ticket(index).order(), Some((order, index)));
        }
        assert_eq!(TicketId::from_uuid(order.uuid()).order(), None);
    }

    #[test]
    fn vouchers_are_derived_beside_the_tickets() {
        let order = OrderId::of_quote(QuoteId::generate(at(0)), UserId::generate(at(0)));
        for index in 0..MAX_VOUCHERS_PER_ORDER {
            let voucher = order.voucher(index);
            assert_eq!(voucher.order(), Some((order, index)));
            assert_eq!(TicketId::from_uuid(voucher.uuid()).order(), None, "no ticket has its number");
            let part = OrderPart::from(voucher);
            assert_eq!(OrderPart::from_suffix(&part.suffix()), Ok(part));
            assert_eq!(part.order(), Some((order, 128 + index)));
        }
        let ticket = OrderPart::from(order.ticket(MAX_TICKETS_PER_ORDER - 1));
        assert_eq!(OrderPart::from_uuid(ticket.uuid()), ticket);
        assert_eq!(VoucherId::from_uuid(ticket.uuid()).order(), None);
        let read = |text: String| serde_json::from_value::<OrderPart>(text.into());
        assert_eq!(read(order.voucher(3).to_string()).expect("a voucher"), order.voucher(3).into());
        assert_eq!(read(order.ticket(3).to_string()).expect("a ticket"), order.ticket(3).into());
        assert!(read(order.to_string()).is_err());
    }
}
