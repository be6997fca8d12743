//! Device tokens: the proof, at the next sign-in, that the device signed in before.
//!
//! A device token does not sign in. It only gives the device counts of its own: strangers
//! fail as often as they like, and this device still has its tries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::user::User;
use domain::{SessionId, Timestamp, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long a device token is good, in seconds: 400 days, as long as browsers keep a cookie.
const SECONDS: i64 = 400 * 24 * 3600;
/// The most characters of a device token; a longer text is not read.
const MAX_CHARS: usize = 128;

/// The key of the MAC in device tokens. Nothing is stored for a token: it has the user, the
/// session, the user's epoch and the second of the sign-in, with dots between, and ends with
/// the MAC of these.
#[derive(Clone)]
pub(crate) struct DeviceKey([u8; 32]);

impl DeviceKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The token of the device that is signed in to `user` by `session` now.
    pub(crate) fn token(&self, user: &User, session: SessionId, now: Timestamp) -> String {
        let (owner, epoch, at) = (user.id.suffix(), user.session_epoch, now.as_second());
        let claim = format!("{owner}.{}.{epoch}.{at}", session.suffix());
        let mac = self.mac(&claim).finalize().into_bytes();
        format!("{claim}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// The session in which the device with this token signed in to `user`. `None` if the token
    /// is invalid, of another account or too old, or if all sessions of the user were ended
    /// since, as with a new password.
    pub(crate) fn known(
        &self,
        token: Option<&str>,
        user: Option<&User>,
        now: Timestamp,
    ) -> Option<SessionId> {
        let (claim, mac) = token.filter(|token| token.len() <= MAX_CHARS)?.rsplit_once('.')?;
        self.mac(claim).verify_slice(&URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
        let mut parts = claim.split('.');
        let owner = UserId::from_suffix(parts.next()?).ok()?;
        let session = SessionId::from_suffix(parts.next()?).ok()?;
        let epoch: u32 = parts.next()?.parse().ok()?;
        let at: i64 = parts.next()?.parse().ok()?;
        let holds = user.is_some_and(|user| owner == user.id && epoch == user.session_epoch);
        (holds && now.as_second() < at.saturating_add(SECONDS)).then_some(session)
    }

    fn mac(&self, claim: &str) -> Hmac<Sha256> {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(claim.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;

    fn user() -> User {
        User { session_epoch: 3, ..User::new("ana@example.com".parse().expect("valid"), at(0)) }
    }

    #[test]
    fn a_device_is_known_to_the_account_that_it_signed_in_to() {
        let (key, user, session) = (DeviceKey([1; 32]), user(), SessionId::generate(at(0)));
        let token = key.token(&user, session, at(0));
        let known = |user: &User, second| key.known(Some(&token), Some(user), at(second));
        assert_eq!(known(&user, 5), Some(session));
        assert_eq!(known(&user, SECONDS - 1), Some(session));
        assert_eq!(known(&user, SECONDS), None);
        assert_eq!(known(&User { session_epoch: 4, ..user.clone() }, 5), None, "a new password");
        assert_eq!(known(&User { id: UserId::generate(at(1)), ..user.clone() }, 5), None, "another account");
        assert_eq!(key.known(Some(&token), None, at(5)), None);
        assert_eq!(DeviceKey([2; 32]).known(Some(&token), Some(&user), at(5)), None, "another key");
        assert!(token.len() <= MAX_CHARS);
    }

    #[test]
    fn a_changed_or_cut_token_proves_nothing() {
        let (key, user) = (DeviceKey([1; 32]), user());
        let token = key.token(&user, SessionId::generate(at(0)), at(0));
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(key.known(Some(&changed), Some(&user), at(5)), None, "{changed}");
        }
        let longer = format!("{token}AAAA");
        for broken in ["", ".", "....", &token[1..], &token[..token.len() - 1], &longer, &"A".repeat(5000)] {
            assert_eq!(key.known(Some(broken), Some(&user), at(5)), None, "{broken}");
        }
        assert_eq!(key.known(None, Some(&user), at(5)), None);
    }
}
