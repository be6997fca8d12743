//! What people do, from their first request to the last thing it causes.

mod bad_input;
pub(crate) mod checkout;
mod discounts;
mod door;
mod events;
pub(crate) mod gateways;
pub(crate) mod mail_feedback;
mod member_codes;
mod members;
mod money;
mod news;
mod operators;
mod payments;
mod pricing;
mod promises;
pub(crate) mod purchase;
mod refunds;
mod reservations;
mod settlement;
mod shows;
mod staff;
mod storefront;
mod supervision;
mod templates;
mod texts;
mod transfers;
mod warnings;
