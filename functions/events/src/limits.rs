//! How often one may have us mail somebody who did not ask for it.

use domain::TenantId;
use domain::user::Email;
use store::limit::DAY;
use store::{Count, Limit};
use web::ClientNetwork;

use crate::State;

/// Mailed invitations of one organiser.
const TENANT: Limit = Limit::exact("invite-tenant", 50, DAY);
/// Mailed invitations from one network.
const NETWORK: Limit = Limit::exact("invite-network", 100, DAY);
/// Mailed invitations to one address, of all organisers. Strangers can fill it, but that
/// takes nothing from the address but more mails.
const ADDRESS: Limit = Limit::exact("invite-address", 5, DAY);

/// What is counted when `tenant` invites `email` from `network`.
pub(crate) fn counts(state: &State, tenant: TenantId, email: &Email, network: &ClientNetwork) -> [Count; 3] {
    let fingerprints = &state.fingerprints;
    [
        TENANT.of(&[&tenant.suffix()]),
        NETWORK.of(&[&fingerprints.source(&network.0)]),
        ADDRESS.of(&[&fingerprints.email(email)]),
    ]
}
