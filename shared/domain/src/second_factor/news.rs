//! What a user hears about changes of second factors.

use serde::{Deserialize, Serialize};

use super::SecondFactors;

/// What was done to a user's second factors: the user hears of it by mail, because it may have been
/// somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum FactorNews {
    /// An authenticator app was added.
    AppAdded,
    /// Another authenticator app took the place of the one before.
    AppReplaced,
    /// The authenticator app was removed.
    AppRemoved {
        /// True if no factor is left.
        last: bool,
    },
    /// A passkey was added.
    PasskeyAdded {
        /// The name that was given to it.
        name: String,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// The name that the user had given it.
        name: String,
        /// True if no factor is left.
        last: bool,
    },
    /// New recovery codes took the place of those before.
    RecoveryRenewed,
    /// A recovery code was used.
    RecoveryUsed {
        /// How many are left.
        left: u8,
    },
}

impl SecondFactors {
    /// What the user has to hear of, of the changes since `before`. A factor that was merely used is no
    /// news; recovery codes that come and go with a factor belong to it.
    pub fn news_since(&self, before: &Self) -> Option<FactorNews> {
        let last = self.is_empty();
        let secret = |factors: &Self| factors.app.as_ref().map(|app| app.sealed_secret.clone());
        match (secret(before), secret(self)) {
            (None, Some(_)) => return Some(FactorNews::AppAdded),
            (Some(_), None) => return Some(FactorNews::AppRemoved { last }),
            (Some(old), Some(new)) if old != new => return Some(FactorNews::AppReplaced),
            _ => {}
        }
        let missing = |from: &Self, to: &Self| {
            let gone = from.passkeys.iter().find(|passkey| to.passkey(&passkey.id).is_none());
            gone.map(|passkey| passkey.name.clone())
        };
        if let Some(name) = missing(self, before) {
            return Some(FactorNews::PasskeyAdded { name });
        }
        if let Some(name) = missing(before, self) {
            return Some(FactorNews::PasskeyRemoved { name, last });
        }
        if self.recovery_made_at != before.recovery_made_at {
            return Some(FactorNews::RecoveryRenewed);
        }
        let left = u8::try_from(self.recovery.len()).unwrap_or(u8::MAX);
        (self.recovery.len() < before.recovery.len()).then_some(FactorNews::RecoveryUsed { left })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Passkey;
    use super::*;
    use crate::RequestId;
    use crate::testing::at;

    fn passkey() -> Passkey {
        let (id, name, key) = ("k".to_owned(), "Llave".to_owned(), "AA".to_owned());
        Passkey { id, name, key, counter: 0, added_at: at(0), last_used_at: None }
    }

    #[test]
    fn the_user_hears_of_factors_that_come_and_go_and_of_recovery_codes() {
        let mut factors = SecondFactors::default();
        let mut done = |change: &dyn Fn(&mut SecondFactors)| {
            let before = factors.clone();
            change(&mut factors);
            factors.news_since(&before)
        };
        let renew = |factors: &mut SecondFactors, second| {
            factors.renew_recovery(vec!["a".to_owned(), "b".to_owned()], at(second));
        };
        let added = done(&|factors| {
            factors.set_app("one".to_owned(), 1, at(0));
            renew(factors, 0);
        });
        assert_eq!(added, Some(FactorNews::AppAdded), "with its recovery codes");
        assert_eq!(done(&|factors| factors.use_step(2).expect("new")), None, "a sign-in");
        assert_eq!(
            done(&|factors| factors.set_app("two".to_owned(), 1, at(0))),
            Some(FactorNews::AppReplaced)
        );
        let name = "Llave".to_owned();
        let added = done(&|factors| factors.add_passkey(passkey()).expect("added"));
        assert_eq!(added, Some(FactorNews::PasskeyAdded { name: name.clone() }));
        assert_eq!(done(&|factors| factors.use_passkey("k", 0, at(9)).expect("used")), None);
        let used = done(&|factors| factors.use_recovery("a").expect("used"));
        assert_eq!(used, Some(FactorNews::RecoveryUsed { left: 1 }));
        assert_eq!(done(&|factors| renew(factors, 5)), Some(FactorNews::RecoveryRenewed));
        let removed = done(&|factors| factors.remove_app().expect("removed"));
        assert_eq!(removed, Some(FactorNews::AppRemoved { last: false }));
        let removed = done(&|factors| factors.remove_passkey("k").expect("removed"));
        assert_eq!(removed, Some(FactorNews::PasskeyRemoved { name, last: true }), "with the codes");
        let challenge = RequestId::generate(at(0));
        assert_eq!(done(&|factors| factors.answer(challenge, at(300), at(0)).expect("answered")), None);
    }
}
