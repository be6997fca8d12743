//! One queue: which message is visible when, to whom, and how often it was
//! delivered. Knows no clock and no network; the time is handed in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attributes, Message, MessageAttribute};
use crate::services::chaos::{Chaos, Fault};

/// What was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The message's id, the same for every delivery.
    pub(super) id: String,
    pub(super) body: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    pub(super) sent_at: Timestamp,
    /// The queue whose letter nobody could process, on a dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_of: Option<String>,
}

/// A letter on its way.
struct Entry {
    letter: Letter,
    /// Hidden until then; in the past if it is visible.
    hidden_until: Timestamp,
    /// How often it was delivered.
    received: u32,
    first_received: Option<Timestamp>,
    /// A second delivery made by chaos, which is not doubled again.
    copy: bool,
}

/// What happened to a queue, for its journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Change {
    Sent { queue: String, number: u64, hidden_until: Timestamp, letter: Letter },
    Gone { queue: String, number: u64 },
    Purged { queue: String },
}

/// How many messages are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Ready to be received.
    pub visible: usize,
    /// Received and neither deleted nor visible again.
    pub in_flight: usize,
    /// Sent with a delay that is not over.
    pub delayed: usize,
}

impl Depth {
    /// All messages that are not deleted.
    pub fn total(&self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// The messages of a queue.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) attributes: Attributes,
    entries: BTreeMap<u64, Entry>,
    /// The visible ones, oldest first.
    ready: VecDeque<u64>,
    /// The hidden ones, the next to appear first.
    hidden: BTreeSet<(Timestamp, u64)>,
}

/// A receipt handle: which entry, and which of its deliveries.
fn receipt(number: u64, delivery: u32) -> String {
    format!("{number:016x}-{delivery:08x}")
}

fn read_receipt(receipt: &str) -> Option<(u64, u32)> {
    let (number, delivery) = receipt.split_once('-')?;
    Some((u64::from_str_radix(number, 16).ok()?, u32::from_str_radix(delivery, 16).ok()?))
}

/// What receiving brings.
#[derive(Default)]
pub(super) struct Received {
    pub(super) messages: Vec<Message>,
    /// Entries that were delivered too often: they left the queue, for its
    /// dead-letter queue.
    pub(super) dead: Vec<(u64, Letter)>,
    /// The entries that chaos will deliver again.
    pub(super) doubled: Vec<Letter>,
    /// More messages are visible.
    pub(super) more: bool,
}

impl Queue {
    /// Adds a letter under a number that no other has.
    pub(super) fn insert(&mut self, number: u64, letter: Letter, hidden_until: Timestamp, copy: bool) {
        self.hidden.insert((hidden_until, number));
        self.entries.insert(number, Entry { letter, hidden_until, received: 0, first_received: None, copy });
    }

    /// Takes up to `max` visible messages and hides them for `visibility`.
    pub(super) fn receive(
        &mut self,
        max: usize,
        visibility: Duration,
        now: Timestamp,
        chaos: &Chaos,
    ) -> Received {
        self.reveal(now);
        let rates = chaos.rates();
        let mut received = Received::default();
        while received.messages.len() < max && !self.ready.is_empty() {
            let at = match chaos.strikes(Fault::ReorderedDelivery, rates.reordered_delivery) {
                true => chaos.below(Fault::ReorderedDelivery, self.ready.len()),
                false => 0,
            };
            let Some(number) = self.ready.remove(at) else { break };
            let Some(entry) = self.entries.get_mut(&number) else { continue };
            if self.attributes.redrive.as_ref().is_some_and(|redrive| entry.received >= redrive.max_receives)
            {
                received.dead.extend(self.entries.remove(&number).map(|entry| (number, entry.letter)));
                continue;
            }
            entry.received += 1;
            let first_received = *entry.first_received.get_or_insert(now);
            entry.hidden_until = now + visibility;
            self.hidden.insert((entry.hidden_until, number));
            if !entry.copy && chaos.strikes(Fault::DuplicateDelivery, rates.duplicate_delivery) {
                received.doubled.push(entry.letter.clone());
            }
            received.messages.push(Message {
                id: entry.letter.id.clone(),
                receipt_handle: receipt(number, entry.received),
                body: entry.letter.body.clone(),
                sent_at: entry.letter.sent_at,
                first_received_at: first_received,
                receive_count: entry.received,
                dead_letter_of: entry.letter.dead_letter_of.clone(),
                message_attributes: entry.letter.attributes.clone(),
            });
        }
        received.more = !self.ready.is_empty();
        received
    }

