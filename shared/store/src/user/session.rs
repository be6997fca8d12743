//! Sessions, under their user.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::session::Session;
use domain::{SessionId, UserId};

use crate::items::{string, to_item};
use crate::user::link::with_ttl;
use crate::{Listing, Result, Store, keys};

/// Most sessions that one request ends one after the other. Those beyond are over as well, by their
/// epoch, and are swept by their time to live.
const MAX_ENDED: usize = 1000;

impl Store {
    /// Starts a session. Its id is fresh, so there is nothing to overwrite.
    pub async fn start_session(&self, session: &Session) -> Result<()> {
        let key = keys::session(session.user, session.id);
        self.put_of(with_ttl(to_item(&key, session)?, session.expires_at)).send().await?;
        Ok(())
    }

    /// The session, unless it was ended; read consistently. The caller checks its expiry.
    pub async fn session(&self, user: UserId, session: SessionId) -> Result<Option<Session>> {
        self.get_consistent(&keys::session(user, session)).await
    }

    /// A page of the user's sessions, newest first.
    pub async fn sessions(&self, user: UserId, after: Option<&str>, limit: u16) -> Result<Listing<Session>> {
        self.list(&keys::user_partition(user), keys::SESSION_PREFIX, after, limit, true).await
    }

    /// Writes a session with a new refresh token, if it is still as it was `before`.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the token was replaced, the user proved something or the session ended
    /// meanwhile.
    pub async fn rotate_session(&self, rotated: &Session, before: &Session) -> Result<()> {
        self.replace_session(rotated, before).await
    }

    /// Writes a session whose user proved something more, if it is still as it was `before`.
    ///
    /// # Errors
    /// As [`Store::rotate_session`].
    pub async fn strengthen_session(&self, proved: &Session, before: &Session) -> Result<()> {
        self.replace_session(proved, before).await
    }

    async fn replace_session(&self, after: &Session, before: &Session) -> Result<()> {
        let key = keys::session(after.user, after.id);
        let put = self
            .put_of(with_ttl(to_item(&key, after)?, after.expires_at))
            .expression_attribute_values(":before", string(&before.refresh_hash));
        match before.authenticated_at {
            Some(at) => put
                .condition_expression("refresh_hash = :before AND authenticated_at = :at")
                .expression_attribute_values(":at", string(at.to_string())),
            None => {
                put.condition_expression("refresh_hash = :before AND attribute_not_exists(authenticated_at)")
            }
        }
        .send()
        .await?;
        Ok(())
    }

    /// Ends a session. False if it was over already.
    pub async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool> {
        let answer =
            self.delete_of(&keys::session(user, session)).return_values(ReturnValue::AllOld).send().await?;
        Ok(answer.attributes.is_some())
    }

    /// Ends all sessions of the user except `but`.
    pub async fn end_other_sessions(&self, user: UserId, but: Option<SessionId>) -> Result<()> {
        let partition = keys::user_partition(user);
        let sessions: Vec<Session> = self.list_all(&partition, keys::SESSION_PREFIX, MAX_ENDED).await?;
        let others: Vec<_> = sessions.into_iter().filter(|session| Some(session.id) != but).collect();
        // A few at a time: a function's connection has no use for hundreds of requests at once.
        for some in others.chunks(16) {
            futures::future::try_join_all(some.iter().map(|session| self.end_session(user, session.id)))
                .await?;
        }
        Ok(())
    }

