//! What may happen to a purchase in which state, and what the ledger keeps.

use domain::testing::at;

use super::*;
use crate::actions::{Disputes, Ids, Rules};
use crate::ledger::{Ledger, Record};
use crate::purchase::Buyer;
use crate::{Action, Method, Origin, Purchase, Refund, RefundState, Status};

const RULES: Rules = Rules {
    closes: true,
    disputes: Disputes::Staged,
    cash_end: |purchase, _, _| purchase.expires_at,
    by_hand: |_, _, _| Origin::Merchant,
};

pub(crate) fn purchase(n: u64) -> Purchase {
    Purchase {
        id: format!("page-{n}"),
        number: n,
        merchant: "m".to_owned(),
        reference: format!("r{}", n % 2),
        amount: Money::new(1000, Currency::CLP),
        seller: "Sala Ficticia".to_owned(),
        description: "2 entradas".to_owned(),
        buyer: Buyer { email: "ana@example.com".to_owned(), name: "Ana".to_owned() },
        language: Language::Es,
        return_urls: [None, None, None],
        notification_url: None,
        created_at: at(0),
        expires_at: Some(at(100)),
        methods: vec![Method::Card, Method::Cash],
        details: std::collections::BTreeMap::new(),
        attempts: Vec::new(),
    }
}

pub(crate) fn ids(number: u64) -> Ids {
    Ids { number, attempt: format!("t{number}"), payment: format!("p{number}"), refund: format!("f{number}") }
}

fn act(purchase: &mut Purchase, action: Action, second: i64) -> Result<bool, &'static str> {
    let number = purchase.highest_number() + 1;
    let happened = purchase.apply(None, action, ids(number), RULES, at(second));
    happened.map(|happened| happened.change.is_some()).map_err(|refusal| refusal.code)
}

const APPROVE: Action = Action::Decide(Method::Card, Status::Approved);
const DECLINE: Action = Action::Decide(Method::Card, Status::Declined);

