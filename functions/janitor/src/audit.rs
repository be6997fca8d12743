//! Has the payments of young orders with tickets compared with what the gateways have,
//! each once a day; also those of events that were unpublished meanwhile.
//!
//! A run does a part and notes how far it came. Parts are small on purpose: audits go
//! through the queue in which buyers' payments are settled, and ask the gateways that
//! buyers pay at. Nobody shall wait behind a day's audits.

use std::time::Duration;

use domain::{Error, Result};
use queue::PaymentMessage;
use store::{AuditPlace, AuditWalk, Failure};

use crate::State;

/// Orders of one run. Every five minutes, that is 200,000 a day: those of three days
/// with 65,000 each.
const ORDERS: u16 = 700;

/// Looks of one run, each at one of an event's 16 shards: 18,000 events a day.
const LOOKS: usize = 1000;

/// For how long orders are audited after they were made.
const YOUNG: Duration = Duration::from_secs(3 * 24 * 3600);

/// Sends the next part of the day's orders to be audited; answers how many. The audit
/// of a new day begins when that of the day before is at its end.
pub(crate) async fn go_on(state: &State) -> Result<usize> {
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
        let look = state.store.audit_look(&place, now - YOUNG, room).await?;
        audits.extend(look.orders.into_iter().map(|(user, order)| PaymentMessage::Audit { user, order }));
        looks += 1;
        match look.next {
            Some(next) => place = next,
            None => end = true,
        }
    }
    // First, so that none is left out: twice is harmless.
    state.payments.send_all(&audits).await?;
    let walk = AuditWalk { day, place: (!end).then_some(place), version };
    match state.store.save_audit_walk(&walk).await {
        Ok(()) | Err(Failure::Refused(_)) => Ok(audits.len()),
        Err(failure) => Err(Error::from(failure)),
    }
}
