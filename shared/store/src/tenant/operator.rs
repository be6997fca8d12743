//! What the operator of the installation sees of tenants and decides about them, and its settings.
//!
//! A suspension is in the tenant's own item, and in one list of all suspended tenants, which the public
//! list of shows leaves out: both are written together.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::AuditNote;
use domain::operator::{OperatorSettings, QuotaName, quota_reached};
use domain::tenant::Tenant;
use domain::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::listed;
use crate::failure::{Item, accept_if_written};
use crate::items::{from_item, query_all, string};
use crate::limit::DAY;
use crate::tenant::audit::audited;
use crate::{Count, Failure, Limit, Listing, Result, Store, keys};

/// The entry of a tenant in the list of suspended ones.
#[derive(Serialize, Deserialize)]
struct SuspendedTenant {
    tenant_id: TenantId,
}

impl Store {
    /// A page of all tenants, the oldest first. The read is eventually consistent. A tenant from before there
    /// was this list is in it once it was changed.
    pub async fn tenant_page(&self, after: Option<&str>, limit: u16) -> Result<Listing<Tenant>> {
        let query = self.index_of(keys::TENANTS).limit(i32::from(limit));
        let query = match after {
            None => query.key_condition_expression("GSI1PK = :pk"),
            Some(after) => query
                .key_condition_expression("GSI1PK = :pk AND GSI1SK > :after")
                .expression_attribute_values(":after", string(after)),
        };
        let answer = query.send().await?;
        let entries = answer.items.unwrap_or_default();
        let ids = entries.iter().map(|entry| {
            let key = text(entry, keys::PK).zip(text(entry, keys::SK));
            let key = key.map(|(pk, sk)| keys::Key::new(pk, sk));
            key.as_ref()
                .and_then(keys::parse_tenant)
                .ok_or_else(|| Failure::unreadable("the key of a tenant"))
        });
        let mut items = self.tenants(&ids.collect::<Result<Vec<_>>>()?).await?;
        items.sort_by_key(|tenant| (tenant.created_at, tenant.id));
        let last = answer.last_evaluated_key.as_ref().and_then(|key| text(key, keys::GSI1SK));
        Ok(Listing { items, last: last.map(str::to_owned) })
    }

    /// The cursor of [`Store::tenant_page`] after this tenant.
    pub fn after_tenant(tenant: &Tenant) -> String {
        keys::tenant_place(tenant.created_at, tenant.id)
    }

    /// All suspended tenants. The read is eventually consistent.
    pub async fn suspended_tenants(&self) -> Result<BTreeSet<TenantId>> {
        let query = self.query_of(keys::SUSPENDED).key_condition_expression("PK = :pk");
        let entries = query_all(query).await?.into_iter().map(from_item::<SuspendedTenant>);
        entries.map(|entry| Ok(entry?.tenant_id)).collect()
    }

    /// True if the tenant is suspended, read consistently.
    ///
    /// A request that wrote an order or a payment asks after its write: what stays was made before the
    /// suspension. It is a query, so that tests can make it find nothing.
    pub async fn suspended_sale(&self, tenant: TenantId) -> Result<bool> {
        let key = keys::tenant(tenant);
        let query = self
            .query_of(key.pk)
            .key_condition_expression("PK = :pk AND SK = :sk")
            .expression_attribute_values(":sk", string(key.sk))
            .filter_expression("attribute_exists(suspended)")
            .projection_expression(keys::PK)
            .consistent_read(true);
        Ok(!query_all(query).await?.is_empty())
    }

    /// Stores a tenant that the operator changed, its version counted up, with its entry in the list of
    /// suspended ones. `note` says who did it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it was changed meanwhile.
    pub async fn oversee_tenant(&self, after: &Tenant, note: &AuditNote) -> Result<()> {
        let (key, entry) = (keys::tenant(after.id), keys::suspended_tenant(after.id));
        let mut attributes: Item = audited(note)?;
        attributes.extend(listed(after));
        let writes = vec![
            self.replace_part_with(&key, after, attributes)?,
            match after.suspended {
                Some(_) => self.put_part(&entry, &SuspendedTenant { tenant_id: after.id })?,
                None => self.delete_part(&entry)?,
            },
        ];
        let is_written = async { Ok(self.tenant(after.id).await?.as_ref() == Some(after)) };
        accept_if_written(self.transact(writes).await, is_written).await
    }

