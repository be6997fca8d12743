//! Registers people, signs them in and out, and publishes the keys of their
//! tokens.
//!
//! An access token is a JWT that every function verifies by itself and that
//! lives for 15 minutes; nothing but its end stops one. Behind it stands a
//! session with a refresh token, which ends at once.
//!
//! Strangers can name an address as well as its owner, so limits count against those
//! who try, and leave the owner a way; see [`limits`].
//!
//! Registering and asking for links answer the same whether an address has an
//! account or not, and the rest goes by mail to the only person who may know. One way
//! to learn it is left: a new account can be signed in to at once, so who registers an
//! address and then signs in with that password knows that it had none. The address is
//! mailed about it.

mod device;
mod hashing;
mod keyset;
mod limits;
mod link;
mod login;
mod me;
mod password;
mod refresh;
mod register;
mod sessions;
mod strength;
mod tokens;

use std::sync::Arc;

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, Clock, ConfigError, PublicKey, Secret, SigningKey};
use queue::TokenSeal;
use store::{Fingerprints, Store};
use web::{TokenSigner, TokenVerifier, TrustedHops};

/// What the function works with.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    signer: TokenSigner,
    verifier: TokenVerifier,
    fingerprints: Fingerprints,
    /// The key by which a refresh token leads to its successor.
    refresh_key: [u8; 32],
    device_key: device::DeviceKey,
    hops: TrustedHops,
    seal: TokenSeal,
    public_keys: Arc<[PublicKey]>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_SECRET`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`,
    /// `MAIL_SECRET` and `TRUSTED_HOPS`.
    ///
    /// # Errors
    /// If one is missing or wrong, or if the key that signs is not among those
    /// that verify: then nobody would accept the tokens.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let (signing_key, public_keys) =
            SigningKey::from_env(&boot.env, "jwt", "JWT_SECRET", "JWT_PUBLIC_KEYS")?;
        let hash_secret = Secret::from_env(&boot.env, "HASH_SECRET")?;
        Ok(Self {
            store: Store::new(boot)?,
            clock: boot.clock.clone(),
            signer: TokenSigner::new(&signing_key),
            verifier: TokenVerifier::new(&public_keys, boot.clock.clone()),
            fingerprints: Fingerprints::new(&hash_secret),
            refresh_key: hash_secret.derive("refresh token"),
            device_key: device::DeviceKey::new(hash_secret.derive("device token")),
            hops: TrustedHops::from_env(&boot.env)?,
            seal: TokenSeal::from_env(&boot.env)?,
            public_keys: public_keys.into(),
        })
    }

    /// Opens the connection to the table.
    pub async fn warm(&self) {
        self.store.warm().await;
    }
}

impl FromRef<State> for TokenVerifier {
    fn from_ref(state: &State) -> Self {
        state.verifier.clone()
    }
}

impl FromRef<State> for TrustedHops {
    fn from_ref(state: &State) -> Self {
        state.hops
    }
}

/// The routes below `/api/v1/auth`, and `/.well-known/jwks.json`.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(register::routes())
        .merge(login::routes())
        .merge(refresh::routes())
        .merge(sessions::routes())
        .merge(me::routes())
        .merge(link::routes())
        .merge(password::routes())
        .merge(keyset::routes())
        .with_state(state)
}
