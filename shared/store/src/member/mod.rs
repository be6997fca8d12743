//! Members of tenants' communities and the claims on their e-mail addresses and
//! national ids.
//!
//! A claim is an item of its own, written with the member in one transaction: of two requests for the
//! same address in one tenant at the same moment, one gets it.

mod fee_payment;

use std::collections::HashSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::member::{Member, email_taken, member_not_found, national_id_taken};
use domain::user::Email;
use domain::{Error, MemberId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::items::{Part, from_item, string};
use crate::keys::Key;
use crate::{Failure, Fingerprints, Listing, Result, Store, keys};

/// How often a change is tried while other requests change the member at the same moment.
pub(crate) const CHANGE_ATTEMPTS: u32 = 5;

/// Most memberships of one e-mail address that are read.
const MAX_TENANTS: usize = 100;

/// Most members that are written at once: DynamoDB allows 100 writes in a transaction, and a member
/// needs three.
pub const MEMBERS_AT_ONCE: usize = 33;

/// A claim: the item that makes an e-mail address or a national id unique within a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    tenant: TenantId,
    claimed_by: MemberId,
}

/// Why a member was not written.
#[derive(Debug)]
pub enum MemberError {
    /// Another member of the tenant, this one, has the e-mail address.
    EmailTaken(MemberId),
    /// Another member of the tenant, this one, has the national id.
    NationalIdTaken(MemberId),
    /// The table failed, or the member was changed meanwhile.
    Failure(Failure),
}

impl From<Failure> for MemberError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<MemberError> for Error {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::EmailTaken(_) => email_taken(),
            MemberError::NationalIdTaken(_) => national_id_taken(),
            MemberError::Failure(failure) => failure.into(),
        }
    }
}

impl Store {
    /// The tenant's member with this id, read consistently. To a tenant, the members of another do not
    /// exist.
    pub async fn member(&self, tenant: TenantId, member: MemberId) -> Result<Option<Member>> {
        self.get_consistent(&keys::member(tenant, member)).await
    }

    /// The tenant's member with this e-mail address.
    ///
    /// Reads two items whether there is such a member or not, so that the response time does not tell.
    pub async fn member_by_email(
        &self,
        fingerprints: &Fingerprints,
        tenant: TenantId,
        email: &Email,
    ) -> Result<Option<Member>> {
        let claim: Option<Claim> =
            self.get_consistent(&keys::member_email(&fingerprints.email(email), tenant)).await?;
        let nobody = MemberId::from_uuid(Uuid::nil());
        let member = self.member(tenant, claim.map_or(nobody, |claim| claim.claimed_by)).await?;
        // Between the two reads the address may have gone to another member.
        Ok(member.filter(|member| member.email == *email))
    }

    /// The memberships with this e-mail address, in at most 100 tenants.
    pub async fn memberships(
        &self,
        fingerprints: &Fingerprints,
        email: &Email,
    ) -> Result<Vec<(TenantId, MemberId)>> {
        let partition = keys::member_emails(&fingerprints.email(email));
        let claims: Vec<Claim> = self.list_all(&partition, "", MAX_TENANTS).await?;
        Ok(claims.into_iter().map(|claim| (claim.tenant, claim.claimed_by)).collect())
    }

