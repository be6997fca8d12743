//! Tenants' sites, and the claims on their hosts. A site that is not pending and its claim are written
//! by one transaction, so a host has one tenant, and that tenant has the site.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::audit::AuditNote;
use domain::site::{MAX_SITES, Site, SiteClaim, SiteHost, SiteState};
use domain::{TenantId, Timestamp};

use crate::failure::{Item, accept_if_written};
use crate::items::{Part, string, to_item};
use crate::keys::Key;
use crate::tenant::audit::audited;
use crate::{Failure, Result, Store, Versioned, keys};

impl Versioned for Site {
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Writes a new site, or returns the stored one if the tenant has it. `note` says who does it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the tenant has [`MAX_SITES`] already.
    pub async fn create_site(&self, site: &Site, note: &AuditNote) -> Result<Site> {
        let key = key(site);
        let room = "attribute_not_exists(n) OR n < :bound";
        let writes = vec![
            self.put_new_part_with(&key, site, audited(note)?)?,
            self.count_part(&keys::site_count(site.tenant_id), 1, room, MAX_SITES)?,
        ];
        match self.transact(writes).await {
            Ok(()) => Ok(site.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// A site of the tenant, read consistently.
    pub async fn own_site(&self, tenant: TenantId, host: &SiteHost) -> Result<Option<Site>> {
        self.get_consistent(&keys::site(tenant, host)).await
    }

    /// All sites of the tenant, by their hosts.
    pub async fn own_sites(&self, tenant: TenantId) -> Result<Vec<Site>> {
        self.list_all(&keys::tenant_partition(tenant), keys::SITE_PREFIX, MAX_SITES).await
    }

    /// The claim on a host, read consistently.
    pub async fn site_claim(&self, host: &SiteHost) -> Result<Option<SiteClaim>> {
        self.get_consistent(&keys::site_claim(host)).await
    }

    /// The tenant whose site a host is. The read is eventually consistent.
    pub async fn site_tenant(&self, host: &SiteHost) -> Result<Option<TenantId>> {
        let claim: Option<SiteClaim> = self.get(&keys::site_claim(host)).await?;
        Ok(claim.map(|claim| claim.tenant))
    }

    /// Stores a site whose proof was found, its version counted up, with its claim. `seen` is the claim on
    /// the host when the proof was looked for. If that is another tenant's, `loser` is what this tenant is
    /// left with, its version counted up, too.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the claim or one of the sites was changed meanwhile.
    pub async fn prove_site(
        &self,
        site: &Site,
        claim: &SiteClaim,
        seen: Option<&SiteClaim>,
        loser: Option<&Site>,
        note: &AuditNote,
    ) -> Result<()> {
        let claim_key = keys::site_claim(&site.host);
        let put = self.putting(to_item(&claim_key, claim)?);
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(PK)"),
            Some(seen) => put
                .condition_expression("tenant = :tenant AND proved_at = :proved_at")
                .expression_attribute_values(":tenant", string(seen.tenant.to_string()))
                .expression_attribute_values(":proved_at", string(seen.proved_at.to_string())),
        };
        let mut attributes = audited(note)?;
        attributes.extend(indexed(site));
        let mut writes = vec![put.part()?, self.replace_part_with(&key(site), site, attributes)?];
        if let Some(loser) = loser {
            writes.push(self.replace_part(&key(loser), loser)?);
        }
        let is_written = async {
            let (stored, claimed) =
                (self.own_site(site.tenant_id, &site.host).await?, self.site_claim(&site.host).await?);
            Ok(stored.as_ref() == Some(site) && claimed.as_ref() == Some(claim))
        };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// Stores a site after a look at its proof, its version counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it was changed meanwhile.
    pub async fn save_checked_site(&self, site: &Site) -> Result<()> {
        self.replace_with(&key(site), site, indexed(site)).await
    }

    /// Stores a site that its tenant lost because its proof is missing, its version counted up, and takes
    /// the claim away.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it was changed meanwhile.
    pub async fn end_site(&self, site: &Site) -> Result<()> {
        let writes = vec![self.replace_part(&key(site), site)?, self.give_up_part(site)?];
        let is_written =
            async { Ok(self.own_site(site.tenant_id, &site.host).await?.as_ref() == Some(site)) };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// Deletes a site, with its claim if it has one; succeeds also if it is gone.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it was changed meanwhile.
    pub async fn delete_site(&self, site: &Site, note: &AuditNote) -> Result<()> {
        let key = key(site);
        let mut writes = vec![
            self.delete_version_part(&key, site)?,
            self.count_part(&keys::site_count(site.tenant_id), -1, "n > :bound", 0)?,
            self.deletion_record_part(note, site)?,
        ];
        if site.state != SiteState::Pending {
            writes.push(self.give_up_part(site)?);
        }
        let is_deleted = async { Ok(!self.exists_consistent(&key).await?) };
        accept_if_written(self.transact(writes).await, is_deleted).await
    }

    /// The sites whose proof is to be looked for at `now`, at most `limit`, those that wait longest first.
    pub async fn sites_due(&self, now: Timestamp, limit: u16) -> Result<Vec<(TenantId, SiteHost)>> {
        let answer = self
            .index_of(keys::SITES)
            .key_condition_expression("GSI1PK = :pk AND GSI1SK < :end")
            .expression_attribute_values(":end", string(format!("{}#~", keys::key_time(now))))
            .limit(i32::from(limit))
            .send()
            .await?;
        let due = |entry: &Item| match entry.get(keys::GSI1SK) {
            Some(AttributeValue::S(place)) => keys::parse_site_place(place)
                .ok_or_else(|| Failure::unreadable(format!("the place {place} in the index"))),
            _ => Err(Failure::unreadable("an entry of the index without its place")),
        };
        answer.items.unwrap_or_default().iter().map(due).collect()
    }

    /// The part of a transaction that takes the tenant's claim on a host away.
    fn give_up_part(&self, site: &Site) -> Result<TransactWriteItem> {
        self.deleting(&keys::site_claim(&site.host))
            .condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", string(site.tenant_id.to_string()))
            .part()
    }
}

fn key(site: &Site) -> Key {
    keys::site(site.tenant_id, &site.host)
}

/// The place of a site in the index; none while it is pending.
fn indexed(site: &Site) -> Item {
    let Some(check_at) = site.check_at else { return Item::new() };
    Item::from([
        (keys::GSI1PK.to_owned(), string(keys::SITES)),
        (keys::GSI1SK.to_owned(), string(keys::site_place(check_at, site.tenant_id, &site.host))),
    ])
}

#[cfg(test)]
mod tests;
