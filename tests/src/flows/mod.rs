//! What people do, from their first request to the last thing it causes.

mod bad_input;
mod door;
mod events;
mod payments;
mod pricing;
pub(crate) mod purchase;
mod refunds;
mod reservations;
mod storefront;
mod transfers;
