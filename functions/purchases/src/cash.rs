//! Until when the buyer of an order may pay in cash: the organiser's rule, the show, and the buyer's
//! other slips.

use std::time::Duration;

use domain::cash::{CREDITED_WITHIN, CashPolicy, MAX_CASH_HOURS};
use domain::order::Order;
use domain::{Result, TenantId, Timestamp};
use store::StoredEvent;

use crate::State;

/// The age of the oldest order that may still wait for cash: a reservation is an hour old at most when
/// its payment begins.
const WAITING: Duration =
    Duration::from_secs(MAX_CASH_HOURS as u64 * 3600 + 2 * 3600 + CREDITED_WITHIN.as_secs());

/// The end of a slip that is begun now; `None` if cash is not offered.
pub(crate) async fn offered_until(
    state: &State,
    order: &Order,
    sheet: &StoredEvent,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let (policy, opens_at) = (policy(state, order.tenant).await?, sheet.event.opens_at());
    if policy.until(opens_at, 0, now).is_none() {
        return Ok(None);
    }
    let orders = state.store.orders_consistent(order.user, now - WAITING).await?;
    // Of a guest's those of the same network, or strangers could use up what an address has.
    let counts = |other: &&Order| other.event == order.event && other.guest_network == order.guest_network;
    let others = orders.iter().filter(counts).filter(|other| other.id != order.id);
    let open = others.filter(|other| other.may_wait_for_cash(now)).count();
    Ok(policy.until(opens_at, open, now))
}

/// The organiser's rule, cached for some seconds.
async fn policy(state: &State, tenant: TenantId) -> Result<CashPolicy> {
    // An organiser without an account takes no cash.
    Ok(state.organizer(tenant).await?.map_or(CashPolicy { hours: 0 }, |organizer| organizer.cash))
}