#[test]
fn every_action_in_every_state() {
    let states: [(&str, &[Action]); 9] = [
        ("open", &[]),
        ("pending", &[Action::Begin(Method::Card)]),
        ("declined", &[DECLINE]),
        ("approved", &[APPROVE]),
        ("refunded in part", &[APPROVE, Action::Refund(Some(400))]),
        ("refunded", &[APPROVE, Action::Refund(None)]),
        ("charged back", &[APPROVE, Action::ChargeBack]),
        ("won", &[APPROVE, Action::ChargeBack, Action::CloseDispute { won: true }]),
        ("lost", &[APPROVE, Action::Mediate, Action::CloseDispute { won: false }]),
    ];
    let actions = [
        APPROVE,
        DECLINE,
        Action::Begin(Method::Card),
        Action::Begin(Method::Wallet),
        Action::Mediate,
        Action::ChargeBack,
        Action::CloseDispute { won: true },
        Action::Refund(None),
        Action::Refund(Some(700)),
    ];
    let mut table = String::new();
    for (name, before) in states {
        let outcomes = actions.map(|action| {
            let mut purchase = purchase(1);
            for earlier in before {
                act(&mut purchase, *earlier, 1).expect("possible");
            }
            match act(&mut purchase, action, 2) {
                Ok(true) => "done",
                Ok(false) => "same",
                Err(code) => code,
            }
        });
        table += &format!("{name:<16} | {}\n", outcomes.join(" | "));
    }
    // Columns: approve, decline, begin by card, by an app, mediate, charge back, win,
    // refund all, refund 700.
    insta::assert_snapshot!(table, @r"
    open             | done | done | done | method | wrong_state | wrong_state | wrong_state | wrong_state | wrong_state
    pending          | done | done | done | method | wrong_state | wrong_state | wrong_state | wrong_state | wrong_state
    declined         | done | done | done | method | wrong_state | wrong_state | wrong_state | wrong_state | wrong_state
    approved         | same | already_paid | already_paid | already_paid | done | done | wrong_state | done | done
    refunded in part | same | already_paid | already_paid | already_paid | done | done | wrong_state | done | amount
    refunded         | same | already_paid | already_paid | already_paid | wrong_state | wrong_state | wrong_state | amount | amount
    charged back     | same | already_paid | already_paid | already_paid | wrong_state | same | done | wrong_state | wrong_state
    won              | same | already_paid | already_paid | already_paid | done | done | wrong_state | done | done
    lost             | same | already_paid | already_paid | already_paid | wrong_state | wrong_state | wrong_state | wrong_state | wrong_state
    ");
}

#[test]
fn who_pays_in_cash_has_until_the_expiry() {
    let mut purchase = purchase(1);
    act(&mut purchase, Action::Begin(Method::Cash), 1).expect("begun");
    assert_eq!(purchase.due_at(), Some(at(100)));
    assert!(purchase.step(at(99)).is_none());
    assert!(purchase.step(at(200)).is_some());
    assert_eq!(purchase.attempts[0].status, Status::Expired);
    assert_eq!(purchase.attempts[0].decided_at, Some(at(100)), "when it was due, not when somebody looked");
    assert_eq!(act(&mut purchase, APPROVE, 200), Err("expired"), "no new try");
}

fn in_review(number: u64, amount: i64, review_at: Option<i64>) -> Refund {
    Refund {
        id: format!("f{number}"),
        number,
        amount,
        part: true,
        state: RefundState::InReview,
        origin: Origin::Api,
        key: None,
        reason: None,
        created_at: at(2),
        decided_at: None,
        review_at: review_at.map(at),
    }
}

#[test]
fn reviews_never_give_back_more_than_was_paid() {
    let mut purchase = purchase(1);
    act(&mut purchase, APPROVE, 1).expect("paid");
    for number in [10, 11] {
        let happened =
            purchase.refund(0, in_review(number, 600, None)).expect("nobody keeps it from coming twice");
        assert_eq!(happened.change, None, "nobody sees it");
    }
    assert_eq!(purchase.attempts[0].refunded(), 0);
    purchase.review("f10", true, at(3)).expect("reviewed");
    purchase.review("f11", true, at(3)).expect("reviewed");
    let states: Vec<_> = purchase.attempts[0].refunds.iter().map(|refund| refund.state).collect();
    assert_eq!(states, [RefundState::Done, RefundState::Declined]);
    assert_eq!(purchase.review("f11", true, at(3)).expect_err("done").code, "wrong_state");
    assert_eq!(purchase.review("f12", true, at(3)).expect_err("none").code, "no_refund");

    purchase.refund(0, in_review(12, 400, Some(50))).expect("asked for");
    assert_eq!(purchase.due_at(), Some(at(50)));
    assert!(purchase.step(at(50)).is_some());
    assert_eq!((purchase.attempts[0].refunded(), purchase.due_at()), (1000, None));
}

#[test]
fn the_oldest_are_forgotten_everywhere_and_numbers_go_on() {
    let mut ledger = Ledger::open(None, 3).expect("in memory");
    for n in 0..5 {
        let number = ledger.number();
        let mut purchase = Purchase { id: format!("page-{n}"), ..purchase(number) };
        purchase.apply(None, Action::Begin(Method::Cash), ids(ledger.number()), RULES, at(1)).expect("begun");
        ledger.save(purchase).expect("saved");
    }
    let names = |name: &str| ledger.named(name).map(|purchase| purchase.id.clone()).collect::<Vec<_>>();
    assert_eq!(names("r1"), ["page-4", "page-3", "page-2"], "the newest first");
    assert!(names("1000000001").is_empty() && names("p1000000002").is_empty());
    assert_eq!(names("p1000000010"), ["page-4"]);
    assert_eq!((names("1000000009"), names("t1000000010")), (names("page-4"), names("page-4")));
    let due = ledger.run_due(at(500)).expect("ran");
    assert_eq!(due.len(), 3);
    assert!(ledger.run_due(at(500)).expect("ran").is_empty());
    assert_eq!(ledger.number(), 1_000_000_011);
}
