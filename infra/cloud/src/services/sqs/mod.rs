//! SQS: standard queues, with visibility timeouts, redrive to dead-letter
//! queues, long polling and delays.
//!
//! Written here because the event source mappings and the tests need what
//! `winterbaume-sqs` 0.2 does not have: a wake-up when a message arrives (it
//! looks again every 100 ms, under a lock that all queues share), a clock that
//! tests can move, messages that survive a restart, and a place for chaos to
//! double, delay and reorder deliveries. It also ignores a visibility timeout
//! of zero, and never reports an entry of a batch as failed.

mod queue;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boot::Clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use self::queue::Depth;
use self::queue::{Change, HideError, Letter, Queue};
use super::chaos::{Chaos, Fault};
use crate::journal::Journal;

/// SQS hands out at most so many messages at once.
pub const MOST_MESSAGES: usize = 10;
/// The largest message, and the largest batch.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// How long a receiver sleeps at most while hidden messages exist: a test may
/// move the clock meanwhile.
const GLANCE: Duration = Duration::from_millis(50);
/// The journal is rewritten when it has so many lines more than after the last time.
const MOST_STALE_LINES: usize = 50_000;

/// Why SQS refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqsError {
    /// There is no such queue.
    #[error("The specified queue does not exist.")]
    NoSuchQueue,
    /// A queue of this name has other attributes.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    OtherAttributes(String),
    /// The receipt handle is not one.
    #[error("The input receipt handle is invalid.")]
    NoReceipt,
    /// The message was deleted, or is visible again.
    #[error("The message referred to is not in flight.")]
    NotInFlight,
    /// A parameter is out of range.
    #[error("{0}")]
    Invalid(String),
    /// The journal cannot be written.
    #[error("The queue's journal cannot be written: {0}")]
    Journal(String),
    /// The local cloud stops.
    #[error("The local SQS is stopping.")]
    Stopping,
}

/// The settings of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How long a received message stays hidden (`VisibilityTimeout`).
    pub visibility: Duration,
    /// How late messages become visible (`DelaySeconds`).
    pub delay: Duration,
    /// How long a message is kept (`MessageRetentionPeriod`).
    pub retention: Duration,
    /// How long a receiver waits that does not say (`ReceiveMessageWaitTimeSeconds`).
    pub wait: Duration,
    /// The queue of messages that nobody can process (`RedrivePolicy`).
    pub redrive: Option<Redrive>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            delay: Duration::ZERO,
            retention: Duration::from_secs(345_600),
            wait: Duration::ZERO,
            redrive: None,
        }
    }
}

/// A queue's dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The name of the dead-letter queue.
    pub queue: String,
    /// A message goes there instead of being delivered once more than this.
    pub max_receives: u32,
}

/// An attribute that the sender gave a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, perhaps with a suffix of the sender's.
    pub data_type: String,
    /// The value of a `String` or `Number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a `Binary`, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// A delivered message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same for every delivery.
    pub id: String,
    /// What deletes this delivery.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was delivered for the first time.
    pub first_received_at: Timestamp,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
    /// The queue it comes from, if this one is for its dead letters.
    pub dead_letter_of: Option<String>,
    /// What the sender attached.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
}

impl Message {
    /// The attributes under SQS's names, as Lambda's events carry them:
    /// `ApproximateReceiveCount`, `SentTimestamp` and so on.
    pub fn attributes(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SentTimestamp", self.sent_at.as_millisecond().to_string()),
            ("SenderId", super::ACCOUNT.to_owned()),
            ("ApproximateFirstReceiveTimestamp", self.first_received_at.as_millisecond().to_string()),
        ])
    }
}

/// The local SQS. Clones share it.
#[derive(Clone)]
pub struct Sqs(Arc<Shared>);

struct Shared {
    queues: Mutex<BTreeMap<String, Arc<Line>>>,
    next_number: AtomicU64,
    journal: Option<Mutex<Journal<Change>>>,
    /// The number of lines at which the journal is written anew.
    compact_at: AtomicUsize,
    override_visibility: Mutex<Option<Duration>>,
    stopping: watch::Sender<bool>,
    clock: Clock,
    chaos: Chaos,
    region: String,
    endpoint: String,
}

/// A queue and those who wait at its end.
#[derive(Default)]
struct Line {
    queue: Mutex<Queue>,
    arrived: Notify,
}

