//! Reminds organisers of their open refund tasks: one mail about all of them, at most once a day.

use std::time::Duration;

use domain::outbox::Outbox;
use domain::refund_task::RefundTask;
use domain::{Result, Timestamp};
use store::was_done;

use crate::State;

/// The most organisers that one run reminds; the next run reminds the rest.
const ORGANISERS: usize = 1000;

/// The most refund tasks listed in one mail.
const NAMED: u16 = 20;

/// How long an organiser has to do a refund before the first reminder.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Time between two reminders: a day, less ten minutes that an hourly run may come early.
const AGAIN: Duration = Duration::from_secs(24 * 3600 - 600);

/// Reminds the organisers that are due; returns their number.
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

/// True if the organiser is to be reminded. The first task is the one open longest.
fn is_due(tasks: &[RefundTask], now: Timestamp) -> bool {
    let waits = tasks.first().is_some_and(|task| task.since + DAY <= now);
    waits && tasks.iter().all(|task| task.reminded_at.is_none_or(|before| before + AGAIN <= now))
}

/// Notes on each task that its organiser is reminded; true if this run did it. The last write is
/// the first task's, which also queues the mail: if two runs meet there, only one sends it.
async fn mark(state: &State, tasks: &[RefundTask], now: Timestamp) -> Result<bool> {
    for (index, task) in tasks.iter().enumerate().rev() {
        let outbox = (index == 0).then_some(Outbox::RefundsWaiting);
        // If not, the task was closed meanwhile, or another run noted the reminder.
        if was_done(state.store.remind_of_refund_task(task, outbox.as_ref(), now).await)? && index == 0 {
            return Ok(true);
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
    fn organisers_are_reminded_after_a_day_and_once_a_day() {
        let now = domain::testing::at(0);
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
        // The task of the last reminder is done, and the next one is a day old: still within a day.
        assert!(!due(&[(40, None), (30, Some(5))]));
    }
}
