use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::{ConfigError, Env, Secret};
use domain::UserId;
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

    /// The user id that guest orders of an e-mail address have. It is the same for ever, and nobody
    /// finds it out from the address.
    pub fn guest(&self, email: &Email) -> UserId {
        let digest = self.digest("guest", email.as_str());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        UserId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The mark of a network address on an order: 11 characters, enough to tell the networks of one
    /// address apart.
    pub fn network_mark(&self, address: &str) -> String {
        URL_SAFE_NO_PAD.encode(&self.digest("network", address)[..8])
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
        URL_SAFE_NO_PAD.encode(self.digest(kind, text))
    }

    fn digest(&self, kind: &str, text: &str) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        // A separator: without it, another kind and text could be the same bytes.
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_the_same_for_one_address_and_nobody_else() {
        let prints = |secret: &str| Fingerprints::new(&Secret::new(secret).expect("long enough"));
        let email = |text: &str| text.parse::<Email>().expect("an address");
        let own = prints("only for tests, only for tests, only for tests");
        let ana = own.guest(&email("ana@example.com"));
        assert_eq!(own.guest(&email("Ana@Example.com")), ana);
        assert_ne!(own.guest(&email("ana@example.org")), ana);
        assert_ne!(prints("another secret, another secret, another").guest(&email("ana@example.com")), ana);
        assert_eq!(ana.to_string().parse(), Ok(ana), "an id as any other");
        let mark = own.network_mark("192.0.2.7");
        assert_eq!(mark.len(), 11);
        assert_ne!(own.network_mark("192.0.2.8"), mark);
    }
}
