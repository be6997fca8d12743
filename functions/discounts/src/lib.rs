//! Takes members' requests for discounts and proposes a decision.

use aide::axum::ApiRouter;
use boot::{Boot, Clock, ConfigError};
use store::Store;

/// What the function works with.
#[derive(Clone)]
pub struct State {
    clock: Clock,
    store: Store,
}

impl State {
    /// Reads `TABLE_NAME`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
        })
    }

    /// Opens the connection to the table before the first request needs it.
    pub async fn warm(&self) {
        self.store.warm().await;
    }
}

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new().with_state(state)
}
