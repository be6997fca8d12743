//! What people do, from their first request to the last thing it causes.

mod door;
mod payments;
mod purchase;
mod refunds;
mod reservations;
mod transfers;
