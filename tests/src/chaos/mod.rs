//! Storms: everything that can go wrong in the cloud and at the gateway goes
//! wrong, and in the end every account balances.

mod soak;
