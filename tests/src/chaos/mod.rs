//! Storms: many orders while the cloud and the gateways fail at random. In the end all
//! accounts must balance.

mod caller;
mod slips;
mod soak;
mod storm;
