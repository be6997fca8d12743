//! Limits of buyers without an account, who cost a stranger nothing but an address.

use domain::{Error, Result, Timestamp, UserId};
use store::limit::{DAY, QUARTER};
use store::{Limit, Store};

/// Orders of guests from one network in a quarter of an hour: a full venue's own network gets
/// through, a script does not.
const NETWORK: Limit = Limit::sampled("guest-network", 300, QUARTER, 50);

/// Orders of guests with one address in a day, from all networks. A stranger can use them up, but the
/// address's owner signs in.
const ADDRESS: Limit = Limit::sampled("guest-address", 200, DAY, 50);

/// Counts a new order of the guest `user` from `network`.
///
/// # Errors
/// `too_many_tries`.
pub(super) async fn count_guest_order(
    store: &Store,
    user: UserId,
    network: &str,
    now: Timestamp,
) -> Result<()> {
    let counts = [NETWORK.of(&[network]), ADDRESS.of(&[&user.suffix()])];
    // Most counts are not written, so that only a look tells whether one is full.
    let counted = async {
        store.check_limits(&counts, now).await?;
        store.count(&counts, now).await
    };
    counted.await.map_err(|error| match error.retry_after_seconds() {
        Some(seconds) => Error::too_many(
            "too_many_tries",
            "There were too many orders without an account from this network or for this address. Sign in to go \
             on, or wait a while.",
        )
        .retry_after(seconds),
        None => error,
    })
}
