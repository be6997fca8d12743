//! What may happen to a payment of the sandbox in which state, and what the ledger keeps.

use std::fs::{self, OpenOptions};
use std::io::Write;

use domain::testing::at;

use super::*;
use crate::actions::Happened;
use crate::ledger::{Ledger, Record};
use crate::sandbox::refund::refund;
use crate::sandbox::{Sandbox, standing};
use crate::service::Protocol;
use crate::tests::ledger::{ids, purchase};

/// A payment of CLP 1000 that was made at second 0 and expires at 100.
fn open(n: u64) -> Purchase {
    let mut purchase = Purchase { id: format!("pay_{n}"), ..purchase(n) };
    let ids = Ids { attempt: purchase.id.clone(), payment: purchase.id.clone(), ..ids(n) };
    let open = Attempt::new(ids, Method::Card, Status::Open, at(0));
    purchase.attempts.push(Attempt { expires_at: Some(at(100)), ..open });
    purchase
}

fn act(purchase: &mut Purchase, action: Action) -> Result<Happened, Refusal> {
    let rules = Sandbox { account: account() }.rules();
    purchase.apply(None, action, ids(purchase.highest_number() + 1), rules, at(1))
}

fn ids_of<'a>(purchases: impl Iterator<Item = &'a Purchase>) -> Vec<&'a str> {
    purchases.map(|purchase| purchase.id.as_str()).collect()
}

