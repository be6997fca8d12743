use ed25519_dalek::pkcs8::EncodePrivateKey;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{ConfigError, Env};

/// A secret from the configuration: at least 32 characters, from which the keys
/// for different purposes are derived.
#[derive(Clone)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Reads the secret in the variable `name`. There are no defaults.
    pub fn from_env(env: &Env, name: &str) -> Result<Self, ConfigError> {
        Self::new(env.required(name)?)
            .ok_or_else(|| ConfigError::new(name, "must have at least 32 characters"))
    }

    /// The secret with this text, if it is long enough.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() >= 32).then(|| Self(text.to_owned()))
    }

    /// A 256-bit key for one `purpose`: HMAC-SHA-256 of the purpose under the secret.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The Ed25519 key pair for one `purpose`.
    pub fn signing_key(&self, purpose: &str) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&self.derive(purpose)))
    }
}

/// An Ed25519 key pair.
#[derive(Clone, Debug)]
pub struct SigningKey(pub ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key pair for `purpose` from the secret in the variable `secret`, and the public
    /// keys in the variable `public`, which the pair's own is among.
    ///
    /// # Errors
    /// If a variable is missing or wrong, or if the pair's own is not among those that
    /// verify: then no function would accept its signatures.
    pub fn from_env(
        env: &Env,
        purpose: &str,
        secret: &str,
        public: &str,
    ) -> Result<(Self, Vec<PublicKey>), ConfigError> {
        let key = Secret::from_env(env, secret)?.signing_key(purpose);
        let public_keys = parse_public_keys(env, public)?;
        if public_keys.contains(&key.public()) {
            Ok((key, public_keys))
        } else {
            Err(ConfigError::new(public, format!("misses the key of {secret}, {}", key.public())))
        }
    }

    /// The half that verifies.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The pair in PKCS #8 DER, as `jsonwebtoken` takes it.
    pub fn to_pkcs8(&self) -> Vec<u8> {
        self.0.to_pkcs8_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default()
    }
}

/// The half of an Ed25519 key pair that verifies. 64 hexadecimal digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// A short name for the key: the first four bytes of the key itself.
    pub fn id(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = "must be 64 hexadecimal digits";
        if text.len() != 64 || !text.is_ascii() {
            return Err(problem);
        }
        let mut key = [0; 32];
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| problem)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| problem)?;
        }
        Ok(Self(key))
    }
}

/// The public keys in the variable `name`, separated by commas: the current one
/// first, then those that are being retired.
pub fn parse_public_keys(env: &Env, name: &str) -> Result<Vec<PublicKey>, ConfigError> {
    env.required(name)?
        .split(',')
        .map(|key| key.trim().parse().map_err(|problem: &str| ConfigError::new(name, problem)))
        .collect()
}
