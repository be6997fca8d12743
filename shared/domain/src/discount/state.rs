//! The steps of a request that supervisors take: decide, edit, send.

use jiff::Timestamp;

use super::{DecisionType, DeliveryStatus, DiscountRequest, MAX_CONTENT, RequestStatus, Reviewer};
use crate::error::{self, Fields};
use crate::mail_template::Wording;
use crate::pricing::PromotionCode;
use crate::{Error, Result};

/// A change of a request's mail or notes. A field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// The new subject of the mail.
    pub subject: Option<String>,
    /// The new text of the mail.
    pub content: Option<String>,
    /// New notes of supervisors for each other; an empty text removes them.
    pub notes: Option<String>,
}

/// Whether a request still has to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It has to be sent, with this decision.
    Ready(DecisionType),
    /// The same person sent it already: this is a retry, with nothing to do.
    Done,
}

impl DiscountRequest {
    /// The request after `by` decided it at `now`. `based_on` is the version that `by` saw; an
    /// earlier decision can only be changed with the current version. `template_version` is the
    /// present one of the decision's template.
    ///
    /// A repetition of the same decision and notes by the same person changes nothing.
    ///
    /// # Errors
    /// `already_sent`, `already_decided` (with reviewer, time, decision and current version),
    /// `changed_meanwhile`.
    pub fn decide(
        &self,
        decision: DecisionType,
        notes: Option<&str>,
        by: &Reviewer,
        based_on: Option<u32>,
        template_version: u32,
        now: Timestamp,
    ) -> Result<Self> {
        self.not_sent()?;
        let notes = notes.map_or_else(|| self.supervisor_notes.clone(), some_text);
        let is_same = self.decision_type == Some(decision)
            && self.reviewed_by.as_ref().is_some_and(|reviewer| reviewer.user == by.user)
            && self.supervisor_notes == notes;
        if is_same {
            return Ok(self.clone());
        }
        if self.decision_type.is_some() && based_on != Some(self.version) {
            return Err(self.already_decided());
        }
        error::based_on(based_on, self.version)?;
        // Edits of the mail stay with the same outcome; another outcome needs another mail.
        let is_proposed = self.outcome() == decision;
        Ok(Self {
            decision_type: Some(decision),
            taken_back: self.taken_back.saturating_add(u8::from(self.withdraws_approval(decision))),
            template_version: if is_proposed { self.template_version } else { template_version },
            mail: self.mail.clone().filter(|_| is_proposed),
            reviewed_at: Some(now),
            reviewed_by: Some(by.clone()),
            supervisor_notes: notes,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Whether `decision` takes an approval back, and with it the discount that the approval
    /// claimed.
    fn withdraws_approval(&self, decision: DecisionType) -> bool {
        self.decision_type == Some(DecisionType::Approved) && decision != DecisionType::Approved
    }

    /// The request as it was before an approval for which no discount was left. The approval counts
    /// as taken back: it may have claimed a discount all the same.
    #[must_use]
    pub fn with_approval_undone(&self, before: &Self) -> Self {
        Self { version: self.version + 1, taken_back: self.taken_back.saturating_add(1), ..before.clone() }
    }

    /// The request with an edited mail or notes. `mail` is what it would send now; the text of an
    /// approval must still contain `must_say`, its code or link.
    ///
    /// # Errors
    /// `already_sent`, `changed_meanwhile`, bad fields.
    pub fn edit(
        &self,
        edit: &Edit,
        mail: Wording,
        must_say: Option<&str>,
        based_on: Option<u32>,
    ) -> Result<Self> {
        self.not_sent()?;
        error::based_on(based_on, self.version)?;
        let notes = edit.notes.as_deref().map_or_else(|| self.supervisor_notes.clone(), some_text);
        let mut after = self.clone();
        if edit.subject.is_some() || edit.content.is_some() {
            after.mail = Some(edit.apply(mail, must_say)?);
        }
        after.supervisor_notes = notes;
        if after != *self {
            after.version += 1;
        }
        Ok(after)
    }

    /// Whether the request still has to be sent when `by` asks for it.
    ///
    /// # Errors
    /// `not_decided`, `already_sent` (with sender and time), `changed_meanwhile`.
    pub fn sending(&self, by: &Reviewer, based_on: Option<u32>) -> Result<Sending> {
        if self.status == RequestStatus::Sent && self.sent_by.as_ref().is_some_and(|who| who.user == by.user)
        {
            return Ok(Sending::Done);
        }
        self.not_sent()?;
        error::based_on(based_on, self.version)?;
        let decision = self.decision_type.ok_or_else(|| {
            Error::conflict("not_decided", "Approve or reject this request before you send the answer.")
                .with("version", self.version)
        })?;
        Ok(Sending::Ready(decision))
    }

    /// The request after `by` sent `mail` at `now`.
    #[must_use]
    pub fn sent(&self, mail: Wording, code: Option<PromotionCode>, by: &Reviewer, now: Timestamp) -> Self {
        Self {
            status: RequestStatus::Sent,
            mail: Some(mail),
            code,
            email_delivery_status: Some(DeliveryStatus::Sent),
            sent_at: Some(now),
            sent_by: Some(by.clone()),
            version: self.version + 1,
            ..self.clone()
        }
    }

    fn not_sent(&self) -> Result<()> {
        if self.status == RequestStatus::Pending {
            return Ok(());
        }
        let who = self.sent_by.as_ref().map(|by| by.email.as_str());
        let when = self.sent_at.map(|at| at.to_string());
        Err(Error::conflict("already_sent", "The answer to this request was sent already; see `sent_by`.")
            .with("sent_by", who)
            .with("sent_at", when)
            .with("version", self.version))
    }

    fn already_decided(&self) -> Error {
        let who = self.reviewed_by.as_ref().map(|by| by.email.as_str());
        let when = self.reviewed_at.map(|at| at.to_string());
        let what = self.decision_type.map(|decision| decision.template().name());
        let decision = what.and_then(|name| name.strip_prefix("discount_"));
        Error::conflict(
            "already_decided",
            "Somebody decided this request already; see `reviewed_by`. Name its `version` to decide otherwise.",
        )
        .with("reviewed_by", who)
        .with("reviewed_at", when)
        .with("decision_type", decision)
        .with("version", self.version)
    }
}

impl Edit {
    /// `mail` with the edited subject and text.
    fn apply(&self, mail: Wording, must_say: Option<&str>) -> Result<Wording> {
        let mut fields = Fields::new();
        let subject = self.subject.clone().unwrap_or(mail.subject);
        let body = self.content.clone().unwrap_or(mail.body);
        // The text may have grown by a link since the supervisor entered it.
        fields.check(
            body.chars().count() <= MAX_CONTENT,
            "/email_content",
            format!("Must have at most {MAX_CONTENT} characters."),
        );
        if let Some(said) = must_say {
            fields.rule(
                body.contains(said),
                "/email_content",
                format!("An approval must say how to get the discount. Put {said} into the text."),
            );
        }
        fields.finish()?;
        Ok(Wording { subject, body })
    }
}

/// The trimmed text; `None` if it is empty.
fn some_text(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
