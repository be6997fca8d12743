//! Writes that collide with a transaction on the same item.
//!
//! DynamoDB refuses such a write, or such a transaction, without carrying out any of it. The SDK takes
//! that as final, although a moment later the item is free. So a collision is retried as often as a
//! throttled request, after pauses of random length.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use serde::Deserialize;

/// Makes the SDK retry collisions. Safe for writes without a condition, too: nothing of a write that
/// collided was carried out.
#[derive(Debug)]
pub(crate) struct Collisions;

/// The fields of an error's body that name its cause.
#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(default, rename = "CancellationReasons")]
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default, rename = "Code")]
    code: String,
}

impl Failed {
    fn is_collision(&self) -> bool {
        match self.kind.rsplit('#').next() {
            Some("TransactionConflictException") => true,
            // A failed condition is an answer: a retry would get the same.
            Some("TransactionCanceledException") => {
                let has = |code: &str| self.reasons.iter().any(|reason| reason.code == code);
                has("TransactionConflict") && !has("ConditionalCheckFailed")
            }
            _ => false,
        }
    }
}

impl ClassifyRetry for Collisions {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.response().filter(|response| response.status().is_client_error());
        let failed = failed.and_then(|response| response.body().bytes());
        let failed = failed.and_then(|body| serde_json::from_slice::<Failed>(body).ok());
        if failed.is_some_and(|failed| failed.is_collision()) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "Collisions"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::number;
    use crate::keys::Key;
    use crate::testing::{colliding, store};
    use crate::{Failure, Store};

    fn is_collision(body: &str) -> bool {
        serde_json::from_str::<Failed>(body).is_ok_and(|failed| failed.is_collision())
    }

    #[test]
    fn collisions_are_told_apart_from_failed_conditions() {
        for (collides, body) in [
            (true, r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException"}"#),
            (false, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#),
            (
                true,
                r#"{"__type":"x#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}"#,
            ),
            (
                false,
                r#"{"__type":"x#TransactionCanceledException","CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}]}"#,
            ),
            (false, r#"{"__type":"x#TransactionCanceledException","CancellationReasons":[{"Code":"None"}]}"#),
            (false, r#"{"message":"TransactionConflictException"}"#),
            (false, "not even JSON"),
        ] {
            assert_eq!(is_collision(body), collides, "{body}");
        }
    }

    /// Adds one to a counter, unless it is no longer `has`.
    async fn add(store: &Store, has: u32) -> Result<(), Failure> {
        let update = store.update_of(&Key::new("COUNTER", "C"));
        let update = update.update_expression("ADD c :one").expression_attribute_values(":one", number(1));
        let update = update.condition_expression("attribute_not_exists(c) OR c = :has");
        update.expression_attribute_values(":has", number(has)).send().await?;
        Ok(())
    }

    #[tokio::test]
    async fn a_write_that_collides_is_retried_a_few_times_and_carried_out_once() {
        let store = store().await;
        for (collisions, has) in [(1, 0), (3, 1)] {
            add(&colliding(&store, collisions), has).await.expect("written in the end");
        }
        let given_up = add(&colliding(&store, 9), 2).await;
        assert!(matches!(given_up, Err(Failure::Unavailable(_))), "not for ever: {given_up:?}");
        add(&store, 2).await.expect("nothing of it was carried out");
        let refused = add(&colliding(&store, 1), 2).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "the condition is asked again: {refused:?}");
    }
}
