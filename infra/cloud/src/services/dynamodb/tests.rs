use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
};
use serde_json::Value;

use super::Checkpoint;
use crate::services::testing::{Folder, Local, TABLE};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item(pk: &str, more: &[(&str, AttributeValue)]) -> HashMap<String, AttributeValue> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    [("PK".to_owned(), s(pk)), ("SK".to_owned(), s("B#1"))].into_iter().chain(more).collect()
}

async fn put(db: &Client, pk: &str, more: &[(&str, AttributeValue)]) {
    db.put_item().table_name(TABLE).set_item(Some(item(pk, more))).send().await.unwrap();
}

async fn left(db: &Client, pk: &str) -> Option<String> {
    let got = db.get_item().table_name(TABLE).set_key(Some(item(pk, &[]))).consistent_read(true);
    let item = got.send().await.unwrap().item?;
    item.get("left")?.as_n().ok().cloned()
}

/// Takes one, if one is left.
fn take(db: &Client, pk: &str) -> UpdateItemFluentBuilder {
    db.update_item()
        .table_name(TABLE)
        .set_key(Some(item(pk, &[])))
        .update_expression("SET #left = #left - :one")
        .condition_expression("#left >= :one AND attribute_exists(#kind)")
        .expression_attribute_names("#left", "left")
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_values(":one", n(1))
}

async fn a_pool(db: &Client, pk: &str, left: i64) {
    put(db, pk, &[("left", n(left)), ("kind", s("pool"))]).await;
}

