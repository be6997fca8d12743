//! Looking for the proof that a tenant controls a host.

use boot::{Boot, ConfigError};
use domain::site::{PROOF_PATH, ProofLook, Site, SiteProof};

use crate::public::PublicWeb;

/// The places where proofs are: DNS, and the sites themselves.
#[derive(Debug, Clone)]
pub struct SiteProofs {
    web: PublicWeb,
}

impl SiteProofs {
    /// Reads `STAGE` and, in a local stage, `DNS_URL` and `SITES_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self { web: PublicWeb::new(boot)? })
    }

    /// Looks for a site's proof now. The site itself is asked only if DNS does not have it.
    pub async fn look(&self, site: &Site) -> ProofLook {
        let texts = self.web.dns().texts(&site.host.record_name()).await;
        if texts.as_ref().is_ok_and(|texts| site.token.is_in_records(texts)) {
            return ProofLook::Found(SiteProof::Dns);
        }
        match self.web.page(site.host.as_str(), PROOF_PATH).await {
            Ok(page) if site.token.is_in_page(&page) => return ProofLook::Found(SiteProof::WellKnown),
            Ok(_) => {}
            Err(error) => tracing::info!(host = %site.host, %error, "a site shows no proof"),
        }
        match texts {
            Ok(_) => ProofLook::Missing,
            Err(error) => {
                tracing::warn!(host = %site.host, %error, "DNS does not say whether there is a proof");
                ProofLook::Unanswered
            }
        }
    }
}
