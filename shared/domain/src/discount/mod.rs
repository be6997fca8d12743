//! Members' requests for discounts:
//! `pending, undecided ─decide→ pending, decided ─send→ sent`.
//!
//! The rules make a suggestion at once; a supervisor decides, may edit the mail, and sends it. A
//! supervisor who acts on an outdated version gets an error that says so.

mod mail;
mod promotion;
mod state;
mod suggest;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::mail_template::{TemplateName, Wording};
use crate::member::Member;
use crate::pricing::PromotionCode;
use crate::{DiscountRequestId, Error, EventId, Language, MemberId, Result, TenantId, UserId};

pub use mail::facts;
pub use promotion::{code, in_words, promotion};
pub use state::{Edit, Sending};
pub use suggest::{Case, Reasoning, suggest};

/// The most requests of a member for one show. Another one is allowed only after an answer was sent
/// that was no approval.
pub const MAX_ATTEMPTS: u8 = 5;
/// The most characters of a member's message with a request.
pub const MAX_MESSAGE: usize = 280;
/// The most characters of a supervisor's notes.
pub const MAX_NOTES: usize = 1000;
/// The most characters of an edited subject.
pub const MAX_SUBJECT: usize = 200;
/// The most characters of an edited mail.
pub const MAX_CONTENT: usize = 12_000;
/// The most characters of a request's description of its show.
const MAX_SHOW: usize = 160;

/// The decision about a discount request, or the suggested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionType {
    /// The member gets a discount.
    Approved,
    /// The member gets no discount.
    Rejected,
    /// The member has to clarify something first, and may then ask again.
    NeedsClarification,
}

impl DecisionType {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Approved, Self::Rejected, Self::NeedsClarification];

    /// The template of the mail that tells the member.
    pub const fn template(self) -> TemplateName {
        match self {
            Self::Approved => TemplateName::DiscountApproved,
            Self::Rejected => TemplateName::DiscountRejected,
            Self::NeedsClarification => TemplateName::DiscountNeedsClarification,
        }
    }
}

/// The source of a request's suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionSource {
    /// Fixed rules, with a template for the mail.
    PrefilterTemplate,
    /// A language model, within the same rules.
    LlmGenerated,
}

impl DecisionSource {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::PrefilterTemplate, Self::LlmGenerated];
}

/// The state of a discount request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waiting for a decision, or decided and not yet sent.
    Pending,
    /// Answered by mail. Only the delivery status of the mail still changes.
    Sent,
}

/// The delivery of the mail with the answer, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// On its way; not reported as delivered yet.
    Sent,
    /// Accepted by the recipient's mail server.
    Delivered,
    /// Refused by our own mail service.
    Failed,
    /// Returned by the recipient's mail server.
    Bounced,
    /// Reported as spam by the recipient.
    Complained,
}

impl DeliveryStatus {
    /// Whether a notification with `next` changes the status. Notifications come late, twice and
    /// out of order; the worse status stays.
    pub const fn may_become(self, next: Self) -> bool {
        next.rank() > self.rank()
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Sent => 0,
            Self::Delivered => 1,
            Self::Failed => 2,
            Self::Bounced => 3,
            Self::Complained => 4,
        }
    }
}

/// A proposed decision, by the rules or by a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The proposed decision.
    pub decision_type: DecisionType,
    /// The confidence in basis points: 10,000 is certain.
    pub confidence: u16,
    /// The rule that applied, with its figures.
    pub reasoning: Reasoning,
}

/// A person of the tenant's staff who decided or sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    /// The person's user id.
    pub user: UserId,
    /// The address with which the person was signed in.
    pub email: String,
}

