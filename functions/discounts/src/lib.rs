//! Takes members' requests for discounts and suggests a decision.
//!
//! The caller learns at once whether the member may ask. A supervisor decides whether the
//! member gets a discount, and the answer comes by mail.

mod health;
mod remaining;
mod request;
mod show;

use actions::Discounts;
use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use store::Fingerprints;
use web::Api;

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    discounts: Discounts,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET` and `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let api = Api::new(boot)?;
        let discounts = Discounts::new(&api.store, Fingerprints::from_env(&boot.env)?);
        Ok(Self { api, discounts })
    }
}

web::has_api!(State);

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(request::routes())
        .merge(show::routes())
        .merge(remaining::routes())
        .merge(health::routes())
        .with_state(state)
}
