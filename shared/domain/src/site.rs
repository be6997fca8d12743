//! Sites: hosts of their own at which organisers sell.
//!
//! A host is an organiser's once it has proved that it controls it, and for as long as the proof is
//! found again. It decides what buyers see there, never what anybody may do.

mod host;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{TenantId, UserId};

pub use host::{InvalidHost, SiteHost};

/// The most sites of one tenant.
pub const MAX_SITES: usize = 10;
/// The path at which a site shows its token.
pub const PROOF_PATH: &str = "/.well-known/taquilla-site";

/// Time between two looks at a proof that was found.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Time until the next look after a proof was not found, or nobody answered.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a site may lack its proof before its tenant loses it.
const PATIENCE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The text with which a tenant proves that it controls a host: 128 random bits in hexadecimal digits.
/// It is no secret, because everybody can read it where it proves something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SiteToken(String);

impl SiteToken {
    /// A fresh token.
    pub fn generate() -> Self {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the operating system provides randomness");
        Self::from_bits(u128::from_be_bytes(random))
    }

    /// The token with these bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// The text of the DNS record, such as `taquilla-site=0f…`.
    pub fn record(&self) -> String {
        format!("taquilla-site={self}")
    }

    /// True if one of the texts of a DNS name is this token's record.
    pub fn is_in_records(&self, texts: &[String]) -> bool {
        texts.iter().any(|text| text.trim() == self.record())
    }

    /// True if a page shows this token, alone or as the DNS record has it.
    pub fn is_in_page(&self, page: &[u8]) -> bool {
        let page = page.trim_ascii();
        page == self.0.as_bytes() || page == self.record().as_bytes()
    }
}

impl fmt::Display for SiteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place where a site's proof was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteProof {
    /// A TXT record of DNS.
    Dns,
    /// A page of the site.
    WellKnown,
}

/// The result of a look for a site's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofLook {
    /// The proof is there.
    Found(SiteProof),
    /// It is at neither place.
    Missing,
    /// DNS did not say whether it is there.
    Unanswered,
}

/// The state of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteState {
    /// Not proved yet, or not any more.
    Pending,
    /// Proved: the host shows its tenant's shows.
    Proved,
    /// Still the tenant's, although the proof was not found when it was last looked for.
    Failing,
}

/// A tenant's site. It is the tenant's unless it is pending; then there is a [`SiteClaim`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The organiser whose shows the host is to show.
    pub tenant_id: TenantId,
    /// The host.
    pub host: SiteHost,
    /// Its state.
    pub state: SiteState,
    /// The text that proves it.
    pub token: SiteToken,
    /// The place of the proof that was found last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<SiteProof>,
    /// When it became the tenant's; `None` while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_at: Option<Timestamp>,
    /// Since when the proof is missing; `None` unless the state is failing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When the proof was last looked for with an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// When the proof is to be looked for next; `None` while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes.
    pub version: u32,
}

/// The claim of a tenant on a host, which only a proof makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteClaim {
    /// The tenant.
    pub tenant: TenantId,
    /// When it proved that it controls the host.
    pub proved_at: Timestamp,
    /// The user who had the proof looked for.
    pub by: UserId,
}

/// The result of the weekly look at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The site stays its tenant's, as it is now.
    Stays(Site),
    /// The tenant loses it; this is what is left.
    Ends(Site),
}

