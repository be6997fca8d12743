//! Limits of mailed invitations, which go to people who did not ask for them.

use domain::tenant::Tenant;
use domain::user::Email;
use domain::{Result, Timestamp};
use store::limit::DAY;
use store::{Count, Limit};
use web::ClientNetwork;

use crate::State;

/// Mailed invitations of one organiser.
const TENANT: Limit = Limit::exact("invite-tenant", 50, DAY);
/// Mailed invitations from one network.
const NETWORK: Limit = Limit::exact("invite-network", 100, DAY);
/// Mailed invitations to one address, of all organisers together. Strangers can fill this
/// count, so above it an invitation is made all the same, without a mail.
const ADDRESS: Limit = Limit::exact("invite-address", 5, DAY);

/// The counts of an invitation that is to be mailed.
pub(crate) struct InvitationCounts {
    own: [Count; 2],
    address: Count,
    tenant: Tenant,
}

impl InvitationCounts {
    /// The counts for an invitation of `email` by `tenant` from `network`.
    pub(crate) fn new(state: &State, tenant: Tenant, email: &Email, network: &ClientNetwork) -> Self {
        let fingerprints = &state.fingerprints;
        let network = fingerprints.source(&network.0);
        Self {
            own: [TENANT.of(&[&tenant.id.suffix()]), NETWORK.of(&[&network])],
            address: ADDRESS.of(&[&fingerprints.email(email)]),
            tenant,
        }
    }

    /// Counts a mail. False if the address had enough invitations today.
    ///
    /// # Errors
    /// `too_many_tries` if the organiser or the network mailed enough invitations today;
    /// `quota_reached` if the organiser mailed as much as the operator allows.
    pub(crate) async fn count(&self, state: &State, now: Timestamp) -> Result<bool> {
        state.store.count(&self.own, now).await?;
        state.store.count_quota_mail(&self.tenant, now).await?;
        let is_mailed = state.store.count_one(&self.address, now).await?;
        if !is_mailed {
            state.store.uncount_quota_mail(&self.tenant, now).await?;
        }
        Ok(is_mailed)
    }
}
