//! Registers users, signs them in and out, and publishes the public keys of their
//! access tokens.
//!
//! An access token is a JWT that every function verifies by itself. It lives for 15
//! minutes and cannot be revoked. Its session, which has a refresh token, can be ended
//! at once.
//!
//! A stranger can name an address as well as its owner can. So limits count against the
//! caller, and always leave the owner a way to sign in; see [`limits`].
//!
//! Registering and asking for a link give the same answer whether the address has an
//! account or not; the difference is in the mail to the address. One way to learn it is
//! left: a new account accepts its password at once, so a caller who registers an address
//! and then signs in knows that it had no account. The address gets a mail about it.

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

/// The function's keys and clients, shared by all requests.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    signer: TokenSigner,
    verifier: TokenVerifier,
    fingerprints: Fingerprints,
    /// The key from which a refresh token's successor is derived.
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
    /// If one is missing or wrong, or if the public key of the signing key is not in
    /// `JWT_PUBLIC_KEYS`: then no function would accept the tokens.
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

    /// Opens the connection to the table, so that the first request does not wait for it.
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
