//! Storms: everything that can go wrong in the cloud and at the gateways goes
//! wrong, and in the end every account balances.

mod caller;
mod soak;
mod storm;
