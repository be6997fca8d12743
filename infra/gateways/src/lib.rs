//! Payment services as merchants and their buyers see them: simulations of real
//! gateways, each speaking its own wire protocol, and a sandbox that speaks ours.
//!
//! It must not know the box office: no tickets, no orders, no table, only merchants,
//! amounts and addresses for notifications. A simulator shares no memory with anybody:
//! it has its own port and its own file. Nobody is asked who is there on its pages and
//! control addresses, so it belongs on loopback, and nowhere near real tickets:
//!
//! - `/` what the shop and the gateway's reviewers see
//! - `/pay/{id}` the page of a buyer, who is also the bank
//! - `GET /control/purchases?about=&status=&limit=`
//! - `POST /control/payments/{about}/{action}`, where `about` is the id of a payment, a
//!   reference or the id of a page, and the action one of `approve`, `decline`, `fail`,
//!   `cancel`, `expire` (with `?after_seconds=` pending until then, with `?method=` not
//!   by card), `begin`, `mediate`, `charge-back`, `win`, `lose`, `refund` (`?amount=`)
//! - `POST /control/refunds/{id}/{approve|decline}`
//! - `GET`, `POST /control/faults` (see [`Faults`])
//! - `GET /control/idle` answers once no notification is due or on the wire
//!
//! If the documentation of a gateway leaves two ways open, its simulator goes both,
//! alternating by the number of a notification.
//!
//! What is not delivered when a simulator stops is lost.
//!
//! Another gateway is a folder with a `Protocol`, the accounts of its merchants and the
//! routes of its calls, which read and change a [`Purchase`] through the `Service`;
//! a variant of [`Merchant`], a field of [`Gateways`], and its bench in `at_each!` of the tests,
//! which has it go through what all of them must do. Port, pages, control addresses,
//! ledger, faults and deliveries are there.

mod actions;
mod all;
mod checkout;
mod control;
mod courier;
mod decimal;
mod faults;
mod ledger;
pub mod mercado_pago;
mod merchant;
mod page;
mod panel;
pub mod payu;
mod purchase;
pub mod sandbox;
mod server;
mod service;
mod simulator;
#[cfg(test)]
mod tests;
pub mod wompi;

use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use actions::{ActError, Action, Refusal};
pub use all::{GatewayUrls, Gateways};
pub use faults::Faults;
pub use merchant::Merchant;
pub use purchase::{Attempt, Buyer, Dispute, Method, Origin, Purchase, Refund, RefundState, Stage, Status};
pub use service::Accounts;
pub use simulator::{Options, Simulator};

/// Locks even if another holder panicked: what the mutexes here guard is changed by
/// single assignments, so it is never half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fresh version 4 UUID, which nobody can guess.
fn new_uuid() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system provides randomness");
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}

/// The HMAC-SHA-256 of a text, in hexadecimal digits.
fn hmac_hex(key: &str, text: &str) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
