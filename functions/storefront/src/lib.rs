//! The public part of the box office: shows, prices, free places and quotes.
//!
//! Writes nothing but the count of wrong promotion codes. Reads are cached for a few
//! seconds (see [`recent`]), so that an event with many visitors costs almost no reads. A
//! buyer gets a place or not by the hold, which does not read these caches.

mod areas;
mod event;
mod price;
mod quotes;
mod recent;
mod short;
mod shows;

use std::ops::Deref;
use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Fingerprints;
use web::Api;

/// The function's clients, keys and caches, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    fingerprints: Fingerprints,
    quote_key: [u8; 32],
    public_url: Arc<str>,
    recent: Arc<recent::Caches>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `QUOTE_SECRET`, `HASH_SECRET`, `PUBLIC_URL` and
    /// `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            api: Api::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            quote_key: Secret::from_env(&boot.env, "QUOTE_SECRET")?.derive("quote"),
            public_url: boot.env.public_url()?,
            recent: Arc::default(),
        })
    }
}

impl Deref for State {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(shows::routes())
        .merge(event::routes())
        .merge(areas::routes())
        .merge(quotes::routes())
        .with_state(state)
}

/// `/public/events/{slug}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SlugPath {
    /// The readable part of the event's address, such as `noche-de-faroles`.
    slug: String,
}
