//! The operator of the installation: its organisers, their shows, what they owe, and settings for all.
//!
//! The operator works for no organiser and sees their data here only. Everything that it changes at an
//! organiser's stands in that organiser's audit log.

mod events;
mod settings;
mod statements;
mod tenant_view;
mod tenants;

use aide::axum::ApiRouter;

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .merge(tenants::routes())
        .merge(events::routes())
        .merge(settings::routes())
        .merge(statements::routes())
}

/// The group of these operations in the description.
const TAG: &str = "Operator";
