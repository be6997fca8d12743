//! Public questions about an e-mail address: whose community is meant, and whether the address is a
//! member's there; and the limits of such questions.

use domain::access::{Claims, Permission};
use domain::error::Fields;
use domain::member::Member;
use domain::user::Email;
use domain::{Error, EventId, Result, TenantId, Timestamp, UserId};
use store::limit::{HOUR, QUARTER};
use store::{Fingerprints, Limit, MemberError, Store};

/// How often something is asked about addresses from one network.
#[derive(Clone, Copy)]
struct Limits {
    /// About all addresses together.
    of_network: Limit,
    /// About one address.
    of_address: Limit,
}

/// Lookups: of one address, more than any form asks, except one that waits for a member to pay.
const LOOKUPS: Limits = Limits {
    of_network: Limit::exact("member-lookup", 100, QUARTER),
    of_address: Limit::exact("member-lookup-here", 20, QUARTER),
};
/// Registrations; each costs a write.
const REGISTRATIONS: Limits = Limits {
    of_network: Limit::exact("member-register", 50, QUARTER),
    of_address: Limit::exact("member-register-here", 10, QUARTER),
};
/// Registrations from one network that were refused because the address or national id is
/// a member's already: a caller who tries one national id after the other learns of few.
const REFUSED: Limit = Limit::exact("member-register-refused", 10, HOUR);

/// The community that a request is about, and its supervisor, if one asks.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// The community, if the request or the caller names one.
    tenant: Option<TenantId>,
    /// The caller, if it is a supervisor of this community.
    supervisor: Option<UserId>,
}

/// The community in which an address is to be registered.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationScope {
    /// The community.
    pub tenant: TenantId,
    /// The caller, if it is a supervisor of the community.
    pub supervisor: Option<UserId>,
}

/// A question about an address, and how it names the community.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// The e-mail address.
    pub email: &'a Email,
    /// The id of the community's organiser.
    pub tenant: Option<TenantId>,
    /// The id of a show of the community, in place of `tenant`.
    pub show: Option<EventId>,
}

/// The communities of members, as any caller may ask about them.
#[derive(Clone, Debug)]
pub struct Community {
    store: Store,
    fingerprints: Fingerprints,
}

impl Community {
    /// The communities in the table of `store`.
    pub fn new(store: &Store, fingerprints: Fingerprints) -> Self {
        Self { store: store.clone(), fingerprints }
    }

    /// The member with the address; `None` if there is none, or if the address belongs to no
    /// community at all. Counts against the limits of `network`, unless a supervisor of the
    /// community asks.
    ///
    /// # Errors
    /// `tenant_needed` if the address belongs to several communities and none is named,
    /// `too_many_tries`.
    pub async fn member(
        &self,
        question: Lookup<'_>,
        caller: Option<&Claims>,
        network: &str,
        now: Timestamp,
    ) -> Result<Option<Member>> {
        let scope = self.scope(question, caller).await?;
        self.count(scope, LOOKUPS, question.email, network, now).await?;
        let tenant = match scope.tenant {
            Some(tenant) => tenant,
            None => match self.store.memberships(&self.fingerprints, question.email).await?.as_slice() {
                [] => return Ok(None),
                [(tenant, _)] => *tenant,
                _ => return Err(tenant_needed()),
            },
        };
        Ok(self.store.member_by_email(&self.fingerprints, tenant, question.email).await?)
    }

    /// The community in which `caller` wants to register an address. Counts against the limits of
    /// `network`, unless a supervisor of the community registers it.
    ///
    /// # Errors
    /// `tenant_needed` if none is named, `too_many_tries`.
    pub async fn of_registration(
        &self,
        registration: Lookup<'_>,
        caller: Option<&Claims>,
        network: &str,
        now: Timestamp,
    ) -> Result<RegistrationScope> {
        let scope = self.scope(registration, caller).await?;
        self.count(scope, REGISTRATIONS, registration.email, network, now).await?;
        let tenant = scope.tenant.ok_or_else(tenant_needed)?;
        Ok(RegistrationScope { tenant, supervisor: scope.supervisor })
    }

    /// Finds the community that a request is about: the one that it names, that of the show
    /// that it names, or that of a supervisor who is signed in.
    async fn scope(&self, named: Lookup<'_>, caller: Option<&Claims>) -> Result<Scope> {
        let supervised = caller.and_then(|caller| caller.require(Permission::SuperviseMembers).ok());
        let of_show = match named.show {
            Some(show) => Some(self.tenant_of(show).await?),
            None => None,
        };
        Fields::new()
            .rule(
                named.tenant.is_none() || of_show.is_none() || named.tenant == of_show,
                "/show_id",
                "Must be a show of the tenant in `tenant_id`; send one of both.",
            )
            .finish()?;
        let tenant = named.tenant.or(of_show).or(supervised);
        let supervisor = caller.filter(|_| tenant.is_some() && tenant == supervised);
        Ok(Scope { tenant, supervisor: supervisor.map(|caller| caller.user) })
    }

    /// The tenant of a published show.
    async fn tenant_of(&self, show: EventId) -> Result<TenantId> {
        let event = self.store.event(show).await?.filter(|event| event.status.is_public());
        let mut fields = Fields::new();
        fields.rule(event.is_some(), "/show_id", "There is no such show.").finish()?;
        event.map(|event| event.tenant_id).ok_or_else(tenant_needed)
    }

    /// Counts a lookup or a registration of an address, unless one of the community's
    /// supervisors makes it.
    async fn count(
        &self,
        scope: Scope,
        limits: Limits,
        email: &Email,
        network: &str,
        now: Timestamp,
    ) -> Result<()> {
        if scope.supervisor.is_some() {
            return Ok(());
        }
        let (address, network) = (self.fingerprints.email(email), self.fingerprints.source(network));
        let counts = [limits.of_network.of(&[&network]), limits.of_address.of(&[&address, &network])];
        self.store.count(&counts, now).await
    }

    /// The error for a registration whose address or national id is a member's already. Only a
    /// supervisor learns which of both is taken.
    pub async fn registered_already(
        &self,
        scope: RegistrationScope,
        taken: MemberError,
        network: &str,
        now: Timestamp,
    ) -> Error {
        if scope.supervisor.is_some() || matches!(taken, MemberError::Failure(_)) {
            return taken.into();
        }
        let refused = [REFUSED.of(&[&self.fingerprints.source(network)])];
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
fn tenant_needed() -> Error {
    Error::unprocessable(
        "tenant_needed",
        "Say which community you mean: send `tenant_id`, or `show_id` with one of its shows.",
    )
}
