//! Versions of tenants' policies. Each is an item that never changes; the tenant says which of them hold.

use domain::TenantId;
use domain::audit::AuditNote;
use domain::policy::{Policy, PolicyKind};
use domain::tenant::Tenant;

use super::listed;
use crate::failure::accept_if_written;
use crate::tenant::audit::audited;
use crate::{Result, Store, keys};

impl Store {
    /// A version of a tenant's policy. It never changes, so the read is eventually consistent.
    pub async fn policy_version(
        &self,
        tenant: TenantId,
        kind: PolicyKind,
        version: u16,
    ) -> Result<Option<Policy>> {
        self.get(&keys::policy(tenant, kind, version)).await
    }

    /// Writes a new version of a policy, and `after`, the tenant that says that it holds, its version
    /// counted up. `note` says who does it and when. Refused if the tenant was changed meanwhile.
    pub async fn publish_policy(&self, policy: &Policy, after: &Tenant, note: &AuditNote) -> Result<()> {
        let key = keys::policy(policy.tenant_id, policy.kind, policy.version);
        let writes = vec![
            self.put_new_part_with(&key, policy, audited(note)?)?,
            self.replace_part_with(&keys::tenant(after.id), after, listed(after))?,
        ];
        let is_written = async {
            let stored: Option<Policy> = self.get_consistent(&key).await?;
            Ok(stored.as_ref() == Some(policy))
        };
        accept_if_written(self.transact(writes).await, is_written).await
    }
}

#[cfg(test)]
mod tests {
    use domain::policy::{Law, PolicyText};
    use domain::testing::at;
    use domain::{Currency, UserId};

    use super::*;
    use crate::Failure;
    use crate::testing::{forgetful, store};

    fn note(tenant_id: TenantId) -> AuditNote {
        AuditNote {
            tenant_id,
            by: UserId::generate(at(0)),
            by_email: "admin@example.com".to_owned(),
            action: "policy.publish".to_owned(),
            subject: "refunds".to_owned(),
            at: at(1),
        }
    }

    #[tokio::test]
    async fn a_version_and_what_holds_are_written_together() {
        let store = store().await;
        let (id, country) = (TenantId::generate(at(0)), ("AR", Currency::ARS));
        let tenant = Tenant::new(id, "Faroles", "hola@faroles.example", country, at(0));
        store.create_tenant(&tenant).await.expect("created");
        let policy = |version, es: &str| Policy {
            tenant_id: id,
            kind: PolicyKind::Refunds,
            version,
            text: PolicyText { es: es.to_owned(), en: None, withdrawal: Some(Law::ArgentinaButton) },
            published_at: at(1),
        };
        let holding = |tenant: &Tenant, version| Tenant {
            policies: tenant.policies.with(PolicyKind::Refunds, version),
            version: tenant.version + 1,
            ..tenant.clone()
        };
        let first = holding(&tenant, 1);
        forgetful(&store, 1).publish_policy(&policy(1, "Uno"), &first, &note(id)).await.expect("published");
        assert_eq!(store.tenant(id).await.expect("read"), Some(first.clone()));
        let late = store.publish_policy(&policy(1, "Otro"), &holding(&tenant, 1), &note(id)).await;
        assert!(matches!(late, Err(Failure::Refused(_))), "{late:?}");
        let second = holding(&first, 2);
        store.publish_policy(&policy(2, "Dos"), &second, &note(id)).await.expect("published");
        for (version, es) in [(1, Some("Uno")), (2, Some("Dos")), (3, None)] {
            let read = store.policy_version(id, PolicyKind::Refunds, version).await.expect("read");
            assert_eq!(read.map(|policy| policy.text.es).as_deref(), es, "{version}");
        }
        assert_eq!(store.policy_version(id, PolicyKind::Terms, 1).await.expect("read"), None);
    }
}
