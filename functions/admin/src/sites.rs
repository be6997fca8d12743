//! The tenant's sites: hosts of its own, each proved by a DNS record or a page.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use axum::response::NoContent;
use domain::audit::AuditNote;
use domain::site::{MAX_SITES, ProofLook, Site, SiteClaim, SiteHost, SiteToken};
use domain::text::Line;
use domain::{Error, RequestId, Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::limit::QUARTER;
use store::{Failure, Limit, OnRefused, Once};
use web::{Admin, Answer, Created, IdempotencyKey, Json, Page, Path, Recent, Refuses, Shared};

use crate::State;
use crate::site_view::SiteView;

/// Looks for proofs by one tenant in a quarter of an hour. Each is a question to DNS and to a host that
/// the tenant names.
const LOOKS: Limit = Limit::exact("site-proofs", 60, QUARTER);

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/sites",
            get_with(list, |op| {
                op.id("listSites")
                    .summary("List your sites")
                    .tag("Sites")
                    .description("All of them, with what proves each.")
            })
            .post_with(create, |op| {
                op.id("createSite")
                    .summary("Add a site")
                    .tag("Sites")
                    .description(
                        "A host of your own, at which buyers see only your shows. It is yours once you have proved that \
                         you control it: put the record into DNS, or the token at the address, and verify it. A site \
                         that you have already is answered as it is.",
                    )
                    .refuses(["too_many_sites", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/tenant/sites/{host}",
            delete_with(delete, |op| {
                op.id("deleteSite")
                    .summary("Delete a site")
                    .tag("Sites")
                    .description("The host is nobody's then.")
                    .refuses(["site_not_found", "changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/tenant/sites/{host}/verify",
            post_with(verify, |op| {
                op.id("verifySite")
                    .summary("Prove that a site is yours")
                    .tag("Sites")
                    .description(
                        "Looks for the proof now: in DNS, then at the host itself. Leave it there: it is looked for every \
                         week, and a site whose proof was missing for fourteen days is lost. If the host is another \
                         organiser's, whose proof is still there, it stays so (`site_taken`); else it changes hands.",
                    )
                    .refuses(["site_not_found", "site_not_proved", "site_taken", "site_check_unavailable"])
                    .refuses(["changed_meanwhile", "too_many_tries"])
            }),
        )
}

/// A new site.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSite {
    /// The host, such as `boleteria.example`: a name without `https://`, port and path. An international
    /// name may be written in its own letters.
    host: Line<1, 253>,
}

/// Path of `/tenant/sites/{host}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SitePath {
    /// The site's host.
    host: String,
}

async fn list(Shared(state): Shared<State>, admin: Admin) -> Answer<Json<Page<SiteView>>> {
    // A tenant has at most ten sites: there is never a second page.
    let all = state.store.own_sites(admin.tenant).await?;
    Ok(Json(Page::new(all.into_iter().map(SiteView::from).collect(), None)))
}

async fn create(
    Shared(state): Shared<State>,
    admin: Admin,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewSite>,
) -> Answer<Created<SiteView>> {
    let now = state.clock.now();
    let host = state.free_host(&new.host)?;
    let once = Once { user: admin.user, route: "POST /api/v1/tenant/sites", key: key.as_deref() };
    let create = |_: RequestId| {
        let site = Site::new(admin.tenant, host.clone(), SiteToken::generate(), now);
        state.create_site(&admin, site)
    };
    Ok(Created(state.store.once(once, &(admin.tenant, &new), now, create).await?))
}

async fn verify(
    Shared(state): Shared<State>,
    Recent(admin): Recent<Admin>,
    Path(path): Path<SitePath>,
) -> Answer<Json<SiteView>> {
    let before = state.site(&admin, &path).await?;
    let now = state.clock.now();
    state.store.count(&[LOOKS.of(&[&admin.tenant.suffix()])], now).await?;
    let seen = state.store.site_claim(&before.host).await?;
    let proof = match state.proofs.look(&before).await {
        ProofLook::Found(proof) => proof,
        ProofLook::Missing => return Err(not_proved(&before).into()),
        ProofLook::Unanswered => return Err(unanswered().into()),
    };
    let loser = match &seen {
        Some(claim) if claim.tenant != admin.tenant => Some(state.loser(claim, &before.host, now).await?),
        _ => None,
    };
    let site = before.proved(proof, now);
    let claim = site.claim(admin.user).ok_or_else(|| Error::internal("a proved site has a claim"))?;
    let note = note(&admin, &site, "prove", now);
    let proved = state.store.prove_site(&site, &claim, seen.as_ref(), loser.as_ref(), &note).await;
    match proved {
        Err(Failure::Refused(_)) => Err(state.refusal(&admin, &site.host).await?.into()),
        proved => {
            proved.on_refused(Error::changed_meanwhile)?;
            Ok(Json(site.into()))
        }
    }
}

async fn delete(
    Shared(state): Shared<State>,
    Recent(admin): Recent<Admin>,
    Path(path): Path<SitePath>,
) -> Answer<NoContent> {
    let site = state.site(&admin, &path).await?;
    let note = note(&admin, &site, "delete", state.clock.now());
    state.store.delete_site(&site, &note).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

impl State {
    /// The host that an organiser enters, if it can be anybody's.
    fn free_host(&self, text: &str) -> Result<SiteHost> {
        let wrong = |detail: &str| Error::refused_field("/host", detail);
        let host: SiteHost = text.parse().map_err(|_| {
            wrong("Must be the name of a host, such as boleteria.example, without https://, port or path.")
        })?;
        if !host.is_public() {
            return Err(wrong("This name has another meaning on every machine. Choose a public one."));
        }
        if self.own_host.as_ref() == Some(&host) {
            return Err(wrong("This is the box office's own host."));
        }
        Ok(host)
    }

    async fn create_site(&self, admin: &Admin, site: Site) -> Result<SiteView> {
        let note = note(admin, &site, "create", site.created_at);
        let site = self.store.create_site(&site, &note).await.on_refused(|| {
            Error::conflict(
                "too_many_sites",
                format!("You have {MAX_SITES} sites already. Delete one that you do not use."),
            )
        })?;
        Ok(site.into())
    }

    /// The tenant's site, read now. The site of another tenant counts as not found.
    async fn site(&self, admin: &Admin, path: &SitePath) -> Result<Site> {
        let unknown = || Error::not_found("site_not_found", "You have no such site. Add it first.");
        let host: SiteHost = path.host.parse().map_err(|_| unknown())?;
        self.store.own_site(admin.tenant, &host).await?.ok_or_else(unknown)
    }

    /// What the tenant that has the host is left with, if its proof is not there any more.
    async fn loser(&self, claim: &SiteClaim, host: &SiteHost, now: Timestamp) -> Result<Site> {
        // Claim and site are written together: without the site, the claim has just gone.
        let theirs = self.store.own_site(claim.tenant, host).await?.ok_or_else(Error::changed_meanwhile)?;
        match self.proofs.look(&theirs).await {
            ProofLook::Found(_) => Err(taken()),
            ProofLook::Unanswered => Err(unanswered()),
            ProofLook::Missing => Ok(theirs.lost(now)),
        }
    }

    /// Why the host did not become the tenant's, although it was proved.
    async fn refusal(&self, admin: &Admin, host: &SiteHost) -> Result<Error> {
        let claim = self.store.site_claim(host).await?;
        let is_taken = claim.is_some_and(|claim| claim.tenant != admin.tenant);
        Ok(if is_taken { taken() } else { Error::changed_meanwhile() })
    }
}

/// The audit log's entry about a change of a site.
fn note(admin: &Admin, site: &Site, action: &str, now: Timestamp) -> AuditNote {
    admin.note(format!("site.{action}"), site.host.to_string(), now)
}

fn taken() -> Error {
    Error::conflict("site_taken", "The host is another organiser's, whose proof is still there.")
}

fn not_proved(site: &Site) -> Error {
    let view = SiteView::from(site.clone());
    Error::conflict(
        "site_not_proved",
        format!(
            "Neither has {} the TXT record {}, nor is the token at {}. A new record may take an hour to be seen.",
            view.record_name, view.record_text, view.page_url
        ),
    )
    .with("record_name", view.record_name)
    .with("record_text", view.record_text)
    .with("page_url", view.page_url)
    .with("page_text", view.page_text)
}

fn unanswered() -> Error {
    Error::unavailable(
        "site_check_unavailable",
        "DNS does not say whether the proof is there. Nothing was changed; repeat the request in a while.",
    )
    .retry_after(60)
}
