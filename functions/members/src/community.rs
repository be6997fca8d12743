//! Which community a request is about that anybody may make.

use domain::access::Permission;
use domain::error::Fields;
use domain::event::EventStatus;
use domain::user::Email;
use domain::{Error, EventId, Result, TenantId, Timestamp, UserId};
use store::throttle::Limit;
use web::{Buyer, network};

use crate::State;

/// Questions about addresses from one network.
const LOOKUPS: Limit = Limit { scope: "member-lookup", most: 100 };
/// Registrations from one network; each writes.
const REGISTRATIONS: Limit = Limit { scope: "member-register", most: 50 };

/// Who asks about which community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The community, if the request or the caller names one.
    pub(crate) tenant: Option<TenantId>,
    /// Who is asking, if that is one of the community's own supervisors.
    pub(crate) supervisor: Option<UserId>,
}

impl State {
    /// Finds out which community is meant: the one that the request names, that
    /// of the show that it names, or that of a supervisor who is signed in.
    pub(crate) async fn asked(
        &self,
        caller: Option<&Buyer>,
        tenant: Option<TenantId>,
        show: Option<EventId>,
    ) -> Result<Asked> {
        let supervised = caller.and_then(|caller| caller.claims.require(Permission::SuperviseMembers).ok());
        let of_show = match show {
            Some(show) => Some(self.tenant_of(show).await?),
            None => None,
        };
        Fields::new()
            .check(
                tenant.is_none() || of_show.is_none() || tenant == of_show,
                "/show_id",
                "Must be a show of the tenant in `tenant_id`; send one of both.",
            )
            .finish()?;
        let tenant = tenant.or(of_show).or(supervised);
        let supervisor = caller.filter(|_| tenant.is_some() && tenant == supervised);
        Ok(Asked { tenant, supervisor: supervisor.map(|caller| caller.user) })
    }

    /// The tenant of a show that people can see.
    async fn tenant_of(&self, show: EventId) -> Result<TenantId> {
        let event = self.store.event(show).await?.filter(|event| event.status != EventStatus::Draft);
        let mut fields = Fields::new();
        fields.check(event.is_some(), "/show_id", "There is no such show.").finish()?;
        event.map(|event| event.tenant_id).ok_or_else(tenant_needed)
    }

    /// The community that a question about an address is about, or `None` if the
    /// address belongs to none.
    pub(crate) async fn asked_about(&self, asked: Asked, email: &Email) -> Result<Option<TenantId>> {
        if asked.tenant.is_some() {
            return Ok(asked.tenant);
        }
        match self.store.memberships(&self.fingerprints, email).await?.as_slice() {
            [] => Ok(None),
            [(tenant, _)] => Ok(Some(*tenant)),
            _ => Err(tenant_needed()),
        }
    }

    /// Counts a question of somebody who is none of the community's supervisors.
    pub(crate) async fn count_lookup(&self, asked: Asked, source: &str, now: Timestamp) -> Result<()> {
        self.count(LOOKUPS, asked, source, now).await
    }

    /// Counts a registration by somebody who is none of the community's supervisors.
    pub(crate) async fn count_registration(&self, asked: Asked, source: &str, now: Timestamp) -> Result<()> {
        self.count(REGISTRATIONS, asked, source, now).await
    }

    async fn count(&self, limit: Limit, asked: Asked, source: &str, now: Timestamp) -> Result<()> {
        if asked.supervisor.is_some() {
            return Ok(());
        }
        self.store.count_try(limit, &self.fingerprints.source(&network(source)), now).await
    }
}

/// Nobody said which community is meant.
pub(crate) fn tenant_needed() -> Error {
    Error::unprocessable(
        "tenant_needed",
        "Say which community you mean: send `tenant_id`, or `show_id` with one of its shows.",
    )
}
