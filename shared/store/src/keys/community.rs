//! Keys of an organiser's members and their discount requests.

use domain::discount::DecisionType;
use domain::{DiscountRequestId, EventId, FeePaymentId, MemberId, TenantId, Timestamp};

use super::{Key, key_time};

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