    /// Deletes a message by the receipt of its last delivery and gives its
    /// number. With an older receipt nothing happens, which AWS calls a success
    /// as well.
    ///
    /// # Errors
    /// If it is no receipt of this queue.
    pub(super) fn delete(&mut self, receipt: &str) -> Result<Option<u64>, ()> {
        let (number, delivery) = read_receipt(receipt).ok_or(())?;
        match self.entries.get(&number) {
            Some(entry) if entry.received == delivery => {}
            _ => return Ok(None),
        }
        if let Some(entry) = self.entries.remove(&number)
            && !self.hidden.remove(&(entry.hidden_until, number))
        {
            self.ready.retain(|ready| *ready != number);
        }
        Ok(Some(number))
    }

    /// Hides a delivered message for `visibility` from now on, or not at all.
    ///
    /// # Errors
    /// If it is no receipt of this queue, or the message is not in flight.
    pub(super) fn hide(
        &mut self,
        receipt: &str,
        visibility: Duration,
        now: Timestamp,
    ) -> Result<(), HideError> {
        let (number, delivery) = read_receipt(receipt).ok_or(HideError::NoReceipt)?;
        self.reveal(now);
        let entry = self
            .entries
            .get_mut(&number)
            .filter(|entry| entry.received == delivery)
            .ok_or(HideError::NotInFlight)?;
        if !self.hidden.remove(&(entry.hidden_until, number)) {
            return Err(HideError::NotInFlight);
        }
        entry.hidden_until = now + visibility;
        self.hidden.insert((entry.hidden_until, number));
        Ok(())
    }

    /// Makes the messages visible whose time has come, and drops those that are
    /// older than the retention period.
    fn reveal(&mut self, now: Timestamp) {
        while let Some((at, number)) = self.hidden.first().copied()
            && at <= now
        {
            self.hidden.pop_first();
            self.ready.push_back(number);
        }
        let oldest = now - self.attributes.retention;
        while let Some(number) = self.ready.front()
            && self.entries.get(number).is_none_or(|entry| entry.letter.sent_at < oldest)
        {
            self.entries.remove(number);
            self.ready.pop_front();
        }
    }

    /// When the next hidden message appears.
    pub(super) fn next_visible(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(at, _)| *at)
    }

    pub(super) fn depth(&mut self, now: Timestamp) -> Depth {
        self.reveal(now);
        let in_flight = self.hidden.iter().filter(|(_, number)| self.entries[number].received > 0).count();
        Depth { visible: self.ready.len(), in_flight, delayed: self.hidden.len() - in_flight }
    }

    /// How many messages that were sent with a delay become visible before `end`.
    pub(super) fn due_before(&self, end: Timestamp) -> usize {
        let soon = self.hidden.range(..(end, 0));
        soon.filter(|(_, number)| self.entries[number].received == 0).count()
    }

    pub(super) fn purge(&mut self) {
        *self = Self { attributes: self.attributes.clone(), ..Self::default() };
    }

    /// What a journal must hold to bring the queue's messages back. Copies made
    /// by chaos are not worth it.
    pub(super) fn changes<'a>(&'a self, queue: &'a str) -> impl Iterator<Item = Change> + 'a {
        self.entries.iter().filter(|(_, entry)| !entry.copy).map(|(number, entry)| Change::Sent {
            queue: queue.to_owned(),
            number: *number,
            // A message in flight has been delivered to a process that is gone.
            hidden_until: if entry.received > 0 { entry.letter.sent_at } else { entry.hidden_until },
            letter: entry.letter.clone(),
        })
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(entry) = self.entries.remove(&number) {
            self.hidden.remove(&(entry.hidden_until, number));
        }
    }
}

/// Why a message's visibility cannot be changed.
pub(super) enum HideError {
    NoReceipt,
    NotInFlight,
}
