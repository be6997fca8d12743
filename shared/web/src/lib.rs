//! The HTTP edge of every function: problem+json, extractors, paging, caching.
//!
//! A handler takes its needs as arguments (the caller, the checked body)
//! and answers with a value or a [`Problem`]; everything that all routes have in
//! common is added once, in [`finish`].

#![warn(missing_docs)]

mod access;
mod api;
mod cache;
mod change;
mod compress;
mod created;
mod described;
mod extract;
mod finish;
mod header;
mod idempotency;
mod lists;
mod money;
mod network;
mod oversight;
mod page;
mod policies;
mod problem;
mod purchaser;
mod query;
mod reason;
mod refusals;
mod schema;
mod site;
mod token;
mod whole;

pub use access::{
    Admin, Buyer, Door, HasClaims, MaybeBuyer, Operator, Organizer, RECENT_SIGN_IN, Recent, Supervisor,
    Viewer,
};
pub use api::{Api, EventPath, serve};
/// A handle on the function's own state: axum's `State`, whose name that state has.
pub use axum::extract::State as Shared;
pub use cache::{Cached, Freshness};
pub use change::{nullable, yes};
pub use created::Created;
pub use domain::error::based_on;
pub use extract::{Json, MaybeJson, Path, Query, read_part};
pub use finish::{describe, finish, guard};
pub use header::{header_parameter, visible};
pub use idempotency::IdempotencyKey;
pub use lists::misplaced_list;
pub use money::{FeesView, MoneyView, NewConvenienceFees, NewVat, VatView, formatted};
pub use network::{ClientNetwork, TrustedHops};
pub use oversight::{QuotasView, SuspensionView};
pub use page::{Page, Paging, cursor_text};
pub use policies::{PolicyVersionsView, PolicyView};
pub use problem::Problem;
pub use purchaser::{Opener, OrderKeys, Purchaser};
pub use query::AnyQuery;
pub use refusals::{REFUSALS, Refuses};
pub use site::{AtSite, SiteTenant, Sites};
pub use token::{ISSUER, TokenSigner, TokenVerifier};

/// The answer of a handler.
pub type Answer<T> = Result<T, Problem>;
