//! People who work for an organiser: invited by address, staff once they accept.
//!
//! `open ─accept→ accepted`, `open ─decline→ declined`, `open ─revoke→ revoked`,
//! and any of them `─invite again→ open`.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::user::Email;
use crate::{Error, InvitationId, Language, Result, TenantId};

/// The most people who work for one organiser or are invited to.
pub const MAX_STAFF: usize = 200;
/// How long an invitation is valid: 14 days.
const STANDS: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The least time between two mails with an organiser's invitation to one address.
const PEACE: SignedDuration = SignedDuration::from_hours(24);

/// The person does not work for the organiser.
pub fn staff_not_found() -> Error {
    Error::not_found("staff_not_found", "This person does not work for you.")
}

/// The organiser would be left without an admin.
pub fn last_admin() -> Error {
    Error::conflict("last_admin", "An organiser needs at least one admin. Make somebody else admin first.")
}

/// The state of an invitation as it is stored: an open one may have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// The invited person has not answered.
    Open,
    /// The invited person is on the staff, or was.
    Accepted,
    /// The invited person does not want to.
    Declined,
    /// The organiser revoked it.
    Revoked,
}

/// An organiser's invitation to work for it. There is one for each organiser and
/// address, whether or not the address has an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The invitation's id, derived from organiser and address.
    pub id: InvitationId,
    /// The organiser that invites.
    pub tenant: TenantId,
    /// The invited address, as the organiser typed it.
    pub email: Email,
    /// The role that is offered.
    pub role: Role,
    /// The language of the mail.
    pub language: Language,
    /// The confirmed address of the admin who invites.
    pub by: String,
    /// The state, as it is stored.
    pub state: InvitationState,
    /// When it was made, or made again.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When its mail was last sent, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<Timestamp>,
    /// Counts changes; a change names the version that it is based on.
    pub version: u32,
}

/// An organiser's offer of a role to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The address to invite.
    pub email: Email,
    /// The role that is offered.
    pub role: Role,
    /// The language of the mail.
    pub language: Language,
    /// The confirmed address of the admin who invites.
    pub by: String,
}

impl Invitation {
    /// The first invitation of an address, at `now`.
    pub fn new(id: InvitationId, tenant: TenantId, offer: Offer, now: Timestamp) -> Self {
        let Offer { email, role, language, by } = offer;
        Self {
            id,
            tenant,
            email,
            role,
            language,
            by,
            state: InvitationState::Open,
            created_at: now,
            expires_at: now.saturating_add(STANDS).unwrap_or(Timestamp::MAX),
            mailed_at: Some(now),
            version: 1,
        }
    }

    /// The invitation when the organiser makes it again at `now`, and whether it is mailed: once in
    /// 24 hours, however often it is revoked and made again.
    ///
    /// # Errors
    /// `invitation_declined` while the person's refusal stands: as long as the invitation would
    /// have.
    pub fn again(&self, offer: Offer, now: Timestamp) -> Result<(Self, bool)> {
        if self.state == InvitationState::Declined && now < self.expires_at {
            return Err(Error::conflict(
                "invitation_declined",
                "This address declined your invitation. You can invite it again after `expires_at`.",
            )
            .with("expires_at", self.expires_at.to_string()));
        }
        let mailed = self.mailed_at.is_none_or(|mailed_at| now.duration_since(mailed_at) >= PEACE);
        let mailed_at = if mailed { Some(now) } else { self.mailed_at };
        let again = Self::new(self.id, self.tenant, offer, now);
        Ok((Self { mailed_at, version: self.version + 1, ..again }, mailed))
    }

    /// The invitation if its mail is not sent; `before` is its earlier version, if any. The invited
    /// person finds it all the same, and the next time it is mailed.
    #[must_use]
    pub fn unmailed(self, before: Option<&Self>) -> Self {
        Self { mailed_at: before.and_then(|before| before.mailed_at), ..self }
    }

    /// True while the invited person can accept or decline.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == InvitationState::Open && now < self.expires_at
    }

    /// Checks that the invitation can be accepted or declined at `now`.
    pub fn open(&self, now: Timestamp) -> Result<()> {
        match self.state {
            InvitationState::Open if now < self.expires_at => Ok(()),
            InvitationState::Open => Err(Error::gone(
                "invitation_expired",
                "This invitation has run out. Ask the organiser to invite you again.",
            )),
            InvitationState::Accepted => {
                Err(Error::conflict("invitation_accepted", "This invitation was accepted already."))
            }
            InvitationState::Declined => {
                Err(Error::conflict("invitation_declined", "You declined this invitation."))
            }
            InvitationState::Revoked => {
                Err(Error::gone("invitation_revoked", "The organiser took this invitation back."))
            }
        }
    }

    /// The invitation after it was answered or revoked.
    #[must_use]
    pub fn decided(&self, state: InvitationState) -> Self {
        Self { state, version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    const HOUR: i64 = 3600;

    fn offer() -> Offer {
        Offer {
            email: "eva@example.com".parse().expect("valid"),
            role: Role::Scanner,
            language: Language::Es,
            by: "ana@example.com".to_owned(),
        }
    }

    fn invitation() -> Invitation {
        let tenant = TenantId::generate(at(0));
        Invitation::new(InvitationId::of(tenant, "fingerprint"), tenant, offer(), at(0))
    }

    #[test]
    fn an_invitation_stands_for_fourteen_days_unless_it_is_decided() {
        let invitation = invitation();
        let code =
            |invitation: &Invitation, hour| invitation.open(at(hour * HOUR)).err().map(|error| error.code());
        assert_eq!(code(&invitation, 14 * 24 - 1), None);
        assert_eq!(code(&invitation, 14 * 24), Some("invitation_expired"));
        for (state, expected) in [
            (InvitationState::Accepted, "invitation_accepted"),
            (InvitationState::Declined, "invitation_declined"),
            (InvitationState::Revoked, "invitation_revoked"),
        ] {
            assert_eq!(code(&invitation.decided(state), 1), Some(expected));
        }
    }

    #[test]
    fn an_unmailed_invitation_is_mailed_the_next_time() {
        let quiet = invitation().unmailed(None);
        assert!(quiet.is_open(at(HOUR)));
        let (again, mailed) = quiet.again(offer(), at(HOUR)).expect("possible");
        assert!(mailed);
        let (third, mailed) = again.again(offer(), at(26 * HOUR)).expect("possible");
        assert!(mailed);
        let (_, mailed) = third.unmailed(Some(&again)).again(offer(), at(27 * HOUR)).expect("possible");
        assert!(mailed, "the last mail was the one of the day before");
    }

    #[test]
    fn an_address_gets_at_most_one_mail_a_day() {
        let first = invitation();
        let revoked = first.decided(InvitationState::Revoked);
        for before in [&first, &revoked] {
            let (again, mailed) = before.again(offer(), at(23 * HOUR)).expect("possible");
            assert!(!mailed && again.is_open(at(23 * HOUR)));
            assert!(
                !again.again(offer(), at(23 * HOUR)).expect("possible").1,
                "the day counts from the mail"
            );
            assert!(again.again(offer(), at(24 * HOUR)).expect("possible").1);
        }
    }

    #[test]
    fn a_refusal_stands_as_long_as_the_invitation_would_have() {
        let declined = invitation().decided(InvitationState::Declined);
        assert_eq!(
            declined.again(offer(), at(300 * HOUR)).expect_err("refused").code(),
            "invitation_declined"
        );
        assert!(declined.again(offer(), at(14 * 24 * HOUR)).expect("possible").1);
    }
}
