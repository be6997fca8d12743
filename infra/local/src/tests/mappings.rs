//! The event sources of a whole cloud with toy functions behind them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as DynamoDbEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use boot::BootError;
use cloud::lambda::Registry;
use cloud::template::Template;
use serde_json::{Value as Json, json};

use crate::{Cloud, Options};

/// How often `until` looks.
const GLANCE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(5);

const TEMPLATE: &str = r#"
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: PK, AttributeType: S}, {AttributeName: SK, AttributeType: S}]
      KeySchema: [{AttributeName: PK, KeyType: HASH}, {AttributeName: SK, KeyType: RANGE}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Work:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Dead: {Type: AWS::SQS::Queue}
  Given: {Type: AWS::SQS::Queue}
  WorkerFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: worker}}
    Properties:
      CodeUri: functions/worker
      Timeout: 1
      Events:
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day), Input: '{"task":"sweep"}'}}
  ReaderFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: reader}}
    Properties:
      CodeUri: functions/reader
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: TRIM_HORIZON
            ParallelizationFactor: 3
            BatchSize: 4
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 2
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: {Filters: [{Pattern: '{"dynamodb":{"NewImage":{"ob":{"S":[{"exists":true}]}}}}'}]}
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Given.Arn}}
"#;

/// What the toy functions saw, and what they do.
#[derive(Clone, Default)]
struct Toys {
    /// The bodies of messages that were handled, and the sort keys of records.
    done: Arc<Mutex<Vec<String>>>,
    /// How often something failed.
    failures: Arc<AtomicUsize>,
    /// Fails what contains "poison", and once what contains "once".
    fail_once: Arc<Mutex<Vec<String>>>,
}

