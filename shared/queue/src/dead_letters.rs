use std::marker::PhantomData;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::Message as SqsMessage;
use boot::{Boot, ConfigError};
use domain::{Error, Result};

use crate::{Message, Queue};

/// Messages that SQS hands out at most in one answer.
const BATCH: i32 = 10;

/// The messages of `M`'s queue that their handler failed on too often.
#[derive(Clone, Debug)]
pub struct DeadLetters<M> {
    client: Client,
    url: Arc<str>,
    queue: Queue<M>,
    of: PhantomData<fn(M)>,
}

impl<M: Message> DeadLetters<M> {
    /// The dead letters in the queue whose URL is in `variable`.
    pub fn new(boot: &Boot, variable: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            client: Client::new(&boot.aws.config()),
            url: boot.env.required(variable)?.into(),
            queue: Queue::new(boot)?,
            of: PhantomData,
        })
    }

    /// Sends up to `most` dead letters to their queue again; answers their number.
    /// One that does not read stays, for a person to look at.
    ///
    /// # Errors
    /// If SQS does not answer. A letter may then be in both queues, which its
    /// handler does not mind.
    pub async fn redrive(&self, most: usize) -> Result<usize> {
        let mut redriven = 0;
        while redriven < most {
            let letters = self.receive().await?;
            if letters.is_empty() {
                break;
            }
            for letter in letters {
                let Some(message) = letter.body().and_then(|body| serde_json::from_str::<M>(body).ok())
                else {
                    tracing::error!(letter = letter.message_id(), "a dead letter does not read");
                    continue;
                };
                self.queue.send(&message).await?;
                self.delete(&letter).await?;
                redriven += 1;
            }
        }
        Ok(redriven)
    }

    async fn receive(&self) -> Result<Vec<SqsMessage>> {
        let answer =
            self.client.receive_message().queue_url(&*self.url).max_number_of_messages(BATCH).send().await;
        let answer = answer.map_err(|error| unavailable(DisplayErrorContext(error)))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete(&self, letter: &SqsMessage) -> Result<()> {
        let receipt = letter.receipt_handle().unwrap_or_default();
        let sent = self.client.delete_message().queue_url(&*self.url).receipt_handle(receipt).send().await;
        sent.map(drop).map_err(|error| unavailable(DisplayErrorContext(error)))
    }
}

fn unavailable(source: impl std::fmt::Display) -> Error {
    Error::unavailable("queue_unavailable", "The dead letters can not be read now.")
        .caused_by(source.to_string())
}
