//! The pages of organisers and their policies.

use std::sync::Arc;

use domain::policy::{Policy, PolicyKind, policy_not_found};
use domain::tenant::{Tenant, tenant_not_found};
use domain::{Result, TenantId, Timestamp};

use super::{Catalog, PricedShow, ShowList, may_be_slug};

/// The most shows on an organiser's page; the list of shows has the others.
const MAX_SHOWS: usize = 50;

/// An organiser's page.
#[derive(Debug)]
pub struct OrganizerPage {
    /// The organiser.
    pub organizer: Arc<Tenant>,
    shows: Arc<ShowList>,
}

impl OrganizerPage {
    /// The organiser's next shows with the current prices of their cheapest tickets.
    pub async fn shows(&self, catalog: &Catalog, now: Timestamp) -> Vec<PricedShow<'_>> {
        let own = self.shows.upcoming(now).filter(|show| show.tenant_id == self.organizer.id);
        catalog.priced(own.take(MAX_SHOWS), now).await
    }
}

impl Catalog {
    /// The page of the organiser with this slug, or one that it had before, or this id.
    ///
    /// # Errors
    /// `tenant_not_found`.
    pub async fn organizer_page(&self, name: &str, now: Timestamp) -> Result<OrganizerPage> {
        let id = self.organizer_named(name, now).await?;
        let read = || async move { Ok(self.store.tenant(id).await?) };
        let organizer = self.caches.organizers.get(id, now, read).await?.ok_or_else(tenant_not_found)?;
        Ok(OrganizerPage { organizer, shows: self.shows(now).await? })
    }

    /// A policy of the organiser that `name` names, as [`Catalog::organizer_page`]; without a version,
    /// the one that holds.
    ///
    /// # Errors
    /// `tenant_not_found`, `policy_not_found`.
    pub async fn organizer_policy(
        &self,
        name: &str,
        kind: PolicyKind,
        version: Option<u16>,
        now: Timestamp,
    ) -> Result<Arc<Policy>> {
        let id = self.organizer_named(name, now).await?;
        let version = match version {
            Some(version) => version,
            None => {
                let read = || async move { Ok(self.store.tenant(id).await?) };
                let organizer = self.caches.organizers.get(id, now, read).await?;
                organizer.ok_or_else(tenant_not_found)?.policies.get(kind)
            }
        };
        let read = || async move { Ok(self.store.policy_version(id, kind, version).await?) };
        self.caches.policies.get((id, kind, version), now, read).await?.ok_or_else(policy_not_found)
    }

    /// The id of the organiser with this slug, or one that it had before, or this id.
    ///
    /// # Errors
    /// `tenant_not_found`, but not for an id that nobody has.
    pub async fn organizer_named(&self, name: &str, now: Timestamp) -> Result<TenantId> {
        // Slugs have no underscores, and ids have one.
        if let Ok(id) = name.parse() {
            return Ok(id);
        }
        if !may_be_slug(name) {
            return Err(tenant_not_found());
        }
        let read = || async move { Ok(self.store.tenant_by_slug(name).await?) };
        let id = self.caches.tenant_slugs.get(name.to_owned(), now, read).await?;
        id.map(|id| *id).ok_or_else(tenant_not_found)
    }
}