/// The item that a refused condition tells.
fn found(refused: &UpdateItemError) -> Option<&HashMap<String, AttributeValue>> {
    match refused {
        UpdateItemError::ConditionalCheckFailedException(refused) => refused.item(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_condition_tells_what_is_there_to_those_who_ask() {
    let local = Local::start().await;
    let db = local.dynamodb();
    a_pool(&db, "E#1", 0).await;
    let refused = take(&db, "E#1").send().await.unwrap_err().into_service_error();
    assert_eq!(found(&refused), None);
    let take = take(&db, "E#1");
    let asked = take.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let refused = asked.send().await.unwrap_err().into_service_error();
    assert_eq!(found(&refused).unwrap()["left"], n(0));
}

#[tokio::test]
async fn the_meter_counts_what_aws_would_charge() {
    let local = Local::start().await;
    let db = local.dynamodb();
    let large = s(&"x".repeat(2_500));
    a_pool(&db, "E#1", 1).await;
    put(&db, "U#1", &[("text", large), ("GSI1PK", s("E#1#0")), ("GSI1SK", s("1"))]).await;
    take(&db, "E#1").send().await.unwrap();
    let before = local.services.meter().snapshot();
    take(&db, "E#1").send().await.unwrap_err();
    let answer = db.get_item().table_name(TABLE).set_key(Some(item("U#1", &[]))).send().await.unwrap();
    assert!(answer.consumed_capacity.is_none(), "nobody asked");
    let query = db.query().table_name(TABLE).index_name("GSI1").key_condition_expression("GSI1PK=:p");
    let query = query.expression_attribute_values(":p", s("E#1#0"));
    let answer = query.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    let cost = answer.consumed_capacity.unwrap();
    assert_eq!((cost.capacity_units, cost.table), (Some(0.5), None));

    insta::assert_json_snapshot!(local.services.meter().snapshot().since(&before), @r#"
    {
      "operations": {
        "GetItem": {
          "calls": 1,
          "write_units": 0.0,
          "read_units": 0.5,
          "failed_conditions": 0,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        },
        "Query": {
          "calls": 1,
          "write_units": 0.0,
          "read_units": 0.5,
          "failed_conditions": 0,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        },
        "UpdateItem": {
          "calls": 1,
          "write_units": 1.0,
          "read_units": 0.0,
          "failed_conditions": 1,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        }
      },
      "prefixes": {
        "E": {
          "calls": 2,
          "write_units": 1.0,
          "read_units": 0.5,
          "failed_conditions": 1,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        },
        "U": {
          "calls": 1,
          "write_units": 0.0,
          "read_units": 0.5,
          "failed_conditions": 0,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        }
      },
      "callers": {
        "tests": {
          "calls": 3,
          "write_units": 1.0,
          "read_units": 1.0,
          "failed_conditions": 1,
          "throttled": 0,
          "conflicts": 0,
          "faults": 0
        }
      }
    }
    "#);
    // A put of 2.5 kB costs three units, and one more for its entry in the index.
    assert_eq!(before.operation("PutItem").write_units, 1.0 + 4.0);
    assert_eq!(before.total().calls, 3);
}

/// A put and an update in one transaction.
fn transaction(pool: &str) -> Vec<TransactWriteItem> {
    let update = Update::builder()
        .table_name(TABLE)
        .set_key(Some(item(pool, &[])))
        .update_expression("SET #left = #left - :one")
        .condition_expression("#left >= :one AND #kind = :kind")
        .expression_attribute_names("#left", "left")
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":kind", s("pool"))
        .build()
        .unwrap();
    let put = Put::builder().table_name(TABLE).set_item(Some(item("U#1", &[]))).build().unwrap();
    vec![TransactWriteItem::builder().update(update).build(), TransactWriteItem::builder().put(put).build()]
}

#[tokio::test]
async fn a_transaction_costs_twice_and_its_token_makes_it_happen_once() {
    let local = Local::start().await;
    let db = local.dynamodb();
    a_pool(&db, "E#1", 2).await;
    let before = local.services.meter().snapshot();
    let once = db.transact_write_items().set_transact_items(Some(transaction("E#1")));
    let once = once.client_request_token("token-1");
    once.clone().send().await.unwrap();
    once.clone().send().await.unwrap();
    assert_eq!(left(&db, "E#1").await.as_deref(), Some("1"));
    let used = local.services.meter().snapshot().since(&before).operation("TransactWriteItems");
    assert_eq!((used.calls, used.write_units, used.read_units), (2, 4.0, 4.0));

    let other = once.set_transact_items(Some(transaction("E#2"))).send().await.unwrap_err();
    assert!(other.into_service_error().is_idempotent_parameter_mismatch_exception());
    let again = db.transact_write_items().set_transact_items(Some(transaction("E#1")));
    again.clone().send().await.unwrap();
    let refused = again.send().await.unwrap_err().into_service_error();
    assert!(refused.is_transaction_canceled_exception());
    let used = local.services.meter().snapshot().since(&before).operation("TransactWriteItems");
    assert_eq!((used.failed_conditions, used.write_units), (1, 4.0 + 4.0 + 4.0));
}

#[tokio::test]
async fn a_hot_partition_is_throttled_and_the_sdk_tries_again() {
    let local = Local::start().await;
    let db = local.dynamodb();
    local.services.chaos().change(|rates| rates.partition_limit = true);
    // 400 kB cost 400 units, in a transaction 800: five of them leave a debt of
    // three seconds, however slow this machine is.
    owe_units(&db, "E#1").await;
    put(&db, "E#2", &[("text", s("light"))]).await;
    let once = aws_sdk_dynamodb::config::Config::builder()
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled());
    let light = item("E#1", &[("SK", s("B#2"))]);
    let throttled = db.put_item().table_name(TABLE).set_item(Some(light));
    let refused = throttled.clone().customize().config_override(once).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert_eq!(refused.code(), Some("ThrottlingException"));
    let PutItemError::ThrottlingException(refused) = refused else { panic!("{refused:?}") };
    let reason = &refused.throttling_reasons()[0];
    assert_eq!(reason.reason(), Some("TableWriteKeyRangeThroughputExceeded"));
    assert_eq!(reason.resource(), Some("arn:aws:dynamodb:us-east-1:000000000000:table/box-office"));
    assert_eq!(left(&db, "E#1").await, None, "reading is not throttled");

    let before = local.services.meter().snapshot();
    // The SDK waits 25 ms at most before it tries for the second time; the clock
    // moves on before it gives up.
    let clock = local.clock.clone();
    let mover = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        clock.advance(Duration::from_secs(10));
    });
    throttled.send().await.unwrap();
    mover.await.unwrap();
    let used = local.services.meter().snapshot().since(&before).operation("PutItem");
    assert!(used.throttled >= 1, "{used:?}");
    assert_eq!(used.write_units, 1.0);
}

