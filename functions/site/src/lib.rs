//! The routes that belong to no feature: the index, the pages for people, health checks, and the
//! API's description with two pages to read it. The pages carry their scripts and styles, so they
//! work without other servers.

mod checkout;
mod docs;
mod health;
mod page;
mod problem_texts;
mod problems;

use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use store::Store;

use crate::page::Page;

/// The function's client and the checkout page.
#[derive(Clone, Debug)]
pub struct State {
    store: Store,
    checkout: Arc<Page>,
}

impl State {
    /// Reads `TABLE_NAME`, `STAGE` and, on the stage `local`, `PAYU_CHECKOUT_URL`.
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
