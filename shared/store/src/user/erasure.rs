//! Erasures of persons' data. One item each while there is something left to do, so that a worker that
//! dies loses nothing.

use domain::Timestamp;
use domain::discount::DiscountRequest;
use domain::erasure::Erasure;
use domain::event::Event;
use domain::member::Member;
use domain::pricing::Promotion;
use domain::transfer::Transfer;
use domain::user::User;
use domain::{EventId, InvitationId, TenantId, UserId};

use crate::discount::index_entry;
use crate::failure::{Item, accept_if_written, was_done};
use crate::items::{Part, string, to_item};
use crate::member::claims;
use crate::{Fingerprints, Result, Store, keys};

impl Store {
    /// The erasure that the user asked for, read consistently, while there is something left to do.
    pub async fn erasure(&self, user: UserId) -> Result<Option<Erasure>> {
        self.get_consistent(&keys::erasure(user)).await
    }

    /// Erasures that are not done, at most `bound`.
    pub async fn erasures(&self, bound: usize) -> Result<Vec<Erasure>> {
        self.list_all(keys::ERASURES, "", bound).await
    }

    /// Writes a closed account and its erasure, and gives its address free: all or nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`](crate::Failure::Refused) if the account was changed since it was read.
    pub async fn begin_erasure(
        &self,
        fingerprints: &Fingerprints,
        closed: &User,
        erasure: &Erasure,
    ) -> Result<()> {
        let claim = keys::email(&fingerprints.email(&closed.email));
        let free = self
            .deleting(&claim)
            .condition_expression("#user = :me")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":me", string(closed.id.to_string()));
        let writes = vec![
            self.replace_part(&keys::user(closed.id), closed)?,
            self.put_new_part(&keys::erasure(closed.id), erasure)?,
            free.part()?,
        ];
        let is_written = async { Ok(self.erasure(closed.id).await?.as_ref() == Some(erasure)) };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// Begins the erasure of a guest's orders. One that is going on is then about later orders, too.
    pub async fn begin_guest_erasure(&self, erasure: &Erasure) -> Result<()> {
        self.put(&keys::erasure(erasure.user), erasure).await
    }

    /// Notes how far an erasure came, its version counted up.
    pub async fn note_erasure(&self, erasure: &Erasure) -> Result<()> {
        self.replace(&keys::erasure(erasure.user), erasure).await
    }

    /// Ends an erasure: the account says nothing more of its person.
    pub async fn end_erasure(&self, forgotten: &User, erasure: &Erasure) -> Result<()> {
        let writes = vec![
            self.replace_part(&keys::user(forgotten.id), forgotten)?,
            self.delete_version_part(&keys::erasure(erasure.user), erasure)?,
        ];
        let is_written = async { Ok(self.erasure(erasure.user).await?.is_none()) };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// Ends the erasure of a guest's orders, who is nowhere else; false if the guest asked again since it
    /// was read.
    pub async fn end_guest_erasure(&self, erasure: &Erasure) -> Result<bool> {
        let asked = serde_dynamo::to_attribute_value(erasure.asked_at).map_err(crate::Failure::unreadable)?;
        let delete = self
            .delete_of(&keys::erasure(erasure.user))
            .condition_expression("asked_at = :asked")
            .expression_attribute_values(":asked", asked);
        was_done(delete.send().await)
    }

    /// Removes all second factors of a closed account.
    pub async fn forget_factors(&self, user: UserId) -> Result<()> {
        self.delete(&keys::second_factors(user)).await
    }

    /// Writes a transfer under `owner`, emptied, if it is still in the state of `before`. True if it was.
    pub async fn forget_transfer(&self, owner: UserId, before: &Transfer, after: &Transfer) -> Result<bool> {
        let put = self
            .put_of(to_item(&keys::transfer(owner, after.id), after)?)
            .condition_expression("#state = :before")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(
                ":before",
                serde_dynamo::to_attribute_value(before.state).map_err(crate::Failure::unreadable)?,
            )
            .send()
            .await;
        was_done(put)
    }

    /// Writes an emptied member, its version counted up, and gives address and national id free.
    pub async fn forget_member(
        &self,
        fingerprints: &Fingerprints,
        before: &Member,
        after: &Member,
    ) -> Result<()> {
        let mut writes = vec![self.replace_part(&keys::member(after.tenant_id, after.id), after)?];
        for key in claims(fingerprints, before) {
            let delete = self.deleting(&key).condition_expression("claimed_by = :me");
            writes.push(delete.expression_attribute_values(":me", string(after.id.to_string())).part()?);
        }
        let is_written = async { Ok(self.member(after.tenant_id, after.id).await?.as_ref() == Some(after)) };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// Deletes the invitation by which a person came to the tenant's staff.
    pub async fn forget_invitation(&self, tenant: TenantId, invitation: InvitationId) -> Result<()> {
        self.delete(&keys::invitation(tenant, invitation)).await
    }

    /// Writes an emptied request, its version counted up.
    pub async fn forget_discount_request(&self, request: &DiscountRequest) -> Result<()> {
        let key = keys::discount_request(request.id);
        self.replace_with(&key, request, Item::from(index_entry(request))).await
    }

    /// Writes a code that was bound to a person and is nobody's now.
    pub async fn forget_code_owner(&self, promotion: &Promotion) -> Result<()> {
        let key = keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str());
        self.replace(&key, promotion).await
    }

    /// The ids of all of a tenant's events, at most `bound`.
    pub async fn events_ever(&self, tenant: TenantId, bound: u16) -> Result<Vec<EventId>> {
        self.events_starting(tenant, (Timestamp::UNIX_EPOCH, Timestamp::MAX), bound).await
    }

    /// The event, if it still exists.
    pub async fn event_of_order(&self, event: EventId) -> Result<Option<Event>> {
        Ok(self.events_of(&[event]).await?.into_iter().next().map(Event::from))
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;
    use crate::testing::{store, unguarded_puts};

    /// A guest asks again while the first wish is about to be ended. Whether the second one is still to be
    /// done.
    async fn second_wish_stays(late: &Store, store: &Store) -> bool {
        let guest = UserId::generate(at(0));
        let wish = |second| Erasure::of_guest(guest, "ana@example.com".parse().expect("valid"), at(second));
        store.begin_guest_erasure(&wish(1)).await.expect("begun");
        let read = store.erasure(guest).await.expect("read").expect("there");
        store.begin_guest_erasure(&wish(2)).await.expect("begun");
        let ended = late.end_guest_erasure(&read).await.expect("answers");
        let left = store.erasure(guest).await.expect("read");
        assert_eq!(left.is_some(), !ended);
        left == Some(wish(2))
    }

    #[tokio::test]
    async fn a_wish_that_comes_meanwhile_is_not_lost() {
        let store = store().await;
        assert!(second_wish_stays(&store, &store).await);
        let wish =
            Erasure::of_guest(UserId::generate(at(3)), "eva@example.com".parse().expect("valid"), at(3));
        store.begin_guest_erasure(&wish).await.expect("begun");
        assert!(store.end_guest_erasure(&wish).await.expect("answers"));
        assert_eq!(store.erasure(wish.user).await.expect("read"), None);
    }

    #[tokio::test]
    async fn without_the_condition_the_second_wish_is_lost() {
        let store = store().await;
        let late = unguarded_puts(&store);
        assert!(!second_wish_stays(&late, &store).await, "the race test would not notice a race");
    }
}
