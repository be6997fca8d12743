use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::{ConfigError, Env, Secret};
use domain::user::Email;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Fingerprints of data that can be guessed (e-mail addresses, national ids, network addresses), for
/// use in keys: HMAC-SHA-256 under `HASH_SECRET`. A reader of keys in a log or a metric can neither
/// read an address nor try addresses one after the other.
///
/// Only functions that have the secret can look a person up by address. The secret must stay as long as
/// the table: under another one, every address would be new.
#[derive(Clone)]
pub struct Fingerprints([u8; 32]);

impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprints(..)")
    }
}

impl Fingerprints {
    /// Reads the secret in `HASH_SECRET`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self::new(&Secret::from_env(env, "HASH_SECRET")?))
    }

    /// Fingerprints under `secret`.
    pub fn new(secret: &Secret) -> Self {
        Self(secret.derive("fingerprint"))
    }

    /// The fingerprint of an e-mail address.
    pub fn email(&self, email: &Email) -> String {
        self.of("email", email.as_str())
    }

    /// The fingerprint of a national id, given as
    /// [`Member::identity`](domain::member::Member::identity), with its country.
    pub fn national_id(&self, identity: &str) -> String {
        self.of("national id", identity)
    }

    /// The fingerprint of a network address.
    pub fn source(&self, address: &str) -> String {
        self.of("source", address)
    }

    fn of(&self, kind: &str, text: &str) -> String {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        // A separator: without it, another kind and text could be the same bytes.
        mac.update(&[0]);
        mac.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}
