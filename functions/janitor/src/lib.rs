//! Scheduled work.
//!
//! A payment whose notification never comes needs no schedule: the write that starts it also sends
//! a delayed message that asks the gateway (see `domain::outbox::Outbox::AwaitPayment`). A gateway
//! that does not answer for longer than the queue retries does: its messages end in the dead-letter
//! queue, and the janitor moves them back until the gateway answers. It also has each day's
//! payments compared with the gateways', reminds organisers of what only they can do, and looks whether
//! their sites are still theirs.
//!
//! Every task is bounded and leaves the rest to its next run. Lambda may run a task twice, or two
//! runs at once.

mod audit;
mod erase;
mod remind;
mod report;
mod sites;

use actions::Erasures;
use boot::{Boot, BootError, Clock, ConfigError};
use outbound::SiteProofs;
use queue::{DeadLetters, PaymentMessage, Queue};
use serde::{Deserialize, Serialize};
use store::{Fingerprints, Store};

/// The most dead letters that one run moves back; the next run takes the rest.
const LETTERS: usize = 500;

/// The function's clients.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    store: Store,
    payments: Queue<PaymentMessage>,
    dead_payments: DeadLetters<PaymentMessage>,
    erasures: Erasures,
    proofs: SiteProofs,
}

impl State {
    /// Reads `TABLE_NAME`, `HASH_SECRET`, `PAYMENTS_QUEUE_URL`, `PAYMENTS_DEAD_LETTERS_URL` and `STAGE`, and
    /// the addresses of a simulated internet, if any.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let store = Store::new(boot)?;
        Ok(Self {
            clock: boot.clock.clone(),
            erasures: Erasures::new(&store, Fingerprints::from_env(&boot.env)?),
            store,
            payments: Queue::new(boot)?,
            dead_payments: DeadLetters::new(boot, "PAYMENTS_DEAD_LETTERS_URL")?,
            proofs: SiteProofs::new(boot)?,
        })
    }
}

/// A scheduled task, as the schedule's payload names it.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Move dead payment messages back to their queue, to be tried again.
    Reconcile,
    /// Queue the next part of the day's audit of payments.
    Audit,
    /// Remind organisers of refund tasks that have been open for a day.
    Remind,
    /// Mail organisers the day's payment differences.
    Report,
    /// Go on with erasing the data of persons who asked for it.
    Erase,
    /// Look at the proofs of organisers' sites.
    Sites,
}

/// The result of a task.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Number of messages moved back, orders queued for audit, organisers notified, erasures ended, or sites
    /// looked at.
    pub done: usize,
}

/// Runs a task.
///
/// # Errors
/// If the table or a queue does not answer; the next run continues.
pub async fn handle(state: State, task: Task) -> Result<Report, BootError> {
    let done = match task {
        Task::Reconcile => {
            let brought_back = state.dead_payments.redrive(LETTERS).await?;
            if brought_back > 0 {
                tracing::warn!(brought_back, "payments that could not be settled are tried again");
            }
            brought_back
        }
        Task::Audit => audit::queue_next_part(&state).await?,
        Task::Remind => remind::remind(&state).await?,
        Task::Report => report::report(&state).await?,
        Task::Erase => erase::go_on(&state).await?,
        Task::Sites => sites::look(&state).await?,
    };
    Ok(Report { done })
}
