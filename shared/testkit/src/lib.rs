//! What tests are made from: a box office in memory, a builder for its requests, and users who have
//! signed up already.

mod app;
mod binaries;
mod cast;
mod described;
mod gateways;
mod money;
mod request;
pub mod runtime_api;

pub use app::{TestApp, template};
pub use binaries::{binaries, fresh_binary};
pub use cast::{Country, Organizer, PASSWORD, Show, Somebody};
pub use money::minor;
pub use request::{Answer, Request};
