//! Reminds organisers of refunds that wait for a person: one mail about all of them,
//! at most once a day.

use std::time::Duration;

use domain::outbox::Outbox;
use domain::refund_task::RefundTask;
use domain::{Error, Result, Timestamp};
use store::Failure;

use crate::State;

/// Organisers that one run reminds; the next run reminds the rest.
const ORGANISERS: usize = 1000;

/// Refunds that one mail names.
const NAMED: u16 = 20;

/// After which an organiser should have done it, in their own time zone.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A day, less what an hourly run may come early.
const AGAIN: Duration = Duration::from_secs(24 * 3600 - 600);

/// Reminds those who have refunds that wait for more than a day; answers how many.
pub(crate) async fn remind(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let (mut reminded, mut last) = (0, None);
    while reminded < ORGANISERS {
        let Some(tenant) = state.store.next_with_refund_tasks(last).await? else { break };
        last = Some(tenant);
        let tasks = state.store.longest_refund_tasks(tenant, NAMED).await?;
        if is_due(&tasks, now) && mark(state, &tasks, now).await? {
            reminded += 1;
        }
    }
    Ok(reminded)
}

/// The first of these waits longest.
fn is_due(tasks: &[RefundTask], now: Timestamp) -> bool {
    let waits = tasks.first().is_some_and(|task| task.since + DAY <= now);
    waits && tasks.iter().all(|task| task.reminded_at.is_none_or(|before| before + AGAIN <= now))
}

/// Notes that the organiser is reminded of these. The last write is that of the first
/// task, which also has the mail sent: if another run is faster there, it sends it.
async fn mark(state: &State, tasks: &[RefundTask], now: Timestamp) -> Result<bool> {
    for (index, task) in tasks.iter().enumerate().rev() {
        let outbox = (index == 0).then_some(Outbox::RefundsWaiting);
        match state.store.remind_of_refund_task(task, outbox.as_ref(), now).await {
            Ok(()) if index == 0 => return Ok(true),
            // Closed meanwhile, or another run's.
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(Error::from(failure)),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use domain::payment::{GatewayName, ManualReason};
    use domain::{Currency, EventId, Money, OrderId, Person, TenantId, UserId};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn task(since: Timestamp, reminded_at: Option<Timestamp>) -> RefundTask {
        RefundTask {
            tenant_id: TenantId::generate(since),
            order_id: OrderId::generate(since),
            payment: 0,
            event_id: EventId::generate(since),
            user_id: UserId::generate(since),
            buyer: Person { email: "ana@example.com".to_owned(), name: String::new() },
            gateway: GatewayName::Wompi,
            account_id: None,
            payment_id: "p".to_owned(),
            amount: Money::new(700, Currency::COP),
            reason: ManualReason::Unsupported,
            since,
            reminded_at,
        }
    }

    #[test]
    fn organisers_have_a_day_and_are_reminded_once_a_day() {
        let now = Timestamp::from_second(1_795_000_000).expect("in range");
        let waiting = |hours: u32| now - hours * HOUR;
        let due = |tasks: &[(u32, Option<u32>)]| {
            let tasks = tasks.iter().map(|(since, before)| task(waiting(*since), before.map(waiting)));
            is_due(&tasks.collect::<Vec<_>>(), now)
        };
        assert!(!due(&[]));
        assert!(!due(&[(23, None)]));
        assert!(due(&[(24, None)]));
        assert!(due(&[(30, None), (2, None)]));
        assert!(!due(&[(48, Some(1))]));
        assert!(due(&[(48, Some(24))]));
        // The one that they were reminded of is done, and the next is a day old.
        assert!(!due(&[(40, None), (30, Some(5))]));
    }
}
