//! The community that a public request is about, and the limits of such requests.

use domain::access::Permission;
use domain::error::Fields;
use domain::event::EventStatus;
use domain::user::Email;
use domain::{Error, EventId, Result, TenantId, Timestamp, UserId};
use store::limit::{HOUR, QUARTER};
use store::{Limit, MemberError};
use web::{Buyer, ClientNetwork};

use crate::State;

/// How often something is asked about addresses from one network.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// About all addresses together.
    of_network: Limit,
    /// About one address.
    of_address: Limit,
}

/// Lookups: of one address, more than any form asks, except one that waits for a member to pay.
pub(crate) const LOOKUPS: Limits = Limits {
    of_network: Limit::exact("member-lookup", 100, QUARTER),
    of_address: Limit::exact("member-lookup-here", 20, QUARTER),
};
/// Registrations; each costs a write.
pub(crate) const REGISTRATIONS: Limits = Limits {
    of_network: Limit::exact("member-register", 50, QUARTER),
    of_address: Limit::exact("member-register-here", 10, QUARTER),
};
/// Registrations from one network that were refused because the address or national id is
/// a member's already: a caller who tries one national id after the other learns of few.
const REFUSED: Limit = Limit::exact("member-register-refused", 10, HOUR);

/// The community that a request is about, and its supervisor, if one asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommunityScope {
    /// The community, if the request or the caller names one.
    pub(crate) tenant: Option<TenantId>,
    /// The caller, if it is a supervisor of this community.
    pub(crate) supervisor: Option<UserId>,
}

impl State {
    /// Finds the community that a request is about: the one that it names, that of the show
    /// that it names, or that of a supervisor who is signed in.
    pub(crate) async fn asked(
        &self,
        caller: Option<&Buyer>,
        tenant: Option<TenantId>,
        show: Option<EventId>,
    ) -> Result<CommunityScope> {
        let supervised = caller.and_then(|caller| caller.claims.require(Permission::SuperviseMembers).ok());
        let of_show = match show {
            Some(show) => Some(self.tenant_of(show).await?),
            None => None,
        };
        Fields::new()
            .rule(
                tenant.is_none() || of_show.is_none() || tenant == of_show,
                "/show_id",
                "Must be a show of the tenant in `tenant_id`; send one of both.",
            )
            .finish()?;
        let tenant = tenant.or(of_show).or(supervised);
        let supervisor = caller.filter(|_| tenant.is_some() && tenant == supervised);
        Ok(CommunityScope { tenant, supervisor: supervisor.map(|caller| caller.user) })
    }

    /// The tenant of a published show.
    async fn tenant_of(&self, show: EventId) -> Result<TenantId> {
        let event = self.store.event(show).await?.filter(|event| event.status != EventStatus::Draft);
        let mut fields = Fields::new();
        fields.rule(event.is_some(), "/show_id", "There is no such show.").finish()?;
        event.map(|event| event.tenant_id).ok_or_else(tenant_needed)
    }

    /// The community that a question about an address is about, or `None` if the
    /// address belongs to none.
    pub(crate) async fn community_of_address(
        &self,
        asked: CommunityScope,
        email: &Email,
    ) -> Result<Option<TenantId>> {
        if asked.tenant.is_some() {
            return Ok(asked.tenant);
        }
        match self.store.memberships(&self.fingerprints, email).await?.as_slice() {
            [] => Ok(None),
            [(tenant, _)] => Ok(Some(*tenant)),
            _ => Err(tenant_needed()),
        }
    }

    /// Counts a lookup or a registration of an address, unless one of the community's
    /// supervisors makes it.
    pub(crate) async fn count(
        &self,
        asked: CommunityScope,
        limits: Limits,
        email: &Email,
        network: &ClientNetwork,
        now: Timestamp,
    ) -> Result<()> {
        if asked.supervisor.is_some() {
            return Ok(());
        }
        let (address, network) = (self.fingerprints.email(email), self.fingerprints.source(&network.0));
        let counts = [limits.of_network.of(&[&network]), limits.of_address.of(&[&address, &network])];
        self.store.count(&counts, now).await
    }

    /// The error for a registration whose address or national id is a member's already. Only a
    /// supervisor learns which of both is taken.
    pub(crate) async fn registered_already(
        &self,
        asked: CommunityScope,
        taken: MemberError,
        network: &ClientNetwork,
        now: Timestamp,
    ) -> Error {
        if asked.supervisor.is_some() || matches!(taken, MemberError::Failure(_)) {
            return taken.into();
        }
        let refused = [REFUSED.of(&[&self.fingerprints.source(&network.0)])];
        match self.store.count(&refused, now).await {
            Ok(()) => Error::conflict(
                "already_registered",
                "Somebody with this e-mail address or this national id is a member already. If that is you, there \
                 is nothing to do; else check both for a typo.",
            ),
            Err(error) => error,
        }
    }
}

/// The error for a request that does not name its community.
pub(crate) fn tenant_needed() -> Error {
    Error::unprocessable(
        "tenant_needed",
        "Say which community you mean: send `tenant_id`, or `show_id` with one of its shows.",
    )
}
