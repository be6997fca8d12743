//! What has to be done by the clock.
//!
//! A payment whose notification never comes needs no schedule: the write that
//! starts it also sends a message that arrives later and asks the gateway (see
//! `domain::outbox::Outbox::AwaitPayment`). What needs one is a gateway that stays away
//! for longer than a queue tries: its messages end among the dead letters, and
//! the janitor brings them back until the gateway answers. It also has the payments
//! of each day compared with the gateways', and reminds organisers of what only they
//! can do.
//!
//! Every task is bounded and does the rest in its next run. Lambda may run one twice,
//! or two at once.

mod audit;
mod remind;
mod report;

use boot::{Boot, BootError, Clock, ConfigError};
use queue::{DeadLetters, PaymentMessage, Queue};
use serde::{Deserialize, Serialize};
use store::Store;

/// Dead letters that one run brings back; the next run takes the rest.
const LETTERS: usize = 500;

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    store: Store,
    payments: Queue<PaymentMessage>,
    dead_payments: DeadLetters<PaymentMessage>,
}

impl State {
    /// Reads `TABLE_NAME`, `PAYMENTS_QUEUE_URL` and `PAYMENTS_DEAD_LETTERS_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            payments: Queue::new(boot)?,
            dead_payments: DeadLetters::new(boot, "PAYMENTS_DEAD_LETTERS_URL")?,
        })
    }
}

/// What the schedule asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Have the payments looked at that could not be settled.
    Reconcile,
    /// Go on with having the day's payments compared with the gateways'.
    Audit,
    /// Remind organisers of refunds that wait for a person.
    Remind,
    /// Tell organisers what gateways and orders did not agree about.
    Report,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many messages were brought back, orders audited, or organisers told.
    pub done: usize,
}

/// Does a task.
///
/// # Errors
/// If the table or a queue does not answer; the next run goes on.
pub async fn handle(state: State, task: Task) -> Result<Report, BootError> {
    let done = match task {
        Task::Reconcile => {
            let brought_back = state.dead_payments.redrive(LETTERS).await?;
            if brought_back > 0 {
                tracing::warn!(brought_back, "payments that could not be settled are tried again");
            }
            brought_back
        }
        Task::Audit => audit::go_on(&state).await?,
        Task::Remind => remind::remind(&state).await?,
        Task::Report => report::report(&state).await?,
    };
    Ok(Report { done })
}
