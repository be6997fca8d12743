//! The prices of an organiser's events: sale stages, promotions, products, fees and VAT.
//!
//! `domain::pricing` computes prices; these routes only store what it computes them from.

mod fees;
mod product_view;
mod products;
mod promotion_view;
mod promotions;
mod shelf;
mod stages;
mod validate;
mod variants;

use actions::{Catalog, Quotes};
use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use domain::event::event_not_found;
use domain::{EventId, Result, TenantId};
use store::{Fingerprints, StoredEvent};
use web::Api;

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    quotes: Quotes,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET` and `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> std::result::Result<Self, ConfigError> {
        let api = Api::new(boot)?;
        let quotes = Quotes::new(Catalog::uncached(&api.store), Fingerprints::from_env(&boot.env)?);
        Ok(Self { api, quotes })
    }

    /// The tenant's event with its areas and stages.
    async fn sheet(&self, tenant: TenantId, id: EventId) -> Result<StoredEvent> {
        self.store.priced_event_of(tenant, id).await?.ok_or_else(event_not_found)
    }
}

web::has_api!(State);

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(stages::routes())
        .merge(promotions::routes())
        .merge(products::routes())
        .merge(variants::routes())
        .merge(validate::routes())
        .merge(fees::routes())
        .with_state(state)
}
