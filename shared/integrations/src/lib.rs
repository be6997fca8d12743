//! The only crate that calls the outside: payment gateways now; language models,
//! exchange rates and the rest later. What comes back is untrusted input: bounded,
//! checked, and put into the domain's words before anybody else sees it.

#![warn(missing_docs)]

pub mod bucket;
pub mod http;
pub mod payment;
pub mod sns;
