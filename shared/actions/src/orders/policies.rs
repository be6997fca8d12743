//! The organiser's terms of a reservation: whether it may sell, the policies that a buyer accepts, and the
//! operator's commission.

use domain::operator::organiser_suspended;
use domain::policy::{Accepted, PolicyVersions};
use domain::tenant::{Tenant, tenant_not_found};
use domain::{BasisPoints, Result, TenantId, Timestamp};

use super::Orders;

/// The terms of a new reservation.
#[derive(Debug)]
pub(super) struct TermsOfSale {
    /// What the buyer accepts; `None` if the organiser has no policies.
    pub(super) accepted: Option<Accepted>,
    /// The rate of the operator's commission.
    pub(super) commission: BasisPoints,
}

impl TermsOfSale {
    fn of(tenant: &Tenant, accepts: PolicyVersions, now: Timestamp) -> Result<Self> {
        tenant.may_sell()?;
        Ok(Self { accepted: tenant.policies.accept(accepts, now)?, commission: tenant.commission })
    }
}

impl Orders {
    /// The terms for a buyer who accepts these versions of the policies.
    ///
    /// # Errors
    /// `organiser_suspended`; `policies_changed`, with the versions that hold.
    pub(super) async fn terms_of_sale(
        &self,
        tenant: TenantId,
        accepts: PolicyVersions,
        now: Timestamp,
    ) -> Result<TermsOfSale> {
        let read = || async move { Ok(self.store.tenant(tenant).await?) };
        let cached = self.tenants.get(tenant, now, read).await?.ok_or_else(tenant_not_found)?;
        match TermsOfSale::of(&cached, accepts, now) {
            // The buyer may have seen newer ones than this environment.
            Err(_) => TermsOfSale::of(&read().await?.ok_or_else(tenant_not_found)?, accepts, now),
            terms => terms,
        }
    }

    /// Checks that the operator has not suspended an organiser, by a consistent read: for who has just
    /// begun something that a suspension forbids.
    ///
    /// # Errors
    /// `organiser_suspended`.
    pub async fn check_still_sells(&self, tenant: TenantId) -> Result<()> {
        if self.store.suspended_sale(tenant).await? { Err(organiser_suspended()) } else { Ok(()) }
    }
}
