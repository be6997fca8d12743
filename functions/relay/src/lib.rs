//! Carries the outboxes of items from the table's stream to the queues, and keeps an audit record
//! of each change that names its author.
//!
//! Every record of a batch is handled, even if others fail, and the first failed one is reported:
//! the stream delivers the batch again from there. The records after it are then sent twice, which
//! their receivers accept; and a record that always fails delays no other until Lambda drops it.

mod record;

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use boot::{Boot, BootError, ConfigError};
use domain::audit::AuditRecord;
use futures::{StreamExt, stream};
use queue::{IssueMessage, MailMessage, Message, PaymentMessage, Queue};

use record::RoutedMessage;
use store::Store;
use store::stream::StreamRecord;

/// The function's clients.
#[derive(Clone)]
pub struct State {
    store: Store,
    payments: Queue<PaymentMessage>,
    issue: Queue<IssueMessage>,
    mail: Queue<MailMessage>,
}

impl State {
    /// Reads `TABLE_NAME`, `PAYMENTS_QUEUE_URL`, `ISSUE_QUEUE_URL` and `MAIL_QUEUE_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::new(boot)?,
            payments: Queue::new(boot)?,
            issue: Queue::new(boot)?,
            mail: Queue::new(boot)?,
        })
    }
}

/// How many delayed messages, or audit records, are written concurrently.
const AT_ONCE: usize = 8;

/// The messages for one queue, each with the index of its record in the batch.
type IndexedMessages<M> = Vec<(usize, M)>;

/// Handles a batch of the table's stream: sends its messages and writes its audit records.
///
/// # Errors
/// Never as a whole: the first failed record is reported.
pub async fn handle(state: State, event: Event) -> Result<DynamoDbEventResponse, BootError> {
    let (mut payments, mut later, mut issue, mut mail, mut audits) = (
        IndexedMessages::new(),
        IndexedMessages::new(),
        IndexedMessages::new(),
        IndexedMessages::new(),
        IndexedMessages::new(),
    );
    let mut failed = Vec::new();
    for (place, record) in event.records.iter().enumerate() {
        let change = stream_record(&record.change);
        match record::messages(change) {
            Ok(messages) => messages.into_iter().for_each(|message| match message {
                RoutedMessage::Payment(message) => payments.push((place, message)),
                RoutedMessage::PaymentLater(message) => later.push((place, message)),
                RoutedMessage::Issue(message) => issue.push((place, message)),
                RoutedMessage::Mail(message) => mail.push((place, *message)),
            }),
            Err(reason) => {
                tracing::error!(event = record.event_id, reason, "a record's outbox does not read");
                failed.push(place);
            }
        }
        match change.audit() {
            Ok(audit) => audits.extend(audit.map(|audit| (place, audit))),
            Err(reason) => {
                tracing::error!(event = record.event_id, reason, "a record's audit note does not read");
                failed.push(place);
            }
        }
    }
    let sent = futures::join!(
        send(&state.payments, payments),
        send_later(&state.payments, later),
        send(&state.issue, issue),
        send(&state.mail, mail),
        store_audit_records(&state.store, audits)
    );
    failed.extend([sent.0, sent.1, sent.2, sent.3, sent.4].into_iter().flatten());

    let mut response = DynamoDbEventResponse::default();
    if let Some(first) = failed.into_iter().min() {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = event.records[first].change.sequence_number.clone();
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

/// The record as the store reads it.
pub(crate) fn stream_record(change: &aws_lambda_events::event::dynamodb::StreamRecord) -> StreamRecord<'_> {
    StreamRecord { key: &change.keys, before: &change.old_image, after: &change.new_image }
}

/// Sends all messages of one queue; returns the first record's index if that fails.
async fn send<M: Message>(queue: &Queue<M>, placed: IndexedMessages<M>) -> Option<usize> {
    let (first, _) = placed.first()?;
    let first = *first;
    let messages: Vec<M> = placed.into_iter().map(|(_, message)| message).collect();
    let error = queue.send_all(&messages).await.err()?;
    tracing::error!(queue = M::QUEUE_URL, %error, "messages could not be sent");
    Some(first)
}

/// Sends delayed messages; returns the index of the first record that failed.
async fn send_later(queue: &Queue<PaymentMessage>, placed: IndexedMessages<PaymentMessage>) -> Option<usize> {
    let sent = placed.into_iter().map(|(place, message)| async move {
        let error = queue.send_later(&message, record::ASK_AFTER).await.err()?;
        tracing::error!(queue = PaymentMessage::QUEUE_URL, %error, "a message could not be sent");
        Some(place)
    });
    first_failed(sent).await
}

/// Writes audit records; returns the index of the first record that failed.
async fn store_audit_records(store: &Store, placed: IndexedMessages<AuditRecord>) -> Option<usize> {
    let kept = placed.into_iter().map(|(place, record)| async move {
        let error = store_audit_record(store, record.clone()).await.err()?;
        tracing::error!(record = %record.id, %error, "an audit record could not be kept");
        Some(place)
    });
    first_failed(kept).await
}

/// Writes an audit record, with its author's address if the author still has an account.
async fn store_audit_record(store: &Store, mut record: AuditRecord) -> Result<(), store::Failure> {
    if record.note.by_email.is_empty()
        && let Some(author) = store.user(record.note.by).await?.filter(|author| author.closed_at.is_none())
    {
        record.note.by_email = author.email.to_string();
    }
    store.put_audit(&record).await
}

/// Runs all futures, some concurrently; returns the lowest index that failed.
async fn first_failed<F: Future<Output = Option<usize>>>(all: impl Iterator<Item = F>) -> Option<usize> {
    stream::iter(all).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use boot::{Clock, Env};

    use super::*;

    #[tokio::test]
    async fn the_first_failed_record_is_reported() {
        let variables =
            ["TABLE_NAME", "PAYMENTS_QUEUE_URL", "ISSUE_QUEUE_URL", "MAIL_QUEUE_URL", "AWS_REGION"]
                .into_iter()
                .chain(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
                .map(|name| (name.to_owned(), "test".to_owned()))
                // A closed port: nothing of this batch may be sent.
                .chain([("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:9".to_owned())]);
        let boot = Boot::new(Env::from_iter(variables), Clock::system()).expect("complete configuration");
        let state = State::new(&boot).expect("complete configuration");
        let event =
            serde_json::from_str(include_str!("../../../events/relay/poison.json")).expect("an event");
        let response = handle(state, event).await.expect("handled");
        let [failure] = &response.batch_item_failures[..] else { panic!("{response:?}") };
        assert_eq!(failure.item_identifier.as_deref(), Some("100000000000000000004"));
    }

    #[test]
    fn a_decision_is_audited_with_its_changes() {
        let event: Event =
            serde_json::from_str(include_str!("../../../events/relay/decision.json")).expect("an event");
        let records: Vec<_> =
            event.records.iter().map(|record| stream_record(&record.change).audit()).collect();
        let [Ok(Some(decision)), Ok(None)] = &records[..] else { panic!("{records:?}") };
        insta::assert_json_snapshot!(decision, @r#"
        {
          "id": "aud_01m7q5cqg0emwadq126q3xg0yr",
          "tenant_id": "tnt_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "by": "usr_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "by_email": "coordina@example.com",
          "action": "discount_request.approve",
          "subject": "drq_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "at": "2026-11-18T11:06:40Z",
          "before": {},
          "after": {
            "decision_type": "approved"
          }
        }
        "#);
    }
}
