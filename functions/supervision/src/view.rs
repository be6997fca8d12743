//! A request as supervisors see it.

use domain::discount::{
    DecisionSource, DecisionType, DeliveryStatus, DiscountRequest, RequestStatus, Reviewer,
};
use domain::{DiscountRequestId, EventId, Language, MemberId, Result, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::mail_context::MailContext;

/// A request with its suggestion, its decision and the text of its mail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RequestDetail {
    #[serde(flatten)]
    item: QueueItem,
    /// The text of the answer: as it was sent, or as it would be sent now.
    email_content: String,
}

/// A request in a list: all but the text of its mail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueueItem {
    /// The request's id.
    id: DiscountRequestId,
    /// The same as `id`, under the name that older clients use.
    request_id: DiscountRequestId,
    /// The member's id.
    member_id: MemberId,
    /// The member's e-mail address, to which the answer goes.
    user_email: String,
    /// The member's name.
    user_name: String,
    /// The show's id.
    show_id: EventId,
    /// The show in a few words.
    show_description: String,
    /// The member's message, if there is one.
    message: Option<String>,
    /// The number of this request among the member's requests for the show, from 1.
    attempt: u8,
    /// The decision; null until a supervisor decides.
    decision_type: Option<DecisionType>,
    /// The suggested decision.
    suggested_decision: DecisionType,
    /// The source of the suggestion: fixed rules or a language model.
    decision_source: DecisionSource,
    /// How certain the suggestion is, from 0 to 1.
    confidence_score: f64,
    /// The reason for the suggestion, in English.
    reasoning: String,
    /// The same as `reasoning`, in Spanish.
    reasoning_es: String,
    /// How long the suggestion took, in seconds.
    processing_time: f64,
    /// The subject of the answer: as it was sent, or as it would be sent now.
    email_subject: String,
    /// The language of the answer.
    language: Language,
    /// Whether the answer was sent.
    status: RequestStatus,
    /// The delivery of the answer's mail; null until it is sent.
    email_delivery_status: Option<DeliveryStatus>,
    /// When the member asked.
    created_at: Timestamp,
    /// When a supervisor decided; null until then.
    reviewed_at: Option<Timestamp>,
    /// The e-mail address of the supervisor who decided.
    reviewed_by: Option<String>,
    /// Notes of supervisors for each other; the member does not see them.
    supervisor_notes: Option<String>,
    /// When the answer was sent; null until then.
    sent_at: Option<Timestamp>,
    /// The e-mail address of the supervisor who sent the answer.
    sent_by: Option<String>,
    /// Counts changes by supervisors. A change can name the version that it is based on.
    version: u32,
}

impl RequestDetail {
    /// The view of a request whose data is in `mail_context`.
    pub(crate) fn new(request: DiscountRequest, desk: &MailContext) -> Result<Self> {
        let mail = desk.mail(&request)?;
        Ok(Self { item: QueueItem::of(request, mail.subject), email_content: mail.body })
    }
}

impl QueueItem {
    /// The view of a request whose data is in `mail_context`.
    pub(crate) fn new(request: DiscountRequest, desk: &MailContext) -> Result<Self> {
        let mail = desk.mail(&request)?;
        Ok(Self::of(request, mail.subject))
    }

    fn of(request: DiscountRequest, email_subject: String) -> Self {
        let email = |reviewer: Option<Reviewer>| reviewer.map(|reviewer| reviewer.email);
        Self {
            id: request.id,
            request_id: request.id,
            member_id: request.member_id,
            user_email: request.user_email,
            user_name: request.user_name,
            show_id: request.show_id,
            show_description: request.show_description,
            message: request.message,
            attempt: request.attempt.saturating_add(1),
            decision_type: request.decision_type,
            suggested_decision: request.suggestion.decision_type,
            decision_source: request.decision_source,
            confidence_score: f64::from(request.suggestion.confidence) / 10_000.0,
            reasoning: request.suggestion.reasoning.sentence(Language::En),
            reasoning_es: request.suggestion.reasoning.sentence(Language::Es),
            processing_time: f64::from(request.processing_us) / 1_000_000.0,
            email_subject,
            language: request.language,
            status: request.status,
            email_delivery_status: request.email_delivery_status,
            created_at: request.created_at,
            reviewed_at: request.reviewed_at,
            reviewed_by: email(request.reviewed_by),
            supervisor_notes: request.supervisor_notes,
            sent_at: request.sent_at,
            sent_by: email(request.sent_by),
            version: request.version,
        }
    }
}
