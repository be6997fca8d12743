//! Idempotency records of requests that must not be carried out twice.
//!
//! Requests whose item's id follows from them need no record; these create something with an id of its
//! own. The record keeps that id, so that even a request that died midway
//! is not carried out twice: its repetition creates the same item again, and gets the stored one.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, Kind, RequestId, Result, Timestamp, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::items::{from_item, number, string, to_item};
use crate::keys::{self, Key};
use crate::{Failure, OnRefused, Store};

/// How long an answer is kept, in seconds: a day.
const KEPT_SECONDS: i64 = 24 * 60 * 60;
/// After this many seconds without an answer, a request counts as dead. No function runs that long.
const DEAD_SECONDS: i64 = 60;

/// A request that may carry an idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct Once<'a> {
    /// The user who sends the request: keys of different users never collide.
    pub user: UserId,
    /// Method and route, such as `POST /api/v1/events`.
    pub route: &'a str,
    /// The idempotency key, if the caller sent one.
    pub key: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// A digest of the request's body.
    body: String,
    /// The id of what the request creates.
    id: RequestId,
    /// Until then the request counts as being carried out, in seconds since 1970.
    busy_until: i64,
    /// The answer as JSON, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// When the record expires, in seconds since 1970.
    ttl: i64,
}

/// The error for an idempotency key that was sent with another body.
pub fn key_reused() -> Error {
    Error::unprocessable(
        "idempotency_key_reused",
        "This Idempotency-Key was used with another body. Use a new key for a new request.",
    )
}

impl Store {
    /// Runs `create` with the bits for a new id, once for each key: the same key
    /// with the same `body` gets the stored answer. Without a key it just runs.
    ///
    /// `create` must be safe to repeat with the same id. After an error that the caller can correct,
    /// the key is free again.
    ///
    /// # Errors
    /// `idempotency_key_reused` if the body is another one, `request_in_progress` if the first request
    /// has no answer yet, and the errors of `create`.
    pub async fn once<B, T, F>(
        &self,
        once: Once<'_>,
        body: &B,
        now: Timestamp,
        create: impl FnOnce(RequestId) -> F,
    ) -> Result<T>
    where
        B: Serialize,
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T>>,
    {
        let Some(key) = once.key else { return create(RequestId::generate(now)).await };
        let key = keys::idempotency(&format!("{}#{}", once.user.suffix(), once.route), key);
        let digest = Sha256::digest(serde_json::to_vec(body).map_err(Error::internal)?);
        let record = Record {
            body: URL_SAFE_NO_PAD.encode(&digest[..16]),
            id: RequestId::generate(now),
            busy_until: now.as_second() + DEAD_SECONDS,
            answer: None,
            ttl: now.as_second() + KEPT_SECONDS,
        };
        let id = match self.begin(&key, &record, now).await? {
            Begun::Mine(id) => id,
            Begun::Answered(answer) => return serde_json::from_str(&answer).map_err(Error::internal),
        };
        match create(id).await {
            Ok(answer) => {
                let json = serde_json::to_string(&answer).map_err(Error::internal)?;
                if let Err(failure) = self.note_answer(&key, json).await {
                    // The item is created. A repetition finds it by its id once the record counts as
                    // dead.
                    tracing::warn!(%failure, "an idempotency record stays without its answer");
                }
                Ok(answer)
            }
            Err(error) => {
                self.give_up(&key, &error).await;
                Err(error)
            }
        }
    }

    async fn begin(&self, key: &Key, record: &Record, now: Timestamp) -> Result<Begun> {
        let sent = self
            .put_of(to_item(key, record)?)
            .condition_expression("attribute_not_exists(PK) OR #ttl <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let earlier: Record = match sent.map_err(Failure::from) {
            Ok(_) => return Ok(Begun::Mine(record.id)),
            Err(Failure::Refused(Some(item))) => from_item(item)?,
            Err(Failure::Refused(None)) => return Err(in_progress()),
            Err(failure) => return Err(failure.into()),
        };
        if earlier.body != record.body {
            return Err(key_reused());
        }
        if earlier.id == record.id {
            // Our own write: the SDK lost its answer and retried it.
            return Ok(Begun::Mine(record.id));
        }
        if let Some(answer) = earlier.answer {
            return Ok(Begun::Answered(answer));
        }
        if now.as_second() < earlier.busy_until {
            return Err(in_progress());
        }
        self.take_over(key, &earlier, record.busy_until).await?;
        Ok(Begun::Mine(earlier.id))
    }

    /// Takes over the key of a request that died.
    async fn take_over(&self, key: &Key, earlier: &Record, busy_until: i64) -> Result<()> {
        let sent = self
            .update_of(key)
            .update_expression("SET busy_until = :new")
            .condition_expression("busy_until = :old AND attribute_not_exists(answer)")
            .expression_attribute_values(":new", number(busy_until))
            .expression_attribute_values(":old", number(earlier.busy_until))
            .send()
            .await;
        sent.map_err(Failure::from).on_refused(in_progress).map(drop)
    }

