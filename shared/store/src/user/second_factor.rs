//! Second factors, one item for each user who has any.

use domain::outbox::Outbox;
use domain::second_factor::SecondFactors;
use domain::{Error, RequestId, Timestamp, UserId};

use super::CHANGE_ATTEMPTS;
use crate::failure::accept_if_written;
use crate::items::{carried, to_item};
use crate::{Failure, Result, Store, keys};

impl Store {
    /// The user's second factors, read consistently; the default for a user without any.
    pub async fn second_factors(&self, user: UserId) -> Result<SecondFactors> {
        Ok(self.get_consistent(&keys::second_factors(user)).await?.unwrap_or_default())
    }

    /// Reads the second factors, lets `change` change them, and writes them back, with the mail about it if
    /// the user has to hear of it; starts again if another request was faster. So of two requests that use
    /// the same code, the second one sees that it is used.
    ///
    /// # Errors
    /// The errors of `change`; `changed_meanwhile` if other requests are faster every time.
    pub async fn change_factors<T>(
        &self,
        user: UserId,
        now: Timestamp,
        change: impl Fn(&mut SecondFactors) -> domain::Result<T>,
    ) -> domain::Result<(SecondFactors, T)> {
        for _ in 0..CHANGE_ATTEMPTS {
            let before = self.second_factors(user).await?;
            let mut factors = before.clone();
            let done = change(&mut factors)?;
            factors.touch(RequestId::generate(now));
            let news = factors.news_since(&before);
            let outbox = news.map(|news| Outbox::FactorsChanged { news, at: now });
            match self.put_factors(user, &factors, outbox.as_ref()).await {
                Ok(()) => return Ok((factors, done)),
                Err(Failure::Refused(_)) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Error::changed_meanwhile())
    }

    async fn put_factors(
        &self,
        user: UserId,
        factors: &SecondFactors,
        outbox: Option<&Outbox>,
    ) -> Result<()> {
        let key = keys::second_factors(user);
        if factors.version > 1 {
            return self.replace_with(&key, factors, carried(outbox)?).await;
        }
        let mut item = to_item(&key, factors)?;
        item.extend(carried(outbox)?);
        let put = self.put_of(item.clone()).condition_expression("attribute_not_exists(PK)").send().await;
        let is_written = async { Ok(self.get_item(&key, true).await?.as_ref() == Some(&item)) };
        accept_if_written(put.map(drop).map_err(Failure::from), is_written).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{at_once, store_with_clock};

    #[tokio::test]
    async fn of_many_uses_of_one_step_at_once_one_succeeds() {
        let (store, clock) = store_with_clock().await;
        let (store, now) = (Arc::new(store), clock.now());
        let user = UserId::generate(now);
        assert!(store.second_factors(user).await.expect("read").is_empty());
        let set = |factors: &mut SecondFactors| {
            factors.set_app("sealed".to_owned(), 7, now);
            Ok(())
        };
        store.change_factors(user, now, set).await.expect("added");
        let results = at_once(4, |_| {
            let store = store.clone();
            async move { store.change_factors(user, now, |factors| factors.use_step(8)).await.map(drop) }
        })
        .await;
        let codes: Vec<_> =
            results.into_iter().filter_map(|result| result.err()).map(|error| error.code()).collect();
        assert_eq!(codes, ["code_used"; 3]);
        let factors = store.second_factors(user).await.expect("read");
        assert_eq!((factors.app.map(|app| app.last_step), factors.version), (Some(8), 2));
    }

    #[tokio::test]
    async fn of_many_first_changes_at_once_none_is_lost() {
        let (store, clock) = store_with_clock().await;
        let (store, now) = (Arc::new(store), clock.now());
        let user = UserId::generate(now);
        let results = at_once(3, |index| {
            let store = store.clone();
            let add = move |factors: &mut SecondFactors| {
                factors.recovery.push(index.to_string());
                Ok(())
            };
            async move { store.change_factors(user, now, add).await.map(drop) }
        })
        .await;
        assert!(results.iter().all(|result| result.is_ok()), "{results:?}");
        assert_eq!(store.second_factors(user).await.expect("read").recovery.len(), 3);
    }
}