    /// The operator's settings, read consistently.
    pub async fn operator_settings(&self) -> Result<OperatorSettings> {
        Ok(self.get_consistent(&keys::operator_settings()).await?.unwrap_or_default())
    }

    /// Stores changed settings, their version counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if they were changed meanwhile.
    pub async fn save_operator_settings(&self, settings: &OperatorSettings) -> Result<()> {
        let key = keys::operator_settings();
        match settings.version {
            1 => {
                let is_written = async { Ok(self.get_consistent(&key).await?.as_ref() == Some(settings)) };
                accept_if_written(self.put_new(&key, settings).await, is_written).await
            }
            _ => self.replace(&key, settings).await,
        }
    }

    /// Counts a mail that the tenant has us send, if the operator limits them.
    ///
    /// # Errors
    /// `quota_reached`, with the time until there is room again.
    pub async fn count_quota_mail(&self, tenant: &Tenant, now: Timestamp) -> domain::Result<()> {
        let Some((most, count)) = mail_quota(tenant) else { return Ok(()) };
        // The first count of a day has no condition on the number.
        if most > 0 && self.count_one(&count, now).await? {
            return Ok(());
        }
        Err(quota_reached(QuotaName::MailsPerDay, most).retry_after(limit(most).seconds_left(now)))
    }

    /// Takes back what [`Store::count_quota_mail`] counted at `now`, because no mail was sent.
    pub async fn uncount_quota_mail(&self, tenant: &Tenant, now: Timestamp) -> Result<()> {
        match mail_quota(tenant) {
            Some((_, count)) => self.uncount(&count, now).await,
            None => Ok(()),
        }
    }

    /// How many mails the tenant may still have us send today; `None` if the operator does not limit them.
    pub async fn quota_mails_left(&self, tenant: &Tenant, now: Timestamp) -> Result<Option<u32>> {
        match mail_quota(tenant) {
            Some((_, count)) => Ok(Some(self.room(&count, now).await?)),
            None => Ok(None),
        }
    }
}

/// A tenant's quota of mails, if it has one, and its count.
fn mail_quota(tenant: &Tenant) -> Option<(u32, Count)> {
    tenant.quotas.mails_per_day.map(|most| (most, limit(most).of(&[&tenant.id.suffix()])))
}

