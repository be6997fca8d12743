//! The pages of organisers, and their policies.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::TenantId;
use domain::colour::Colour;
use domain::policy::{Policy, PolicyKind};
use domain::tenant::{LegalInfo, Tenant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Cached, Freshness, Path, PolicyVersionsView, PolicyView, Query, Refuses, Shared};

use crate::State;
use crate::shows::ShowView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/public/organizers/{slug}",
            get_with(show, |op| {
                op.id("showOrganizer")
                    .summary("Show an organiser with its next shows")
                    .tag("Storefront")
                    .description(
                        "By its slug, one that it had before, or its id. The answer has the slug that it has now. At \
                         most fifty shows, by their start.",
                    )
                    .refuses(["tenant_not_found"])
            }),
        )
        .api_route(
            "/api/v1/public/organizers/{slug}/policies/{kind}",
            get_with(policy, |op| {
                op.id("showOrganizerPolicy")
                    .summary("Show a policy of an organiser")
                    .tag("Storefront")
                    .description("The version that holds, or the one that is asked for: versions stay as they are.")
                    .refuses(["tenant_not_found", "policy_not_found"])
            }),
        )
}

/// How long clients may cache an organiser's page, in seconds.
const ORGANIZER_SECONDS: u32 = 5;

#[derive(Debug, Deserialize, JsonSchema)]
struct OrganizerPath {
    /// The readable part of the organiser's address, such as `farola-imaginaria`, or its id.
    slug: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PolicyPath {
    /// The readable part of the organiser's address, or its id.
    slug: String,
    /// The kind of the policy.
    kind: PolicyKind,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PolicyQuery {
    /// The number of a version. If missing, the one that holds.
    version: Option<u16>,
}

/// An organiser's page.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Organizer")]
struct OrganizerView {
    /// The organiser's id.
    id: TenantId,
    /// The readable part of its page's address. Absent if it has none.
    slug: Option<String>,
    /// The name that buyers know.
    name: String,
    /// The e-mail address for buyers.
    email: String,
    /// The telephone number for buyers.
    phone: Option<String>,
    /// The address of the organiser's own site.
    website: Option<String>,
    /// The address of the logo.
    logo: Option<String>,
    /// The colour of the page.
    accent: Option<Colour>,
    /// The organiser's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// The organiser as a legal person.
    legal_info: Option<LegalInfo>,
    /// The versions of the policies that hold.
    policies: PolicyVersionsView,
    /// The next shows, by their start.
    shows: Vec<ShowView>,
}

impl OrganizerView {
    fn new(tenant: &Tenant, shows: Vec<ShowView>) -> Self {
        let tenant = tenant.clone();
        Self {
            id: tenant.id,
            slug: tenant.slug,
            name: tenant.name,
            email: tenant.email,
            phone: tenant.phone,
            website: tenant.website,
            logo: tenant.logo,
            accent: tenant.accent,
            country: tenant.country,
            legal_info: tenant.legal_info,
            policies: tenant.policies.into(),
            shows,
        }
    }
}

async fn show(
    Shared(state): Shared<State>,
    Path(path): Path<OrganizerPath>,
    freshness: Freshness,
) -> Answer<Cached<OrganizerView>> {
    let now = state.clock.now();
    let page = state.catalog.organizer_page(&path.slug, now).await?;
    let shows = page.shows(&state.catalog, now).await;
    let organizer = OrganizerView::new(&page.organizer, shows.iter().map(ShowView::from).collect());
    Cached::public(&organizer, ORGANIZER_SECONDS, &freshness)
}

async fn policy(
    Shared(state): Shared<State>,
    Path(path): Path<PolicyPath>,
    Query(query): Query<PolicyQuery>,
    freshness: Freshness,
) -> Answer<Cached<PolicyView>> {
    let now = state.clock.now();
    let policy = state.catalog.organizer_policy(&path.slug, path.kind, query.version, now).await?;
    Cached::public(&PolicyView::from(Policy::clone(&policy)), ORGANIZER_SECONDS, &freshness)
}
