//! How often one may have us mail somebody who did not ask for it.

use domain::user::Email;
use domain::{Result, TenantId, Timestamp};
use store::limit::DAY;
use store::{Count, Limit};
use web::ClientNetwork;

use crate::State;

/// Invitations of one organiser that are to be mailed.
const TENANT: Limit = Limit::exact("invite-tenant", 50, DAY);
/// Those from one network.
const NETWORK: Limit = Limit::exact("invite-network", 100, DAY);
/// Mailed invitations to one address, of all organisers. Strangers can fill it, so whoever
/// is invited after that is invited all the same, without a mail.
const ADDRESS: Limit = Limit::exact("invite-address", 5, DAY);

/// The counts of an invitation that is to be mailed.
pub(crate) struct Mails {
    own: [Count; 2],
    address: Count,
}

impl Mails {
    /// Those of `tenant`, who invites `email` from `network`.
    pub(crate) fn new(state: &State, tenant: TenantId, email: &Email, network: &ClientNetwork) -> Self {
        let fingerprints = &state.fingerprints;
        let network = fingerprints.source(&network.0);
        Self {
            own: [TENANT.of(&[&tenant.suffix()]), NETWORK.of(&[&network])],
            address: ADDRESS.of(&[&fingerprints.email(email)]),
        }
    }

    /// Counts one. False if the address was mailed enough today.
    ///
    /// # Errors
    /// `too_many_tries` if the organiser or the network invited enough.
    pub(crate) async fn count(&self, state: &State, now: Timestamp) -> Result<bool> {
        state.store.count(&self.own, now).await?;
        Ok(state.store.count_one(&self.address, now).await?)
    }
}
