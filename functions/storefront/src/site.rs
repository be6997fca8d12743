//! The organiser's site at which a page is shown.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Cached, Freshness, Shared, SiteTenant};

use crate::State;
use crate::event::PublicOrganizer;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/site",
        get_with(show, |op| {
            op.id("showSite").summary("Show whose site this is").tag("Storefront").description(
                "The organiser whose own host the request names in `Host`, else in `Origin`, else in `Referer`. Lists \
                 of shows have only its shows then. It changes nothing about what the caller may do.",
            )
        }),
    )
}

/// How long clients may cache it, in seconds.
const SITE_SECONDS: u32 = 30;

/// An organiser's site, or the box office's own host.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PublicSite {
    /// The site's host, such as `boleteria.example`. Absent at the box office's own host.
    host: Option<String>,
    /// The organiser whose site it is. Absent at the box office's own host.
    organizer: Option<PublicOrganizer>,
}

async fn show(
    Shared(state): Shared<State>,
    site: SiteTenant,
    freshness: Freshness,
) -> Answer<Cached<PublicSite>> {
    let now = state.clock.now();
    let tenant = match site.tenant() {
        Some(tenant) => state.catalog.tenant(tenant, now).await?,
        None => None,
    };
    let site = PublicSite {
        host: site.0.filter(|_| tenant.is_some()).map(|site| site.host.into()),
        organizer: tenant.as_deref().map(PublicOrganizer::new),
    };
    Ok(Cached::public(&site, SITE_SECONDS, &freshness)?.by_site())
}
