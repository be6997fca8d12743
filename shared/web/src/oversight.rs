//! What the operator decided about an organiser, as the organiser and the operator see it.

use domain::Timestamp;
use domain::operator::{Quotas, Suspension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much an organiser may do. What is absent is not limited by the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Quotas")]
pub struct QuotasView {
    /// The most events that are published and not over, at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published_events: Option<u32>,
    /// The most invitations and answers to members that are mailed in a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mails_per_day: Option<u32>,
}

impl From<Quotas> for QuotasView {
    fn from(quotas: Quotas) -> Self {
        let Quotas { published_events, mails_per_day } = quotas;
        Self { published_events, mails_per_day }
    }
}

impl From<QuotasView> for Quotas {
    fn from(quotas: QuotasView) -> Self {
        let QuotasView { published_events, mails_per_day } = quotas;
        Self { published_events, mails_per_day }
    }
}

/// The suspension of an organiser, during which it sells nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Suspension")]
pub struct SuspensionView {
    /// The operator's reason.
    reason: String,
    /// When it began.
    since: Timestamp,
}

impl From<Suspension> for SuspensionView {
    fn from(suspension: Suspension) -> Self {
        Self { reason: suspension.reason, since: suspension.since }
    }
}
