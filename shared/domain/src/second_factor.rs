//! Second factors of users: authenticator apps (TOTP), passkeys and recovery codes, and the proofs of
//! a session.
//!
//! All of a user's factors are one value with one version. What may be used only once (a step of a
//! code, a recovery code, a challenge) is marked as used in it, so that a single conditional write
//! decides which of two simultaneous requests was first.

mod news;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, RequestId, Result};

pub use news::FactorNews;

/// The most passkeys of one user; keeps the item small.
pub const MAX_PASSKEYS: usize = 10;
/// How many recovery codes are made at once.
pub const RECOVERY_CODES: usize = 10;
/// How long after a sign-in what is dangerous may be done without proving oneself again: 30 minutes.
pub const RECENT: SignedDuration = SignedDuration::from_mins(30);

/// A way in which a user proved to be the owner of the account, as access tokens name it in `amr`
/// (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The password.
    Pwd,
    /// A mailed link.
    Link,
    /// A code of an authenticator app.
    Otp,
    /// A passkey: possession of its key.
    Pop,
    /// A recovery code.
    Recovery,
}

impl Proof {
    /// True for what only counts beside a password or a link.
    pub const fn is_second(self) -> bool {
        matches!(self, Self::Otp | Self::Pop | Self::Recovery)
    }
}

/// True if `proofs` have a second factor beside the first one.
pub fn has_two_factors(proofs: &[Proof]) -> bool {
    proofs.iter().any(|proof| proof.is_second()) && proofs.iter().any(|proof| !proof.is_second())
}

/// A kind of second factor that a user can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// The code of an authenticator app: six digits, new every 30 seconds.
    Totp,
    /// A passkey, asked for by the browser (WebAuthn).
    Passkey,
    /// One of the codes that were shown when the first factor was added.
    RecoveryCode,
}

/// The authenticator app of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatorApp {
    /// The secret that app and box office share, sealed for the user.
    pub sealed_secret: String,
    /// The last step (30 seconds since 1970) whose code was used.
    pub last_step: u64,
    /// When the app was added.
    pub added_at: Timestamp,
}

/// A passkey of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// The credential's id in base64url; the authenticator chose it.
    pub id: String,
    /// The name that the user gave it.
    pub name: String,
    /// The public key, as a COSE key in base64url.
    pub key: String,
    /// The authenticator's count of signatures; 0 for those that do not count.
    pub counter: u32,
    /// When the passkey was added.
    pub added_at: Timestamp,
    /// When it was last used to sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// All second factors of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactors {
    /// The authenticator app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AuthenticatorApp>,
    /// The passkeys, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passkeys: Vec<Passkey>,
    /// Hashes of the recovery codes that were not used yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<String>,
    /// When the recovery codes were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_made_at: Option<Timestamp>,
    /// Challenges that were answered, with the end of their time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answered: BTreeMap<RequestId, Timestamp>,
    /// The change that wrote this version. Two simultaneous changes that are equal in all else differ
    /// in it, so neither takes the other's write for its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<RequestId>,
    /// Counts changes; 0 before the first.
    #[serde(default)]
    pub version: u32,
}

impl SecondFactors {
    /// True if the user has none: recovery codes alone are no factor.
    pub fn is_empty(&self) -> bool {
        self.app.is_none() && self.passkeys.is_empty()
    }

    /// The kinds with which the user can answer.
    pub fn kinds(&self) -> Vec<FactorKind> {
        let kinds = [
            (FactorKind::Totp, self.app.is_some()),
            (FactorKind::Passkey, !self.passkeys.is_empty()),
            (FactorKind::RecoveryCode, !self.recovery.is_empty()),
        ];
        kinds.into_iter().filter_map(|(kind, has)| has.then_some(kind)).collect()
    }

    /// Notes that `challenge`, good until `end`, was answered.
    ///
    /// # Errors
    /// `challenge_over` if it was answered before, or its time is over.
    pub fn answer(&mut self, challenge: RequestId, end: Timestamp, now: Timestamp) -> Result<()> {
        if end <= now || self.answered.contains_key(&challenge) {
            return Err(challenge_over());
        }
        self.answered.retain(|_, end| now < *end);
        self.answered.insert(challenge, end);
        Ok(())
    }

    /// Adds an authenticator app, in place of the one before. The code of `step` proved that the user
    /// has it.
    pub fn set_app(&mut self, sealed_secret: String, step: u64, now: Timestamp) {
        self.app = Some(AuthenticatorApp { sealed_secret, last_step: step, added_at: now });
    }

