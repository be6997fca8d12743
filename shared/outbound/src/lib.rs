//! Calls to services outside AWS: an HTTP client that bounds time and size and repeats
//! only what may be repeated, and a circuit breaker for services that do not answer.
//!
//! Answers are untrusted input: the crate of the service checks them and puts them into
//! the domain's words before any other code sees them.

#![warn(missing_docs)]

mod breaker;
mod client;
pub mod public;
mod site_proof;

pub use breaker::{Breaker, FAILURES, Outcome, PAUSE, Pass, TRIAL};
pub use client::{
    Answer, Call, CallError, Connections, HttpClient, Timeouts, Url, connection_pool, service_url,
    simulator_url,
};
pub use site_proof::SiteProofs;
