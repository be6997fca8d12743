//! Reading from the internet where a stranger says: DNS records of any name, and small pages of any
//! host.
//!
//! What a stranger names may lead to ourselves: to a service on this machine, to the network around it,
//! to the credentials that a cloud keeps for its machines. So a page is read by the name of a host alone,
//! over TLS, at its own port, without following anywhere. The name is resolved once, by a public resolver
//! that knows no private names; all of its addresses must be of the public internet, and to these alone
//! the connection is made. An address that changes between check and connection (DNS rebinding) has no
//! second look-up to change.

mod address;
mod dns;
mod web;

pub use address::is_public;
pub use dns::Dns;
pub use web::{PublicError, PublicWeb};
