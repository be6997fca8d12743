//! Challenges: what the box office remembers between asking for a second factor and its answer. It
//! travels with the client, sealed, so that nothing is written for those who never answer.

use domain::second_factor::Proof;
use domain::user::User;
use domain::{Error, RequestId, Result, SessionId, TenantId, Timestamp, UserId};
use jiff::SignedDuration;
use queue::TokenSeal;
use serde::{Deserialize, Serialize};

use crate::tokens;

/// How long a challenge is good: five minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// What sealed challenges belong to; nothing else opens as one.
const SUBJECT: &str = "challenge";

/// A challenge, as it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// The id under which its answer is noted.
    pub(crate) id: RequestId,
    /// The user who is asked.
    pub(crate) user: UserId,
    /// The user's session epoch: a new password ends what was asked before.
    epoch: u32,
    /// The end of its time.
    pub(crate) end: Timestamp,
    /// What a passkey signs: 32 random bytes in base64url.
    pub(crate) random: String,
    /// What the answer is for.
    pub(crate) purpose: Purpose,
}

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A sign-in, for the organiser that was asked for, after this first proof.
    SignIn { proof: Proof, tenant: Option<TenantId> },
    /// To prove oneself again in a session.
    Again { session: SessionId },
    /// To add an app with this secret.
    App { secret: String },
    /// To add a passkey.
    Passkey,
}

impl Challenge {
    pub(crate) fn new(user: &User, purpose: Purpose, now: Timestamp) -> Result<Self> {
        Ok(Self {
            id: RequestId::generate(now),
            user: user.id,
            epoch: user.session_epoch,
            end: now.saturating_add(LIFETIME).map_err(Error::internal)?,
            random: tokens::random_text()?,
            purpose,
        })
    }

    pub(crate) fn sealed(&self, seal: &TokenSeal) -> Result<String> {
        seal.seal(&serde_json::to_string(self).map_err(Error::internal)?, SUBJECT)
    }

    /// The challenge in a text that the box office sealed and whose time is not over.
    pub(crate) fn open(text: &str, seal: &TokenSeal, now: Timestamp) -> Option<Self> {
        let text = seal.open(text, SUBJECT).ok()?;
        let challenge: Self = serde_json::from_str(&text).ok()?;
        (now < challenge.end).then_some(challenge)
    }

    /// True if it was made for `user`, whose sessions were not ended since.
    pub(crate) fn is_for(&self, user: &User) -> bool {
        (self.user, self.epoch) == (user.id, user.session_epoch)
    }
}

#[cfg(test)]
mod tests {
    use boot::Secret;
    use domain::testing::at;

    use super::*;

    #[test]
    fn a_challenge_opens_in_its_time_for_its_user() {
        let seal = TokenSeal::named(&Secret::new(&"s".repeat(32)).expect("long enough"), "second factor");
        let user = User::new("ana@example.com".parse().expect("valid"), at(0));
        let challenge = Challenge::new(&user, Purpose::Passkey, at(0)).expect("made");
        let text = challenge.sealed(&seal).expect("sealed");
        assert!(text.len() < 1000, "{}", text.len());
        let open = |second| Challenge::open(&text, &seal, at(second));
        assert_eq!((open(299), open(300)), (Some(challenge.clone()), None));
        assert!(challenge.is_for(&user));
        assert!(!challenge.is_for(&User { session_epoch: 1, ..user.clone() }), "after a new password");
        assert!(!challenge.is_for(&User { id: UserId::generate(at(1)), ..user }));
        let other = seal.seal(&serde_json::to_string(&challenge).expect("JSON"), "another subject");
        assert_eq!(Challenge::open(&other.expect("sealed"), &seal, at(0)), None);
        assert_eq!(Challenge::open("nonsense", &seal, at(0)), None);
    }
}
