//! The box office on one machine: what AWS does for the functions, done here.
//!
//! The functions, their routes, queues and event sources come from
//! `template.yaml`; the AWS SDK clients in them are the real ones and talk to
//! emulated services on loopback.

mod cloud;
mod event;
mod folder;
mod front;
pub mod functions;
pub mod gateway;
pub mod gateways;
mod iam;
mod mailbox;
mod mappings;
pub mod openapi;
mod secrets;
pub mod seed;
pub mod services;
pub mod template;

pub use cloud::{Cloud, Options, StartError};
pub use mappings::NotIdle;
pub use secrets::write_private;

#[cfg(test)]
mod tests;