impl Site {
    /// A site without a proof.
    pub fn new(tenant_id: TenantId, host: SiteHost, token: SiteToken, now: Timestamp) -> Self {
        Self {
            tenant_id,
            host,
            state: SiteState::Pending,
            token,
            proof: None,
            proved_at: None,
            failing_since: None,
            checked_at: None,
            check_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The site after its proof was found.
    #[must_use]
    pub fn proved(self, proof: SiteProof, now: Timestamp) -> Self {
        Self {
            state: SiteState::Proved,
            proof: Some(proof),
            proved_at: self.proved_at.or(Some(now)),
            failing_since: None,
            checked_at: Some(now),
            check_at: later(now, WEEK),
            ..self.touched(now)
        }
    }

    /// The site when it is its tenant's no longer. It can be proved again.
    #[must_use]
    pub fn lost(self, now: Timestamp) -> Self {
        Self {
            state: SiteState::Pending,
            proof: None,
            proved_at: None,
            failing_since: None,
            checked_at: Some(now),
            check_at: None,
            ..self.touched(now)
        }
    }

    /// The site after a look at a proof that was found before. Without an answer, nobody loses anything.
    #[must_use]
    pub fn checked(self, look: ProofLook, now: Timestamp) -> Checked {
        match look {
            ProofLook::Found(proof) => Checked::Stays(self.proved(proof, now)),
            ProofLook::Unanswered => Checked::Stays(Self { check_at: later(now, DAY), ..self.touched(now) }),
            ProofLook::Missing if self.ends_at().is_some_and(|end| end <= now) => {
                Checked::Ends(self.lost(now))
            }
            ProofLook::Missing => Checked::Stays(Self {
                state: SiteState::Failing,
                failing_since: self.failing_since.or(Some(now)),
                checked_at: Some(now),
                check_at: later(now, DAY),
                ..self.touched(now)
            }),
        }
    }

    /// When the tenant loses the site unless its proof is found until then; `None` unless it is failing.
    pub fn ends_at(&self) -> Option<Timestamp> {
        later(self.failing_since?, PATIENCE)
    }

    /// The claim that stands for the site; `None` while it is pending.
    pub fn claim(&self, by: UserId) -> Option<SiteClaim> {
        Some(SiteClaim { tenant: self.tenant_id, proved_at: self.proved_at?, by })
    }

    fn touched(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

fn later(time: Timestamp, span: SignedDuration) -> Option<Timestamp> {
    Some(time.checked_add(span).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    const HOURS: i64 = 3600;
    const DAYS: i64 = 24 * HOURS;

    fn site() -> Site {
        let host = "sala.example".parse().expect("a host");
        Site::new(TenantId::generate(at(0)), host, SiteToken::from_bits(0xfa_201a), at(0))
    }

    fn stays(checked: Checked) -> Site {
        match checked {
            Checked::Stays(site) => site,
            Checked::Ends(site) => panic!("{site:?} ends"),
        }
    }

    #[test]
    fn a_token_proves_itself_and_no_other() {
        let (token, other) = (SiteToken::from_bits(0xfa_201a), SiteToken::from_bits(0xfa_201b));
        assert_eq!(token.to_string(), "00000000000000000000000000fa201a");
        assert_ne!(SiteToken::generate(), SiteToken::generate());
        let records = ["v=spf1 -all".to_owned(), other.record(), token.record()];
        assert!(token.is_in_records(&records) && !token.is_in_records(&records[..2]));
        for page in [token.to_string(), format!("{token}\r\n"), format!(" {}\n", token.record())] {
            assert!(token.is_in_page(page.as_bytes()) && !other.is_in_page(page.as_bytes()), "{page:?}");
        }
        for page in [String::new(), format!("<p>{token}</p>"), format!("{token}{token}"), format!("{token}0")]
        {
            assert!(!token.is_in_page(page.as_bytes()), "{page:?}");
        }
    }

    #[test]
    fn a_proved_site_is_looked_at_every_week() {
        let proved = site().proved(SiteProof::Dns, at(HOURS));
        assert_eq!((proved.state, proved.proved_at, proved.version), (SiteState::Proved, Some(at(HOURS)), 2));
        assert_eq!(proved.check_at, Some(at(HOURS + 7 * DAYS)));
        let again = stays(proved.clone().checked(ProofLook::Found(SiteProof::WellKnown), at(8 * DAYS)));
        assert_eq!((again.proved_at, again.proof), (proved.proved_at, Some(SiteProof::WellKnown)));
        assert_eq!(again.check_at, Some(at(15 * DAYS)));
    }

    #[test]
    fn a_site_whose_proof_is_missing_ends_after_fourteen_days() {
        let mut site = site().proved(SiteProof::Dns, at(0));
        for day in 7..21 {
            site = stays(site.checked(ProofLook::Missing, at(day * DAYS)));
            assert_eq!((site.state, site.failing_since), (SiteState::Failing, Some(at(7 * DAYS))));
            assert_eq!(site.check_at, Some(at((day + 1) * DAYS)));
        }
        assert_eq!(site.ends_at(), Some(at(21 * DAYS)));
        let found = stays(site.clone().checked(ProofLook::Found(SiteProof::Dns), at(21 * DAYS)));
        assert_eq!((found.state, found.failing_since, found.ends_at()), (SiteState::Proved, None, None));
        let Checked::Ends(lost) = site.clone().checked(ProofLook::Missing, at(21 * DAYS)) else {
            panic!("it stays");
        };
        assert_eq!((lost.state, lost.proved_at, lost.check_at), (SiteState::Pending, None, None));
        assert_eq!((lost.claim(UserId::generate(at(0))), &lost.token), (None, &site.token));
    }

    #[test]
    fn without_an_answer_nobody_loses_a_site() {
        let proved = site().proved(SiteProof::Dns, at(0));
        let after = stays(proved.clone().checked(ProofLook::Unanswered, at(7 * DAYS)));
        assert_eq!((after.state, after.checked_at), (SiteState::Proved, proved.checked_at));
        assert_eq!(after.check_at, Some(at(8 * DAYS)));
        let failing = stays(proved.checked(ProofLook::Missing, at(7 * DAYS)));
        let after = stays(failing.checked(ProofLook::Unanswered, at(40 * DAYS)));
        assert_eq!((after.state, after.failing_since), (SiteState::Failing, Some(at(7 * DAYS))));
    }

    #[test]
    fn a_site_is_stored_without_what_it_does_not_have() {
        let site = site();
        let stored = serde_json::to_value(&site).expect("JSON");
        for name in ["proof", "proved_at", "failing_since", "checked_at", "check_at"] {
            assert!(stored.get(name).is_none(), "{name}");
        }
        assert_eq!(serde_json::from_value::<Site>(stored).expect("a site"), site);
    }
}
