//! Idempotency keys without records of their own. A reservation's id comes from its quote, a
//! payment's from its order and attempt, so only a digest of key and body is kept, on the order
//! that is written anyway.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::key_reused;

/// Bytes of each half of a digest: enough to tell the requests of one user apart.
const HALF: usize = 8;

/// Digest of a request's idempotency key and of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDigest {
    key: [u8; HALF],
    body: [u8; HALF],
}

impl RequestDigest {
    /// The digest of a request to `route`; `None` without a key.
    pub fn new<B: Serialize>(route: &str, key: Option<&str>, body: &B) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Some(Self { key: half(&[route.as_bytes(), b"\0", key.as_bytes()]), body: half(&[&body]) }))
    }

    /// The digest as the order keeps it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.key, self.body].concat())
    }

    /// True if `kept` is the digest of this same request.
    ///
    /// # Errors
    /// `idempotency_key_reused` if `kept` has the same key and another body.
    pub fn repeats(&self, kept: &str) -> Result<bool> {
        if !self.shares_key(kept) {
            return Ok(false);
        }
        if self.text() == kept { Ok(true) } else { Err(key_reused()) }
    }

    /// True if `kept` has the same key, whatever its body.
    pub(crate) fn shares_key(&self, kept: &str) -> bool {
        URL_SAFE_NO_PAD.decode(kept).is_ok_and(|kept| kept.get(..HALF) == Some(&self.key[..]))
    }
}

fn half(parts: &[&[u8]]) -> [u8; HALF] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let mut half = [0; HALF];
    half.copy_from_slice(&hash.finalize()[..HALF]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(route: &str, key: &str, body: &str) -> RequestDigest {
        RequestDigest::new(route, Some(key), &body).expect("JSON").expect("a key")
    }

    #[test]
    fn only_the_same_key_and_body_repeat_a_request() {
        let first = digest("reserve", "k1", "a").text();
        assert_eq!(digest("reserve", "k1", "a").repeats(&first).ok(), Some(true));
        assert_eq!(digest("reserve", "k2", "a").repeats(&first).ok(), Some(false));
        assert_eq!(digest("pay", "k1", "b").repeats(&first).ok(), Some(false));
        let code = digest("reserve", "k1", "b").repeats(&first).expect_err("refused").code();
        assert_eq!(code, "idempotency_key_reused");
    }
}
