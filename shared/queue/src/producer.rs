use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use boot::{Boot, ConfigError};
use domain::{Error, Result};

use crate::Message;

/// The most messages in one request to SQS.
const MAX_ENTRIES: usize = 10;
/// The most bytes in one request: SQS's long-standing limit for a request and
/// for a message.
const MAX_BYTES: usize = 256 * 1024;
/// The longest that SQS keeps a message back.
const MAX_DELAY_SECONDS: i32 = 900;
/// The most times that the rest of a request is sent again.
const MAX_TRIES: u32 = 5;

/// The sending end of the queue of `M`; cheap to clone.
#[derive(Debug)]
pub struct Queue<M> {
    client: Client,
    url: Arc<str>,
    of: PhantomData<fn(M)>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), of: PhantomData }
    }
}

impl<M: Message> Queue<M> {
    /// The queue with the URL in the variable [`Message::QUEUE_URL`].
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let url = boot.env.required(M::QUEUE_URL)?.into();
        Ok(Self { client: Client::new(&boot.aws.config()), url, of: PhantomData })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`domain::Kind::Unavailable`] if SQS does not take it.
    pub async fn send(&self, message: &M) -> Result<()> {
        let body = body(message)?;
        let sent = self.client.send_message().queue_url(&*self.url).message_body(body).send().await;
        sent.map(drop).map_err(|error| unavailable(aws_sdk_sqs::error::DisplayErrorContext(error)))
    }

    /// Sends one message that arrives after `delay`, at most 15 minutes.
    ///
    /// # Errors
    /// [`domain::Kind::Unavailable`] if SQS does not take it.
    pub async fn send_later(&self, message: &M, delay: Duration) -> Result<()> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(MAX_DELAY_SECONDS).min(MAX_DELAY_SECONDS);
        let send = self.client.send_message().queue_url(&*self.url).message_body(body(message)?);
        let sent = send.delay_seconds(seconds).send().await;
        sent.map(drop).map_err(|error| unavailable(aws_sdk_sqs::error::DisplayErrorContext(error)))
    }

    /// Sends many messages in as few requests as SQS allows, and sends those again that a
    /// request left undone.
    ///
    /// # Errors
    /// [`domain::Kind::Unavailable`] if some could not be sent; others may have
    /// been, so sending all again sends those twice.
    pub async fn send_all(&self, messages: &[M]) -> Result<()> {
        let bodies = messages.iter().map(body).collect::<Result<Vec<_>>>()?;
        for batch in batches(&bodies) {
            self.send_batch(batch).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, bodies: &[String]) -> Result<()> {
        let mut pending: Vec<usize> = (0..bodies.len()).collect();
        let mut pause = Duration::from_millis(20);
        for attempt in 1..=MAX_TRIES {
            let entries = pending.iter().map(|index| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(&bodies[*index])
                    .build()
                    .map_err(Error::internal)
            });
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&*self.url)
                .set_entries(Some(entries.collect::<Result<_>>()?))
                .send()
                .await
                .map_err(|error| unavailable(aws_sdk_sqs::error::DisplayErrorContext(error)))?;
            if let Some(ours) = answer.failed().iter().find(|failed| failed.sender_fault()) {
                return Err(Error::internal(format!("SQS refused a message: {}", ours.code())));
            }
            pending = answer.failed().iter().filter_map(|failed| failed.id().parse().ok()).collect();
            if pending.is_empty() {
                return Ok(());
            }
            if attempt < MAX_TRIES {
                tokio::time::sleep(pause).await;
                pause *= 3;
            }
        }
        Err(unavailable(format!("{} messages stayed unsent", pending.len())))
    }
}

fn body<M: Message>(message: &M) -> Result<String> {
    let body = serde_json::to_string(message).map_err(Error::internal)?;
    if body.len() > MAX_BYTES {
        return Err(Error::internal(format!("a message of {} bytes is too large for SQS", body.len())));
    }
    Ok(body)
}

/// The messages in order, cut where a request would become too large.
fn batches(bodies: &[String]) -> Vec<&[String]> {
    let (mut cuts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, body) in bodies.iter().enumerate() {
        if index > start && (index - start == MAX_ENTRIES || bytes + body.len() > MAX_BYTES) {
            cuts.push(&bodies[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += body.len();
    }
    if start < bodies.len() {
        cuts.push(&bodies[start..]);
    }
    cuts
}

fn unavailable(cause: impl std::fmt::Display) -> Error {
    Error::unavailable("busy", "The box office is very busy. Try again in a moment.")
        .retry_after(1)
        .caused_by(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_ten_messages_and_no_more_bytes_than_sqs_takes() {
        let sizes = |lengths: &[usize]| {
            let bodies: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            batches(&bodies).iter().map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1; 23]), [10, 10, 3]);
        assert_eq!(sizes(&[MAX_BYTES, 1, MAX_BYTES - 1, 1]), [1, 2, 1]);
    }
}
