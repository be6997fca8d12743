//! Who belongs to a tenant's community, and what they paid.

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, Clock, ConfigError};
use store::Store;
use web::TokenVerifier;

/// What the function works with.
#[derive(Clone)]
pub struct State {
    clock: Clock,
    store: Store,
    verifier: TokenVerifier,
}

impl State {
    /// Reads `TABLE_NAME` and `JWT_PUBLIC_KEYS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
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

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new().with_state(state)
}
