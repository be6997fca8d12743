//! Chosen writes, through the real clients.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;

use super::*;
use crate::services::life::Life;
use crate::services::testing::{Local, TABLE};

async fn open() -> (Local, Client, Chaos) {
    let local = Local::start().await;
    let db = Client::new(&local.boot_inside().aws.config());
    let chaos = local.services.chaos().clone();
    (local, db, chaos)
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn is_there(db: &Client, key: &str) -> bool {
    let get = db.get_item().table_name(TABLE).key("PK", s(key)).key("SK", s("1")).consistent_read(true);
    get.send().await.expect("an answer").item.is_some()
}

async fn put(db: &Client, key: &str, condition: Option<&str>) -> bool {
    let put = db.put_item().table_name(TABLE).item("PK", s(key)).item("SK", s("1"));
    put.set_condition_expression(condition.map(str::to_owned)).send().await.is_ok()
}

/// Puts the item if it looks as if it was not there; whether that was done.
async fn put_if_new(db: &Client, key: &str) -> bool {
    !is_there(db, key).await && put(db, key, Some("attribute_not_exists(PK)")).await
}

#[tokio::test]
async fn racers_go_together_once_all_have_looked() {
    let (_local, db, chaos) = open().await;
    for (round, guarded) in [true, false].into_iter().enumerate() {
        if !guarded {
            chaos.ignore_conditions("E#");
        }
        let key = format!("E#{round}");
        let race = chaos.rendezvous(8, Spot::at(key.as_str()).by("tests"));
        // Others are not kept waiting.
        assert!(put_if_new(&db, &format!("F#{round}")).await);
        let done = join_all((0..8).map(|_| race.racer(put_if_new(&db, &key)))).await;
        assert_eq!(race.met(), 8);
        assert_eq!(done.into_iter().filter(|done| *done).count(), if guarded { 1 } else { 8 });
        // The race is over.
        assert!(put(&db, &key, None).await);
    }
}

#[tokio::test]
async fn a_racer_that_does_not_come_is_not_waited_for() {
    let (_local, db, chaos) = open().await;
    let race = chaos.rendezvous(3, "E#");
    let refused = race.racer(async { false });
    let (one, other, refused) =
        tokio::join!(race.racer(put_if_new(&db, "E#1")), race.racer(put_if_new(&db, "E#1")), refused);
    assert!(one != other && !refused);
    assert_eq!(race.met(), 2);
}

#[tokio::test]
#[should_panic(expected = "0 of 2 racers came")]
async fn a_race_that_nobody_ran_fails_its_test() {
    drop(Chaos::default().rendezvous(2, "E#"));
}

#[tokio::test]
async fn a_halted_write_waits_for_its_test() {
    let (_local, db, chaos) = open().await;
    let halt = chaos.halt("E#");
    let meanwhile = async {
        halt.reached().await;
        let was_there = is_there(&db, "E#1").await;
        drop(halt);
        was_there
    };
    assert_eq!(tokio::join!(put_if_new(&db, "E#1"), meanwhile), (true, false));
}

#[tokio::test]
async fn a_chosen_write_is_refused_or_its_answer_lost_however_often_it_is_tried() {
    let (local, db, chaos) = open().await;
    for (key, mishap, written) in [("E#1", Mishap::Refused, false), ("E#2", Mishap::AnswerLost, true)] {
        let ambush = chaos.ambush("E#", 2, mishap);
        assert!(put_if_new(&db, &format!("{key}/before")).await && !ambush.has_struck());
        let calls = || local.services.meter().snapshot().operation("PutItem").calls;
        let before = calls();
        assert!(!put_if_new(&db, key).await && ambush.has_struck());
        assert!(written == (calls() > before), "{mishap:?}");
        assert!(put_if_new(&db, &format!("{key}/after")).await);
        drop(ambush);
        assert_eq!(is_there(&db, key).await, written);
    }
}

#[tokio::test]
async fn a_function_dies_before_or_after_a_chosen_write() {
    let (_local, db, chaos) = open().await;
    for (key, mishap, written) in [("E#1", Mishap::DiesBefore, false), ("E#2", Mishap::DiesAfter, true)] {
        let _ambush = chaos.ambush("E#", 1, mishap);
        assert_eq!(Life::spent_on(put_if_new(&db, key)).await, None);
        assert_eq!(is_there(&db, key).await, written);
        assert_eq!(Life::spent_on(put_if_new(&db, &format!("{key}/next"))).await, Some(true));
    }
}
