//! Queues recent orders with tickets for an audit, in which the settler compares their payments
//! with the gateway's: each order once a day, also those of events that were unpublished meanwhile.
//!
//! A run does a part and saves how far it came. Parts are small on purpose: audits share the queue
//! with buyers' payments, and ask the same gateways. No buyer's payment may wait behind a day's
//! audits.

use std::time::Duration;

use domain::{Error, Result};
use queue::PaymentMessage;
use store::{AuditPlace, AuditWalk, Failure};

use crate::State;

/// Orders per run. With a run every five minutes that is 200,000 a day: three days' orders at
/// 65,000 a day.
const ORDERS: u16 = 700;

/// Reads per run, each of one of an event's 16 shards: enough for 18,000 events a day.
const LOOKS: usize = 1000;

/// How long after its creation an order is audited.
const YOUNG: Duration = Duration::from_secs(3 * 24 * 3600);

/// Queues the next part of the day's audit; returns the number of orders. A new day's audit begins
/// when that of the day before is complete.
pub(crate) async fn queue_next_part(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let today = now.strftime("%Y-%m-%d").to_string();
    let before = state.store.audit_walk().await?;
    let version = before.as_ref().map_or(0, |walk| walk.version) + 1;
    let (day, mut place) = match before {
        Some(AuditWalk { place: Some(place), day, .. }) => (day, place),
        Some(walk) if walk.day == today => return Ok(0),
        _ => (today, AuditPlace::start()),
    };

    let (mut audits, mut looks, mut end) = (Vec::new(), 0, false);
    while !end && looks < LOOKS {
        let room = ORDERS.saturating_sub(u16::try_from(audits.len()).unwrap_or(ORDERS));
        if room == 0 {
            break;
        }
        let look = state.store.audit_step(&place, now - YOUNG, room).await?;
        audits.extend(look.orders.into_iter().map(|(user, order)| PaymentMessage::Audit { user, order }));
        looks += 1;
        match look.next {
            Some(next) => place = next,
            None => end = true,
        }
    }
    // Queued before the progress is saved, so that no order is left out: a second audit is
    // harmless.
    state.payments.send_all(&audits).await?;
    let walk = AuditWalk { day, place: (!end).then_some(place), version };
    match state.store.save_audit_walk(&walk).await {
        Ok(()) | Err(Failure::Refused(_)) => Ok(audits.len()),
        Err(failure) => Err(Error::from(failure)),
    }
}
