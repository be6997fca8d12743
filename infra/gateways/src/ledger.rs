//! All that a simulated gateway keeps: in memory, and in a file.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;

use cloud::journal::Journal;
use domain::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first of the numbers, which ids are made of: as many digits as real ones have.
const FIRST_NUMBER: u64 = 1_000_000_001;

/// A thing that a gateway keeps, such as a purchase.
pub(super) trait Record: Clone + Serialize + DeserializeOwned {
    /// What becomes of it by itself.
    type Change;

    fn id(&self) -> &str;

    /// All names by which it can be asked for.
    fn names(&self) -> Vec<String>;

    /// The highest of all numbers in it, if ids are made of numbers.
    fn highest_number(&self) -> u64 {
        0
    }

    /// When something happens to it by itself.
    fn due_at(&self) -> Option<Timestamp>;

    /// Does the first of what is due at `now`; `None` if nothing is.
    fn step(&mut self, now: Timestamp) -> Option<Self::Change>;
}

/// All records, and what is due.
#[derive(Debug)]
pub(super) struct Ledger<R> {
    records: HashMap<String, R>,
    /// Ids in the order of creation.
    ids: VecDeque<String>,
    /// Ids of records by everything that names them, the oldest first.
    names: HashMap<String, Vec<String>>,
    due: BTreeSet<(Timestamp, String)>,
    journal: Option<Journal<R>>,
    next_number: u64,
    limit: usize,
}

impl<R: Record> Ledger<R> {
    /// Reads `path`, if any is given, and keeps at most `limit` records: the oldest
    /// are forgotten.
    pub(super) fn open(path: Option<PathBuf>, limit: usize) -> io::Result<Self> {
        let mut ledger = Self {
            records: HashMap::new(),
            ids: VecDeque::new(),
            names: HashMap::new(),
            due: BTreeSet::new(),
            journal: None,
            next_number: FIRST_NUMBER,
            limit: limit.max(1),
        };
        let Some(path) = path else { return Ok(ledger) };
        if let Some(directory) = path.parent() {
            cloud::private::create_dir_all(directory)?;
        }
        let mut journal = Journal::open(&path, |record| ledger.keep(record))?;
        journal.rewrite(ledger.newest_first().rev())?;
        ledger.journal = Some(journal);
        Ok(ledger)
    }

    /// A number that nothing here has.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Writes the record to the file, then keeps it in memory.
    pub(super) fn save(&mut self, record: R) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&record)?;
        }
        self.keep(record);
        if let Some(mut journal) = self.journal.take_if(|journal| journal.is_wasteful(self.ids.len())) {
            journal.rewrite(self.newest_first().rev())?;
            self.journal = Some(journal);
        }
        Ok(())
    }

    fn keep(&mut self, record: R) {
        self.next_number = self.next_number.max(record.highest_number() + 1);
        let due = record.due_at();
        if let Some(due) = due {
            self.due.insert((due, record.id().to_owned()));
        }
        for name in record.names() {
            let ids = self.names.entry(name).or_default();
            if ids.iter().all(|id| id != record.id()) {
                ids.push(record.id().to_owned());
            }
        }
        match self.records.get(record.id()).map(R::due_at) {
            Some(Some(old)) if Some(old) != due => {
                self.due.remove(&(old, record.id().to_owned()));
            }
            Some(_) => {}
            None => self.ids.push_back(record.id().to_owned()),
        }
        self.records.insert(record.id().to_owned(), record);
        while self.ids.len() > self.limit {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(old) = self.ids.pop_front().and_then(|id| self.records.remove(&id)) else { return };
        if let Some(due) = old.due_at() {
            self.due.remove(&(due, old.id().to_owned()));
        }
        for name in old.names() {
            if let Some(ids) = self.names.get_mut(&name) {
                ids.retain(|id| *id != old.id());
                if ids.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
    }

    /// The record with this id.
    pub(super) fn get(&self, id: &str) -> Option<&R> {
        self.records.get(id)
    }

    /// The records that have this name or something in them has, the newest first.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &R> {
        let ids = self.names.get(name).map(Vec::as_slice).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// All records, the newest first.
    pub(super) fn newest_first(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// Does everything that is due at `now`, and says what happened, with each
    /// record as it is after it.
    pub(super) fn run_due(&mut self, now: Timestamp) -> io::Result<Vec<(R, R::Change)>> {
        let mut changes = Vec::new();
        while let Some((_, id)) = self.due.first().filter(|(due, _)| *due <= now).cloned() {
            let Some(mut record) = self.get(&id).cloned() else { break };
            let Some(happened) = record.step(now) else { break };
            self.save(record.clone())?;
            changes.push((record, happened));
        }
        Ok(changes)
    }
}
