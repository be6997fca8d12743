//! Tenants and their staff.
//!
//! A role is in the item of the user who has it, which is where a sign-in needs it. The tenant has a
//! pointer to each user of its staff, written together with the role. A write that takes an admin away
//! also counts one item of the tenant up: of two admins who remove each other at the same moment, both
//! saw the other, and one is refused.

pub(crate) mod audit;
mod audit_walk;
mod device;
mod gateway_account;
mod invitation;
mod mail_template;
mod operator;
mod policy;
mod site;
mod slug;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::access::Role;
use domain::staff::{last_admin, staff_not_found};
use domain::tenant::Tenant;
use domain::user::{User, user_not_found};
use domain::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::{Item, was_done};
use crate::items::{Part, from_item, number, string};
use crate::keys::Key;
use crate::{Failure, Listing, Result, Store, keys};

pub use audit_walk::{AuditPlace, AuditStep, AuditWalk};
pub use device::{Device, MAX_DEVICES};
pub use invitation::{Invited, StaffEntry};

/// How often the change of a role is tried while other requests change the user or the tenant's admins.
const CHANGE_ATTEMPTS: u32 = 8;

#[derive(Serialize, Deserialize)]
pub(crate) struct StaffPointer {
    pub(crate) user_id: UserId,
}

/// The place of a tenant in the list of all, which every write of its item has to have.
fn listed(tenant: &Tenant) -> Item {
    Item::from([
        (keys::GSI1PK.to_owned(), string(keys::TENANTS)),
        (keys::GSI1SK.to_owned(), string(keys::tenant_place(tenant.created_at, tenant.id))),
    ])
}

/// How often the tenant lost an admin.
#[derive(Clone, Copy, Deserialize)]
struct AdminsLost {
    n: u32,
}

