//! Tenants and the people who work for them.
//!
//! A role stands in the item of the user who has it, which is where a sign-in
//! needs it. The tenant has a pointer to each of its people, written before the
//! role and deleted after it: whoever has a role is always found.

use std::collections::HashMap;

use domain::access::Role;
use domain::event::Tenant;
use domain::user::User;
use domain::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::items::from_item;
use crate::keys::Key;
use crate::{Failure, Listing, Store, Versioned, keys};

#[derive(Serialize, Deserialize)]
struct StaffPointer {
    user_id: UserId,
}

impl Versioned for Tenant {
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Writes a new tenant. Writing it again answers with what is stored.
    pub async fn create_tenant(&self, tenant: &Tenant) -> Result<Tenant, Failure> {
        let key = keys::tenant(tenant.id);
        match self.put_new(&key, tenant).await {
            Ok(()) => Ok(tenant.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// The tenant, as it is now.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, Failure> {
        self.get_consistent(&keys::tenant(id)).await
    }

    /// Stores a changed tenant. Refused if somebody else changed it meanwhile.
    pub async fn replace_tenant(&self, tenant: &Tenant) -> Result<(), Failure> {
        self.replace(&keys::tenant(tenant.id), tenant).await
    }

    /// A page of the people who have a role in the tenant.
    pub async fn staff(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<User>, Failure> {
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

    /// Makes somebody part of the tenant's staff, or changes the role. See
    /// [`Store::set_staff_role`].
    pub async fn add_staff(
        &self,
        tenant: TenantId,
        user: UserId,
        role: Role,
        now: Timestamp,
    ) -> domain::Result<User> {
        self.put(&keys::staff(tenant, user), &StaffPointer { user_id: user }).await?;
        self.set_staff_role(user, tenant, Some(role), now).await
    }

    /// Ends somebody's work for the tenant.
    pub async fn remove_staff(&self, tenant: TenantId, user: UserId, now: Timestamp) -> domain::Result<()> {
        self.set_staff_role(user, tenant, None, now).await?;
        Ok(self.delete(&keys::staff(tenant, user)).await?)
    }
}

#[cfg(test)]
mod tests {
    use boot::Secret;

    use super::*;
    use crate::Fingerprints;
    use crate::testing::store_with_clock;

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