const fn limit(most: u32) -> Limit {
    Limit::exact("quota-mails", most, DAY)
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::operator::{Quotas, Suspension};
    use domain::testing::at;
    use domain::{BasisPoints, Currency, UserId};

    use super::*;
    use crate::testing::{forgetful, store};

    fn tenant(second: i64) -> Tenant {
        let (id, country) = (TenantId::generate(at(second)), ("CO", Currency::COP));
        Tenant::new(id, "Faroles", "hola@faroles.example", country, at(second))
    }

    fn note(tenant: &Tenant) -> AuditNote {
        AuditNote {
            tenant_id: tenant.id,
            by: UserId::generate(at(0)),
            by_email: "operadora@example.com".to_owned(),
            action: "tenant.oversee".to_owned(),
            subject: tenant.id.to_string(),
            at: at(0),
        }
    }

    async fn ids(store: &Store, limit: u16) -> Vec<TenantId> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.tenant_page(after.as_deref(), limit).await.expect("listed");
            found.extend(page.items.iter().map(|tenant| tenant.id));
            after = page.last;
            if after.is_none() {
                return found;
            }
        }
    }

    #[tokio::test]
    async fn every_write_of_a_tenant_keeps_it_in_the_list() {
        let store = store().await;
        let mut all: Vec<Tenant> = [3, 1, 2].map(tenant).to_vec();
        for tenant in &all {
            store.create_tenant(tenant).await.expect("created");
        }
        all.sort_by_key(|tenant| tenant.created_at);
        let expected: Vec<_> = all.iter().map(|tenant| tenant.id).collect();
        assert_eq!(ids(&store, 2).await, expected);
        let changed = |tenant: &Tenant| Tenant { version: tenant.version + 1, ..tenant.clone() };
        let [first, second, third] = [0, 1, 2].map(|index| changed(&all[index]));
        store.replace_tenant(&first).await.expect("changed");
        store.update_tenant(&second).await.expect("changed");
        store.oversee_tenant(&third, &note(&third)).await.expect("changed");
        assert_eq!(ids(&store, 1).await, expected);
        let after = Store::after_tenant(&second);
        assert_eq!(store.tenant_page(Some(&after), 9).await.expect("listed").items, [third]);
    }

    #[tokio::test]
    async fn a_suspension_is_in_the_tenant_and_in_the_list() {
        let store = store().await;
        let (before, other) = (tenant(1), tenant(2));
        for tenant in [&before, &other] {
            store.create_tenant(tenant).await.expect("created");
        }
        let suspended = Some(Suspension { reason: "Sin contrato".to_owned(), since: at(7) });
        let after = Tenant { suspended, version: 2, ..before.clone() };
        forgetful(&store, 1).oversee_tenant(&after, &note(&after)).await.expect("suspended");
        assert_eq!(store.tenant(before.id).await.expect("read"), Some(after.clone()));
        assert_eq!(store.suspended_tenants().await.expect("read"), BTreeSet::from([before.id]));
        let is = async |tenant: &Tenant| store.suspended_sale(tenant.id).await.expect("read");
        assert_eq!((is(&before).await, is(&other).await), (true, false));
        let late = Tenant { commission: BasisPoints(100), version: 2, ..before.clone() };
        let refused = store.oversee_tenant(&late, &note(&late)).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
        let free = Tenant { suspended: None, version: 3, ..after };
        store.oversee_tenant(&free, &note(&free)).await.expect("free");
        assert_eq!(store.suspended_tenants().await.expect("read"), BTreeSet::new());
        assert!(!is(&before).await);
    }

    #[tokio::test]
    async fn settings_are_the_usual_ones_until_they_are_changed() {
        let store = store().await;
        assert_eq!(store.operator_settings().await.expect("read"), OperatorSettings::default());
        for version in 1..=2 {
            let settings = OperatorSettings { max_attempts: 5, version, ..OperatorSettings::default() };
            forgetful(&store, 1).save_operator_settings(&settings).await.expect("changed");
            assert_eq!(store.operator_settings().await.expect("read"), settings);
            let late = OperatorSettings { max_attempts: 7, ..settings };
            let refused = store.save_operator_settings(&late).await;
            assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn mails_are_counted_within_a_quota_only() {
        let store = store().await;
        let code =
            async |tenant: &Tenant| store.count_quota_mail(tenant, at(0)).await.map_err(|error| error.code());
        let free = tenant(1);
        assert_eq!(code(&free).await, Ok(()));
        assert_eq!(store.quota_mails_left(&free, at(0)).await.expect("read"), None);
        let quota = |most| Quotas { mails_per_day: Some(most), ..Quotas::default() };
        let limited = Tenant { quotas: quota(2), ..tenant(2) };
        for expected in [Ok(()), Ok(()), Err("quota_reached")] {
            assert_eq!(code(&limited).await, expected);
        }
        store.uncount_quota_mail(&limited, at(0)).await.expect("taken back");
        assert_eq!(store.quota_mails_left(&limited, at(0)).await.expect("read"), Some(1));
        assert_eq!(code(&limited).await, Ok(()));
        assert_eq!(code(&Tenant { quotas: quota(0), ..tenant(3) }).await, Err("quota_reached"));
    }
}
