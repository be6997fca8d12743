//! The box office on one machine: what AWS does for the functions, done here.
//!
//! The functions, their routes, queues and event sources come from
//! `template.yaml`; the AWS SDK clients in them are the real ones and talk to
//! emulated services, which also answer on loopback.

mod folder;
pub mod functions;
mod local_cloud;
mod mailbox;
pub mod openapi;
mod secrets;

pub use local_cloud::{Cloud, Options, Refusals, StartError};

/// A box office of so many small requests on so many threads spends a fifth of its
/// time in the system's allocator, and half of that in this one. Here, so that every
/// program with a local cloud has it. The functions alone are not: at AWS each has one
/// request at a time, and its size matters.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(test)]
mod tests;
