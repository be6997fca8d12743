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
mod operators;
mod passkey;
mod password;
mod person;
mod refresh;
mod register;
mod second_factor;
mod sessions;
mod strength;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;

use std::sync::Arc;

use actions::Erasures;
use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, PublicKey, Secret, SigningKey};
use domain::consent::UnsubscribeToken;
use queue::TokenSeal;
use store::Fingerprints;
use web::{Api, TokenSigner};

/// The function's keys and clients, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    signer: TokenSigner,
    fingerprints: Fingerprints,
    /// The key from which a refresh token's successor is derived.
    refresh_key: [u8; 32],
    device_key: device::DeviceKey,
    operators: operators::Operators,
    seal: TokenSeal,
    /// Seals challenges, and the secrets of authenticator apps.
    factor_seal: TokenSeal,
    recovery_key: second_factor::RecoveryKey,
    erasures: Erasures,
    /// The key of the links that take a consent back.
    unsubscribe_key: [u8; 32],
    public_url: Arc<str>,
    site: passkey::Site,
    public_keys: Arc<[PublicKey]>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_SECRET`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`,
    /// `MAIL_SECRET`, `PUBLIC_URL` and, if they are set, `TRUSTED_HOPS` and `OPERATOR_ADDRESSES`.
    ///
    /// # Errors
    /// If one is missing or wrong, or if the public key of the signing key is not in
    /// `JWT_PUBLIC_KEYS`: then no function would accept the tokens.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let (signing_key, public_keys) =
            SigningKey::from_env(&boot.env, "jwt", "JWT_SECRET", "JWT_PUBLIC_KEYS")?;
        let hash_secret = Secret::from_env(&boot.env, "HASH_SECRET")?;
        let (api, fingerprints) = (Api::new(boot)?, Fingerprints::new(&hash_secret));
        Ok(Self {
            erasures: Erasures::new(&api.store, fingerprints.clone()),
            api,
            signer: TokenSigner::new(&signing_key),
            fingerprints,
            refresh_key: hash_secret.derive("refresh token"),
            device_key: device::DeviceKey::new(hash_secret.derive("device token")),
            operators: operators::Operators::from_env(&boot.env)?,
            seal: TokenSeal::from_env(&boot.env)?,
            factor_seal: TokenSeal::named(&hash_secret, "second factor"),
            recovery_key: second_factor::RecoveryKey(hash_secret.derive("recovery code")),
            unsubscribe_key: hash_secret.derive(UnsubscribeToken::PURPOSE),
            site: passkey::Site::new(&boot.env.public_url()?)?,
            public_url: boot.env.public_url()?,
            public_keys: public_keys.into(),
        })
    }
}

web::has_api!(State);

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
        .merge(person::routes())
        .merge(second_factor::routes())
        .merge(keyset::routes())
        .with_state(state)
}
