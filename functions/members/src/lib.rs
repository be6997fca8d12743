//! The members of a tenant's community, and the fees that they paid.
//!
//! Any caller may ask whether an address belongs to a member, and register. The tenant's
//! supervisors see and change everything, one by one or as a file.

mod fees;
mod fields;
mod import;
mod list;
mod lookup;
mod member;
mod receipts;
mod register;
mod stats;
mod status;
mod view;

use actions::Community;
use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use domain::MemberId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::Fingerprints;
use web::Api;

/// The function's clients and settings, shared by all requests.
#[derive(Clone)]
pub struct State {
    api: Api,
    fingerprints: Fingerprints,
    community: Community,
    receipts: receipts::Receipts,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `RECEIPTS_BUCKET` and
    /// `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let api = Api::new(boot)?;
        let fingerprints = Fingerprints::from_env(&boot.env)?;
        Ok(Self {
            community: Community::new(&api.store, fingerprints.clone()),
            api,
            fingerprints,
            receipts: receipts::Receipts::new(boot)?,
        })
    }
}

web::has_api!(State);

/// The routes of the function.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(lookup::routes())
        .merge(register::routes())
        .merge(list::routes())
        .merge(stats::routes())
        .merge(member::routes())
        .merge(status::routes())
        .merge(fees::routes())
        .merge(import::routes())
        .with_state(state)
}

/// `/users/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct MemberPath {
    /// The member's id.
    id: MemberId,
}
