//! Organisers' policies in requests and answers.

use domain::Timestamp;
use domain::policy::{Law, Policy, PolicyKind, PolicyText, PolicyVersions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A version of each policy of an organiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyVersions")]
#[serde(deny_unknown_fields)]
pub struct PolicyVersionsView {
    /// Of the terms of sale. Absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms: Option<u16>,
    /// Of the privacy policy. Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    privacy: Option<u16>,
    /// Of the refund policy. Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refunds: Option<u16>,
}

impl From<PolicyVersions> for PolicyVersionsView {
    fn from(versions: PolicyVersions) -> Self {
        let version = |kind| Some(versions.get(kind)).filter(|version| *version > 0);
        Self {
            terms: version(PolicyKind::Terms),
            privacy: version(PolicyKind::Privacy),
            refunds: version(PolicyKind::Refunds),
        }
    }
}

impl From<PolicyVersionsView> for PolicyVersions {
    fn from(view: PolicyVersionsView) -> Self {
        let [terms, privacy, refunds] =
            [view.terms, view.privacy, view.refunds].map(Option::unwrap_or_default);
        Self { terms, privacy, refunds }
    }
}

/// A version of an organiser's policy.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyView {
    /// The kind of the policy.
    kind: PolicyKind,
    /// The number of the version, from 1.
    version: u16,
    /// The text in Spanish.
    es: String,
    /// The text in English, if there is a translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<String>,
    /// The right to withdraw that a refund policy gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal: Option<Law>,
    /// When it was published.
    published_at: Timestamp,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        let Policy { kind, version, text: PolicyText { es, en, withdrawal }, published_at, .. } = policy;
        Self { kind, version, es, en, withdrawal, published_at }
    }
}
