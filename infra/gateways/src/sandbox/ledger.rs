use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::Path;

use cloud::journal::Journal;
use cloud::private;
use domain::Timestamp;

use super::payment::Payment;

/// All payments: in memory, and in a file of JSON lines that only grows while the
/// gateway runs. The last line of a payment is its truth.
#[derive(Debug)]
pub(super) struct Ledger {
    payments: HashMap<String, Payment>,
    /// Ids in the order of creation.
    ids: VecDeque<String>,
    by_reference: HashMap<String, Vec<String>>,
    by_key: HashMap<String, String>,
    due: BTreeSet<(Timestamp, String)>,
    journal: Option<Journal<Payment>>,
    limit: usize,
}

impl Ledger {
    /// Reads what `directory` has, if any is given, and keeps at most `limit`
    /// payments: the oldest are forgotten.
    pub(super) fn open(directory: Option<&Path>, limit: usize) -> io::Result<Self> {
        let mut ledger = Self {
            payments: HashMap::new(),
            ids: VecDeque::new(),
            by_reference: HashMap::new(),
            by_key: HashMap::new(),
            due: BTreeSet::new(),
            journal: None,
            limit: limit.max(1),
        };
        let Some(directory) = directory else { return Ok(ledger) };
        private::create_dir_all(directory)?;
        let path = directory.join("payments.jsonl");
        let mut journal = Journal::open(&path, |payment| ledger.keep(payment))?;
        journal.rewrite(ledger.newest_first().rev())?;
        ledger.journal = Some(journal);
        Ok(ledger)
    }

    /// Writes the payment to the file, then keeps it in memory.
    pub(super) fn save(&mut self, payment: Payment) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&payment)?;
        }
        self.keep(payment);
        if let Some(mut journal) = self.journal.take_if(|journal| journal.is_wasteful(self.ids.len())) {
            journal.rewrite(self.newest_first().rev())?;
            self.journal = Some(journal);
        }
        Ok(())
    }

    fn keep(&mut self, payment: Payment) {
        if let Some(due) = payment.due_at() {
            self.due.insert((due, payment.id.clone()));
        }
        match self.payments.get(&payment.id) {
            Some(old) => {
                if let Some(due) = old.due_at().filter(|due| Some(*due) != payment.due_at()) {
                    self.due.remove(&(due, payment.id.clone()));
                }
            }
            None => {
                self.ids.push_back(payment.id.clone());
                self.by_reference.entry(payment.reference.clone()).or_default().push(payment.id.clone());
                self.by_key.insert(payment.idempotency_key.clone(), payment.id.clone());
            }
        }
        self.payments.insert(payment.id.clone(), payment);
        while self.ids.len() > self.limit {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(old) = self.ids.pop_front().and_then(|id| self.payments.remove(&id)) else { return };
        if let Some(due) = old.due_at() {
            self.due.remove(&(due, old.id.clone()));
        }
        self.by_key.remove(&old.idempotency_key);
        if let Some(ids) = self.by_reference.get_mut(&old.reference) {
            ids.retain(|id| *id != old.id);
            if ids.is_empty() {
                self.by_reference.remove(&old.reference);
            }
        }
    }

    /// The payment with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Payment> {
        self.payments.get(id)
    }

    /// The payment that was created with this key.
    pub(super) fn created_with(&self, key: &str) -> Option<&Payment> {
        self.get(self.by_key.get(key)?)
    }

    /// The payments with this reference, the newest first.
    pub(super) fn with_reference(&self, reference: &str) -> impl Iterator<Item = &Payment> {
        let ids = self.by_reference.get(reference).map(Vec::as_slice).unwrap_or_default();
        ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// All payments, the newest first.
    pub(super) fn newest_first(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        self.ids.iter().rev().filter_map(|id| self.get(id))
    }

    /// Does everything that is due at `now`, and says which payments changed: once
    /// for each change, as they are after it.
    pub(super) fn run_due(&mut self, now: Timestamp) -> io::Result<Vec<Payment>> {
        let mut changes = Vec::new();
        while let Some((_, id)) = self.due.first().filter(|(due, _)| *due <= now).cloned() {
            let Some(mut payment) = self.get(&id).cloned() else { break };
            if !payment.step(now) {
                break;
            }
            self.save(payment.clone())?;
            changes.push(payment);
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::super::payment::{Action, Method, Status};
    use super::super::payment_for_tests;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn numbered(n: usize) -> Payment {
        Payment {
            id: format!("pay_{n}"),
            reference: format!("r{}", n % 2),
            idempotency_key: format!("k{n}"),
            ..payment_for_tests()
        }
    }

    fn ids<'a>(payments: impl Iterator<Item = &'a Payment>) -> Vec<&'a str> {
        payments.map(|payment| payment.id.as_str()).collect()
    }

    #[test]
    fn the_oldest_are_forgotten_everywhere() {
        let mut ledger = Ledger::open(None, 3).expect("in memory");
        for n in 0..5 {
            ledger.save(numbered(n)).expect("saved");
        }
        assert_eq!(ids(ledger.newest_first()), ["pay_4", "pay_3", "pay_2"]);
        assert_eq!(ids(ledger.with_reference("r0")), ["pay_4", "pay_2"]);
        assert_eq!(ids(ledger.with_reference("r1")), ["pay_3"]);
        assert!(ledger.created_with("k1").is_none() && ledger.created_with("k2").is_some());
        assert_eq!(ledger.due.len(), 3);
    }

    #[test]
    fn due_changes_are_told_one_by_one() {
        let mut ledger = Ledger::open(None, 10).expect("in memory");
        ledger.save(numbered(0)).expect("saved");
        ledger.save(Payment { approve_at: Some(at(150)), ..numbered(1) }).expect("saved");
        assert!(ledger.run_due(at(99)).expect("ran").is_empty());
        let mut changes = ledger.run_due(at(200)).expect("ran");
        changes.sort_by(|a, b| a.id.cmp(&b.id));
        let changes: Vec<_> = changes.iter().map(|payment| (payment.id.as_str(), payment.status)).collect();
        assert_eq!(
            changes,
            [("pay_0", Status::Expired), ("pay_1", Status::Expired), ("pay_1", Status::Approved)]
        );
        assert!(ledger.due.is_empty());
    }

    #[test]
    fn a_file_with_a_torn_last_line_is_read_and_any_other_damage_is_named() {
        let directory = tempfile::tempdir().expect("a folder");
        let path = directory.path().join("payments.jsonl");
        {
            let mut ledger = Ledger::open(Some(directory.path()), 10).expect("opened");
            ledger.save(numbered(0)).expect("saved");
            let mut paid = numbered(0);
            paid.apply(Action::Approve(Method::Card), at(5)).expect("paid");
            ledger.save(paid).expect("saved");
            ledger.save(numbered(1)).expect("saved");
        }
        assert_eq!(fs::read_to_string(&path).expect("written").lines().count(), 3);
        OpenOptions::new().append(true).open(&path).expect("there").write_all(b"{\"id\":").expect("written");

        let ledger = Ledger::open(Some(directory.path()), 10).expect("opened");
        assert_eq!(ids(ledger.newest_first()), ["pay_1", "pay_0"]);
        assert_eq!(ledger.created_with("k0").map(|payment| payment.status), Some(Status::Approved));
        assert_eq!(fs::read_to_string(&path).expect("compacted").lines().count(), 2);

        fs::write(&path, "nonsense\n{}\n").expect("written");
        let error = Ledger::open(Some(directory.path()), 10).expect_err("damaged").to_string();
        assert!(error.contains("payments.jsonl, line 1"), "{error}");
    }
}
