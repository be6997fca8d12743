//! Supervisors decide about discount requests, word the answers and send them.

mod action;
mod audit;
mod bulk;
mod dashboard;
mod edit;
mod limits;
mod mail_context;
mod promise;
mod queue;
mod send;
mod staff;
mod stats;
mod templates;
mod view;

use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Secret};
use store::Fingerprints;
use web::Api;

pub use bulk::MAX_BULK_REQUESTS;
pub use limits::{ANSWERS_OF_TENANT, ANSWERS_TO_ADDRESS};

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    fingerprints: Fingerprints,
    /// The key from which the codes of members' discounts are derived.
    codes: Arc<[u8; 32]>,
    /// The address of the box office, without a slash at its end.
    public_url: Arc<str>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `DISCOUNT_SECRET` and
    /// `PUBLIC_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            api: Api::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            codes: Arc::new(Secret::from_env(&boot.env, "DISCOUNT_SECRET")?.derive("discount codes")),
            public_url: boot.env.public_url()?,
        })
    }
}

web::has_api!(State);

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(queue::routes())
        .merge(action::routes())
        .merge(edit::routes())
        .merge(send::routes())
        .merge(bulk::routes())
        .merge(stats::routes())
        .merge(dashboard::routes())
        .merge(audit::routes())
        .merge(templates::routes())
        .with_state(state)
}
