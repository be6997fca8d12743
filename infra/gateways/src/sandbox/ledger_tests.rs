//! The ledger with payments of the sandbox in it.

use std::fs::{self, OpenOptions};
use std::io::Write;

use domain::Timestamp;

use super::payment::{Action, Method, Payment, Status};
use super::{created_with, payment_for_tests, with_reference};
use crate::ledger::Ledger;

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
    assert_eq!(ids(with_reference(&ledger, "r0")), ["pay_4", "pay_2"]);
    assert_eq!(ids(with_reference(&ledger, "r1")), ["pay_3"]);
    assert!(created_with(&ledger, "k1").is_none() && created_with(&ledger, "k2").is_some());
    assert_eq!(ledger.run_due(at(200)).expect("ran").len(), 3);
}

#[test]
fn due_changes_are_told_one_by_one() {
    let mut ledger = Ledger::open(None, 10).expect("in memory");
    ledger.save(numbered(0)).expect("saved");
    ledger.save(Payment { approve_at: Some(at(150)), ..numbered(1) }).expect("saved");
    assert!(ledger.run_due(at(99)).expect("ran").is_empty());
    let mut changes = ledger.run_due(at(200)).expect("ran");
    changes.sort_by(|(a, ()), (b, ())| a.id.cmp(&b.id));
    let changes: Vec<_> = changes.iter().map(|(payment, ())| (payment.id.as_str(), payment.status)).collect();
    assert_eq!(
        changes,
        [("pay_0", Status::Expired), ("pay_1", Status::Expired), ("pay_1", Status::Approved)]
    );
    assert!(ledger.run_due(at(9999)).expect("ran").is_empty());
}

#[test]
fn a_file_with_a_torn_last_line_is_read_and_any_other_damage_is_named() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("payments.jsonl");
    {
        let mut ledger = Ledger::<Payment>::open(Some(path.clone()), 10).expect("opened");
        ledger.save(numbered(0)).expect("saved");
        let mut paid = numbered(0);
        paid.apply(Action::Approve(Method::Card), at(5)).expect("paid");
        ledger.save(paid).expect("saved");
        ledger.save(numbered(1)).expect("saved");
    }
    assert_eq!(fs::read_to_string(&path).expect("written").lines().count(), 3);
    OpenOptions::new().append(true).open(&path).expect("there").write_all(b"{\"id\":").expect("written");

    let ledger = Ledger::<Payment>::open(Some(path.clone()), 10).expect("opened");
    assert_eq!(ids(ledger.newest_first()), ["pay_1", "pay_0"]);
    assert_eq!(created_with(&ledger, "k0").map(|payment| payment.status), Some(Status::Approved));
    assert_eq!(fs::read_to_string(&path).expect("compacted").lines().count(), 2);

    fs::write(&path, "nonsense\n{}\n").expect("written");
    let error = Ledger::<Payment>::open(Some(path), 10).expect_err("damaged").to_string();
    assert!(error.contains("payments.jsonl, line 1"), "{error}");
}