    /// Uses the app's code of `step`.
    ///
    /// # Errors
    /// `code_used` if this or a later one was used: who looks over a shoulder has nothing. `wrong_code`
    /// without an app.
    pub fn use_step(&mut self, step: u64) -> Result<()> {
        let app = self.app.as_mut().ok_or_else(wrong_code)?;
        if step <= app.last_step {
            return Err(Error::forbidden(
                "code_used",
                "This code was used already. Wait for the next one in your app.",
            ));
        }
        app.last_step = step;
        Ok(())
    }

    /// Makes `hashes` the recovery codes, in place of those before.
    pub fn renew_recovery(&mut self, hashes: Vec<String>, now: Timestamp) {
        (self.recovery, self.recovery_made_at) = (hashes, Some(now));
    }

    /// Uses up the recovery code with this hash.
    ///
    /// # Errors
    /// `wrong_code` if there is none, or it was used.
    pub fn use_recovery(&mut self, hash: &str) -> Result<()> {
        let place = self.recovery.iter().position(|other| other == hash).ok_or_else(wrong_code)?;
        self.recovery.remove(place);
        Ok(())
    }

    /// The passkey with this id.
    pub fn passkey(&self, id: &str) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.id == id)
    }

    /// Adds a passkey.
    ///
    /// # Errors
    /// `passkey_taken` if the user has it already; `too_many_passkeys`.
    pub fn add_passkey(&mut self, passkey: Passkey) -> Result<()> {
        if self.passkey(&passkey.id).is_some() {
            return Err(Error::conflict("passkey_taken", "This passkey is one of yours already."));
        }
        if self.passkeys.len() >= MAX_PASSKEYS {
            return Err(Error::conflict(
                "too_many_passkeys",
                "You have 10 passkeys, which is the most. Remove one that you do not use.",
            ));
        }
        self.passkeys.push(passkey);
        Ok(())
    }

    /// Notes that the passkey signed at `now`, when its authenticator had counted to `counter`.
    ///
    /// # Errors
    /// `passkey_refused` if the authenticator counts and did not count on: then there is a copy of it.
    pub fn use_passkey(&mut self, id: &str, counter: u32, now: Timestamp) -> Result<()> {
        let passkey =
            self.passkeys.iter_mut().find(|passkey| passkey.id == id).ok_or_else(passkey_refused)?;
        if (counter, passkey.counter) != (0, 0) && counter <= passkey.counter {
            return Err(passkey_refused());
        }
        (passkey.counter, passkey.last_used_at) = (counter, Some(now));
        Ok(())
    }

    /// Removes the authenticator app.
    ///
    /// # Errors
    /// `factor_not_found` if there is none.
    pub fn remove_app(&mut self) -> Result<()> {
        self.app.take().ok_or_else(factor_not_found)?;
        self.forget_codes_of_nothing();
        Ok(())
    }

    /// Removes a passkey.
    ///
    /// # Errors
    /// `factor_not_found` if there is no such one.
    pub fn remove_passkey(&mut self, id: &str) -> Result<()> {
        let place = self.passkeys.iter().position(|passkey| passkey.id == id).ok_or_else(factor_not_found)?;
        self.passkeys.remove(place);
        self.forget_codes_of_nothing();
        Ok(())
    }

    /// Recovery codes stand in for a factor: with the last one they go, too.
    fn forget_codes_of_nothing(&mut self) {
        if self.is_empty() {
            self.recovery.clear();
            self.recovery_made_at = None;
        }
    }

    /// Counts the version up for the change `by`.
    pub fn touch(&mut self, by: RequestId) {
        self.changed_by = Some(by);
        self.version += 1;
    }
}

/// The error for a code of an app, or a recovery code, that is not the user's.
pub fn wrong_code() -> Error {
    Error::forbidden("wrong_code", "This code is not right, or not right any more. Try the next one.")
}

/// The error for an answer of a passkey that proves nothing.
pub fn passkey_refused() -> Error {
    Error::forbidden("passkey_refused", "This passkey's answer does not prove anything. Use another factor.")
}

/// The error for a challenge that was answered, is too old, or never was one.
pub fn challenge_over() -> Error {
    Error::unauthenticated(
        "challenge_over",
        "This sign-in took too long, or was finished already. Start again with your password or a mailed link.",
    )
}

/// The error for a factor that the user does not have.
pub fn factor_not_found() -> Error {
    Error::not_found("factor_not_found", "You have no such second factor.")
}

