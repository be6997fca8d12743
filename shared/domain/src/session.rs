//! Sessions and the rotation of their refresh tokens.
//!
//! Every refresh replaces the session's token. A token that comes a second time was either copied
//! or sent again by a client whose answer got lost, and the two look alike. Within
//! [`REPEAT_GRACE_SECONDS`] it counts as a retry and gets the very same successor again (tokens are
//! derived from their predecessor, so nothing must be kept in the clear for that); later, the
//! session ends for both. Only a token that was valid once proves that there is a copy: one that
//! never was ends nothing, or an attacker could end a session by its id.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::second_factor::Proof;
use crate::{SessionId, TenantId, UserId};

/// How long a token that was just replaced counts as a retry, in seconds: enough for a phone that
/// lost the answer to try again.
pub const REPEAT_GRACE_SECONDS: i64 = 10;

/// How long a session lives without being used, in seconds: 30 days.
pub const SESSION_SECONDS: i64 = 30 * 24 * 3600;

/// The most characters of a user agent that are kept.
pub const MAX_USER_AGENT_CHARS: usize = 200;

/// A browser or app in which a user is signed in.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The user who is signed in.
    pub user: UserId,
    /// The tenant for which the user acts, if any.
    pub tenant: Option<TenantId>,
    /// The user's `session_epoch` at the start.
    pub epoch: u32,
    /// The hash of the current refresh token.
    pub refresh_hash: String,
    /// The hash of the previous refresh token.
    pub previous_hash: Option<String>,
    /// When the token was last replaced, or the session started.
    pub last_used_at: Timestamp,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the user last proved to be the owner of the account. Absent in sessions from before that
    /// was noted, which count as old.
    pub authenticated_at: Option<Timestamp>,
    /// How the user proved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// When the session ends unless it is used before.
    pub expires_at: Timestamp,
    /// The browser or app, as its `User-Agent` header names it.
    #[serde(default)]
    pub user_agent: String,
}

/// The answer to a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It is the current one: replace it.
    Rotate,
    /// It was just replaced: give its successor again.
    Repeat,
    /// It was replaced some time ago: end the session.
    Reused,
    /// It is neither the current nor the previous one: an older one, or none of the session's.
    Unknown,
    /// The session has ended.
    Over,
}

impl Session {
    /// True while the session can be used.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// True while the session can be used and no later epoch of its user ended it.
    pub fn is_current(&self, epoch: u32, now: Timestamp) -> bool {
        self.is_live(now) && self.epoch == epoch
    }

    /// The answer to the token with the hash `hash`, when the user's session epoch is `epoch`.
    pub fn judge(&self, hash: &str, epoch: u32, now: Timestamp) -> Refresh {
        if !self.is_current(epoch, now) {
            return Refresh::Over;
        }
        // These are hashes of random tokens, so the time that comparing takes tells nothing.
        if hash == self.refresh_hash {
            return Refresh::Rotate;
        }
        if self.previous_hash.as_deref() != Some(hash) {
            return Refresh::Unknown;
        }
        let lately = now.duration_since(self.last_used_at) <= SignedDuration::from_secs(REPEAT_GRACE_SECONDS);
        if lately { Refresh::Repeat } else { Refresh::Reused }
    }

    /// The session after its user proved `proof` at `now`. A proof of before keeps counting.
    #[must_use]
    pub fn proved(&self, proof: Proof, now: Timestamp) -> Self {
        let mut proofs = self.proofs.clone();
        if !proofs.contains(&proof) {
            proofs.push(proof);
        }
        Self { authenticated_at: Some(now), proofs, ..self.clone() }
    }

    /// The session after its token was replaced by the one with the hash `next`.
    #[must_use]
    pub fn rotated(&self, next: String, tenant: Option<TenantId>, now: Timestamp) -> Self {
        Self {
            tenant,
            previous_hash: Some(self.refresh_hash.clone()),
            refresh_hash: next,
            last_used_at: now,
            expires_at: session_end(now),
            ..self.clone()
        }
    }
}

/// The end of a session that is used at `now`.
pub fn session_end(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(SESSION_SECONDS)).unwrap_or(Timestamp::MAX)
}

/// The part of a `User-Agent` header that is kept: printable and short.
pub fn user_agent(header: &str) -> String {
    header.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn session() -> Session {
        Session {
            id: SessionId::generate(at(0)),
            user: UserId::generate(at(0)),
            tenant: None,
            epoch: 3,
            refresh_hash: "a".to_owned(),
            previous_hash: None,
            last_used_at: at(0),
            created_at: at(0),
            authenticated_at: Some(at(0)),
            proofs: vec![Proof::Pwd],
            expires_at: session_end(at(0)),
            user_agent: String::new(),
        }
    }

    #[test]
    fn a_token_is_good_once_and_for_a_moment_again() {
        let first = session();
        assert_eq!(first.judge("a", 3, at(5)), Refresh::Rotate);
        let second = first.rotated("b".to_owned(), None, at(100));
        assert_eq!(second.judge("b", 3, at(100)), Refresh::Rotate);
        assert_eq!(second.judge("a", 3, at(110)), Refresh::Repeat);
        assert_eq!(second.judge("a", 3, at(111)), Refresh::Reused);
        let third = second.rotated("c".to_owned(), None, at(101));
        assert_eq!(third.judge("a", 3, at(101)), Refresh::Unknown);
        assert_eq!(third.judge("never", 3, at(101)), Refresh::Unknown);
    }

    #[test]
    fn time_and_epoch_end_a_session() {
        let session = session();
        assert_eq!(session.judge("a", 3, at(SESSION_SECONDS - 1)), Refresh::Rotate);
        assert_eq!(session.judge("a", 3, at(SESSION_SECONDS)), Refresh::Over);
        assert_eq!(session.judge("a", 4, at(5)), Refresh::Over);
        let used = session.rotated("b".to_owned(), None, at(1000));
        assert!(used.is_live(at(SESSION_SECONDS)));
    }

    #[test]
    fn what_was_proved_outlives_a_refresh_but_is_no_newer_by_it() {
        let session = session().proved(Proof::Otp, at(50)).proved(Proof::Otp, at(60));
        let rotated = session.rotated("b".to_owned(), None, at(1000));
        assert_eq!(rotated.authenticated_at, Some(at(60)));
        assert_eq!(rotated.proofs, [Proof::Pwd, Proof::Otp]);
    }

    #[test]
    fn a_user_agent_is_kept_short_and_printable() {
        assert_eq!(user_agent("curl/8\u{7}.1\n"), "curl/8.1");
        assert_eq!(user_agent(&"x".repeat(1000)).len(), 200);
    }
}
