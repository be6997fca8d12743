//! Compares the gateways' payments with the order's, once a day.

use domain::order::differences;
use domain::{OrderId, Result, UserId};

use crate::State;
use crate::reconcile::{ask_about_refunds, attempts, settle_attempt};

/// Settles what can be settled of an order's payments, and notes the differences that remain.
///
/// # Errors
/// If a gateway or the table does not answer; the queue then delivers the message again.
pub(crate) async fn audit(state: &State, user: UserId, order: OrderId) -> Result<()> {
    let mut found = Vec::new();
    let mut tenant = None;
    // Twice: a difference may come from a change during the comparison.
    for _ in 0..2 {
        let Some(before) = state.store.order(user, order).await? else { return Ok(()) };
        let mut reports = Vec::new();
        for attempt in attempts(&before) {
            reports.extend(settle_attempt(state, &before, attempt).await?);
        }
        let Some(after) = state.store.order(user, order).await? else { return Ok(()) };
        ask_about_refunds(state, &after).await?;
        found = differences(&after, &reports, state.clock.now());
        tenant = Some(after.tenant);
        if found.is_empty() {
            return Ok(());
        }
    }
    for (difference, tenant) in found.iter().zip(std::iter::repeat(tenant).flatten()) {
        state.store.note_payment_difference(tenant, difference).await?;
    }
    Ok(())
}
