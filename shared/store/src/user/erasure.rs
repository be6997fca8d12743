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

    /// Begins the erasure of a guest's orders, unless one is going on.
    pub async fn begin_guest_erasure(&self, erasure: &Erasure) -> Result<()> {
        was_done(self.put_new(&keys::erasure(erasure.user), erasure).await).map(drop)
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

    /// Ends the erasure of a guest's orders, who is nowhere else.
    pub async fn end_guest_erasure(&self, erasure: &Erasure) -> Result<()> {
        self.delete(&keys::erasure(erasure.user)).await
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