impl Line {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sqs {
    /// Opens the journal, if there is one, with the messages that are left.
    pub(super) fn open(
        journal: Option<&Path>,
        region: &str,
        endpoint: &str,
        chaos: Chaos,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (mut queues, mut next_number) = (BTreeMap::<String, Queue>::new(), 1);
        let mut opened = None;
        if let Some(path) = journal {
            let journal = Journal::open(path, |change: Change| match change {
                Change::Sent { queue, number, hidden_until, letter } => {
                    next_number = next_number.max(number + 1);
                    queues.entry(queue).or_default().insert(number, letter, hidden_until, false);
                }
                Change::Gone { queue, number } => {
                    next_number = next_number.max(number + 1);
                    queues.entry(queue).or_default().remove(number);
                }
                Change::Purged { queue } => queues.entry(queue).or_default().purge(),
            })?;
            opened = Some(journal);
        }
        let queues = queues
            .into_iter()
            .map(|(name, queue)| (name, Arc::new(Line { queue: Mutex::new(queue), arrived: Notify::new() })))
            .collect();
        let sqs = Self(Arc::new(Shared {
            queues: Mutex::new(queues),
            next_number: AtomicU64::new(next_number),
            journal: opened.map(Mutex::new),
            compact_at: AtomicUsize::new(MOST_STALE_LINES),
            override_visibility: Mutex::new(None),
            stopping: watch::Sender::new(false),
            clock,
            chaos,
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
        }));
        if let Some(journal) = &sqs.0.journal {
            sqs.compact(&mut journal.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        Ok(sqs)
    }

    /// Makes a queue, or changes the attributes of the one with this name, and
    /// tells its URL.
    ///
    /// # Errors
    /// If the name is not 1 to 80 letters, digits, hyphens and underscores.
    pub fn create_queue(&self, name: &str, attributes: Attributes) -> Result<String, SqsError> {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 80 || !name.chars().all(valid) {
            return Err(SqsError::Invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length. \
                 There are no FIFO queues here."
                    .to_owned(),
            ));
        }
        let mut queues = self.queues();
        queues.entry(name.to_owned()).or_default().queue().attributes = attributes;
        Ok(self.url(name))
    }

    /// The names of all queues.
    pub fn queue_names(&self) -> Vec<String> {
        self.queues().keys().cloned().collect()
    }

    /// The URL of a queue, whether it exists or not.
    pub fn url(&self, queue: &str) -> String {
        format!("{}/{}/{queue}", self.0.endpoint, super::ACCOUNT)
    }

    /// The ARN of a queue, whether it exists or not.
    pub fn arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{queue}", self.0.region, super::ACCOUNT)
    }

    /// Hides received messages for this long, whatever their queue and receiver
    /// say. For tests of redelivery that do not want to wait.
    pub fn set_visibility_override(&self, visibility: Option<Duration>) {
        *self.0.override_visibility.lock().unwrap_or_else(PoisonError::into_inner) = visibility;
    }

    /// Sends a message and tells its id. Without a delay of its own, the
    /// queue's applies.
    ///
    /// # Errors
    /// If there is no such queue, or the message is empty or larger than 1 MiB.
    pub fn send(
        &self,
        queue: &str,
        body: String,
        attributes: BTreeMap<String, MessageAttribute>,
        delay: Option<Duration>,
    ) -> Result<String, SqsError> {
        let line = self.line(queue)?;
        if body.is_empty() || body.len() > MOST_BYTES {
            return Err(SqsError::Invalid("The message must have 1 to 1048576 bytes.".to_owned()));
        }
        let (now, rates) = (self.0.clock.now(), self.0.chaos.rates());
        let letter = Letter {
            id: uuid::Uuid::now_v7().to_string(),
            body,
            attributes,
            sent_at: now,
            dead_letter_of: None,
        };
        let mut delay = delay.unwrap_or_else(|| line.queue().attributes.delay);
        if self.0.chaos.strikes(Fault::DelayedDelivery, rates.delayed_delivery) {
            delay += rates.delivery_delay;
        }
        let id = letter.id.clone();
        self.put(queue, &line, letter, now + delay)?;
        Ok(id)
    }

    /// Receives up to `max` messages (at most 10), waiting up to `wait` (at most
    /// 20 s) until there is one. They stay hidden for the queue's visibility
    /// timeout and must be deleted before it ends.
    ///
    /// # Errors
    /// If there is no such queue, or the local cloud stops.
    pub async fn receive(&self, queue: &str, max: usize, wait: Duration) -> Result<Vec<Message>, SqsError> {
        let visibility = self.line(queue)?.queue().attributes.visibility;
        self.receive_for(queue, max, wait, visibility).await
    }

