use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::activity::Activity;
use super::{Surroundings, reported_failures};
use crate::lambda::Lambda;
use crate::services::{Message, REGION, SqsError};
use crate::template::QueueSource;

/// How long one poll waits for a message.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How long the poller waits after an error.
const PAUSE: Duration = Duration::from_millis(200);

/// An event source mapping from a queue.
pub(super) struct QueueMapping {
    source: QueueSource,
    lambda: Arc<Lambda>,
    surroundings: Surroundings,
    activity: Arc<Activity>,
}

impl QueueMapping {
    pub(super) fn new(
        source: QueueSource,
        lambda: Arc<Lambda>,
        surroundings: Surroundings,
        activity: Arc<Activity>,
    ) -> Self {
        Self { source, lambda, surroundings, activity }
    }

    /// Polls until the mapping stops; batches are handled beside it, as many at a
    /// time as the template allows.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.source.concurrency));
        let mapping = Arc::new(self);
        let mut batches = JoinSet::new();
        while !*stop.borrow() {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let batch = tokio::select! {
                batch = mapping.batch() => batch,
                _ = stop.changed() => break,
            };
            match batch {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => {
                    let mapping = Arc::clone(&mapping);
                    batches.spawn(async move {
                        mapping.handle(batch).await;
                        drop(slot);
                    });
                }
                Err(SqsError::Stopping) => break,
                Err(error) => {
                    tracing::error!(queue = mapping.source.queue, %error, "cannot poll");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            while batches.try_join_next().is_some() {}
        }
        batches.join_all().await;
    }

    /// Waits for a message, and then as long as the window says for a full batch.
    async fn batch(&self) -> Result<Vec<Message>, SqsError> {
        let QueueSource { queue, batch_size, window, .. } = &self.source;
        let sqs = &self.surroundings.sqs;
        let mut batch = sqs.receive(queue, *batch_size, LONG_POLL).await?;
        let deadline = Instant::now() + *window;
        while !batch.is_empty() && batch.len() < *batch_size {
            let wait = deadline.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            batch.extend(sqs.receive(queue, batch_size - batch.len(), wait).await?);
        }
        Ok(batch)
    }

    async fn handle(&self, batch: Vec<Message>) {
        let _running = self.activity.begin(&self.lambda.name);
        let answer =
            self.lambda.work(self.event(&batch), self.surroundings.chaos.should_crash_worker()).await;
        let failed = match answer {
            Ok(answer) => self.failed(&batch, &answer),
            Err(failure) => {
                tracing::warn!(function = self.lambda.name, messages = batch.len(), %failure, "a batch failed");
                batch.iter().map(|message| message.id.as_str()).collect()
            }
        };
        for message in &batch {
            if failed.contains(message.id.as_str()) {
                self.retry(message);
            } else if let Err(error) =
                self.surroundings.sqs.delete(&self.source.queue, &message.receipt_handle)
            {
                tracing::error!(queue = self.source.queue, %error, "cannot delete a message");
            }
        }
    }

    /// The messages that the function reports as failed. If it names one that is
    /// not of this batch, all of them, as Lambda has it.
    fn failed<'a>(&self, batch: &'a [Message], answer: &Json) -> BTreeSet<&'a str> {
        let all: BTreeSet<&str> = batch.iter().map(|message| message.id.as_str()).collect();
        if !self.source.reports_failures {
            return BTreeSet::new();
        }
        let reported = reported_failures(answer);
        let known = reported.iter().map(|id| id.as_str().and_then(|id| all.get(id).copied()));
        known.collect::<Option<_>>().unwrap_or(all)
    }

    /// Leaves the message to its visibility timeout, unless tests want it sooner.
    fn retry(&self, message: &Message) {
        let Some(pause) = self.surroundings.retry_after else { return };
        let (sqs, queue, receipt) =
            (self.surroundings.sqs.clone(), self.source.queue.clone(), message.receipt_handle.clone());
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // It may be visible again by itself, which is just as good.
            let _ = sqs.make_visible_now(&queue, &receipt);
        });
    }

    /// The event that Lambda makes of a batch.
    fn event(&self, batch: &[Message]) -> Json {
        let arn = self.surroundings.sqs.arn(&self.source.queue);
        let records = batch.iter().map(|message| {
            let attributes = message.message_attributes.iter().map(|(name, attribute)| {
                let value = json!({
                    "stringValue": attribute.string_value,
                    "binaryValue": attribute.binary_value,
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": attribute.data_type,
                });
                (name.clone(), value)
            });
            json!({
                "messageId": message.id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": message.attributes(),
                "messageAttributes": attributes.collect::<Map<_, _>>(),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": REGION,
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }
}