/// Writes more to one partition key than it may take in three seconds.
async fn owe_units(db: &Client, pk: &str) {
    use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
    let mut transaction = db.transact_write_items();
    for index in 0..5 {
        let heavy = item(pk, &[("SK", s(&format!("heavy {index}"))), ("text", s(&"x".repeat(399_000)))]);
        let put = Put::builder().table_name(TABLE).set_item(Some(heavy)).build().unwrap();
        transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
    }
    transaction.send().await.unwrap();
}

#[tokio::test]
async fn the_throttled_part_of_a_batch_is_left_over() {
    let local = Local::start().await;
    let db = local.dynamodb();
    local.services.chaos().change(|rates| rates.partition_limit = true);
    owe_units(&db, "E#1").await;
    let write = |pk: &str| {
        let put = PutRequest::builder().set_item(Some(item(pk, &[]))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let batch = db.batch_write_item().request_items(TABLE, vec![write("E#1"), write("E#2")]);
    let answer = batch.send().await.unwrap();
    let left_over = &answer.unprocessed_items.unwrap()[TABLE];
    assert_eq!(left_over, &[write("E#1")]);
    let keys = KeysAndAttributes::builder().keys(item("E#2", &[])).build().unwrap();
    let found = db.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
    assert_eq!(found.responses.unwrap()[TABLE].len(), 1);
}

#[tokio::test]
async fn conflicts_refuse_writes_and_cancel_transactions() {
    let local = Local::start().await;
    let db = local.dynamodb();
    a_pool(&db, "E#1", 5).await;
    local.services.chaos().change(|rates| rates.conflict = 1.0);
    let refused = take(&db, "E#1").send().await.unwrap_err().into_service_error();
    assert!(refused.is_transaction_conflict_exception());
    let transaction = db.transact_write_items().set_transact_items(Some(transaction("E#1")));
    let cancelled = transaction.send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = cancelled else {
        panic!("{cancelled:?}")
    };
    assert_eq!(cancelled.cancellation_reasons()[0].code(), Some("TransactionConflict"));
    assert_eq!(left(&db, "E#1").await.as_deref(), Some("5"), "nothing was written");
    assert_eq!(local.services.meter().snapshot().total().conflicts, 2);
}

#[tokio::test]
async fn concurrent_writes_meet_a_transaction_in_flight() {
    let local = Local::start().await;
    let db = local.dynamodb();
    a_pool(&db, "E#1", 10_000).await;
    local.services.chaos().change(|rates| rates.conflicts_in_flight = true);
    let transactions = async {
        for _ in 0..50 {
            let transaction = db.transact_write_items().set_transact_items(Some(transaction("E#1")));
            // Refused if a write is in flight, which is not what counts here.
            let _ = transaction.send().await;
        }
    };
    let writes = async {
        for _ in 0..200 {
            if take(&db, "E#1").send().await.is_err() {
                return 1;
            }
        }
        0
    };
    let ((), conflicts) = tokio::join!(transactions, writes);
    assert!(conflicts > 0);
    assert!(local.services.meter().snapshot().total().conflicts > 0);
}

#[tokio::test]
async fn a_lost_answer_makes_a_bare_add_happen_twice() {
    let local = Local::start().await;
    let db = local.dynamodb();
    // Some answers break the connection and some are a 500: the SDK retries both.
    for seed_run in 0..6 {
        let pk = format!("E#{seed_run}");
        put(&db, &pk, &[("left", n(0))]).await;
        local.services.chaos().change(|rates| rates.lost_answer = 1.0);
        let chaos = local.services.chaos().clone();
        let before = local.services.meter().snapshot();
        let add = db.update_item().table_name(TABLE).set_key(Some(item(&pk, &[])));
        let add = add.update_expression("ADD #n :one").expression_attribute_names("#n", "left");
        let add = add.expression_attribute_values(":one", n(1));
        let sent = tokio::spawn(add.send());
        while local.services.meter().snapshot().since(&before).operation("UpdateItem").calls == 0 {
            tokio::task::yield_now().await;
        }
        chaos.change(|rates| rates.lost_answer = 0.0);
        sent.await.unwrap().unwrap();
        let used = local.services.meter().snapshot().since(&before).operation("UpdateItem");
        assert_eq!(left(&db, &pk).await, Some(used.calls.to_string()));
        assert!(used.calls >= 2, "one call, written {} times", used.calls);
    }
}

#[tokio::test]
async fn a_server_error_writes_nothing() {
    let local = Local::start().await;
    let db = local.dynamodb();
    a_pool(&db, "E#1", 5).await;
    local.services.chaos().change(|rates| rates.server_error = 1.0);
    let failed = take(&db, "E#1").send().await.unwrap_err().into_service_error();
    assert!(failed.is_internal_server_error());
    local.services.chaos().set(Default::default());
    assert_eq!(left(&db, "E#1").await.as_deref(), Some("5"));
    let used = local.services.meter().snapshot().operation("UpdateItem");
    assert_eq!((used.calls, used.faults), (4, 4), "the SDK tried four times");
}

#[tokio::test]
async fn without_conditions_the_guard_is_off_for_that_prefix_only() {
    let local = Local::start().await;
    let db = local.dynamodb();
    for pk in ["E#1", "F#1"] {
        a_pool(&db, pk, 0).await;
    }
    local.services.chaos().ignore_conditions("E#");
    take(&db, "E#1").send().await.unwrap();
    assert_eq!(left(&db, "E#1").await.as_deref(), Some("-1"), "taken although none was left");
    take(&db, "F#1").send().await.unwrap_err();

    db.transact_write_items().set_transact_items(Some(transaction("E#1"))).send().await.unwrap();
    let key = Some(item("E#1", &[]));
    let condition = "#kind = :kind";
    let delete = db.delete_item().table_name(TABLE).set_key(key.clone()).condition_expression(condition);
    let delete = delete.expression_attribute_names("#kind", "kind");
    delete.expression_attribute_values(":kind", s("other")).send().await.unwrap();
    let put = db.put_item().table_name(TABLE).set_item(key.clone());
    put.clone().condition_expression("attribute_exists(PK)").send().await.unwrap();

    // A condition check is nothing but its condition, and goes as a whole.
    let check = ConditionCheck::builder().table_name(TABLE).set_key(key.clone());
    let check = check.condition_expression("attribute_not_exists(PK)").build().unwrap();
    let delete = Delete::builder().table_name(TABLE).set_key(Some(item("F#1", &[]))).build().unwrap();
    let transaction = db
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().condition_check(check).build())
        .transact_items(TransactWriteItem::builder().delete(delete).build());
    transaction.send().await.unwrap();
}

async fn names(local: &Local, after: Option<&Checkpoint>) -> (Vec<String>, Option<Checkpoint>) {
    let (records, reached) = local.services.dynamodb().stream_records(TABLE, after, 100).await.unwrap();
    let name = |record: &Value| {
        let key = record["dynamodb"]["Keys"]["PK"]["S"].as_str().unwrap();
        format!("{} {key}", record["eventName"].as_str().unwrap())
    };
    (records.iter().map(name).collect(), reached)
}

#[tokio::test]
async fn the_stream_continues_at_the_checkpoint_also_after_a_restart() {
    let folder = Folder::new();
    let local = Local::start_in(&folder).await;
    let db = local.dynamodb();
    let mut writes = local.services.dynamodb().writes();
    a_pool(&db, "E#1", 1).await;
    take(&db, "E#1").send().await.unwrap();
    writes.changed().await.unwrap();
    let (seen, reached) = names(&local, None).await;
    assert_eq!(seen, ["INSERT E#1", "MODIFY E#1"]);
    assert_eq!(names(&local, reached.as_ref()).await, (vec![], reached.clone()));

    let (records, _) = local.services.dynamodb().stream_records(TABLE, None, 1).await.unwrap();
    let record = &records[0];
    assert_eq!(record["dynamodb"]["NewImage"]["left"]["N"], "1");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], "us-east-1");
    let source = record["eventSourceARN"].as_str().unwrap();
    assert!(
        source.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/box-office/stream/"),
        "{source}"
    );
    local.services.stop().await;

    let local = Local::start_in(&folder).await;
    let db = local.dynamodb();
    assert_eq!(left(&db, "E#1").await.as_deref(), Some("0"));
    put(&db, "E#2", &[]).await;
    assert_eq!(names(&local, reached.as_ref()).await.0, ["INSERT E#2"]);
}

