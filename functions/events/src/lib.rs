//! Organisers: tenants and their staff, events, areas, seats and pictures.
//!
//! The routes of an organiser work for the tenant in the caller's token. What belongs to
//! another tenant is answered as not found.

mod areas;
mod check;
mod discounts;
mod duplicate;
mod events;
mod images;
mod legal_info;
mod limits;
mod logo;
mod member_discount;
mod pictures;
mod places;
mod plan;
mod plan_adoption;
mod plan_publishing;
mod policies;
mod publishing;
mod rows;
mod seats;
mod series;
mod slug;
mod staff;
mod tenants;
mod units;
mod view;
mod warnings;
mod workplaces;
mod writing;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Stage};
use domain::{AreaId, EventId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Fingerprints;
use web::Api;

pub use areas::MAX_AREAS;

/// The function's clients and settings, shared by all requests.
#[derive(Clone, Debug)]
pub struct State {
    api: Api,
    fingerprints: Fingerprints,
    images: pictures::Images,
    payment_means: warnings::PaymentMeans,
}

impl State {
    /// Reads `STAGE`, `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `TRUSTED_HOPS`,
    /// `IMAGES_BUCKET`, `PUBLIC_URL` and, where buyers can pay through a sandbox,
    /// `SANDBOX_GATEWAY_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            api: Api::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            images: pictures::Images::new(boot)?,
            payment_means: warnings::PaymentMeans {
                has_sandbox: boot.env.optional("SANDBOX_GATEWAY_URL").is_some(),
                is_production: boot.env.stage()? == Stage::Production,
            },
        })
    }
}

web::has_api!(State);

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(tenants::routes())
        .merge(legal_info::routes())
        .merge(logo::routes())
        .merge(policies::routes())
        .merge(staff::routes())
        .merge(workplaces::routes())
        .merge(events::routes())
        .merge(publishing::routes())
        .merge(duplicate::routes())
        .merge(series::routes())
        .merge(areas::routes())
        .merge(units::routes())
        .merge(seats::routes())
        .merge(plan::routes())
        .merge(plan_publishing::routes())
        .merge(plan_adoption::routes())
        .merge(images::routes())
        .merge(pictures::routes())
        .with_state(state)
}

/// `/events/{id}/areas/{area}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct AreaPath {
    /// The event's id.
    id: EventId,
    /// The area's id.
    area: AreaId,
}