impl Store {
    /// Writes a new tenant without staff, or returns the stored one if there is one. Refused if another
    /// tenant has its slug.
    pub async fn create_tenant(&self, tenant: &Tenant) -> Result<Tenant> {
        let key = keys::tenant(tenant.id);
        let mut writes = vec![self.put_new_part_with(&key, tenant, listed(tenant))?];
        writes.extend(self.slug_part(tenant)?);
        match self.transact(writes).await {
            Ok(()) => Ok(tenant.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// Writes a new tenant with `founder` as its admin, both or nothing; or returns the stored one if
    /// there is one.
    ///
    /// # Errors
    /// `slug_taken`, `too_many_memberships`, `user_not_found`; `changed_meanwhile` if other requests
    /// change the founder every time.
    pub async fn create_tenant_with_admin(
        &self,
        tenant: &Tenant,
        founder: UserId,
        now: Timestamp,
    ) -> domain::Result<Tenant> {
        for _ in 0..CHANGE_ATTEMPTS {
            if let Some(founded) = self.tenant(tenant.id).await? {
                return Ok(founded);
            }
            let mut user = self.user(founder).await?.ok_or_else(user_not_found)?;
            user.set_role(tenant.id, Some(Role::Admin))?;
            user.touch(now);
            let mut writes = vec![
                self.put_new_part_with(&keys::tenant(tenant.id), tenant, listed(tenant))?,
                self.replace_part(&keys::user(user.id), &user)?,
                self.put_part(&keys::staff(tenant.id, user.id), &StaffPointer { user_id: user.id })?,
            ];
            writes.extend(self.slug_part(tenant)?);
            if was_done(self.transact(writes).await)? {
                return Ok(tenant.clone());
            }
            self.check_tenant_slug(tenant).await?;
        }
        Err(Failure::Refused(None).into())
    }

    /// The tenant, read consistently.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>> {
        self.get_consistent(&keys::tenant(id)).await
    }

    /// The tenants with these ids, in no particular order, without those that do not exist. The read is
    /// eventually consistent.
    pub async fn tenants(&self, ids: &[TenantId]) -> Result<Vec<Tenant>> {
        let wanted: Vec<Key> = ids.iter().map(|id| keys::tenant(*id)).collect();
        self.get_many(&wanted).await?.into_iter().map(from_item).collect()
    }

    /// Stores a changed tenant, its version counted up. Refused if it was changed meanwhile.
    pub async fn replace_tenant(&self, tenant: &Tenant) -> Result<()> {
        self.replace_with(&keys::tenant(tenant.id), tenant, listed(tenant)).await
    }

    /// A page of the users who have a role in the tenant.
    pub async fn staff(&self, tenant: TenantId, after: Option<&str>, limit: u16) -> Result<Listing<User>> {
        let partition = keys::tenant_partition(tenant);
        let pointers: Listing<StaffPointer> =
            self.list(&partition, keys::STAFF_PREFIX, after, limit, false).await?;
        let wanted: Vec<Key> = pointers.items.iter().map(|pointer| keys::user(pointer.user_id)).collect();
        let mut users = HashMap::new();
        for item in self.get_many(&wanted).await? {
            let user: User = from_item(item)?;
            users.insert(user.id, user);
        }
        let users = pointers.items.iter().filter_map(|pointer| users.remove(&pointer.user_id));
        let items = users.filter(|user| user.staff.contains_key(&tenant)).collect();
        Ok(Listing { items, last: pointers.last })
    }

    /// Gives a user a role in the tenant, or another one. It has effect from the next token on, and
    /// only once the user's address is verified (see [`User::standing`]).
    ///
    /// # Errors
    /// `last_admin`, `too_many_memberships`, `user_not_found`; `changed_meanwhile` if other requests
    /// are faster every time.
    pub async fn add_staff(
        &self,
        tenant: TenantId,
        user: UserId,
        role: Role,
        now: Timestamp,
    ) -> domain::Result<User> {
        let added = self.change_staff(tenant, user, Some(role), now, |_| true).await?;
        added.ok_or_else(user_not_found)
    }

    /// Changes the role of a user on the tenant's staff.
    ///
    /// # Errors
    /// As [`Store::add_staff`], and `staff_not_found`: a user who left in the same moment does not come
    /// back by it.
    pub async fn change_role(
        &self,
        tenant: TenantId,
        user: UserId,
        role: Role,
        now: Timestamp,
    ) -> domain::Result<User> {
        let works = |user: &User| user.staff.contains_key(&tenant);
        self.change_staff(tenant, user, Some(role), now, works).await?.ok_or_else(staff_not_found)
    }

    /// Removes a user from the tenant's staff.
    ///
    /// # Errors
    /// As [`Store::add_staff`].
    pub async fn remove_staff(
        &self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> domain::Result<Option<User>> {
        let works = |user: &User| user.staff.contains_key(&tenant);
        self.change_staff(tenant, user, None, now, works).await
    }

    async fn change_staff(
        &self,
        tenant: TenantId,
        user: UserId,
        role: Option<Role>,
        now: Timestamp,
        may: impl Fn(&User) -> bool,
    ) -> domain::Result<Option<User>> {
        let pointer = keys::staff(tenant, user);
        for _ in 0..CHANGE_ATTEMPTS {
            // Read before the admins are counted, so that an admin who leaves after that is noticed.
            let lost: Option<AdminsLost> = self.get_consistent(&keys::admins_lost(tenant)).await?;
            let mut user = self.user(user).await?.ok_or_else(user_not_found)?;
            if !may(&user) {
                return Ok(None);
            }
            let is_admin = |user: &User| user.staff.get(&tenant) == Some(&Role::Admin);
            let was_admin = is_admin(&user);
            user.set_role(tenant, role)?;
            user.touch(now);
            let mut writes = vec![self.replace_part(&keys::user(user.id), &user)?];
            writes.push(match user.staff.contains_key(&tenant) {
                true => self.put_part(&pointer, &StaffPointer { user_id: user.id })?,
                false => self.delete_part(&pointer)?,
            });
            if was_admin && !is_admin(&user) {
                if !self.has_another_admin(tenant, user.id).await? {
                    return Err(last_admin());
                }
                writes.push(self.admin_lost_part(tenant, lost)?);
            }
            if was_done(self.transact(writes).await)? {
                return Ok(Some(user));
            }
        }
        Err(Failure::Refused(None).into())
    }

    /// Checks that the tenant has an admin without `user`, if this one is one.
    ///
    /// # Errors
    /// `last_admin`.
    pub async fn check_not_last_admin(&self, tenant: TenantId, user: &User) -> domain::Result<()> {
        let is_admin = user.staff.get(&tenant) == Some(&Role::Admin);
        if is_admin && !self.has_another_admin(tenant, user.id).await? { Err(last_admin()) } else { Ok(()) }
    }

    /// Whether another user than `user` can administer the tenant, read consistently.
    async fn has_another_admin(&self, tenant: TenantId, user: UserId) -> Result<bool> {
        let staff: Vec<StaffPointer> =
            self.list_consistent(&keys::tenant_partition(tenant), keys::STAFF_PREFIX).await?;
        for pointer in staff {
            let other = self.user(pointer.user_id).await?.filter(|other| other.id != user);
            let is_admin = |other: &User| {
                other.staff.get(&tenant) == Some(&Role::Admin) && other.email_verified_at.is_some()
            };
            if other.as_ref().is_some_and(is_admin) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The part of a transaction that counts a lost admin, if none was lost since `seen`.
    fn admin_lost_part(&self, tenant: TenantId, seen: Option<AdminsLost>) -> Result<TransactWriteItem> {
        let update = self
            .updating(&keys::admins_lost(tenant))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", number(1));
        let update = match seen {
            None => update.condition_expression("attribute_not_exists(n)"),
            Some(AdminsLost { n }) => {
                update.condition_expression("n = :seen").expression_attribute_values(":seen", number(n))
            }
        };
        update.part()
    }
}

#[cfg(test)]
mod tests {
    use boot::Secret;
    use domain::Currency;
    use domain::user::MAX_MEMBERSHIPS;

    use super::*;
    use crate::Fingerprints;
    use crate::testing::store_with_clock;

    #[tokio::test]
    async fn a_founder_who_is_refused_leaves_no_tenant_behind() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let fingerprints = Fingerprints::new(&Secret::new(&"s".repeat(32)).expect("long enough"));
        let mut user = User::new("ana@example.com".parse().expect("valid"), now);
        for _ in 1..MAX_MEMBERSHIPS {
            user.set_role(TenantId::generate(now), Some(Role::Scanner)).expect("room");
        }
        store.create_user(&fingerprints, &user, None).await.expect("created");
        let tenant = || {
            let id = TenantId::generate(now);
            Tenant::new(id, "Los Faroles produce", "ana@example.com", ("CO", Currency::COP), now)
        };
        let first = tenant();
        for _ in 0..2 {
            assert_eq!(store.create_tenant_with_admin(&first, user.id, now).await.expect("founded"), first);
        }
        assert_eq!(store.staff(first.id, None, 9).await.expect("read").items.len(), 1);
        let second = tenant();
        let refused = store.create_tenant_with_admin(&second, user.id, now).await.expect_err("too many");
        assert_eq!(refused.code(), "too_many_memberships");
        assert_eq!(store.tenant(second.id).await.expect("read"), None);
    }

    #[tokio::test]
    async fn staff_are_listed_with_the_role_they_have() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let fingerprints = Fingerprints::new(&Secret::new(&"s".repeat(32)).expect("long enough"));
        let (tenant, other) = (TenantId::generate(now), TenantId::generate(now));
        let mut people = Vec::new();
        for address in ["ana@example.com", "eva@example.com"] {
            let user = User::new(address.parse().expect("valid"), now);
            store.create_user(&fingerprints, &user, None).await.expect("created");
            people.push(user.id);
        }
        store.add_staff(tenant, people[0], Role::Admin, now).await.expect("added");
        store.add_staff(tenant, people[1], Role::Scanner, now).await.expect("added");
        store.add_staff(tenant, people[1], Role::Organizer, now).await.expect("changed");
        store.add_staff(other, people[1], Role::Admin, now).await.expect("added");
        let roles = |listing: Listing<User>| -> Vec<(UserId, Role)> {
            listing.items.iter().map(|user| (user.id, user.staff[&tenant])).collect()
        };
        let mut listed = roles(store.staff(tenant, None, 9).await.expect("reads"));
        listed.sort_by_key(|(user, _)| *user != people[0]);
        assert_eq!(listed, [(people[0], Role::Admin), (people[1], Role::Organizer)]);

        store.remove_staff(tenant, people[1], now).await.expect("removed");
        assert_eq!(roles(store.staff(tenant, None, 9).await.expect("reads")), [(people[0], Role::Admin)]);
        assert_eq!(store.staff(other, None, 9).await.expect("reads").items.len(), 1);
    }
}
