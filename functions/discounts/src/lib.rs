//! Takes members' requests for discounts and suggests a decision.
//!
//! The caller learns at once whether the member may ask. A supervisor decides whether the
//! member gets a discount, and the answer comes by mail.

mod health;
mod remaining;
mod request;
mod rules;
mod show;

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, Clock, ConfigError};
use store::{Fingerprints, Store};
use web::{TokenVerifier, TrustedHops};

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    clock: Clock,
    store: Store,
    fingerprints: Fingerprints,
    hops: TrustedHops,
    verifier: TokenVerifier,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET` and `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            hops: TrustedHops::from_env(&boot.env)?,
            verifier: TokenVerifier::from_env(&boot.env, boot.clock.clone())?,
        })
    }

    /// Opens the connection to the table before the first request needs it.
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

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(request::routes())
        .merge(show::routes())
        .merge(remaining::routes())
        .merge(health::routes())
        .with_state(state)
}
