//! Tenants.

use domain::TenantId;
use domain::event::Tenant;

use crate::{Failure, Store, Versioned, keys};

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
}
