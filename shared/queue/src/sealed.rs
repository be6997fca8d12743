use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::{ConfigError, Env, Secret};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use domain::Error;

/// An XChaCha20 nonce: long enough to be drawn at random for every token.
const NONCE_BYTES: usize = 24;

/// Encrypts the tokens of mailed links on their way to `mailer`.
///
/// A link's token signs its user in, so the table keeps only its hash; but the
/// mail is caused by an outbox attribute in that same table, and waits in queues
/// that operators look into when a message is stuck. So the token travels
/// encrypted (XChaCha20-Poly1305), under a secret that only the function that
/// makes links and the one that mails them have.
#[derive(Clone)]
pub struct TokenSeal(XChaCha20Poly1305);

impl fmt::Debug for TokenSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSeal(..)")
    }
}

/// A token does not open: sealed with another secret, or for another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed token does not open with this secret for this address")]
pub struct Unsealable;

impl TokenSeal {
    /// Reads the secret in `MAIL_SECRET`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self::new(&Secret::from_env(env, "MAIL_SECRET")?))
    }

    /// Seals under `secret`.
    pub fn new(secret: &Secret) -> Self {
        Self::named(secret, "mailed token")
    }

    /// Seals under a key that is derived from `secret` for something else than mailed tokens, which
    /// `name` says. What is given as `email` is then whatever the sealed text belongs to.
    pub fn named(secret: &Secret, name: &str) -> Self {
        Self(XChaCha20Poly1305::new(&secret.derive(name).into()))
    }

    /// Encrypts `token` for a mail to `email`: it opens for no other address, so
    /// that changing the recipient of a message reveals no token.
    pub fn seal(&self, token: &str, email: &str) -> domain::Result<String> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let payload = Payload { msg: token.as_bytes(), aad: email.as_bytes() };
        let sealed =
            self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::internal(Unsealable))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The token that was sealed for a mail to `email`.
    pub fn open(&self, sealed: &str, email: &str) -> Result<String, Unsealable> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unsealable)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealable)?;
        let payload = Payload { msg: sealed, aad: email.as_bytes() };
        let token = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unsealable)?;
        String::from_utf8(token).map_err(|_| Unsealable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_with_its_secret_for_its_address_only() {
        let [seal, other] =
            ["a", "b"].map(|text| TokenSeal::new(&Secret::new(&text.repeat(32)).expect("long enough")));
        let sealed = seal.seal("the token", "ana@example.com").expect("sealed");
        assert_eq!(seal.open(&sealed, "ana@example.com").as_deref(), Ok("the token"));
        assert_eq!(seal.open(&sealed, "eva@example.com"), Err(Unsealable));
        assert_eq!(other.open(&sealed, "ana@example.com"), Err(Unsealable));
        let named = TokenSeal::named(&Secret::new(&"a".repeat(32)).expect("long enough"), "something else");
        assert_eq!(named.open(&sealed, "ana@example.com"), Err(Unsealable));
        for broken in ["", "AAAA", &sealed[1..], &sealed[..sealed.len() - 2], "not base64!"] {
            assert_eq!(seal.open(broken, "ana@example.com"), Err(Unsealable), "{broken}");
        }
        assert_ne!(seal.seal("the token", "ana@example.com").expect("sealed"), sealed, "a nonce came twice");
    }
}
