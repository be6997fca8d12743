//! Users and the claims on their e-mail addresses.

mod consent;
mod erasure;
pub(crate) mod link;
mod second_factor;
mod session;

use domain::user::{Email, User, user_not_found};
use domain::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Failure, Fingerprints, Result, Store, keys};

pub use link::{Link, LinkGrant};

/// How often a change is tried while other requests change the user at the same moment.
const CHANGE_ATTEMPTS: u32 = 5;

/// The item that makes an e-mail address unique.
#[derive(Debug, Serialize, Deserialize)]
struct EmailClaim {
    user: UserId,
}

impl Store {
    /// The user, read consistently.
    pub async fn user(&self, user: UserId) -> Result<Option<User>> {
        self.get_consistent(&keys::user(user)).await
    }

    /// The user with this e-mail address.
    ///
    /// Reads two items whether there is such a user or not, so that the response time does not tell.
    pub async fn user_by_email(&self, fingerprints: &Fingerprints, email: &Email) -> Result<Option<User>> {
        let claim: Option<EmailClaim> = self.get_consistent(&keys::email(&fingerprints.email(email))).await?;
        let nobody = UserId::from_uuid(Uuid::nil());
        self.user(claim.map_or(nobody, |claim| claim.user)).await
    }

    /// Writes a new user, the claim on the e-mail address and, if given, a link
    /// under the hash of its token: all or nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the address has a user already.
    pub async fn create_user(
        &self,
        fingerprints: &Fingerprints,
        user: &User,
        link: Option<(&str, &Link)>,
    ) -> Result<()> {
        let claim = EmailClaim { user: user.id };
        let mut writes = vec![
            self.put_new_part(&keys::email(&fingerprints.email(&user.email)), &claim)?,
            self.put_new_part(&keys::user(user.id), user)?,
        ];
        if let Some((hash, link)) = link {
            writes.push(self.put_link_part(hash, link)?);
        }
        self.transact(writes).await
    }

    /// Reads the user, lets `change` change it, and writes it back; starts again if another request was
    /// faster.
    ///
    /// # Errors
    /// The errors of `change`; `user_not_found`; `changed_meanwhile` if other requests are faster every
    /// time.
    pub async fn change_user(
        &self,
        user: UserId,
        now: Timestamp,
        change: impl Fn(&mut User) -> domain::Result<()>,
    ) -> domain::Result<User> {
        let mut attempt = 0;
        loop {
            let mut user = self.user(user).await?.ok_or_else(user_not_found)?;
            change(&mut user)?;
            user.touch(now);
            attempt += 1;
            match self.replace(&keys::user(user.id), &user).await {
                Ok(()) => return Ok(user),
                Err(Failure::Refused(_)) if attempt < CHANGE_ATTEMPTS => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boot::Secret;
    use domain::TenantId;
    use domain::access::Role;

    use super::*;
    use crate::testing::{at_once, store_with_clock};

    fn fingerprints() -> Fingerprints {
        Fingerprints::new(&Secret::new(&"s".repeat(32)).expect("long enough"))
    }

    fn email(text: &str) -> Email {
        text.parse().expect("valid")
    }

    #[tokio::test]
    async fn a_user_is_found_by_address_however_it_is_written() {
        let (store, clock) = store_with_clock().await;
        let user = User::new(email("ana@example.com"), clock.now());
        store.create_user(&fingerprints(), &user, None).await.expect("created");
        for text in ["ana@example.com", " Ana@Example.Com "] {
            let found = store.user_by_email(&fingerprints(), &email(text)).await.expect("read");
            assert_eq!(found.as_ref(), Some(&user));
        }
        assert_eq!(
            store.user_by_email(&fingerprints(), &email("eva@example.com")).await.expect("read"),
            None
        );
    }

    #[tokio::test]
    async fn of_many_registrations_at_once_one_gets_the_address() {
        let (store, clock) = store_with_clock().await;
        let store = Arc::new(store);
        let results = at_once(12, |_| {
            let (store, user) = (store.clone(), User::new(email("ana@example.com"), clock.now()));
            async move { (user.id, store.create_user(&fingerprints(), &user, None).await) }
        })
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
        assert_eq!(won.len(), 1);
        assert!(lost.iter().all(|(_, result)| matches!(result, Err(Failure::Refused(_)))), "{lost:?}");
        let owner = store.user_by_email(&fingerprints(), &email("ana@example.com")).await.expect("read");
        assert_eq!(owner.map(|user| user.id), Some(won[0].0));
        for (id, _) in lost {
            assert_eq!(store.user(id).await.expect("read"), None, "a loser left its user behind");
        }
    }

    #[tokio::test]
    async fn without_the_condition_the_same_race_is_lost() {
        let (store, clock) = store_with_clock().await;
        let store = Arc::new(store);
        let results = at_once(12, |_| {
            let (store, user) = (store.clone(), User::new(email("ana@example.com"), clock.now()));
            async move {
                let known = store.user_by_email(&fingerprints(), &user.email).await?;
                let claim = keys::email(&fingerprints().email(&user.email));
                if known.is_none() {
                    store.put(&claim, &EmailClaim { user: user.id }).await?;
                }
                Ok::<_, Failure>(known.is_none())
            }
        })
        .await;
        let won = results.into_iter().filter(|result| matches!(result, Ok(true))).count();
        assert!(won > 1, "the test of the race would not notice one");
    }

    #[tokio::test]
    async fn changes_at_once_do_not_overwrite_each_other() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let user = User::new(email("ana@example.com"), now);
        store.create_user(&fingerprints(), &user, None).await.expect("created");
        let tenants: Vec<_> = (0..4).map(|_| TenantId::generate(now)).collect();
        let (store, id) = (Arc::new(store), user.id);
        let results = at_once(tenants.len(), |index| {
            let (store, tenant) = (store.clone(), tenants[index]);
            let give = move |user: &mut User| user.set_role(tenant, Some(Role::Scanner));
            async move { store.change_user(id, now, give).await.map(drop) }
        })
        .await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let user = store.user(id).await.expect("read").expect("there");
        assert_eq!((user.staff.len(), user.version), (4, 5));
        assert_eq!(user.staff.get(&tenants[0]), Some(&Role::Scanner));
        store.change_user(id, now, |user| user.set_role(tenants[0], None)).await.expect("changed");
        assert_eq!(store.user(id).await.expect("read").expect("there").staff.len(), 3);
    }

    #[tokio::test]
    async fn a_missing_user_can_not_be_changed() {
        let (store, clock) = store_with_clock().await;
        let nobody = UserId::generate(clock.now());
        let error = store.change_user(nobody, clock.now(), |_| Ok(())).await.expect_err("refused");
        assert_eq!(error.code(), "user_not_found");
    }
}