/// The error for a role, or a change of factors, that needs a session with two factors.
pub fn two_factors_needed(detail: &'static str) -> Error {
    Error::forbidden("second_factor_required", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn code<T>(result: Result<T>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "done")
    }

    fn passkey(id: &str, counter: u32) -> Passkey {
        let (id, name, key) = (id.to_owned(), "Llave".to_owned(), "AA".to_owned());
        Passkey { id, name, key, counter, added_at: at(0), last_used_at: None }
    }

    #[test]
    fn two_factors_are_one_of_each_sort() {
        assert!(
            has_two_factors(&[Proof::Pwd, Proof::Otp]) && has_two_factors(&[Proof::Link, Proof::Recovery])
        );
        for one in [&[][..], &[Proof::Pwd], &[Proof::Pwd, Proof::Link], &[Proof::Otp, Proof::Pop]] {
            assert!(!has_two_factors(one), "{one:?}");
        }
        let names = serde_json::to_string(&[Proof::Pwd, Proof::Otp, Proof::Pop]).expect("JSON");
        assert_eq!(names, r#"["pwd","otp","pop"]"#, "the names of RFC 8176");
    }

    #[test]
    fn a_step_is_used_once_and_none_before_it() {
        let mut factors = SecondFactors::default();
        assert_eq!(code(factors.use_step(7)), "wrong_code");
        factors.set_app("sealed".to_owned(), 7, at(0));
        let tried: Vec<_> = [7, 6, 8, 8, 7, 9].map(|step| code(factors.use_step(step))).into();
        assert_eq!(tried, ["code_used", "code_used", "done", "code_used", "code_used", "done"]);
    }

    #[test]
    fn a_recovery_code_is_used_once_and_goes_with_the_last_factor() {
        let mut factors = SecondFactors::default();
        factors.set_app("sealed".to_owned(), 1, at(0));
        factors.add_passkey(passkey("k", 0)).expect("added");
        factors.renew_recovery(vec!["a".to_owned(), "b".to_owned()], at(1));
        assert_eq!(
            (code(factors.use_recovery("a")), code(factors.use_recovery("a"))),
            ("done", "wrong_code")
        );
        assert_eq!(factors.kinds(), [FactorKind::Totp, FactorKind::Passkey, FactorKind::RecoveryCode]);
        factors.remove_app().expect("removed");
        assert_eq!(factors.kinds(), [FactorKind::Passkey, FactorKind::RecoveryCode]);
        factors.remove_passkey("k").expect("removed");
        assert!(factors.is_empty() && factors.kinds().is_empty() && factors.recovery_made_at.is_none());
        let gone = (code(factors.remove_app()), code(factors.remove_passkey("k")));
        assert_eq!(gone, ("factor_not_found", "factor_not_found"));
    }

    #[test]
    fn a_passkey_that_counts_must_count_on() {
        let mut factors = SecondFactors::default();
        factors.add_passkey(passkey("counts", 4)).expect("added");
        factors.add_passkey(passkey("does not", 0)).expect("added");
        let tried: Vec<_> =
            [4, 3, 0, 9, 9].map(|counter| code(factors.use_passkey("counts", counter, at(1)))).into();
        assert_eq!(
            tried,
            ["passkey_refused", "passkey_refused", "passkey_refused", "done", "passkey_refused"]
        );
        let tried = [0, 0].map(|counter| code(factors.use_passkey("does not", counter, at(1))));
        assert_eq!(tried, ["done", "done"]);
        assert_eq!(code(factors.use_passkey("another's", 1, at(1))), "passkey_refused");
        assert_eq!(code(factors.add_passkey(passkey("counts", 0))), "passkey_taken");
        for number in 2..MAX_PASSKEYS {
            factors.add_passkey(passkey(&number.to_string(), 0)).expect("added");
        }
        assert_eq!(code(factors.add_passkey(passkey("one more", 0))), "too_many_passkeys");
    }

    #[test]
    fn a_challenge_is_answered_once_in_its_time() {
        let mut factors = SecondFactors::default();
        let [first, second] = [at(0), at(1)].map(RequestId::generate);
        let tried = [
            factors.answer(first, at(300), at(0)),
            factors.answer(first, at(300), at(1)),
            factors.answer(second, at(300), at(300)),
        ];
        assert_eq!(tried.map(code), ["done", "challenge_over", "challenge_over"]);
        factors.answer(second, at(600), at(400)).expect("answered");
        assert_eq!(factors.answered.len(), 1, "the first one's time is over");
    }
}
