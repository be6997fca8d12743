//! Consents: what a person lets an organiser use the address for, beside what was bought. They stand
//! under the address, so that they hold with and without an account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{Error, Result, TenantId};

/// What a consent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPurpose {
    /// Mails about shows and offers.
    News,
    /// Questions about shows that the person was at.
    Surveys,
}

impl ConsentPurpose {
    /// Every purpose. The place in this list is in links that were mailed: it stays.
    pub const ALL: [Self; 2] = [Self::News, Self::Surveys];

    /// The name in keys and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Surveys => "surveys",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::News => 0,
            Self::Surveys => 1,
        }
    }
}

/// How a person said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// Signed in, with the address confirmed.
    Account,
    /// By the link to unsubscribe in a mail.
    Link,
    /// By having all data erased.
    Erasure,
}

/// What a person last said to an organiser for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// The organiser's tenant id.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: ConsentPurpose,
    /// True if it was given, false if it was taken back.
    pub given: bool,
    /// When the person said so.
    pub at: Timestamp,
    /// The version of the organiser's text that the person had seen.
    pub text_version: u32,
    /// How the person said it.
    pub source: ConsentSource,
}

/// The content of a link that takes a consent back with one click (RFC 8058): whose it is, by the
/// address's fingerprint, and our signature. It signs nobody in and shows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeToken {
    /// The fingerprint of the address.
    pub fingerprint: [u8; 32],
    /// The organiser.
    pub tenant: TenantId,
    /// The purpose.
    pub purpose: ConsentPurpose,
}

/// Bytes before the signature, and of the signature.
const CLAIM: usize = 32 + 16 + 1;
const MAC: usize = 16;

impl UnsubscribeToken {
    /// The purpose for which the key of tokens is derived from its secret.
    pub const PURPOSE: &str = "unsubscribe";

    /// The token of an address, whose fingerprint is given in base64url, as keys have it.
    ///
    /// # Errors
    /// None that fingerprints of ours allow.
    pub fn of(fingerprint: &str, tenant: TenantId, purpose: ConsentPurpose) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(fingerprint).map_err(Error::internal)?;
        let fingerprint = bytes.try_into().map_err(|_| Error::internal("a fingerprint of another length"))?;
        Ok(Self { fingerprint, tenant, purpose })
    }

    /// The address at which the consent is taken back by POST, without a sign-in. `public_url` is the box
    /// office's address, without a slash at its end.
    pub fn url(&self, public_url: &str, key: &[u8; 32]) -> String {
        format!("{public_url}/api/v1/auth/unsubscribe/{}", self.encode(key))
    }

    /// The token as text: 87 characters of base64url.
    pub fn encode(&self, key: &[u8; 32]) -> String {
        let claim = self.claim();
        let mac = mac(&claim, key).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&claim[..], &mac[..MAC]].concat())
    }

    /// Reads a token that was signed with `key`.
    pub fn decode(text: &str, key: &[u8; 32]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == CLAIM + MAC)?;
        let (claim, signature) = bytes.split_at(CLAIM);
        mac(claim, key).verify_truncated_left(signature).ok()?;
        let (fingerprint, rest) = claim.split_first_chunk::<32>()?;
        let (tenant, rest) = rest.split_first_chunk::<16>()?;
        let purpose = ConsentPurpose::ALL.into_iter().find(|purpose| [purpose.number()] == *rest)?;
        let tenant = TenantId::from_uuid(Uuid::from_bytes(*tenant));
        Some(Self { fingerprint: *fingerprint, tenant, purpose })
    }

    fn claim(&self) -> Vec<u8> {
        [&self.fingerprint[..], self.tenant.uuid().as_bytes(), &[self.purpose.number()]].concat()
    }
}

fn mac(claim: &[u8], key: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"taquilla unsubscribe\0");
    mac.update(claim);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_link_takes_back_what_it_names_and_nothing_else() {
        let tenant = TenantId::generate(at(0));
        let token = UnsubscribeToken { fingerprint: [7; 32], tenant, purpose: ConsentPurpose::Surveys };
        let text = token.encode(&[1; 32]);
        assert_eq!((text.len(), UnsubscribeToken::decode(&text, &[1; 32])), (87, Some(token)));
        assert_eq!(UnsubscribeToken::decode(&text, &[2; 32]), None);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(UnsubscribeToken::decode(&changed, &[1; 32]), None, "{place}");
        }
        for wrong in ["", "AAAA", &text[1..], &format!("{text}A")] {
            assert_eq!(UnsubscribeToken::decode(wrong, &[1; 32]), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_json() {
        for purpose in ConsentPurpose::ALL {
            assert_eq!(serde_json::to_value(purpose).expect("JSON"), purpose.name());
        }
    }
}
