//! Tenants' claims on the readable parts of their pages' addresses. A claim is never given up: the
//! addresses that a tenant had lead to it.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::tenant::Tenant;
use domain::{Error, TenantId};
use serde::{Deserialize, Serialize};

use super::listed;
use crate::failure::accept_if_written;
use crate::items::{Part, string, to_item};
use crate::{Failure, Result, Store, keys};

/// A claim on a slug.
#[derive(Serialize, Deserialize)]
struct TenantClaim {
    tenant_id: TenantId,
}

impl Store {
    /// The tenant that has or had this slug, by an eventually consistent read.
    pub async fn tenant_by_slug(&self, slug: &str) -> Result<Option<TenantId>> {
        let claim: Option<TenantClaim> = self.get(&keys::tenant_slug(slug)).await?;
        Ok(claim.map(|claim| claim.tenant_id))
    }

    /// Stores a changed tenant, its version counted up, with its claim on its slug.
    ///
    /// # Errors
    /// `slug_taken`; `changed_meanwhile` if it was changed meanwhile.
    pub async fn update_tenant(&self, tenant: &Tenant) -> domain::Result<()> {
        let key = keys::tenant(tenant.id);
        let mut writes = vec![self.replace_part_with(&key, tenant, listed(tenant))?];
        writes.extend(self.slug_part(tenant)?);
        let is_written = async {
            let stored: Option<Tenant> = self.get_consistent(&key).await?;
            Ok(stored.as_ref() == Some(tenant))
        };
        match accept_if_written(self.transact(writes).await, is_written).await {
            Err(refused @ Failure::Refused(_)) => {
                self.check_tenant_slug(tenant).await?;
                Err(refused.into())
            }
            result => Ok(result?),
        }
    }

    /// The part of a tenant's write that claims its slug, if it has one; refused if it is another
    /// tenant's.
    pub(super) fn slug_part(&self, tenant: &Tenant) -> Result<Option<TransactWriteItem>> {
        let Some(slug) = &tenant.slug else { return Ok(None) };
        let claim = to_item(&keys::tenant_slug(slug), &TenantClaim { tenant_id: tenant.id })?;
        let put = self.putting(claim).condition_expression("attribute_not_exists(PK) OR tenant_id = :tenant");
        let put = put.expression_attribute_values(":tenant", string(tenant.id.to_string()));
        Ok(Some(put.part()?))
    }

    /// Checks that no other tenant has the tenant's slug, read consistently.
    ///
    /// # Errors
    /// `slug_taken`.
    pub(super) async fn check_tenant_slug(&self, tenant: &Tenant) -> domain::Result<()> {
        let Some(slug) = &tenant.slug else { return Ok(()) };
        let claim: Option<TenantClaim> = self.get_consistent(&keys::tenant_slug(slug)).await?;
        match claim {
            Some(claim) if claim.tenant_id != tenant.id => {
                Err(Error::conflict("slug_taken", "This slug is taken. Choose another or leave it out."))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Currency;
    use domain::testing::at;

    use super::*;
    use crate::testing::{at_once, forgetful, store};

    fn tenant(slug: &str) -> Tenant {
        let (id, country) = (TenantId::generate(at(0)), ("CO", Currency::COP));
        let slug = Some(slug.to_owned());
        Tenant { slug, ..Tenant::new(id, "Faroles", "hola@faroles.example", country, at(0)) }
    }

    fn renamed(tenant: &Tenant, slug: &str) -> Tenant {
        let mut renamed = Tenant { version: tenant.version + 1, ..tenant.clone() };
        renamed.rename_slug(slug).expect("room");
        renamed
    }

    #[tokio::test]
    async fn a_tenant_keeps_the_addresses_that_it_had() {
        let store = store().await;
        let (faroles, mareas) = (tenant("faroles"), tenant("mareas"));
        for tenant in [&faroles, &mareas] {
            store.create_tenant(tenant).await.expect("created");
        }
        let taken = store.create_tenant(&tenant("faroles")).await;
        assert!(matches!(taken, Err(Failure::Refused(_))), "{taken:?}");
        let after = renamed(&faroles, "faroles-del-sur");
        forgetful(&store, 1).update_tenant(&after).await.expect("changed");
        for slug in ["faroles", "faroles-del-sur"] {
            assert_eq!(store.tenant_by_slug(slug).await.expect("read"), Some(faroles.id), "{slug}");
        }
        let stolen =
            store.update_tenant(&renamed(&mareas, "faroles")).await.expect_err("another's former one");
        assert_eq!(stolen.code(), "slug_taken");
        assert_eq!(store.tenant(mareas.id).await.expect("read"), Some(mareas.clone()), "nothing changed");
        let back = renamed(&after, "faroles");
        store.update_tenant(&back).await.expect("its own");
        let stale = store.update_tenant(&renamed(&faroles, "otra")).await.expect_err("an old version");
        assert_eq!(stale.code(), "changed_meanwhile");
        assert_eq!(store.tenant_by_slug("otra").await.expect("read"), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_tenants_one_gets_a_slug() {
        let store = store().await;
        let won = at_once(12, |_| {
            let (store, tenant) = (store.clone(), tenant("faroles"));
            async move { store.create_tenant(&tenant).await.ok().map(|tenant| tenant.id) }
        });
        let won: Vec<_> = won.await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(store.tenant_by_slug("faroles").await.expect("read"), Some(won[0]));
    }
}