#[tokio::test]
async fn what_was_answered_survives_a_killed_process() {
    let (folder, after_crash) = (Folder::new(), Folder::new());
    let local = Local::start_in(&folder).await;
    local.services.create_queue("mail", &Default::default()).unwrap();
    let db = local.dynamodb();
    a_pool(&db, "E#1", 7).await;
    let url = local.services.sqs().url("mail");
    local.sqs().send_message().queue_url(url).message_body("hi").send().await.unwrap();
    // The files as the operating system has them while the process still runs;
    // SQLite builds its shared memory anew.
    for file in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "queues.jsonl"] {
        std::fs::copy(folder.path().join(file), after_crash.path().join(file)).unwrap();
    }
    let local = Local::start_in(&after_crash).await;
    assert_eq!(left(&local.dynamodb(), "E#1").await.as_deref(), Some("7"));
    assert_eq!(names(&local, None).await.0, ["INSERT E#1"]);
    assert_eq!(local.services.sqs().depth("mail").unwrap().visible, 1);
}

#[tokio::test]
async fn expired_items_are_swept_and_the_stream_tells() {
    let local = Local::start().await;
    let db = local.dynamodb();
    local.services.dynamodb().enable_ttl(TABLE, "ttl").await.unwrap();
    local.services.dynamodb().enable_ttl(TABLE, "ttl").await.unwrap();
    put(&db, "S#1", &[("ttl", n(local.clock.now().as_second() + 3_600))]).await;
    assert_eq!(local.services.dynamodb().sweep().await.unwrap(), 0);
    local.clock.advance(Duration::from_secs(3_700));
    assert_eq!(local.services.dynamodb().sweep().await.unwrap(), 1);
    assert_eq!(names(&local, None).await.0, ["INSERT S#1", "REMOVE S#1"]);
}

#[tokio::test]
async fn writes_stay_fast_however_long_the_stream_is() {
    let local = Local::start().await;
    let plan = local
        .services
        .dynamodb()
        .engine
        .run(|core| {
            let sql = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 \
                       FROM _stream_records WHERE table_name = 'x'";
            Ok(core.storage.conn().query_row(sql, [], |row| row.get::<_, String>(3))?)
        })
        .await
        .unwrap();
    assert_eq!(plan, "SEARCH _stream_records USING COVERING INDEX taquilla_stream_order (table_name=?)");
}

#[tokio::test]
async fn nonsense_is_refused_in_dynamodbs_words() {
    let local = Local::start().await;
    let db = local.dynamodb();
    let missing = db.get_item().table_name("other").set_key(Some(item("E#1", &[]))).send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
    let empty_set = item("E#1", &[("set", AttributeValue::Ss(vec![]))]);
    let refused = db.put_item().table_name(TABLE).set_item(Some(empty_set)).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(!refused.message().unwrap().contains("VALIDATION"), "{refused:?}");
    let unused = take(&db, "E#1").expression_attribute_values(":unused", n(1)).send().await.unwrap_err();
    assert_eq!(unused.into_service_error().code(), Some("ValidationException"));
}
