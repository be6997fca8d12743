//! What is not anybody's feature: the index, the page for people, health, and the
//! description of the API with two pages to read it on. The pages carry their
//! scripts themselves, so they work without the Internet.

mod docs;
mod health;
mod page;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use store::Store;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    store: Store,
}

impl State {
    /// Reads the configuration.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self { store: Store::new(boot)? })
    }
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new().merge(health::routes()).merge(docs::routes()).with_state(state)
}
