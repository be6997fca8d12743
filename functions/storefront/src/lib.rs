//! The public part of the box office: shows, prices, free places and quotes.
//!
//! What is read and cached is [`actions::Catalog`]'s; this function words it for the API.

mod areas;
mod event;
mod organizers;
mod plan;
mod price;
mod products;
mod quotes;
mod series;
mod short;
mod shows;
mod site;

use std::sync::Arc;

use actions::{Catalog, QuoteKey, Quotes};
use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, ConfigError};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Fingerprints;
use web::{Api, Sites};

/// The function's clients, key and caches, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    catalog: Catalog,
    quotes: Quotes,
    sites: Sites,
    quote_key: QuoteKey,
    public_url: Arc<str>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `QUOTE_SECRET`, `HASH_SECRET`, `PUBLIC_URL` and
    /// `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let api = Api::new(boot)?;
        let catalog = Catalog::new(&api.store);
        let quotes = Quotes::new(catalog.clone(), Fingerprints::from_env(&boot.env)?);
        let sites = Sites::new(boot, &api)?;
        let quote_key = QuoteKey::from_env(&boot.env)?;
        Ok(Self { api, catalog, quotes, sites, quote_key, public_url: boot.env.public_url()? })
    }
}

web::has_api!(State);

impl FromRef<State> for Sites {
    fn from_ref(state: &State) -> Self {
        state.sites.clone()
    }
}

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(shows::routes())
        .merge(event::routes())
        .merge(organizers::routes())
        .merge(areas::routes())
        .merge(plan::routes())
        .merge(products::routes())
        .merge(quotes::routes())
        .merge(series::routes())
        .merge(site::routes())
        .with_state(state)
}

/// `/public/events/{slug}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SlugPath {
    /// The readable part of the event's address, such as `noche-de-faroles`.
    slug: String,
}