#[test]
fn every_action_in_every_state() {
    let states: [&[Action]; 7] = [
        &[],
        &[APPROVE],
        &[DECLINE],
        &[CANCEL],
        &[EXPIRE],
        &[APPROVE, Action::Refund(None)],
        &[APPROVE, Action::ChargeBack],
    ];
    let mut table = String::new();
    for before in states {
        let mut given = open(1);
        for action in before {
            act(&mut given, *action).expect("possible");
        }
        let outcomes = [APPROVE, DECLINE, CANCEL, EXPIRE, Action::ChargeBack].map(|action| {
            let mut purchase = given.clone();
            match act(&mut purchase, action) {
                Ok(Happened { change: Some(_), .. }) => standing(&purchase, &purchase.attempts[0]).0,
                Ok(_) => "same",
                Err(refusal) => {
                    assert_eq!(refusal.code, "wrong_state");
                    "-"
                }
            }
        });
        table += &format!("{:<12} | {}\n", standing(&given, &given.attempts[0]).0, outcomes.join(" | "));
    }
    // Columns: approve, decline, cancel, expire, charge back.
    insta::assert_snapshot!(table, @r"
    pending      | approved | declined | cancelled | expired | -
    approved     | same | - | - | - | charged_back
    declined     | - | same | - | - | -
    cancelled    | - | - | same | - | -
    expired      | approved | - | cancelled | same | -
    refunded     | - | - | - | - | -
    charged_back | - | - | - | - | same
    ");
}

#[test]
fn what_merchants_are_not_told_of_does_not_happen() {
    let mut paid = open(1);
    act(&mut paid, APPROVE).expect("paid");
    for action in [Action::Mediate, Action::CloseDispute { won: true }] {
        assert_eq!(act(&mut paid, action).expect_err("no dispute").code, "no_disputes");
    }
    let by_app = Action::Decide(Method::Wallet, Status::Approved);
    assert_eq!(act(&mut open(1), by_app).expect_err("no way to pay it").code, "method");
}

#[test]
fn what_is_due_happens_in_its_order() {
    use Status::{Approved, Expired, Open, Pending};
    let states = |approve_at: Option<i64>, now: i64| {
        let mut purchase = open(1);
        if let Some(time) = approve_at {
            act(&mut purchase, Action::BeginThen(Method::Card, Approved, at(time))).expect("begun");
        }
        let mut states = vec![purchase.attempts[0].status];
        while purchase.step(at(now)).is_some() {
            states.push(purchase.attempts[0].status);
        }
        states
    };
    assert_eq!(states(None, 99), [Open]);
    assert_eq!(states(None, 100), [Open, Expired]);
    assert_eq!(states(Some(50), 49), [Pending]);
    assert_eq!(states(Some(50), 500), [Pending, Approved]);
    assert_eq!(states(Some(100), 500), [Pending, Expired, Approved]);
    assert_eq!(states(Some(150), 120), [Pending, Expired]);
    assert_eq!(states(Some(150), 150), [Pending, Expired, Approved]);
}

#[test]
fn what_is_due_can_be_put_off_and_ends_once() {
    let mut purchase = open(1);
    for time in [50, 70] {
        act(&mut purchase, Action::BeginThen(Method::Card, Status::Approved, at(time))).expect("begun");
    }
    assert!(purchase.step(at(69)).is_none());
    act(&mut purchase, EXPIRE).expect("expired");
    assert_eq!(purchase.due_at(), Some(at(70)), "it is still on its way");
    act(&mut purchase, CANCEL).expect("cancelled");
    assert_eq!(purchase.due_at(), None);

    let mut purchase = open(1);
    act(&mut purchase, Action::BeginThen(Method::Card, Status::Expired, at(50))).expect("begun");
    assert!(purchase.step(at(500)).is_some() && purchase.step(at(500)).is_none());
}

#[test]
fn refunds_happen_once_and_never_exceed() {
    let mut purchase = open(1);
    act(&mut purchase, APPROVE).expect("paid");
    let mut give = |amount, currency, key: &str| {
        let ids = ids(purchase.highest_number() + 1);
        let done = refund(&mut purchase, amount, currency, key, ids, at(2));
        done.map(|(_, happened)| happened.is_some()).map_err(|refusal| refusal.code)
    };
    let clp = Currency::CLP;
    assert_eq!(give(600, clp, "a"), Ok(true));
    assert_eq!(give(600, clp, "a"), Ok(false));
    assert_eq!(give(500, clp, "a"), Err("idempotency_conflict"));
    assert_eq!(give(401, clp, "b"), Err("refund_exceeds_payment"));
    assert_eq!(give(0, clp, "b"), Err("refund_exceeds_payment"));
    assert_eq!(give(-1, clp, "b"), Err("refund_exceeds_payment"));
    assert_eq!(give(400, COP, "b"), Err("currency_mismatch"));
    assert_eq!(give(400, clp, "b"), Ok(true));
    assert_eq!(give(400, clp, "b"), Ok(false));
    assert_eq!(give(1, clp, "c"), Err("not_refundable"));
    assert_eq!(give(400, COP, "b"), Err("idempotency_conflict"), "another currency");
    let attempt = &purchase.attempts[0];
    assert_eq!((standing(&purchase, attempt).0, attempt.refunded()), ("refunded", 1000));
}

#[test]
fn the_oldest_are_forgotten_everywhere() {
    let mut ledger = Ledger::open(None, 3).expect("in memory");
    for n in 0..5 {
        ledger.save(open(n)).expect("saved");
    }
    assert_eq!(ids_of(ledger.newest_first()), ["pay_4", "pay_3", "pay_2"]);
    assert_eq!(ids_of(ledger.named("r0")), ["pay_4", "pay_2"]);
    assert_eq!(ids_of(ledger.named("r1")), ["pay_3"]);
    assert!(ledger.get("pay_1").is_none() && ledger.get("pay_2").is_some());
    assert_eq!(ledger.run_due(at(200)).expect("ran").len(), 3);
}

#[test]
fn due_changes_are_told_one_by_one() {
    let mut ledger = Ledger::open(None, 10).expect("in memory");
    ledger.save(open(0)).expect("saved");
    let mut late = open(1);
    act(&mut late, Action::BeginThen(Method::Card, Status::Approved, at(150))).expect("begun");
    ledger.save(late).expect("saved");
    assert!(ledger.run_due(at(99)).expect("ran").is_empty());
    let mut changes = ledger.run_due(at(200)).expect("ran");
    changes.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    let changes: Vec<_> =
        changes.iter().map(|(purchase, _)| (purchase.id.as_str(), purchase.attempts[0].status)).collect();
    assert_eq!(
        changes,
        [("pay_0", Status::Expired), ("pay_1", Status::Expired), ("pay_1", Status::Approved)]
    );
    assert!(ledger.run_due(at(9999)).expect("ran").is_empty());
}

#[test]
fn a_file_with_a_torn_last_line_is_read_and_any_other_damage_is_named() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("sandbox.jsonl");
    {
        let mut ledger = Ledger::<Purchase>::open(Some(path.clone()), 10).expect("opened");
        ledger.save(open(0)).expect("saved");
        let mut paid = open(0);
        act(&mut paid, APPROVE).expect("paid");
        ledger.save(paid).expect("saved");
        ledger.save(open(1)).expect("saved");
    }
    assert_eq!(fs::read_to_string(&path).expect("written").lines().count(), 3);
    OpenOptions::new().append(true).open(&path).expect("there").write_all(b"{\"id\":").expect("written");

    let ledger = Ledger::<Purchase>::open(Some(path.clone()), 10).expect("opened");
    assert_eq!(ids_of(ledger.newest_first()), ["pay_1", "pay_0"]);
    assert_eq!(ledger.get("pay_0").map(|purchase| purchase.attempts[0].status), Some(Status::Approved));
    assert_eq!(fs::read_to_string(&path).expect("compacted").lines().count(), 2);

    fs::write(&path, "nonsense\n{}\n").expect("written");
    let error = Ledger::<Purchase>::open(Some(path), 10).expect_err("damaged").to_string();
    assert!(error.contains("sandbox.jsonl, line 1"), "{error}");
}