    /// A page of the tenant's members, newest first.
    pub async fn members(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Member>> {
        if after.is_some_and(|sk| MemberId::from_suffix(sk).is_err()) {
            return Err(Failure::ForeignCursor);
        }
        self.list(&keys::members_partition(tenant), "", after, limit, true).await
    }

    /// The cursor of [`Store::members`] after this member.
    pub fn after_member(member: &Member) -> String {
        keys::member(member.tenant_id, member.id).sk
    }

    /// Writes a new member and claims the e-mail address and the national id: all or nothing. Safe to
    /// repeat.
    ///
    /// # Errors
    /// [`MemberError::EmailTaken`] or [`MemberError::NationalIdTaken`] if another
    /// member of the tenant has it.
    pub async fn create_member(
        &self,
        fingerprints: &Fingerprints,
        member: &Member,
    ) -> Result<(), MemberError> {
        let writes = self.new_member_parts(fingerprints, member)?;
        match self.transact(writes).await {
            Ok(()) => Ok(()),
            Err(failure) => self.judge(fingerprints, None, member, failure).await,
        }
    }

    /// Writes up to [`MEMBERS_AT_ONCE`] new members: all or none of them.
    ///
    /// # Errors
    /// [`Failure::Refused`] if one of the addresses or ids is taken; [`Store::create_member`] tells
    /// which.
    pub async fn create_members(&self, fingerprints: &Fingerprints, members: &[Member]) -> Result<()> {
        let mut writes = Vec::with_capacity(3 * members.len());
        for member in members {
            writes.extend(self.new_member_parts(fingerprints, member)?);
        }
        self.transact(writes).await
    }

    fn new_member_parts(
        &self,
        fingerprints: &Fingerprints,
        member: &Member,
    ) -> Result<Vec<TransactWriteItem>> {
        let mut writes = vec![self.put_new_part(&keys::member(member.tenant_id, member.id), member)?];
        for key in claims(fingerprints, member) {
            writes.push(self.put_new_part(&key, &claim_of(member))?);
        }
        Ok(writes)
    }

    /// The result of a write of `member`, new or changed, that was refused or whose answer was lost: a
    /// member that was written must not be told that its address is taken.
    async fn judge(
        &self,
        fingerprints: &Fingerprints,
        before: Option<&Member>,
        member: &Member,
        failure: Failure,
    ) -> Result<(), MemberError> {
        if matches!(failure, Failure::Fault(_) | Failure::ForeignCursor) {
            return Err(failure.into());
        }
        if self.member(member.tenant_id, member.id).await?.as_ref() == Some(member) {
            return Ok(());
        }
        // Only what this write would have claimed: a faster request may have given up what the member
        // had.
        if before.is_none_or(|before| before.email != member.email)
            && let Some(other) = self.other_owner(&email_key(fingerprints, member), member).await?
        {
            return Err(MemberError::EmailTaken(other));
        }
        if before.is_none_or(|before| before.identity() != member.identity())
            && let Some(key) = national_id_key(fingerprints, member)
            && let Some(other) = self.other_owner(&key, member).await?
        {
            return Err(MemberError::NationalIdTaken(other));
        }
        Err(failure.into())
    }

    /// The other member that has the claim, if there is one.
    async fn other_owner(&self, claim: &Key, member: &Member) -> Result<Option<MemberId>> {
        let claim: Option<Claim> = self.get_consistent(claim).await?;
        Ok(claim.map(|claim| claim.claimed_by).filter(|owner| *owner != member.id))
    }

    /// Stores a changed member, its version counted up, and moves the claims if the e-mail address or
    /// the national id is another one.
    ///
    /// # Errors
    /// As [`Store::create_member`]; [`Failure::Refused`] if the member was changed meanwhile.
    pub async fn replace_member(
        &self,
        fingerprints: &Fingerprints,
        before: &Member,
        after: &Member,
    ) -> Result<(), MemberError> {
        let writes = self.changed_member_parts(fingerprints, before, after)?;
        let sent = match writes.len() {
            // Costs half as much as a transaction.
            1 => self.replace(&keys::member(after.tenant_id, after.id), after).await,
            _ => self.transact(writes).await,
        };
        match sent {
            Ok(()) => Ok(()),
            Err(failure) => self.judge(fingerprints, Some(before), after, failure).await,
        }
    }

    /// The parts of a transaction that store a changed member and its claims.
    pub(crate) fn changed_member_parts(
        &self,
        fingerprints: &Fingerprints,
        before: &Member,
        after: &Member,
    ) -> Result<Vec<TransactWriteItem>> {
        let mut writes = vec![self.replace_part(&keys::member(after.tenant_id, after.id), after)?];
        let (old, new) = (claims(fingerprints, before), claims(fingerprints, after));
        for key in new.iter().filter(|key| !old.contains(key)) {
            writes.push(self.put_new_part(key, &claim_of(after))?);
        }
        for key in old.iter().filter(|key| !new.contains(key)) {
            // Not another member's claim, in case `before` is stale.
            let delete = self.deleting(key).condition_expression("claimed_by = :me");
            let me = string(after.id.to_string());
            writes.push(delete.expression_attribute_values(":me", me).part()?);
        }
        Ok(writes)
    }

    /// Reads the member, lets `change` change it, and writes it back; starts again if another request
    /// was faster. A change that changes nothing writes nothing. `change` counts the version up with
    /// [`Member::touch`].
    ///
    /// # Errors
    /// The errors of `change`; `member_not_found`; `email_taken`; `dni_taken`; `changed_meanwhile` if
    /// other requests are faster every time.
    pub async fn change_member(
        &self,
        fingerprints: &Fingerprints,
        tenant: TenantId,
        member: MemberId,
        change: impl Fn(&mut Member) -> domain::Result<()>,
    ) -> domain::Result<Member> {
        let mut attempt = 0;
        loop {
            let before = self.member(tenant, member).await?.ok_or_else(member_not_found)?;
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(after);
            }
            attempt += 1;
            match self.replace_member(fingerprints, &before, &after).await {
                Ok(()) => return Ok(after),
                Err(MemberError::Failure(Failure::Refused(_))) if attempt < CHANGE_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Notes that mail to the tenant's member with this address bounced for good. Does nothing if that
    /// is known, or no member has the address.
    ///
    /// # Errors
    /// As [`Store::change_member`].
    pub async fn mark_member_bounced(
        &self,
        fingerprints: &Fingerprints,
        tenant: TenantId,
        email: &Email,
        now: Timestamp,
    ) -> domain::Result<()> {
        let Some(member) = self.member_by_email(fingerprints, tenant, email).await? else { return Ok(()) };
        let marked = self.change_member(fingerprints, tenant, member.id, |member| {
            if member.email == *email && member.email_bounced_at.is_none() {
                member.email_bounced_at = Some(now);
                member.touch(None, now);
            }
            Ok(())
        });
        marked.await.map(drop)
    }

    /// The tenant's members who have one of these e-mail addresses or national ids (see
    /// [`Member::identity`]), for many at once. The reads are eventually consistent.
    pub async fn members_with(
        &self,
        fingerprints: &Fingerprints,
        tenant: TenantId,
        emails: &[&Email],
        identities: &[&str],
    ) -> Result<Vec<Member>> {
        let emails = emails.iter().map(|email| keys::member_email(&fingerprints.email(email), tenant));
        let ids = identities
            .iter()
            .map(|identity| keys::member_national_id(&fingerprints.national_id(identity), tenant));
        let claims = self.get_many(&distinct(emails.chain(ids))).await?;
        let mut members = Vec::with_capacity(claims.len());
        for item in claims {
            let claim: Claim = from_item(item)?;
            members.push(keys::member(tenant, claim.claimed_by));
        }
        self.get_many(&distinct(members)).await?.into_iter().map(from_item).collect()
    }
}

fn claim_of(member: &Member) -> Claim {
    Claim { tenant: member.tenant_id, claimed_by: member.id }
}

fn email_key(fingerprints: &Fingerprints, member: &Member) -> Key {
    keys::member_email(&fingerprints.email(&member.email), member.tenant_id)
}

fn national_id_key(fingerprints: &Fingerprints, member: &Member) -> Option<Key> {
    let fingerprint = fingerprints.national_id(&member.identity()?);
    Some(keys::member_national_id(&fingerprint, member.tenant_id))
}

/// The keys of all claims of a member.
pub(crate) fn claims(fingerprints: &Fingerprints, member: &Member) -> Vec<Key> {
    let mut keys = vec![email_key(fingerprints, member)];
    keys.extend(national_id_key(fingerprints, member));
    keys
}

/// Each key once: DynamoDB refuses to read an item twice.
fn distinct(keys: impl IntoIterator<Item = Key>) -> Vec<Key> {
    keys.into_iter().collect::<HashSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests;