impl Toys {
    fn handle(&self, what: &str) -> bool {
        let once = what.contains("once") && {
            let mut seen = self.fail_once.lock().expect("not poisoned");
            let first = !seen.iter().any(|seen| seen == what);
            seen.push(what.to_owned());
            first
        };
        if what.contains("poison") || once {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.done.lock().expect("not poisoned").push(what.to_owned());
        true
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().expect("not poisoned").clone()
    }

    fn registry(&self) -> Registry {
        let (worker, reader) = (self.clone(), self.clone());
        Registry::new()
            .worker("worker", move |_| Ok(worker.clone()), |toys: Toys, event: Json| async move {
                if let Some(task) = event["task"].as_str() {
                    return if toys.handle(task) { Ok(Json::Null) } else { Err(BootError::from("on purpose")) };
                }
                let event: SqsEvent = serde_json::from_value(event)?;
                let failed = event.records.iter().filter(|record| {
                    !toys.handle(record.body.as_deref().unwrap_or_default())
                });
                let failed: Vec<_> = failed.map(|record| json!({"itemIdentifier": record.message_id})).collect();
                Ok(json!({ "batchItemFailures": failed }))
            })
            .worker("reader", move |_| Ok(reader.clone()), |toys: Toys, event: DynamoDbEvent| async move {
                for record in &event.records {
                    let Some(serde_dynamo::AttributeValue::S(key)) = record.change.keys.get("SK") else {
                        return Err(BootError::from("a record has no key"));
                    };
                    // Some fail by name, some with all of their batch.
                    if !toys.handle(key) {
                        return match key.contains("named") {
                            true => Ok(json!({"batchItemFailures": [{"itemIdentifier": record.change.sequence_number}]})),
                            false => Err(BootError::from("on purpose")),
                        };
                    }
                }
                Ok(json!({ "batchItemFailures": [] }))
            })
    }
}

async fn start(toys: &Toys, change: impl FnOnce(&mut Options)) -> Cloud {
    let mut options = Options::new(Template::parse(TEMPLATE).expect("a template"), toys.registry());
    change(&mut options);
    Cloud::start(options).await.expect("it starts")
}

fn send(cloud: &Cloud, body: &str) {
    let sqs = cloud.services().sqs();
    sqs.send("taquilla-work", body.to_owned(), BTreeMap::new(), None).expect("the queue is there");
}

fn depth(cloud: &Cloud, queue: &str) -> usize {
    cloud.services().sqs().depth(queue).expect("the queue is there").total()
}

/// Waits for what nothing else can be asked about.
async fn until(what: impl Fn() -> bool) {
    tokio::time::timeout(PATIENCE, async {
        while !what() {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await
    .expect("it happens");
}

fn table(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    let env = [
        ("AWS_ENDPOINT_URL", cloud.services().endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let boot = boot::Boot::new(env, boot::Clock::system()).expect("complete");
    aws_sdk_dynamodb::Client::new(&boot.aws.config())
}

async fn put(table: &aws_sdk_dynamodb::Client, partition: &str, key: &str, outbox: bool) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let put = table
        .put_item()
        .table_name("taquilla-table")
        .item("PK", S(partition.to_owned()))
        .item("SK", S(key.to_owned()));
    let put = if outbox { put.item("ob", S("{}".to_owned())) } else { put };
    put.send().await.expect("stored");
}

#[tokio::test]
async fn only_failed_messages_come_back_and_then_only_after_their_timeout() {
    let toys = Toys::default();
    let clock = boot::Clock::movable();
    let cloud = start(&toys, |options| options.clock = clock.clone()).await;
    for body in ["a", "fails once", "b"] {
        send(&cloud, body);
    }
    until(|| toys.done().len() == 2).await;
    let left = cloud.idle(Duration::from_millis(50)).await.expect_err("one is hidden");
    assert_eq!(
        left.to_string(),
        "still to be done: taquilla-work has 0 messages, 1 in flight and 0 that come soon"
    );
    clock.advance(Duration::from_secs(59));
    cloud.idle(Duration::from_millis(50)).await.expect_err("it is still hidden");
    clock.advance(Duration::from_secs(2));
    cloud.idle(PATIENCE).await.expect("the second try works");
    assert_eq!(toys.done().last().map(String::as_str), Some("fails once"));
    cloud.stop().await;
}

#[tokio::test]
async fn messages_for_later_are_left_for_later() {
    let toys = Toys::default();
    let clock = boot::Clock::movable();
    let cloud = start(&toys, |options| options.clock = clock.clone()).await;
    let later = Some(Duration::from_secs(900));
    let sent = cloud.services().sqs().send("taquilla-work", "later".to_owned(), BTreeMap::new(), later);
    sent.expect("the queue is there");
    cloud.idle(PATIENCE).await.expect("nothing is due");
    assert_eq!(toys.done(), [""; 0]);
    clock.advance(Duration::from_secs(900));
    cloud.idle(PATIENCE).await.expect("it is done");
    assert_eq!(toys.done(), ["later"]);
    cloud.stop().await;
}

#[tokio::test]
async fn what_fails_too_often_becomes_a_dead_letter() {
    let toys = Toys::default();
    let cloud = start(&toys, |options| options.retry_after = Some(Duration::ZERO)).await;
    send(&cloud, "poison");
    send(&cloud, "good");
    cloud.idle(PATIENCE).await.expect("nothing is left in the queue");
    assert_eq!((toys.done(), toys.failures.load(Ordering::Relaxed)), (vec!["good".to_owned()], 2));
    assert_eq!(depth(&cloud, "taquilla-dead"), 1);
    cloud.stop().await;
}

#[tokio::test]
async fn the_stream_wakes_its_reader_only_for_what_the_filter_lets_through() {
    let toys = Toys::default();
    let cloud = start(&toys, |_| ()).await;
    let table = table(&cloud);
    for number in 0..12 {
        put(&table, &format!("P#{}", number % 4), &format!("{number:02}"), number % 3 != 0).await;
    }
    cloud.idle(PATIENCE).await.expect("all is read");
    let mut done = toys.done();
    for partition in 0..4 {
        let of_partition = done.iter().filter(|key| key.parse::<u32>().expect("a number") % 4 == partition);
        assert!(of_partition.is_sorted(), "an item's records stay in order: {done:?}");
    }
    done.sort();
    assert_eq!(done, ["01", "02", "04", "05", "07", "08", "10", "11"]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_poison_record_is_given_up_alone() {
    for poison in ["2 poison", "2 poison, named"] {
        let toys = Toys::default();
        let cloud = start(&toys, |_| ()).await;
        let table = table(&cloud);
        for key in ["1", poison, "3", "4"] {
            put(&table, "P", key, true).await;
        }
        cloud.idle(PATIENCE).await.expect("nothing blocks the stream");
        let done = toys.done();
        assert!(["1", "3", "4"].iter().all(|key| done.iter().any(|done| done == key)), "{done:?}");
        let given_up =
            cloud.services().sqs().receive("taquilla-given", 10, Duration::ZERO).await.expect("there");
        let [message] = &given_up[..] else { panic!("{given_up:?}") };
        let message: Json = serde_json::from_str(&message.body).expect("JSON");
        assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 1);
        assert_eq!(message["requestContext"]["condition"], "RetryAttemptsExhausted");
        cloud.stop().await;
    }
}

#[tokio::test]
async fn state_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let toys = Toys::default();
    let keep = |options: &mut Options| options.data_dir = Some(folder.path().to_owned());
    let cloud = start(&toys, keep).await;
    let secrets = std::fs::read(folder.path().join("secrets.json")).ok();
    put(&table(&cloud), "P", "before", true).await;
    cloud.idle(PATIENCE).await.expect("read");
    send(&cloud, "fails once");
    until(|| toys.failures.load(Ordering::Relaxed) == 1).await;
    cloud.stop().await;

    let cloud = start(&toys, keep).await;
    put(&table(&cloud), "P", "after", true).await;
    cloud.idle(PATIENCE).await.expect("read");
    // The message that was in flight is delivered, the record that was read is not.
    let mut done = toys.done();
    done.sort();
    assert_eq!(done, ["after", "before", "fails once"]);
    assert_eq!(secrets, std::fs::read(folder.path().join("secrets.json")).ok());
    cloud.stop().await;
}

#[tokio::test]
async fn a_schedule_runs_when_told_to_and_tries_three_times() {
    let toys = Toys::default();
    let cloud = start(&toys, |_| ()).await;
    cloud.run_schedule_now("Nightly").await.expect("it works");
    assert_eq!(toys.done(), ["sweep"]);
    cloud.run_schedule_now("Yearly").await.expect_err("there is none");
    cloud.stop().await;
}

#[tokio::test]
async fn crashed_workers_lose_nothing() {
    let toys = Toys::default();
    let cloud = start(&toys, |options| {
        options.retry_after = Some(Duration::ZERO);
        options.chaos.change(|rates| rates.worker_crash = 0.2);
    })
    .await;
    // Two receptions may both crash, which is what dead-letter queues are for.
    let bodies: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    bodies.iter().for_each(|body| send(&cloud, body));
    cloud.idle(PATIENCE).await.expect("drained");
    let done = toys.done();
    let lost = bodies.iter().filter(|body| !done.contains(body)).count();
    assert!(lost <= depth(&cloud, "taquilla-dead"), "{lost} lost");
    cloud.stop().await;
}
