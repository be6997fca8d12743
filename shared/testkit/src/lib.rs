//! What tests are made from: a box office in memory, a builder for its requests, and users who have
//! signed up already.

#![warn(missing_docs)]

mod app;
mod binaries;
mod gateways;
mod money;
mod openapi_check;
mod people;
mod request;
pub mod runtime_api;

pub use app::{TestApp, template};
pub use binaries::{binaries, fresh_binary};
pub use money::minor;
pub use people::{Country, Organizer, PASSWORD, Show, TestUser};
pub use request::{Answer, Request};