/// A member's request for a discount for a show.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountRequest {
    /// The request's id, derived from member, show and attempt.
    pub id: DiscountRequestId,
    /// The organiser of the community and of the show.
    pub tenant_id: TenantId,
    /// The member who asks.
    pub member_id: MemberId,
    /// The show for which the member asks.
    pub show_id: EventId,
    /// The number of this request among the member's for the show, from 0.
    pub attempt: u8,
    /// The member's address when asking; the answer goes there.
    pub user_email: String,
    /// The member's name when asking.
    pub user_name: String,
    /// The show's name, artist, venue and city, in one line.
    pub show_description: String,
    /// The member's message with the request.
    pub message: Option<String>,
    /// True if the request came from a user signed in with the member's confirmed address.
    /// Otherwise it is unknown whether the reader of that address wants an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed_in: bool,
    /// The language of the answer.
    pub language: Language,
    /// The proposed decision, with confidence and reasoning.
    pub suggestion: Suggestion,
    /// The source of the suggestion.
    pub decision_source: DecisionSource,
    /// The decision; `None` until a supervisor decides.
    pub decision_type: Option<DecisionType>,
    /// The number of approvals that were taken back. Each approval claims one of the show's
    /// discounts under a token of its own, so that a late release of an earlier claim never touches
    /// the present one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_back: u8,
    /// The state of the request.
    pub status: RequestStatus,
    /// The version of the tenant's template that words the mail for [`DiscountRequest::outcome`]; 0
    /// is our default.
    pub template_version: u32,
    /// The mail, once a supervisor edited it or it was sent; until then it is filled from the
    /// template.
    pub mail: Option<Wording>,
    /// The code in the mail that was sent, if it had one.
    pub code: Option<PromotionCode>,
    /// The delivery of the mail, once it was sent.
    pub email_delivery_status: Option<DeliveryStatus>,
    /// The time that the suggestion took, in microseconds.
    pub processing_us: u32,
    /// When the member asked.
    pub created_at: Timestamp,
    /// When a supervisor decided.
    pub reviewed_at: Option<Timestamp>,
    /// The supervisor who decided.
    pub reviewed_by: Option<Reviewer>,
    /// Notes of supervisors for each other.
    pub supervisor_notes: Option<String>,
    /// When the answer was sent.
    pub sent_at: Option<Timestamp>,
    /// The supervisor who sent the answer.
    pub sent_by: Option<Reviewer>,
    /// Counts changes by people; a change names the version that it is based on.
    pub version: u32,
}

/// A list of the supervisors' queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tab {
    /// Requests without a decision.
    Undecided,
    /// Requests with this decision, not yet sent.
    Decided(DecisionType),
    /// Requests that were answered with this decision.
    Sent(DecisionType),
}

impl Tab {
    /// The lists of requests that are not answered.
    pub const PENDING: [Self; 4] = [
        Self::Undecided,
        Self::Decided(DecisionType::Approved),
        Self::Decided(DecisionType::Rejected),
        Self::Decided(DecisionType::NeedsClarification),
    ];
    /// The lists of answered requests.
    pub const SENT: [Self; 3] = [
        Self::Sent(DecisionType::Approved),
        Self::Sent(DecisionType::Rejected),
        Self::Sent(DecisionType::NeedsClarification),
    ];

    /// The list's name in the table's index, such as `sent_approved`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Decided(DecisionType::Approved) => "approved",
            Self::Decided(DecisionType::Rejected) => "rejected",
            Self::Decided(DecisionType::NeedsClarification) => "needs_clarification",
            Self::Sent(DecisionType::Approved) => "sent_approved",
            Self::Sent(DecisionType::Rejected) => "sent_rejected",
            Self::Sent(DecisionType::NeedsClarification) => "sent_needs_clarification",
        }
    }
}

/// The day of a show on the venue's clocks: its first moment, and the first of
/// the next day.
pub fn day_of(show: &Event) -> (Timestamp, Timestamp) {
    let zone = TimeZone::get(&show.time_zone).unwrap_or(TimeZone::UTC);
    let day = zone.to_datetime(show.starts_at).date();
    // A day on which the clocks change has another length than others.
    let midnight = |day: Date| zone.to_timestamp(day.to_datetime(Time::midnight())).ok();
    let end = day.tomorrow().ok().and_then(midnight);
    (midnight(day).unwrap_or(show.starts_at), end.unwrap_or(Timestamp::MAX))
}

