//! SQS's JSON protocol.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Attributes, MOST_BYTES, MOST_MESSAGES, Message, MessageAttribute, Redrive, Sqs, SqsError};
use crate::services::reply::Reply;

/// SQS allows to hide a message for twelve hours, and to delay it for 15 minutes.
const LONGEST_VISIBILITY: u64 = 43_200;
const LONGEST_DELAY: u64 = 900;
const LONGEST_WAIT: u64 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    #[serde(default)]
    id: String,
    message_body: String,
    delay_seconds: Option<u64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, MessageAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    entries: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delivery {
    #[serde(default)]
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<u64>,
}

/// What became of one message: the answer's members.
type Outcome = Result<Map<String, Value>, SqsError>;

/// An entry of a batch, with the id that the caller gave it.
trait Entry {
    fn id(&self) -> &str;
    fn bytes(&self) -> usize {
        0
    }
}

impl Entry for Send {
    fn id(&self) -> &str {
        &self.id
    }
    fn bytes(&self) -> usize {
        self.message_body.len()
    }
}

impl Entry for Delivery {
    fn id(&self) -> &str {
        &self.id
    }
}

impl SqsError {
    /// The error's name, and the one it had in the older protocol.
    fn codes(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoSuchQueue => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
            Self::OtherAttributes(_) => ("QueueNameExists", "QueueAlreadyExists"),
            Self::NoReceipt => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
            Self::NotInFlight => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
            Self::Invalid(_) => ("InvalidParameterValue", "InvalidParameterValue"),
            Self::Journal(_) => ("InternalError", "InternalError"),
            Self::Stopping => ("ServiceUnavailable", "ServiceUnavailable"),
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self, Self::Journal(_) | Self::Stopping)
    }
}

/// An error: its name, and its older name, which is the one that SDKs with a
/// past in the query protocol match on.
fn refuse(status: u16, name: &str, older_name: &str, message: &str) -> Reply {
    let body = json!({ "__type": format!("com.amazonaws.sqs#{name}"), "message": message });
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    Reply::Json {
        status,
        error: Some(("x-amzn-query-error", format!("{older_name};{fault}"))),
        body: body.to_string().into_bytes(),
    }
}

fn error_reply(error: &SqsError) -> Reply {
    let (name, older_name) = error.codes();
    refuse(if error.is_ours() { 500 } else { 400 }, name, older_name, &error.to_string())
}

fn within(value: Option<u64>, most: u64, name: &str) -> Result<Option<Duration>, SqsError> {
    match value {
        Some(value) if value > most => Err(SqsError::Invalid(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between 0 and {most}."
        ))),
        value => Ok(value.map(Duration::from_secs)),
    }
}

/// The name at the end of a queue's URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl Attributes {
    /// Reads the attributes of `CreateQueue` and of a template's
    /// `AWS::SQS::Queue`. Those that mean nothing locally, such as encryption,
    /// are ignored; those that are missing have SQS's defaults.
    ///
    /// # Errors
    /// If a value is out of SQS's range or not a number.
    pub fn read(attributes: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let seconds = |name: &str, default: Duration, most: u64| match attributes.get(name) {
            None => Ok(default),
            Some(text) => {
                let value = text.parse().map_err(|_| invalid(name, text))?;
                Ok(within(Some(value), most, name)?.unwrap_or(default))
            }
        };
        let default = Self::default();
        Ok(Self {
            visibility: seconds("VisibilityTimeout", default.visibility, LONGEST_VISIBILITY)?,
            delay: seconds("DelaySeconds", default.delay, LONGEST_DELAY)?,
            retention: seconds("MessageRetentionPeriod", default.retention, 1_209_600)?,
            wait: seconds("ReceiveMessageWaitTimeSeconds", default.wait, LONGEST_WAIT)?,
            redrive: attributes.get("RedrivePolicy").map(|policy| read_redrive(policy)).transpose()?,
        })
    }
}

fn invalid(name: &str, value: &str) -> SqsError {
    SqsError::Invalid(format!("Invalid value for the parameter {name}: {value}"))
}

