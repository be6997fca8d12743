//! A site as the tenant's admin sees it.

use domain::Timestamp;
use domain::site::{PROOF_PATH, Site, SiteProof, SiteState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A site, with what proves that it is yours. One of both proofs is enough.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SiteView {
    /// The host; an international name in its `xn--` form.
    pub(crate) host: String,
    /// `pending` until it is proved, then `proved`; `failing` while the proof is missing.
    pub(crate) state: SiteState,
    /// The name of the TXT record that proves it in DNS.
    pub(crate) record_name: String,
    /// The text of that record.
    pub(crate) record_text: String,
    /// The address of the page that proves it otherwise. A redirect is not followed.
    pub(crate) page_url: String,
    /// The whole text of that page.
    pub(crate) page_text: String,
    /// Where the proof was found last.
    pub(crate) proof: Option<SiteProof>,
    /// When the host became yours.
    pub(crate) proved_at: Option<Timestamp>,
    /// When the proof was last looked for.
    pub(crate) checked_at: Option<Timestamp>,
    /// When it is looked for next.
    pub(crate) check_at: Option<Timestamp>,
    /// Since when it is missing.
    pub(crate) failing_since: Option<Timestamp>,
    /// When you lose the site, unless the proof is found until then.
    pub(crate) ends_at: Option<Timestamp>,
    /// When it was added.
    pub(crate) created_at: Timestamp,
}

impl From<Site> for SiteView {
    fn from(site: Site) -> Self {
        Self {
            state: site.state,
            record_name: site.host.record_name(),
            record_text: site.token.record(),
            page_url: format!("https://{}{PROOF_PATH}", site.host),
            page_text: site.token.to_string(),
            proof: site.proof,
            proved_at: site.proved_at,
            checked_at: site.checked_at,
            check_at: site.check_at,
            failing_since: site.failing_since,
            ends_at: site.ends_at(),
            created_at: site.created_at,
            host: site.host.into(),
        }
    }
}
