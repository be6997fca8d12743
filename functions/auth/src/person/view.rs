//! What an export shows, besides orders.

use domain::discount::{DecisionType, DiscountRequest, RequestStatus};
use domain::member::Member;
use domain::session::Session;
use domain::transfer::{Transfer, TransferState};
use domain::{
    DiscountRequestId, EventId, MemberId, SessionId, TenantId, TicketId, Timestamp, TransferId, UserId,
};
use schemars::JsonSchema;
use serde::Serialize;

/// A session, as it is stored, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SessionData {
    id: SessionId,
    created_at: Timestamp,
    last_used_at: Timestamp,
    user_agent: String,
}

impl From<Session> for SessionData {
    fn from(session: Session) -> Self {
        let Session { id, created_at, last_used_at, user_agent, .. } = session;
        Self { id, created_at, last_used_at, user_agent }
    }
}

/// A ticket that was offered by or to the person. Of the other person it says what they were told.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TransferData {
    id: TransferId,
    ticket_id: TicketId,
    event_id: EventId,
    /// True if the person offered it.
    sent: bool,
    from_email: String,
    to_email: String,
    reason: Option<String>,
    state: TransferState,
    created_at: Timestamp,
    decided_at: Option<Timestamp>,
}

impl TransferData {
    /// The transfer as `person` knows it, at `now`.
    pub(super) fn of(transfer: Transfer, person: UserId, now: Timestamp) -> Self {
        Self {
            id: transfer.id,
            ticket_id: transfer.ticket,
            event_id: transfer.event,
            sent: transfer.from == person,
            state: transfer.state_at(now),
            from_email: transfer.sender.email,
            to_email: transfer.to_email,
            reason: transfer.reason,
            created_at: transfer.created_at,
            decided_at: transfer.decided_at,
        }
    }
}

/// What an organiser's community has of the person.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MemberData {
    id: MemberId,
    organiser_id: TenantId,
    name: String,
    email: String,
    country: String,
    dni: Option<String>,
    phone: Option<String>,
    city: Option<String>,
    how_did_you_find_us: Option<String>,
    favorite_music_genre: Option<String>,
    subscription_active: bool,
    monthly_fee_current: bool,
    registration_date: Timestamp,
    /// The discounts that were asked for.
    requests: Vec<RequestData>,
}

impl MemberData {
    /// A member with the member's requests.
    pub(super) fn of(member: Member, requests: Vec<DiscountRequest>) -> Self {
        Self {
            id: member.id,
            organiser_id: member.tenant_id,
            name: member.name,
            email: member.email.to_string(),
            country: member.country,
            dni: member.dni.map(|dni| dni.to_string()),
            phone: member.phone,
            city: member.city,
            how_did_you_find_us: member.how_did_you_find_us,
            favorite_music_genre: member.favorite_music_genre,
            subscription_active: member.subscription_active,
            monthly_fee_current: member.monthly_fee_current,
            registration_date: member.registration_date,
            requests: requests.into_iter().map(RequestData::from).collect(),
        }
    }
}

/// A request for a discount.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct RequestData {
    id: DiscountRequestId,
    show_id: EventId,
    message: Option<String>,
    status: RequestStatus,
    decision: Option<DecisionType>,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

impl From<DiscountRequest> for RequestData {
    fn from(request: DiscountRequest) -> Self {
        Self {
            id: request.id,
            show_id: request.show_id,
            message: request.message,
            status: request.status,
            // What is not sent is the supervisors' draft.
            decision: request.decision_type.filter(|_| request.sent_at.is_some()),
            created_at: request.created_at,
            sent_at: request.sent_at,
        }
    }
}
