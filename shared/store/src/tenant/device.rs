//! Scanners that a tenant paired. A removed one reports no more scans.

use domain::{DeviceId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{Result, Store, keys};

/// Most scanners of one tenant.
pub const MAX_DEVICES: usize = 200;

/// A paired scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Id of the scanner.
    pub id: DeviceId,
    /// The name that the staff gave it, such as `North door`.
    pub name: String,
    /// SHA-256 of the scanner's secret; the secret itself is not stored.
    pub secret_hash: String,
    /// The user who paired it.
    pub paired_by: UserId,
    /// When it was paired.
    pub paired_at: Timestamp,
}

impl Store {
    /// Writes a new scanner.
    pub async fn create_device(&self, tenant: TenantId, device: &Device) -> Result<()> {
        self.put_new(&keys::device(tenant, device.id), device).await
    }

    /// A scanner of the tenant, by an eventually consistent read.
    pub async fn device(&self, tenant: TenantId, device: DeviceId) -> Result<Option<Device>> {
        self.get(&keys::device(tenant, device)).await
    }

    /// The tenant's scanners, oldest first, at most [`MAX_DEVICES`].
    pub async fn devices(&self, tenant: TenantId) -> Result<Vec<Device>> {
        self.list_all(&keys::tenant_partition(tenant), keys::DEVICE_PREFIX, MAX_DEVICES).await
    }

    /// [`Store::devices`], read consistently, also those beyond the limit.
    pub async fn devices_consistent(&self, tenant: TenantId) -> Result<Vec<Device>> {
        self.list_consistent(&keys::tenant_partition(tenant), keys::DEVICE_PREFIX).await
    }

    /// Removes a scanner, if the tenant has it.
    pub async fn delete_device(&self, tenant: TenantId, device: DeviceId) -> Result<()> {
        self.delete(&keys::device(tenant, device)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_tenant_sees_its_own_scanners_only() {
        let store = store().await;
        let now = Timestamp::UNIX_EPOCH;
        let [tenant, other] = [TenantId::generate(now), TenantId::generate(now)];
        let device = Device {
            id: DeviceId::generate(now),
            name: "North door".to_owned(),
            secret_hash: "x".to_owned(),
            paired_by: UserId::generate(now),
            paired_at: now,
        };
        store.create_device(tenant, &device).await.expect("created");
        assert_eq!(store.devices(tenant).await.expect("listed"), vec![device.clone()]);
        assert_eq!(store.devices(other).await.expect("listed"), []);
        assert_eq!(store.device(other, device.id).await.expect("read"), None);
        store.delete_device(other, device.id).await.expect("nothing to do");
        assert_eq!(store.device(tenant, device.id).await.expect("read"), Some(device.clone()));
        store.delete_device(tenant, device.id).await.expect("deleted");
        assert_eq!(store.devices(tenant).await.expect("listed"), []);
    }
}