/// Reads a redrive policy, a JSON document in which the count may be text.
fn read_redrive(policy: &str) -> Result<Redrive, SqsError> {
    let refused = || invalid("RedrivePolicy", policy);
    let document: Value = serde_json::from_str(policy).map_err(|_| refused())?;
    let count = &document["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    let target = document["deadLetterTargetArn"].as_str().and_then(|arn| arn.rsplit(':').next());
    match (target, count.and_then(|count| u32::try_from(count).ok())) {
        (Some(queue), Some(max_receives @ 1..=1_000)) => {
            Ok(Redrive { queue: queue.to_owned(), max_receives })
        }
        _ => Err(refused()),
    }
}

impl Sqs {
    /// Answers one request of the JSON protocol.
    pub(in crate::services) async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let done = match operation {
            "CreateQueue" => self.create(body),
            "GetQueueUrl" => read::<Named>(body).and_then(|request| {
                self.line(&request.queue_name)?;
                Ok(json!({ "QueueUrl": self.url(&request.queue_name) }))
            }),
            "ListQueues" => Ok(
                json!({ "QueueUrls": self.queue_names().iter().map(|name| self.url(name)).collect::<Vec<_>>() }),
            ),
            "GetQueueAttributes" => read::<OfQueue>(body).and_then(|of| self.describe(name(&of.queue_url))),
            "SendMessage" => self.send_one(body),
            "ReceiveMessage" => self.receive_some(body).await,
            "DeleteMessage" => self.on_delivery(body, Self::delete_delivery),
            "ChangeMessageVisibility" => self.on_delivery(body, Self::hide_delivery),
            "PurgeQueue" => {
                read::<OfQueue>(body).and_then(|of| self.purge(name(&of.queue_url)).map(|()| json!({})))
            }
            "SendMessageBatch" => return self.batch(body, Self::send_entry),
            "DeleteMessageBatch" => return self.batch(body, Self::delete_delivery),
            "ChangeMessageVisibilityBatch" => return self.batch(body, Self::hide_delivery),
            _ => {
                let (name, older_name) =
                    ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation");
                return refuse(400, name, older_name, "The local SQS does not know this operation.");
            }
        };
        done.map_or_else(|error| error_reply(&error), |answer| Reply::json(200, &answer))
    }

    fn create(&self, body: &[u8]) -> Result<Value, SqsError> {
        let CreateQueue { queue_name, attributes } = read(body)?;
        let wanted = Attributes::read(&attributes)?;
        if let Ok(line) = self.line(&queue_name) {
            // An attribute that the request does not mention may differ.
            let current = line.queue().attributes.clone();
            let differs = |name: &str, same: bool| attributes.contains_key(name) && !same;
            for (name, same) in [
                ("VisibilityTimeout", current.visibility == wanted.visibility),
                ("DelaySeconds", current.delay == wanted.delay),
                ("MessageRetentionPeriod", current.retention == wanted.retention),
                ("ReceiveMessageWaitTimeSeconds", current.wait == wanted.wait),
                ("RedrivePolicy", current.redrive == wanted.redrive),
            ] {
                if differs(name, same) {
                    return Err(SqsError::OtherAttributes(name.to_owned()));
                }
            }
            return Ok(json!({ "QueueUrl": self.url(&queue_name) }));
        }
        Ok(json!({ "QueueUrl": self.create_queue(&queue_name, wanted)? }))
    }

    fn describe(&self, queue: &str) -> Result<Value, SqsError> {
        let depth = self.depth(queue)?;
        let attributes = self.line(queue)?.queue().attributes.clone();
        let mut answer = json!({
            "QueueArn": self.arn(queue),
            "ApproximateNumberOfMessages": depth.visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": depth.in_flight.to_string(),
            "ApproximateNumberOfMessagesDelayed": depth.delayed.to_string(),
            "VisibilityTimeout": attributes.visibility.as_secs().to_string(),
            "DelaySeconds": attributes.delay.as_secs().to_string(),
            "MessageRetentionPeriod": attributes.retention.as_secs().to_string(),
            "ReceiveMessageWaitTimeSeconds": attributes.wait.as_secs().to_string(),
            "MaximumMessageSize": MOST_BYTES.to_string(),
        });
        if let Some(redrive) = attributes.redrive {
            let policy = json!({
                "deadLetterTargetArn": self.arn(&redrive.queue),
                "maxReceiveCount": redrive.max_receives,
            });
            answer["RedrivePolicy"] = policy.to_string().into();
        }
        Ok(json!({ "Attributes": answer }))
    }

    fn send_one(&self, body: &[u8]) -> Result<Value, SqsError> {
        let OfQueue { queue_url } = read(body)?;
        self.send_entry(name(&queue_url), read(body)?).map(Value::from)
    }

    fn send_entry(&self, queue: &str, entry: Send) -> Outcome {
        let delay = within(entry.delay_seconds, LONGEST_DELAY, "DelaySeconds")?;
        let id = self.send(queue, entry.message_body, entry.message_attributes, delay)?;
        Ok(Map::from_iter([("MessageId".to_owned(), id.into())]))
    }

    async fn receive_some(&self, body: &[u8]) -> Result<Value, SqsError> {
        let request: Receive = read(body)?;
        let queue = name(&request.queue_url);
        let attributes = self.line(queue)?.queue().attributes.clone();
        let max = request.max_number_of_messages.unwrap_or(1);
        if !(1..=MOST_MESSAGES).contains(&max) {
            return Err(SqsError::Invalid(format!(
                "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
            )));
        }
        let wait =
            within(request.wait_time_seconds, LONGEST_WAIT, "WaitTimeSeconds")?.unwrap_or(attributes.wait);
        let visibility = within(request.visibility_timeout, LONGEST_VISIBILITY, "VisibilityTimeout")?
            .unwrap_or(attributes.visibility);
        let messages = self.receive_for(queue, max, wait, visibility).await?;
        // An empty answer has no list at all.
        Ok(match messages.is_empty() {
            true => json!({}),
            false => json!({ "Messages": messages.iter().map(|m| self.message(m)).collect::<Vec<_>>() }),
        })
    }

    /// A message with all of its attributes, whether the caller asked for them
    /// or not.
    fn message(&self, message: &Message) -> Value {
        let mut attributes = json!(message.attributes());
        if let Some(source) = &message.dead_letter_of {
            attributes["DeadLetterQueueSourceArn"] = self.arn(source).into();
        }
        let mut answer = json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt_handle,
            "Body": message.body,
            "Attributes": attributes,
        });
        if !message.message_attributes.is_empty() {
            answer["MessageAttributes"] = json!(message.message_attributes);
        }
        answer
    }

    fn on_delivery(&self, body: &[u8], act: fn(&Self, &str, Delivery) -> Outcome) -> Result<Value, SqsError> {
        let OfQueue { queue_url } = read(body)?;
        act(self, name(&queue_url), read(body)?).map(Value::from)
    }

    fn delete_delivery(&self, queue: &str, delivery: Delivery) -> Outcome {
        self.delete(queue, &delivery.receipt_handle).map(|()| Map::new())
    }

    fn hide_delivery(&self, queue: &str, delivery: Delivery) -> Outcome {
        let visibility = within(delivery.visibility_timeout, LONGEST_VISIBILITY, "VisibilityTimeout")?
            .ok_or_else(|| SqsError::Invalid("VisibilityTimeout is missing.".to_owned()))?;
        self.hide(queue, &delivery.receipt_handle, visibility).map(|()| Map::new())
    }

    /// Does each entry of a batch for itself: some may fail while others succeed.
    fn batch<T: Entry + DeserializeOwned>(&self, body: &[u8], act: fn(&Self, &str, T) -> Outcome) -> Reply {
        let Batch { queue_url, entries } = match read::<Batch<T>>(body) {
            Ok(batch) => batch,
            Err(error) => return error_reply(&error),
        };
        let queue = name(&queue_url);
        if let Err(error) = self.line(queue) {
            return error_reply(&error);
        }
        if let Some((name, message)) = flawed(&entries) {
            return refuse(400, name, &format!("AWS.SimpleQueueService.{name}"), message);
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = entry.id().to_owned();
            match act(self, queue, entry) {
                Ok(mut answer) => {
                    answer.insert("Id".to_owned(), id.into());
                    successful.push(answer);
                }
                Err(error) => failed.push(json!({
                    "Id": id,
                    "Code": error.codes().1,
                    "Message": error.to_string(),
                    "SenderFault": !error.is_ours(),
                })),
            }
        }
        Reply::json(200, &json!({ "Successful": successful, "Failed": failed }))
    }
}

/// What makes SQS refuse a batch as a whole.
fn flawed<T: Entry>(entries: &[T]) -> Option<(&'static str, &'static str)> {
    let ids: HashSet<&str> = entries.iter().map(Entry::id).collect();
    if entries.is_empty() {
        Some(("EmptyBatchRequest", "There should be at least one entry in the request."))
    } else if entries.len() > MOST_MESSAGES {
        Some(("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10."))
    } else if ids.len() < entries.len() {
        Some(("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."))
    } else if entries.iter().map(Entry::bytes).sum::<usize>() > MOST_BYTES {
        Some(("BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes."))
    } else {
        None
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| SqsError::Invalid(error.to_string()))
}
