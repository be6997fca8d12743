//! What is not anybody's feature: the index, the pages for people, health, and the
//! description of the API with two pages to read it on. The pages carry their
//! scripts themselves, so they work without the Internet.

mod checkout;
mod docs;
mod health;
mod page;
mod problems;

use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use store::Store;

use crate::page::Page;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    store: Store,
    checkout: Arc<Page>,
}

impl State {
    /// Reads the configuration.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self { store: Store::new(boot)?, checkout: Arc::new(checkout::page(&boot.env)?) })
    }
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(health::routes())
        .merge(problems::routes())
        .merge(docs::routes())
        .merge(checkout::routes())
        .with_state(state)
}