    /// Moves a session into a new epoch of its user, so that the session in which the password was
    /// changed stays valid.
    pub async fn keep_session(&self, user: UserId, session: SessionId, epoch: u32) -> Result<()> {
        self.update_of(&keys::session(user, session))
            .update_expression("SET epoch = :epoch")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_values(":epoch", crate::items::number(epoch))
            .send()
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::Timestamp;
    use domain::second_factor::Proof;
    use domain::session::session_end;
    use domain::testing::at;

    use super::*;
    use crate::Failure;
    use crate::testing::{at_once, store, store_with_clock};

    fn session(user: UserId, now: Timestamp) -> Session {
        Session {
            id: SessionId::generate(now),
            user,
            tenant: None,
            epoch: 0,
            refresh_hash: "first".to_owned(),
            previous_hash: None,
            last_used_at: now,
            created_at: now,
            authenticated_at: Some(now),
            proofs: vec![Proof::Pwd],
            expires_at: session_end(now),
            user_agent: "curl/8".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_session_reads_as_it_was_written_until_it_ends() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let session = session(UserId::generate(now), now);
        store.start_session(&session).await.expect("started");
        assert_eq!(store.session(session.user, session.id).await.expect("read").as_ref(), Some(&session));
        let stranger = UserId::generate(now);
        assert!(!store.end_session(stranger, session.id).await.expect("deleted"), "another user's session");
        assert!(store.end_session(session.user, session.id).await.expect("deleted"));
        assert!(!store.end_session(session.user, session.id).await.expect("deleted"));
        assert_eq!(store.session(session.user, session.id).await.expect("read"), None);
    }

    #[tokio::test]
    async fn of_many_rotations_at_once_one_succeeds() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let (store, first) = (Arc::new(store), session(UserId::generate(now), now));
        store.start_session(&first).await.expect("started");
        let results = at_once(8, |index| {
            let (store, before) = (store.clone(), first.clone());
            let rotated = first.rotated(format!("next {index}"), None, now);
            async move { store.rotate_session(&rotated, &before).await.map(|()| rotated) }
        })
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        let stored = store.session(first.user, first.id).await.expect("read");
        assert_eq!(stored, won.into_iter().next().and_then(Result::ok));
    }

    #[tokio::test]
    async fn an_ended_session_does_not_come_back_by_rotation() {
        let (store, clock) = store_with_clock().await;
        let session = session(UserId::generate(clock.now()), clock.now());
        store.start_session(&session).await.expect("started");
        store.end_session(session.user, session.id).await.expect("ended");
        let rotated = session.rotated("next".to_owned(), None, clock.now());
        assert!(matches!(store.rotate_session(&rotated, &session).await, Err(Failure::Refused(_))));
        let kept = store.keep_session(session.user, session.id, 1).await;
        assert!(matches!(kept, Err(Failure::Refused(_))));
        assert_eq!(store.session(session.user, session.id).await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_refresh_does_not_undo_what_was_proved_meanwhile() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let session = session(UserId::generate(now), now);
        store.start_session(&session).await.expect("started");
        let proved = session.proved(Proof::Otp, at(99_000_000));
        store.strengthen_session(&proved, &session).await.expect("proved");
        let rotated = session.rotated("next".to_owned(), None, now);
        assert!(matches!(store.rotate_session(&rotated, &session).await, Err(Failure::Refused(_))));
        let rotated = proved.rotated("next".to_owned(), None, now);
        store.rotate_session(&rotated, &proved).await.expect("rotated");
        assert_eq!(store.session(session.user, session.id).await.expect("read"), Some(rotated));
        // Sessions from before proofs were noted can be used, too.
        let old = Session { authenticated_at: None, proofs: Vec::new(), ..self::session(session.user, now) };
        store.start_session(&old).await.expect("started");
        store.rotate_session(&old.rotated("next".to_owned(), None, now), &old).await.expect("rotated");
    }

    #[tokio::test]
    async fn all_sessions_but_one_end_and_the_rest_is_listed_in_pages() {
        let store = store().await;
        let user = UserId::generate(at(0));
        let sessions: Vec<_> = (0..5).map(|second| session(user, at(second))).collect();
        for session in &sessions {
            store.start_session(session).await.expect("started");
        }
        let page = store.sessions(user, None, 3).await.expect("listed");
        assert_eq!(page.items, [4, 3, 2].map(|index: usize| sessions[index].clone()));
        let rest = store.sessions(user, page.last.as_deref(), 3).await.expect("listed");
        assert_eq!(rest.items, [1, 0].map(|index: usize| sessions[index].clone()));

        store.end_other_sessions(user, Some(sessions[1].id)).await.expect("ended");
        store.keep_session(user, sessions[1].id, 7).await.expect("kept");
        let left = store.sessions(user, None, 10).await.expect("listed");
        assert_eq!(left.items, [Session { epoch: 7, ..sessions[1].clone() }]);
    }
}
