//! Members' requests for discounts:
//! `pending, undecided ─decide→ pending, decided ─send→ sent`.
//!
//! A suggestion is made at once; a person decides, may word the mail, and sends
//! it. Whoever acts on what somebody else has changed meanwhile is told so.

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

use crate::event::{Event, EventStatus};
use crate::mail_template::{TemplateName, Wording};
use crate::member::Member;
use crate::pricing::PromotionCode;
use crate::{DiscountRequestId, Error, EventId, Language, MemberId, Result, TenantId, UserId};

pub use mail::facts;
pub use promotion::{code, in_words, promotion};
pub use state::{Edit, Sending};
pub use suggest::{Case, Reasoning, suggest};

/// How often a member can ask for a discount for one show: again only once an
/// answer was sent that was no approval.
pub const MAX_ATTEMPTS: u8 = 5;
/// The most characters of what a member says with a request.
pub const MAX_MESSAGE: usize = 280;
/// The most characters of a supervisor's notes.
pub const MAX_NOTES: usize = 1000;
/// The most characters of an edited subject.
pub const MAX_SUBJECT: usize = 200;
/// The most characters of an edited mail.
pub const MAX_CONTENT: usize = 12_000;
/// The most characters of how a request describes its show.
const MAX_SHOW: usize = 160;

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionType {
    /// The member gets a discount.
    Approved,
    /// The member gets none.
    Rejected,
    /// The member has to say more first, and may then ask again.
    NeedsClarification,
}

impl DecisionType {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Approved, Self::Rejected, Self::NeedsClarification];

    /// The template of its mail.
    pub const fn template(self) -> TemplateName {
        match self {
            Self::Approved => TemplateName::DiscountApproved,
            Self::Rejected => TemplateName::DiscountRejected,
            Self::NeedsClarification => TemplateName::DiscountNeedsClarification,
        }
    }
}

/// Who or what made a request's suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionSource {
    /// Fixed rules, and a template for the mail.
    PrefilterTemplate,
    /// A language model, within the same rules.
    LlmGenerated,
}

impl DecisionSource {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::PrefilterTemplate, Self::LlmGenerated];
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waiting: for a decision, or, decided, to be sent.
    Pending,
    /// Answered by mail. Nothing about it changes any more but its delivery.
    Sent,
}

/// How far the answer's mail came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// On its way.
    Sent,
    /// Taken by the receiver's mail server.
    Delivered,
    /// Not taken by our own mail service.
    Failed,
    /// Came back.
    Bounced,
    /// The receiver called it spam.
    Complained,
}

impl DeliveryStatus {
    /// Whether a notification with `next` is news. Notifications come late, twice
    /// and out of order; what is worse stays.
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

/// What the rules or a model propose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The proposed decision.
    pub decision_type: DecisionType,
    /// How sure that is, in basis points: 10,000 is certain.
    pub confidence: u16,
    /// Why.
    pub reasoning: Reasoning,
}

/// Who of the tenant's staff did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    /// The person.
    pub user: UserId,
    /// The address that the person signed in with.
    pub email: String,
}

/// A member's request for a discount for a show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountRequest {
    /// The request's id; it follows from member, show and attempt.
    pub id: DiscountRequestId,
    /// Whose community and show it is.
    pub tenant_id: TenantId,
    /// Who asks.
    pub member_id: MemberId,
    /// For which show.
    pub show_id: EventId,
    /// Which of the member's requests for the show it is, from 0.
    pub attempt: u8,
    /// The member's address when asking; the answer goes there.
    pub user_email: String,
    /// The member's name.
    pub user_name: String,
    /// The show in a few words.
    pub show_description: String,
    /// What the member says with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// True if whoever asked was signed in with the member's address, confirmed. Else
    /// nobody knows whether its reader wants an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed_in: bool,
    /// The language of the answer.
    pub language: Language,
    /// What is proposed.
    pub suggestion: Suggestion,
    /// Who proposes it.
    pub decision_source: DecisionSource,
    /// What was decided; nothing at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_type: Option<DecisionType>,
    /// How often an approval was taken back. Each approval reserves one of the show's
    /// discounts under a name of its own, so that giving back a former one, however
    /// late, never touches what the present one has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_back: u8,
    /// How far it is.
    pub status: RequestStatus,
    /// The version of the tenant's template for [`DiscountRequest::outcome`] that
    /// words the mail; 0 is ours.
    pub template_version: u32,
    /// The mail, once somebody worded it or it was sent; until then it follows
    /// from the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Wording>,
    /// The code that was sent, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<PromotionCode>,
    /// How far the mail came, once sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_delivery_status: Option<DeliveryStatus>,
    /// How long the suggestion took, in microseconds.
    pub processing_us: u32,
    /// When the member asked.
    pub created_at: Timestamp,
    /// When somebody decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Timestamp>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<Reviewer>,
    /// What supervisors note for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor_notes: Option<String>,
    /// When the answer was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<Reviewer>,
    /// Counts changes by people; a change names the version that it is based on.
    pub version: u32,
}

/// In which list of the queue a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tab {
    /// Nobody has decided.
    Undecided,
    /// Decided, not sent.
    Decided(DecisionType),
    /// Sent.
    Sent(DecisionType),
}

impl Tab {
    /// The lists of what was not sent.
    pub const PENDING: [Self; 4] = [
        Self::Undecided,
        Self::Decided(DecisionType::Approved),
        Self::Decided(DecisionType::Rejected),
        Self::Decided(DecisionType::NeedsClarification),
    ];
    /// The lists of what was sent.
    pub const SENT: [Self; 3] = [
        Self::Sent(DecisionType::Approved),
        Self::Sent(DecisionType::Rejected),
        Self::Sent(DecisionType::NeedsClarification),
    ];

    /// The name, as the table's index has it.
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
/// `show_not_found`, `show_over`, `no_discounts_offered`.
pub fn offered(show: &Event, now: Timestamp) -> Result<()> {
    if show.status == EventStatus::Draft {
        return Err(Error::not_found("show_not_found", "There is no such show. Search for it again."));
    }
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
    /// A request of `member` for `show` with what is proposed about it.
    /// `template_version` is that of the proposed decision's template.
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

    /// What the mail says: the decision, or what is proposed until there is one.
    pub fn outcome(&self) -> DecisionType {
        self.decision_type.unwrap_or(self.suggestion.decision_type)
    }

    /// In which list of the queue it is.
    pub fn tab(&self) -> Tab {
        match (self.status, self.decision_type) {
            (RequestStatus::Sent, _) => Tab::Sent(self.outcome()),
            (RequestStatus::Pending, Some(decision)) => Tab::Decided(decision),
            (RequestStatus::Pending, None) => Tab::Undecided,
        }
    }

    /// What this request means for the same member's next one for the same show.
    ///
    /// # Errors
    /// `request_open` and `discount_already_given`, each with its id.
    pub fn lets_ask_again(&self) -> Result<()> {
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

/// The show in a few words: what, who, where.
fn describe(show: &Event) -> String {
    let mut parts = vec![show.name.trim()];
    for part in [&show.artist, &show.venue, &show.city] {
        if !part.trim().is_empty() && !parts.contains(&part.trim()) {
            parts.push(part.trim());
        }
    }
    parts.join(", ").chars().take(MAX_SHOW).collect()
}
