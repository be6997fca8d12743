//! The organiser's policies that a buyer accepts with a reservation.

use domain::policy::{Accepted, PolicyVersions};
use domain::tenant::tenant_not_found;
use domain::{Result, TenantId, Timestamp};

use super::Orders;

impl Orders {
    /// What a buyer who accepts these versions has accepted; `None` if the organiser has no policies.
    ///
    /// # Errors
    /// `policies_changed`, with the versions that hold.
    pub(super) async fn accepted_policies(
        &self,
        tenant: TenantId,
        accepts: PolicyVersions,
        now: Timestamp,
    ) -> Result<Option<Accepted>> {
        let read = || async move { Ok(self.store.tenant(tenant).await?) };
        let cached = self.tenants.get(tenant, now, read).await?.ok_or_else(tenant_not_found)?;
        match cached.policies.accept(accepts, now) {
            // The buyer may have seen newer ones than this environment.
            Err(_) => read().await?.ok_or_else(tenant_not_found)?.policies.accept(accepts, now),
            accepted => accepted,
        }
    }
}
