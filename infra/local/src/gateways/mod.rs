//! The payment gateways of the local cloud.

mod courier;
mod faults;
mod journal;
mod page;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use courier::{Courier, Letter, Parcel, Retries};
pub use faults::Faults;
pub(crate) use faults::{CallFate, CallKind, Chaos, WebhookFate};
pub(crate) use journal::Journal;
pub(crate) use page::{STYLE, amount, html, language_code};

/// Locks even if another holder panicked: what the mutexes here guard is changed by
/// single assignments, so it is never half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
