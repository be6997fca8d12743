//! All purchases at a simulated gateway: in memory, and in a file.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;

use cloud::journal::Journal;
use domain::Timestamp;

use crate::actions::Happened;
use crate::purchase::Purchase;

/// The first of the numbers, which ids are made of: as many digits as real ones have.
const FIRST_NUMBER: u64 = 1_000_000_001;

/// All purchases, and what is due.
#[derive(Debug)]
pub(super) struct Ledger {
    purchases: HashMap<String, Purchase>,
    /// Ids in the order of creation.
    ids: VecDeque<String>,
    /// Ids of purchases by everything that names them, the oldest first.
    names: HashMap<String, Vec<String>>,
    due: BTreeSet<(Timestamp, String)>,
    journal: Option<Journal<Purchase>>,
    next_number: u64,
    limit: usize,
}

impl Ledger {
    /// Reads `path`, if any is given, and keeps at most `limit` purchases: the oldest
    /// are forgotten.
    pub(super) fn open(path: Option<PathBuf>, limit: usize) -> io::Result<Self> {
        let mut ledger = Self {
            purchases: HashMap::new(),
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
        let mut journal = Journal::open(&path, |purchase| ledger.keep(purchase))?;
        journal.rewrite(ledger.newest_first().rev())?;
        ledger.journal = Some(journal);
        Ok(ledger)
    }

    /// A number that nothing here has.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Writes the purchase to the file, then keeps it in memory.
    pub(super) fn save(&mut self, purchase: Purchase) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&purchase)?;
        }
        self.keep(purchase);
        if let Some(mut journal) = self.journal.take_if(|journal| journal.is_wasteful(self.ids.len())) {
            journal.rewrite(self.newest_first().rev())?;
            self.journal = Some(journal);
        }
        Ok(())
    }

    fn keep(&mut self, purchase: Purchase) {
        self.next_number = self.next_number.max(purchase.highest_number() + 1);
        let due = purchase.due_at();
        if let Some(due) = due {
            self.due.insert((due, purchase.id.clone()));
        }
        for name in purchase.names() {
            let ids = self.names.entry(name).or_default();
            if !ids.contains(&purchase.id) {
                ids.push(purchase.id.clone());
            }
        }
        match self.purchases.get(&purchase.id).map(Purchase::due_at) {
            Some(Some(old)) if Some(old) != due => {
                self.due.remove(&(old, purchase.id.clone()));
            }
            Some(_) => {}
            None => self.ids.push_back(purchase.id.clone()),
        }
        self.purchases.insert(purchase.id.clone(), purchase);
        while self.ids.len() > self.limit {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(old) = self.ids.pop_front().and_then(|id| self.purchases.remove(&id)) else { return };
        if let Some(due) = old.due_at() {
            self.due.remove(&(due, old.id.clone()));
        }
        for name in old.names() {
            if let Some(ids) = self.names.get_mut(&name) {
                ids.retain(|id| *id != old.id);
                if ids.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
    }

    /// The purchase with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Purchase> {
        self.purchases.get(id)
    }

    /// The purchases that have this name or something in them has, the newest first.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Purchase> {
        let ids = self.names.get(name).map(Vec::as_slice).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// All purchases, the newest first.
    pub(super) fn newest_first(&self) -> impl DoubleEndedIterator<Item = &Purchase> {
        self.ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// Does everything that is due at `now`, and says what happened, with each
    /// purchase as it is after it.
    pub(super) fn run_due(&mut self, now: Timestamp) -> io::Result<Vec<(Purchase, Happened)>> {
        let mut changes = Vec::new();
        while let Some((_, id)) = self.due.first().filter(|(due, _)| *due <= now).cloned() {
            let Some(mut purchase) = self.get(&id).cloned() else { break };
            let Some(happened) = purchase.step(now) else { break };
            self.save(purchase.clone())?;
            changes.push((purchase, happened));
        }
        Ok(changes)
    }
}
