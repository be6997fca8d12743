use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};

use crate::Message;

/// The number of messages of one batch that are handled at the same time. They wait for
/// the network most of the time; more would only make a throttled table worse.
const AT_ONCE: usize = 4;

/// Handles every message of a batch and reports those that failed, so that only
/// they are delivered again. A message that does not read, or that makes its
/// handler panic, fails alone and ends in the dead letter queue.
pub async fn process<M, F, R, E>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    M: Message,
    F: Fn(M) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<boot::BootError>,
{
    let handle = &handle;
    let failed: Vec<Option<String>> = stream::iter(event.records)
        .map(|record| async move {
            let id = record.message_id.clone().unwrap_or_default();
            match one(&record, handle).await {
                Ok(()) => None,
                Err(reason) => {
                    let received = record.attributes.get("ApproximateReceiveCount");
                    tracing::error!(message_id = id, received, reason, "a message failed");
                    Some(id)
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed.into_iter().flatten());
    response
}

async fn one<M, F, R, E>(record: &SqsMessage, handle: &F) -> Result<(), String>
where
    M: Message,
    F: Fn(M) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<boot::BootError>,
{
    let body = record.body.as_deref().unwrap_or_default();
    let message = serde_json::from_str(body).map_err(|error| format!("does not read: {error}"))?;
    match AssertUnwindSafe(async { handle(message).await }).catch_unwind().await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(with_causes(error.into().as_ref())),
        Err(_) => Err("its handler panicked".to_owned()),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" <- ")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::{Error, OrderId, Timestamp, UserId};

    use super::*;
    use crate::IssueMessage;
    use domain::outbox::OrderNews;

    #[test]
    fn only_what_failed_is_delivered_again() {
        let (user, order) =
            (UserId::generate(Timestamp::UNIX_EPOCH), OrderId::generate(Timestamp::UNIX_EPOCH));
        let good = IssueMessage::Tickets { user, order };
        let panics = IssueMessage::News {
            user,
            order,
            news: OrderNews::RefundDone { payment: 0, amount: 1, by_hand: false },
        };
        let fails = IssueMessage::News { user, order, news: OrderNews::RefundDue { payment: 0, amount: 1 } };
        let text = |message: &IssueMessage| serde_json::to_string(message).expect("JSON");
        let bodies = [text(&good), "poison".to_owned(), text(&panics), text(&fails), text(&good)];
        let records: Vec<_> = bodies.iter().zip(0..).map(|(body, id)| {
            serde_json::json!({"messageId": format!("m{id}"), "body": body, "attributes": {}, "messageAttributes": {}})
        }).collect();
        let event = serde_json::from_value(serde_json::json!({"Records": records})).expect("an event");

        let handled = Mutex::new(0);
        let response = process(event, |message: IssueMessage| {
            let handled = &handled;
            let (panics, fails) = (message == panics, message == fails);
            async move {
                assert!(!panics, "on purpose");
                if fails {
                    return Err(Error::internal("on purpose"));
                }
                *handled.lock().expect("not poisoned") += 1;
                Ok(())
            }
        })
        .now_or_never()
        .expect("nothing waits");

        let mut failed: Vec<_> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        failed.sort();
        assert_eq!(failed, ["m1", "m2", "m3"]);
        assert_eq!(*handled.lock().expect("not poisoned"), 2);
    }
}
