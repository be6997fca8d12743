//! PayU's signatures: a hash over values joined by tildes, the API key first.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The hash of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// MD5, which PayU takes if the form names none.
    #[default]
    #[serde(rename = "MD5")]
    Md5,
    /// SHA-1.
    #[serde(rename = "SHA")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
    /// HMAC-SHA-256, under the secret that PayU gave for it, or the API key.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl Algorithm {
    /// The names of all of them.
    pub const NAMES: [&'static str; 4] =
        [Self::Md5.as_str(), Self::Sha1.as_str(), Self::Sha256.as_str(), Self::HmacSha256.as_str()];

    /// The value of the form's `algorithmSignature`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA",
            Self::Sha256 => "SHA256",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

/// The keys of a merchant's signatures.
#[derive(Clone, Copy)]
pub struct SignatureKeys<'a> {
    /// The API key.
    pub api_key: &'a str,
    /// The key of HMAC signatures, if it is another.
    pub hmac_secret: Option<&'a str>,
    /// The merchant's number, which is in every signature.
    pub merchant_id: &'a str,
}

impl fmt::Debug for SignatureKeys<'_> {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureKeys").field("merchant_id", &self.merchant_id).finish_non_exhaustive()
    }
}

impl SignatureKeys<'_> {
    /// The lower-case hexadecimal signature of `values`, which follow key and merchant.
    pub fn sign(&self, algorithm: Algorithm, values: &[&str]) -> String {
        hex::encode(self.digest(algorithm, values))
    }

    /// True if this is a signature of `values`, by any algorithm that makes one of its
    /// length: PayU does not document the one for confirmations, and all of them need
    /// the key. Compared in constant time.
    pub fn fits(&self, signature: &str, values: &[&str]) -> bool {
        let algorithms: &[Algorithm] = match signature.len() {
            32 => &[Algorithm::Md5],
            40 => &[Algorithm::Sha1],
            64 => &[Algorithm::Sha256, Algorithm::HmacSha256],
            _ => return false,
        };
        let Ok(stated) = hex::decode(signature) else { return false };
        // All are compared, so that the time does not tell which one fits.
        let fits = |algorithm: &&Algorithm| bool::from(self.digest(**algorithm, values).ct_eq(&stated));
        algorithms.iter().filter(fits).count() > 0
    }

    fn digest(&self, algorithm: Algorithm, values: &[&str]) -> Vec<u8> {
        let mut text = [self.api_key, self.merchant_id].join("~");
        for value in values {
            text.extend(["~", value]);
        }
        match algorithm {
            Algorithm::Md5 => Md5::digest(text).to_vec(),
            Algorithm::Sha1 => Sha1::digest(text).to_vec(),
            Algorithm::Sha256 => Sha256::digest(text).to_vec(),
            Algorithm::HmacSha256 => {
                let key = self.hmac_secret.unwrap_or(self.api_key);
                let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes())
                    .expect("HMAC takes keys of any length");
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_recognised_by_its_length_and_no_other_text_is() {
        let keys = SignatureKeys { api_key: "key", hmac_secret: Some("secret"), merchant_id: "1" };
        let values = ["ref", "10.0", "COP"];
        for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::HmacSha256] {
            let signature = keys.sign(algorithm, &values);
            assert!(keys.fits(&signature, &values));
            assert!(keys.fits(&signature.to_uppercase(), &values));
            assert!(!keys.fits(&signature[2..], &values));
            assert!(!keys.fits(&signature, &["ref", "10.0"]));
            assert_eq!(serde_json::to_value(algorithm).expect("JSON"), algorithm.as_str());
        }
        assert!(!keys.fits("", &values) && !keys.fits(&"z".repeat(32), &values));
        let other = SignatureKeys { hmac_secret: None, ..keys };
        assert!(!other.fits(&keys.sign(Algorithm::HmacSha256, &values), &values), "another HMAC key");
    }
}