    async fn note_answer(&self, key: &Key, answer: String) -> Result<(), Failure> {
        self.update_of(key)
            .update_expression("SET answer = :answer")
            .expression_attribute_values(":answer", string(answer))
            .send()
            .await?;
        Ok(())
    }

    /// Frees the key after a failure. If it is unknown how far the request came, the record keeps the
    /// id for the repetition.
    async fn give_up(&self, key: &Key, error: &Error) {
        let given_up = if matches!(error.kind(), Kind::Unavailable | Kind::Internal) {
            let update = self
                .update_of(key)
                .update_expression("SET busy_until = :zero")
                .expression_attribute_values(":zero", number(0))
                .send()
                .await;
            update.map(drop).map_err(Failure::from)
        } else {
            self.delete(key).await
        };
        if let Err(failure) = given_up {
            tracing::warn!(%failure, "an idempotency record stays busy");
        }
    }
}

enum Begun {
    Mine(RequestId),
    Answered(String),
}

fn in_progress() -> Error {
    Error::conflict(
        "request_in_progress",
        "A request with this idempotency key is still being carried out. Send it again in a moment.",
    )
    .retry_after(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{at_once, store_with_clock};

    fn once(user: UserId, key: &str) -> Once<'_> {
        Once { user, route: "POST /api/v1/things", key: Some(key) }
    }

    #[tokio::test]
    async fn the_same_key_gives_the_same_answer() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let user = UserId::generate(now);
        let create = |body: u8, user, key: &'static str, now| {
            let store = store.clone();
            async move { store.once(once(user, key), &body, now, |id| async move { Ok(id) }).await }
        };
        let first = create(1, user, "a", now).await.expect("created");
        assert_eq!(create(1, user, "a", now).await.expect("repeated"), first);
        assert_eq!(
            create(2, user, "a", now).await.expect_err("another body").code(),
            "idempotency_key_reused"
        );
        assert_ne!(create(1, user, "b", now).await.expect("another key"), first);
        assert_ne!(create(1, UserId::generate(now), "a", now).await.expect("somebody else"), first);
        clock.advance(Duration::from_secs(86_401));
        assert_ne!(create(2, user, "a", clock.now()).await.expect("a day later"), first);
    }

    #[tokio::test]
    async fn without_a_key_every_request_is_carried_out() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let request = Once { key: None, ..once(UserId::generate(now), "") };
        let first = store.once(request, &1, now, |id| async move { Ok(id) }).await.expect("created");
        assert_ne!(store.once(request, &1, now, |id| async move { Ok(id) }).await.expect("created"), first);
    }

    #[tokio::test]
    async fn a_refused_request_frees_its_key_and_a_broken_one_keeps_its_id() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let request = once(UserId::generate(now), "a");
        let refuse = |_| async { Err::<RequestId, _>(Error::conflict("taken", "Taken.")) };
        assert_eq!(store.once(request, &1, now, refuse).await.expect_err("refused").code(), "taken");

        let mut broken = None;
        let note = |id| {
            broken = Some(id);
            async { Err::<RequestId, _>(Error::unavailable("busy", "Busy.")) }
        };
        assert_eq!(store.once(request, &2, now, note).await.expect_err("broken").code(), "busy");
        let id = store.once(request, &2, now, |id| async move { Ok(id) }).await.expect("goes on");
        assert_eq!(Some(id), broken, "the same thing is created again, not a second one");
    }

    #[tokio::test]
    async fn of_many_requests_at_once_one_is_carried_out() {
        let (store, clock) = store_with_clock().await;
        let (now, user) = (clock.now(), UserId::generate(clock.now()));
        let answers: Vec<Result<RequestId>> = at_once(8, |_| {
            let store = store.clone();
            async move { store.once(once(user, "a"), &1, now, |id| async move { Ok(id) }).await }
        })
        .await;
        let mut created: Vec<RequestId> = Vec::new();
        for answer in answers {
            match answer {
                Ok(id) => created.push(id),
                Err(error) => assert_eq!(error.code(), "request_in_progress"),
            }
        }
        created.dedup();
        assert_eq!(created.len(), 1);
    }

    #[tokio::test]
    async fn a_dead_request_is_taken_over_after_a_minute() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let request = once(UserId::generate(now), "a");
        let record = Record {
            body: URL_SAFE_NO_PAD.encode(&Sha256::digest(b"1")[..16]),
            id: RequestId::generate(now),
            busy_until: now.as_second() + DEAD_SECONDS,
            answer: None,
            ttl: now.as_second() + KEPT_SECONDS,
        };
        let key = keys::idempotency(&format!("{}#{}", request.user.suffix(), request.route), "a");
        store.put(&key, &record).await.expect("written");
        let refused =
            store.once(request, &1, now, |id| async move { Ok(id) }).await.expect_err("in progress");
        assert_eq!((refused.code(), refused.retry_after_seconds()), ("request_in_progress", Some(1)));
        clock.advance(Duration::from_secs(60));
        let id = store.once(request, &1, clock.now(), |id| async move { Ok(id) }).await.expect("taken over");
        assert_eq!(id, record.id);
    }
}
