//! An organiser's policies: terms, privacy, refunds. Each published version stays as it is, and an order
//! keeps which versions its buyer accepted.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, TenantId};

/// The kind of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The terms of sale.
    Terms,
    /// What is done with the buyer's data.
    Privacy,
    /// When money goes back.
    Refunds,
}

impl PolicyKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Terms, Self::Privacy, Self::Refunds];

    /// The kind's name in addresses and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terms => "terms",
            Self::Privacy => "privacy",
            Self::Refunds => "refunds",
        }
    }
}

/// A right to withdraw from a purchase, which a refund policy names where the law gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Argentina's "botón de arrepentimiento": ten days, until a day before the show.
    ArgentinaButton,
    /// Colombia's "derecho de retracto" (Ley 1480 of 2011, article 47): five working days, until the show.
    ColombiaRetracto,
}

/// A version of an organiser's policy.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The organiser.
    pub tenant_id: TenantId,
    /// The kind.
    pub kind: PolicyKind,
    /// The number of the version, from 1.
    pub version: u16,
    /// The text.
    #[serde(flatten)]
    pub text: PolicyText,
    /// When it was published.
    pub published_at: Timestamp,
}

/// What a policy says.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// In Spanish.
    pub es: String,
    /// In English, if there is a translation.
    pub en: Option<String>,
    /// The right to withdraw that a refund policy gives.
    pub withdrawal: Option<Law>,
}

/// The version of each policy; 0 for one that was never published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyVersions {
    /// Of the terms of sale.
    #[serde(skip_serializing_if = "is_zero")]
    pub terms: u16,
    /// Of the privacy policy.
    #[serde(skip_serializing_if = "is_zero")]
    pub privacy: u16,
    /// Of the refund policy.
    #[serde(skip_serializing_if = "is_zero")]
    pub refunds: u16,
}

const fn is_zero(version: &u16) -> bool {
    *version == 0
}

/// The versions of an organiser's policies that the buyer of an order accepted, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The versions.
    pub versions: PolicyVersions,
    /// When, to the second.
    pub at: Timestamp,
}

/// The organiser published no such policy, or no such version of it.
pub fn policy_not_found() -> Error {
    Error::not_found("policy_not_found", "This organiser has no such policy.")
}

impl PolicyVersions {
    /// The version of one policy.
    pub const fn get(self, kind: PolicyKind) -> u16 {
        match kind {
            PolicyKind::Terms => self.terms,
            PolicyKind::Privacy => self.privacy,
            PolicyKind::Refunds => self.refunds,
        }
    }

    /// The same with another version of one policy.
    #[must_use]
    pub const fn with(mut self, kind: PolicyKind, version: u16) -> Self {
        match kind {
            PolicyKind::Terms => self.terms = version,
            PolicyKind::Privacy => self.privacy = version,
            PolicyKind::Refunds => self.refunds = version,
        }
        self
    }

    /// True if nothing was published.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What a buyer who says to accept `accepts` has accepted of these, which hold; `None` if nothing was
    /// published. What is said about a policy that was never published does not matter.
    ///
    /// # Errors
    /// `policies_changed`, with the versions that hold, if another one is needed.
    pub fn accept(self, accepts: Self, now: Timestamp) -> Result<Option<Accepted>> {
        if self.is_none() {
            return Ok(None);
        }
        let fits = |kind: &PolicyKind| self.get(*kind) == 0 || self.get(*kind) == accepts.get(*kind);
        if !PolicyKind::ALL.iter().all(fits) {
            let detail = "The organiser's policies changed, or you have not accepted them. Show the ones that hold, and \
                          send their versions as `accepts`.";
            let holding = serde_json::to_value(self).map_err(Error::internal)?;
            return Err(Error::conflict("policies_changed", detail).with("policies", holding));
        }
        let at = Timestamp::from_second(now.as_second()).map_err(Error::internal)?;
        Ok(Some(Accepted { versions: self, at }))
    }
}

/// The form in an order's item: `3.1.2@1795910400`, in the order terms, privacy, refunds.
impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PolicyVersions { terms, privacy, refunds } = self.versions;
        write!(f, "{terms}.{privacy}.{refunds}@{}", self.at.as_second())
    }
}

/// The text is not what an order keeps about policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be versions and a time")]
pub struct InvalidAccepted;

impl FromStr for Accepted {
    type Err = InvalidAccepted;

    fn from_str(text: &str) -> Result<Self, InvalidAccepted> {
        let (versions, at) = text.split_once('@').ok_or(InvalidAccepted)?;
        let mut numbers = versions.split('.').map(|number| number.parse().map_err(|_| InvalidAccepted));
        let mut number = || numbers.next().ok_or(InvalidAccepted)?;
        let versions = PolicyVersions { terms: number()?, privacy: number()?, refunds: number()? };
        let second = at.parse().map_err(|_| InvalidAccepted)?;
        let at = Timestamp::from_second(second).map_err(|_| InvalidAccepted)?;
        if numbers.next().is_some() { Err(InvalidAccepted) } else { Ok(Self { versions, at }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::at;

    const HOLDING: PolicyVersions = PolicyVersions { terms: 3, privacy: 0, refunds: 1 };

    #[test]
    fn what_was_published_must_be_accepted_in_the_version_that_holds() {
        for (terms, privacy, refunds, accepted) in [
            (3, 0, 1, true),
            (3, 7, 1, true),
            (2, 0, 1, false),
            (4, 0, 1, false),
            (3, 0, 0, false),
            (0, 0, 0, false),
        ] {
            let accepts = PolicyVersions { terms, privacy, refunds };
            let answer = HOLDING.accept(accepts, at(5));
            let expected = Accepted { versions: HOLDING, at: at(5) };
            match answer {
                Ok(answer) => assert_eq!((answer, accepted), (Some(expected), true), "{accepts:?}"),
                Err(error) => {
                    assert!(!accepted, "{accepts:?}");
                    assert_eq!(error.code(), "policies_changed");
                    assert_eq!(error.members()["policies"], serde_json::json!({"terms": 3, "refunds": 1}));
                }
            }
        }
        let nothing = PolicyVersions::default();
        assert_eq!(nothing.accept(HOLDING, at(0)).expect("nothing to accept"), None);
    }

    #[test]
    fn versions_are_changed_one_by_one() {
        let mut versions = PolicyVersions::default();
        for (number, kind) in (1..).zip(PolicyKind::ALL) {
            versions = versions.with(kind, number);
            assert_eq!(versions.get(kind), number);
        }
        assert_eq!(versions, PolicyVersions { terms: 1, privacy: 2, refunds: 3 });
    }

    proptest! {
        #[test]
        fn what_an_order_keeps_is_read_again(
            (terms, privacy, refunds) in any::<(u16, u16, u16)>(),
            second in 0_i64..4_000_000_000,
        ) {
            let accepted = Accepted {
                versions: PolicyVersions { terms, privacy, refunds },
                at: Timestamp::from_second(second).expect("a time"),
            };
            let text = accepted.to_string();
            prop_assert!(text.len() <= 28, "{text}");
            prop_assert_eq!(text.parse(), Ok(accepted));
        }

        #[test]
        fn nothing_else_is_read(text in "[0-9.@-]{0,20}") {
            if let Ok(accepted) = text.parse::<Accepted>() {
                prop_assert_eq!(accepted.to_string().parse::<Accepted>(), Ok(accepted));
            }
        }
    }
}