/// Checks that members can ask for discounts for a show at `now`.
///
/// # Errors
/// `show_not_found`, `event_postponed`, `event_cancelled`, `show_over`, `no_discounts_offered`.
pub fn offered(show: &Event, now: Timestamp) -> Result<()> {
    if !show.status.is_public() {
        return Err(Error::not_found("show_not_found", "There is no such show. Search for it again."));
    }
    show.status.sells()?;
    if now >= show.ends_at {
        return Err(Error::conflict("show_over", "This show is over."));
    }
    if show.max_discounts == 0 {
        return Err(Error::conflict(
            "no_discounts_offered",
            "This show has no discounts for members. Choose another one.",
        ));
    }
    Ok(())
}

impl DiscountRequest {
    /// A new request of `member` for `show`, with its suggestion. `template_version` is that of the
    /// proposed decision's template.
    pub fn open(
        member: &Member,
        show: &Event,
        attempt: u8,
        suggestion: Suggestion,
        template_version: u32,
        now: Timestamp,
    ) -> Self {
        Self {
            id: DiscountRequestId::of(member.id, show.id, attempt),
            tenant_id: show.tenant_id,
            member_id: member.id,
            show_id: show.id,
            attempt,
            user_email: member.email.to_string(),
            user_name: member.name.clone(),
            show_description: describe(show),
            message: None,
            signed_in: false,
            language: member.language,
            suggestion,
            decision_source: DecisionSource::PrefilterTemplate,
            decision_type: None,
            taken_back: 0,
            status: RequestStatus::Pending,
            template_version,
            mail: None,
            code: None,
            email_delivery_status: None,
            processing_us: 0,
            created_at: now,
            reviewed_at: None,
            reviewed_by: None,
            supervisor_notes: None,
            sent_at: None,
            sent_by: None,
            version: 1,
        }
    }

    /// The decision that the mail tells: the supervisor's, or the suggested one until there is one.
    pub fn outcome(&self) -> DecisionType {
        self.decision_type.unwrap_or(self.suggestion.decision_type)
    }

    /// The list of the queue in which the request is.
    pub fn tab(&self) -> Tab {
        match (self.status, self.decision_type) {
            (RequestStatus::Sent, _) => Tab::Sent(self.outcome()),
            (RequestStatus::Pending, Some(decision)) => Tab::Decided(decision),
            (RequestStatus::Pending, None) => Tab::Undecided,
        }
    }

    /// Checks that the same member may ask for the same show again.
    ///
    /// # Errors
    /// `request_open` and `discount_already_given`, each with this request's id.
    pub fn check_may_ask_again(&self) -> Result<()> {
        match self.tab() {
            Tab::Sent(DecisionType::Approved) => Err(Error::conflict(
                "discount_already_given",
                "You have a discount for this show already. Look for our mail.",
            )
            .with("id", self.id.to_string())),
            Tab::Sent(_) => Ok(()),
            Tab::Undecided | Tab::Decided(_) => Err(Error::conflict(
                "request_open",
                "You have asked for this discount already; the answer comes by mail.",
            )
            .with("id", self.id.to_string())),
        }
    }
}

fn is_zero(count: &u8) -> bool {
    *count == 0
}

/// The show's name, artist, venue and city, each once, in at most [`MAX_SHOW`] characters.
fn describe(show: &Event) -> String {
    let mut parts = vec![show.name.trim()];
    for part in [&show.artist, &show.venue, &show.city] {
        if !part.trim().is_empty() && !parts.contains(&part.trim()) {
            parts.push(part.trim());
        }
    }
    parts.join(", ").chars().take(MAX_SHOW).collect()
}
