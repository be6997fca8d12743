//! Public questions about an e-mail address: whether it is a member's, and whether that
//! member may ask for discounts.

use actions::Lookup;
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::member::{Ineligible, Member};
use domain::user::Email;
use domain::{EventId, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, ClientNetwork, Json, MaybeBuyer, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/users/check-email",
            post_with(check, |op| {
                op.id("checkEmail")
                    .summary("Ask whether an address is a member's")
                    .tag("Members")
                    .description(WHICH_COMMUNITY)
                    .refuses(["refused_fields", "tenant_needed", "too_many_tries"])
            }),
        )
        .api_route(
            "/api/v1/users/validate-email",
            post_with(validate, |op| {
                op.id("validateEmail")
                    .summary("Ask whether a member may ask for discounts")
                    .tag("Members")
                    .description(WHICH_COMMUNITY)
                    .refuses(["refused_fields", "tenant_needed", "too_many_tries"])
            }),
        )
}

const WHICH_COMMUNITY: &str = "The community is the one of `tenant_id`, that of the show `show_id`, or that of a supervisor \
     who is signed in. Without any of these it is the only one in which the address is known; if there are several, \
     the answer is 422. From one network only so many questions are answered in a quarter of an hour, and fewer about one address.";

/// An address, and the community in which to look for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddressQuestion {
    /// The e-mail address.
    email: Email,
    /// The id of the community's organiser.
    tenant_id: Option<TenantId>,
    /// The id of a show of the community, in place of `tenant_id`.
    show_id: Option<EventId>,
}

/// Whether an address is a member's.
#[derive(Debug, Serialize, JsonSchema)]
struct KnownAddress {
    /// True if a member has the address.
    exists: bool,
}

/// Whether a member may ask for discounts.
#[derive(Debug, Serialize, JsonSchema)]
struct MemberValidity {
    /// True if a member with this address may ask for discounts.
    valid: bool,
    /// True if a member has the address.
    exists: bool,
    /// True if the member's subscription is active.
    subscription_active: bool,
    /// True if the member's monthly fee is paid.
    monthly_fee_current: bool,
    /// Why the member may not ask for discounts; null if `valid`.
    code: Option<Ineligible>,
    /// The answer as a sentence for the member.
    message: String,
}

impl MemberValidity {
    fn of(member: Option<&Member>) -> Self {
        let eligible = member.ok_or(Ineligible::EmailNotFound).and_then(Member::eligible);
        Self {
            valid: eligible.is_ok(),
            exists: member.is_some(),
            subscription_active: member.is_some_and(|member| member.subscription_active),
            monthly_fee_current: member.is_some_and(|member| member.monthly_fee_current),
            code: eligible.err(),
            message: match eligible {
                Ok(()) => "You may ask for discounts.".to_owned(),
                Err(reason) => reason.detail().to_owned(),
            },
        }
    }
}

async fn check(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(caller): MaybeBuyer,
    Json(question): Json<AddressQuestion>,
) -> Answer<Json<KnownAddress>> {
    let now = state.clock.now();
    let member = state.community.member(question.lookup(), caller.as_ref(), &network, now).await?;
    Ok(Json(KnownAddress { exists: member.is_some() }))
}

async fn validate(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(caller): MaybeBuyer,
    Json(question): Json<AddressQuestion>,
) -> Answer<Json<MemberValidity>> {
    let now = state.clock.now();
    let member = state.community.member(question.lookup(), caller.as_ref(), &network, now).await?;
    Ok(Json(MemberValidity::of(member.as_ref())))
}

impl AddressQuestion {
    fn lookup(&self) -> Lookup<'_> {
        Lookup { email: &self.email, tenant: self.tenant_id, show: self.show_id }
    }
}
