//! The box office on one machine: the functions of this repository with what AWS, the
//! payment gateways and the demo are for them, put together as `template.yaml` says.
//!
//! It must not know how any of these work: what can be said without naming a function is
//! in `cloud`, what speaks a gateway's protocol in `gateways`, what is shown in `demo`.

mod folder;
pub mod functions;
mod local_cloud;
mod mailbox;
pub mod openapi;
mod secrets;

pub use local_cloud::{Cloud, OPERATOR, Options, Refusals, StartError};

/// A box office of so many small requests on so many threads spends a fifth of its
/// time in the system's allocator, and half of that in this one. Here, so that every
/// program with a local cloud has it. The functions alone are not: at AWS each has one
/// request at a time, and its size matters.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(test)]
mod tests;
