//! The members of a tenant's community, and the fees that they paid.
//!
//! Any caller may ask whether an address belongs to a member, and register. The tenant's
//! supervisors see and change everything, one by one or as a file.

mod community;
mod fees;
mod fields;
mod import;
mod list;
mod lookup;
mod member;
mod receipts;
mod register;
mod stats;
mod status;
mod view;

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, Clock, ConfigError};
use domain::MemberId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Fingerprints, Store};
use web::{TokenVerifier, TrustedHops};

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    clock: Clock,
    store: Store,
    verifier: TokenVerifier,
    fingerprints: Fingerprints,
    hops: TrustedHops,
    receipts: receipts::Receipts,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `RECEIPTS_BUCKET` and
    /// `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            verifier: TokenVerifier::from_env(&boot.env, boot.clock.clone())?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            hops: TrustedHops::from_env(&boot.env)?,
            receipts: receipts::Receipts::new(boot)?,
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
        .merge(lookup::routes())
        .merge(register::routes())
        .merge(list::routes())
        .merge(stats::routes())
        .merge(member::routes())
        .merge(status::routes())
        .merge(fees::routes())
        .merge(import::routes())
        .with_state(state)
}

/// `/users/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct MemberPath {
    /// The member's id.
    id: MemberId,
}
