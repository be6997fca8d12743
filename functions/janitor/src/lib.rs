//! What has to be done by the clock.
//!
//! A payment whose notification never comes needs no schedule: the write that
//! starts it also sends a message that arrives later and asks the gateway (see
//! `queue::Outbox::AwaitPayment`). What needs one is a gateway that stays away
//! for longer than a queue tries: its messages end among the dead letters, and
//! the janitor brings them back until the gateway answers.

use boot::{Boot, BootError, ConfigError};
use queue::{DeadLetters, PaymentMessage};
use serde::{Deserialize, Serialize};

/// Dead letters that one run brings back; the next run takes the rest.
const LETTERS: usize = 500;

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct State {
    payments: DeadLetters<PaymentMessage>,
}

impl State {
    /// Reads the configuration.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self { payments: DeadLetters::new(boot, "PAYMENTS_DEAD_LETTERS_URL")? })
    }
}

/// What the schedule asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Have the payments looked at that could not be settled.
    Reconcile,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Payment messages that were brought back.
    pub brought_back: usize,
}

/// Does a task.
///
/// # Errors
/// If the queue does not answer; the next run goes on.
pub async fn handle(state: State, task: Task) -> Result<Report, BootError> {
    match task {
        Task::Reconcile => {
            let brought_back = state.payments.bring_back(LETTERS).await?;
            if brought_back > 0 {
                tracing::warn!(brought_back, "payments that could not be settled are tried again");
            }
            Ok(Report { brought_back })
        }
    }
}
