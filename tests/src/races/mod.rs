//! Races: many requests at once. Every race has its negative control: with the guard switched
//! off in the table, the same test must see the harm.

mod areas;
mod cancelling;
mod currencies;
mod discounts;
mod door;
mod free_orders;
pub(crate) mod gateways;
mod guests;
mod idempotency;
mod limits;
mod members;
mod on_sale;
mod operator;
mod person;
mod plans;
mod products;
mod refund_tasks;
mod second_factor;
mod settlement;
mod sites;
mod slips;
mod slugs;
mod staff;
mod together;
mod withdrawal;