    async fn receive_for(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, SqsError> {
        let line = self.line(queue)?;
        let deadline = Instant::now() + wait.min(Duration::from_secs(20));
        let mut stopping = self.0.stopping.subscribe();
        loop {
            if *stopping.borrow_and_update() {
                return Err(SqsError::Stopping);
            }
            // Before looking, so that nothing that arrives meanwhile is missed.
            let arrived = line.arrived.notified();
            let messages = self.take(queue, &line, max, visibility)?;
            if !messages.is_empty() || Instant::now() >= deadline {
                return Ok(messages);
            }
            let now = self.0.clock.now();
            let glance = match line.queue().next_visible() {
                Some(at) => Duration::try_from(at.duration_since(now))
                    .unwrap_or_default()
                    .clamp(Duration::from_millis(1), GLANCE),
                None => Duration::from_secs(20),
            };
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + glance)) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Takes what is visible now, and moves dead letters.
    fn take(
        &self,
        name: &str,
        line: &Line,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Message>, SqsError> {
        let now = self.0.clock.now();
        let overridden = *self.0.override_visibility.lock().unwrap_or_else(PoisonError::into_inner);
        let redrive = line.queue().attributes.redrive.clone();
        let dead_letters =
            redrive.map(|redrive| Ok((self.line(&redrive.queue)?, redrive.queue))).transpose()?;
        let received = {
            let mut queue = line.queue();
            let max = max.clamp(1, MOST_MESSAGES);
            let received = queue.receive(max, overridden.unwrap_or(visibility), now, &self.0.chaos);
            for letter in received.doubled.iter().cloned() {
                queue.insert(self.number(), letter, now, true);
            }
            received
        };
        if received.more || !received.doubled.is_empty() {
            // Another receiver may have slept through the arrival of these.
            line.arrived.notify_one();
        }
        if let Some((target, target_name)) = dead_letters {
            for (number, letter) in received.dead {
                let letter = Letter { dead_letter_of: Some(name.to_owned()), ..letter };
                self.put(&target_name, &target, letter, now)?;
                self.note(|| Change::Gone { queue: name.to_owned(), number }, || ())?;
            }
        }
        Ok(received.messages)
    }

    /// Deletes a delivered message.
    ///
    /// # Errors
    /// If there is no such queue, or the receipt handle is not one.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        let deleted = self.line(queue)?.queue().delete(receipt_handle).map_err(|()| SqsError::NoReceipt)?;
        match deleted {
            Some(number) => self.note(|| Change::Gone { queue: queue.to_owned(), number }, || ()),
            None => Ok(()),
        }
    }

    /// Makes a delivered message visible at once, as an event source mapping
    /// does with what its function reports as failed.
    ///
    /// # Errors
    /// If there is no such queue, or the message is not in flight.
    pub fn make_visible_now(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        self.hide(queue, receipt_handle, Duration::ZERO)
    }

    fn hide(&self, queue: &str, receipt_handle: &str, visibility: Duration) -> Result<(), SqsError> {
        let line = self.line(queue)?;
        line.queue().hide(receipt_handle, visibility, self.0.clock.now()).map_err(|error| match error {
            HideError::NoReceipt => SqsError::NoReceipt,
            HideError::NotInFlight => SqsError::NotInFlight,
        })?;
        line.arrived.notify_one();
        Ok(())
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    /// If there is no such queue.
    pub fn depth(&self, queue: &str) -> Result<Depth, SqsError> {
        Ok(self.line(queue)?.queue().depth(self.0.clock.now()))
    }

    /// How many messages that were sent with a delay become visible within `soon`.
    ///
    /// # Errors
    /// If there is no such queue.
    pub fn due_within(&self, queue: &str, soon: Duration) -> Result<usize, SqsError> {
        Ok(self.line(queue)?.queue().due_before(self.0.clock.now() + soon))
    }

    /// Deletes all messages of a queue.
    ///
    /// # Errors
    /// If there is no such queue.
    pub fn purge(&self, queue: &str) -> Result<(), SqsError> {
        let line = self.line(queue)?;
        self.note(|| Change::Purged { queue: queue.to_owned() }, || line.queue().purge())
    }

    /// Ends all waiting.
    pub(super) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Line>>> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, queue: &str) -> Result<Arc<Line>, SqsError> {
        self.queues().get(queue).cloned().ok_or(SqsError::NoSuchQueue)
    }

    fn number(&self) -> u64 {
        self.0.next_number.fetch_add(1, Ordering::Relaxed)
    }

    fn put(&self, queue: &str, line: &Line, letter: Letter, hidden_until: Timestamp) -> Result<(), SqsError> {
        let number = self.number();
        let sent = || Change::Sent { queue: queue.to_owned(), number, hidden_until, letter: letter.clone() };
        self.note(sent, || line.queue().insert(number, letter.clone(), hidden_until, false))?;
        line.arrived.notify_one();
        Ok(())
    }

    /// Writes a change into the journal and does it, so that nobody rewrites the
    /// journal in between.
    fn note(&self, change: impl FnOnce() -> Change, apply: impl FnOnce()) -> Result<(), SqsError> {
        let Some(journal) = &self.0.journal else {
            apply();
            return Ok(());
        };
        let failed = |error: std::io::Error| SqsError::Journal(error.to_string());
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.append(&change()).map_err(failed)?;
        apply();
        if journal.lines() > self.0.compact_at.load(Ordering::Relaxed) {
            self.compact(&mut journal).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes the journal anew with the messages that are left.
    fn compact(&self, journal: &mut Journal<Change>) -> std::io::Result<()> {
        let lines: Vec<(String, Arc<Line>)> =
            self.queues().iter().map(|(name, line)| (name.clone(), Arc::clone(line))).collect();
        let changes = lines.iter().flat_map(|(name, line)| line.queue().changes(name).collect::<Vec<_>>());
        journal.rewrite(changes)?;
        self.0.compact_at.store(journal.lines() + MOST_STALE_LINES, Ordering::Relaxed);
        Ok(())
    }
}
