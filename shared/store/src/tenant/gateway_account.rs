//! Tenants' accounts at payment gateways. One more item per tenant counts them, so that two requests
//! that add an account at the same moment do not exceed the limit.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::AuditNote;
use domain::gateway_account::{GatewayAccount, MAX_GATEWAY_ACCOUNTS};
use domain::{GatewayAccountId, TenantId};

use crate::failure::accept_if_written;
use crate::items::{Part, number};
use crate::keys::Key;
use crate::tenant::audit::audited;
use crate::{Failure, Result, Store, keys};

impl Store {
    /// Writes a new account, or returns the stored one if there is one. `note` says who does it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the tenant has [`MAX_GATEWAY_ACCOUNTS`] already.
    pub async fn create_gateway_account(
        &self,
        account: &GatewayAccount,
        note: &AuditNote,
    ) -> Result<GatewayAccount> {
        let key = key(account);
        let put = self.put_new_part_with(&key, account, audited(note)?)?;
        let room = "attribute_not_exists(n) OR n < :bound";
        let count = &keys::gateway_account_count(account.tenant_id);
        let count = self.count_part(count, 1, room, MAX_GATEWAY_ACCOUNTS)?;
        match self.transact(vec![put, count]).await {
            Ok(()) => Ok(account.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// An account of the tenant, read consistently.
    pub async fn gateway_account(
        &self,
        tenant: TenantId,
        account: GatewayAccountId,
    ) -> Result<Option<GatewayAccount>> {
        self.get_consistent(&keys::gateway_account(tenant, account)).await
    }

    /// All accounts of the tenant, oldest first.
    pub async fn gateway_accounts(&self, tenant: TenantId) -> Result<Vec<GatewayAccount>> {
        let partition = keys::tenant_partition(tenant);
        self.list_all(&partition, keys::GATEWAY_ACCOUNT_PREFIX, MAX_GATEWAY_ACCOUNTS).await
    }

    /// Stores a changed account, its version counted up. Refused if it was changed meanwhile.
    pub async fn replace_gateway_account(&self, account: &GatewayAccount, note: &AuditNote) -> Result<()> {
        self.replace_with(&key(account), account, audited(note)?).await
    }

    /// Stores an account that is about to be deleted, its version counted up. Without an audit note:
    /// only the deletion is recorded.
    ///
    /// # Errors
    /// As [`Store::replace_gateway_account`].
    pub async fn close_gateway_account(&self, account: &GatewayAccount) -> Result<()> {
        self.replace(&key(account), account).await
    }

    /// Deletes an account; succeeds also if it is gone.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the account was changed meanwhile.
    pub async fn delete_gateway_account(&self, account: &GatewayAccount, note: &AuditNote) -> Result<()> {
        let (key, tenant) = (key(account), account.tenant_id);
        let writes = vec![
            self.delete_version_part(&key, account)?,
            self.count_part(&keys::gateway_account_count(tenant), -1, "n > :bound", 0)?,
            self.deletion_record_part(note, account)?,
        ];
        let is_deleted = async { Ok(!self.exists_consistent(&key).await?) };
        accept_if_written(self.transact(writes).await, is_deleted).await
    }

    pub(crate) async fn exists_consistent(&self, key: &Key) -> Result<bool> {
        Ok(self.get_item(key, true).await?.is_some())
    }

    /// The part of a transaction that counts a tenant's accounts or sites up or down, under a condition
    /// with a bound.
    pub(crate) fn count_part(
        &self,
        count: &Key,
        step: i8,
        condition: &str,
        bound: usize,
    ) -> Result<TransactWriteItem> {
        self.updating(count)
            .update_expression("ADD n :step")
            .condition_expression(condition)
            .expression_attribute_values(":step", number(step))
            .expression_attribute_values(":bound", number(bound))
            .part()
    }
}

fn key(account: &GatewayAccount) -> Key {
    keys::gateway_account(account.tenant_id, account.id)
}

#[cfg(test)]
mod tests {
    use domain::audit::Month;
    use domain::gateway_account::Mode;
    use domain::payment::GatewayName;
    use domain::testing::at;
    use domain::{Currency, UserId};
    use serde_json::Value;

    use super::*;
    use crate::testing::{at_once, forgetful, store};

    fn account(tenant_id: TenantId, second: i64) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(second)),
            tenant_id,
            gateway: GatewayName::Wompi,
            mode: Mode::Test,
            currencies: vec![Currency::COP],
            position: 0,
            holder: None,
            active: true,
            credentials_version: None,
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: None,
            created_at: at(second),
            updated_at: at(second),
            version: 1,
        }
    }

    fn note(account: &GatewayAccount, action: &str) -> AuditNote {
        AuditNote {
            tenant_id: account.tenant_id,
            by: UserId::generate(at(0)),
            by_email: "administra@example.com".to_owned(),
            action: format!("gateway_account.{action}"),
            subject: account.id.to_string(),
            at: at(0),
        }
    }

    async fn create(store: &Store, account: &GatewayAccount) -> Result<()> {
        store.create_gateway_account(account, &note(account, "create")).await.map(drop)
    }

    #[tokio::test]
    async fn a_tenant_sees_its_own_accounts_only() {
        let store = store().await;
        let [tenant, other] = [TenantId::generate(at(0)), TenantId::generate(at(0))];
        let (first, second) = (account(tenant, 1), account(tenant, 2));
        for account in [&second, &first, &first] {
            create(&store, account).await.expect("created");
        }
        assert_eq!(store.gateway_accounts(tenant).await.expect("listed"), [first.clone(), second]);
        assert_eq!(store.gateway_accounts(other).await.expect("listed"), []);
        assert_eq!(store.gateway_account(other, first.id).await.expect("read"), None);
        assert_eq!(store.gateway_account(tenant, first.id).await.expect("read"), Some(first));
    }

    #[tokio::test]
    async fn a_stale_write_neither_overwrites_nor_deletes() {
        let store = store().await;
        let before = account(TenantId::generate(at(0)), 1);
        create(&store, &before).await.expect("created");
        let after = GatewayAccount { position: 3, version: 2, ..before.clone() };
        store.replace_gateway_account(&after, &note(&after, "update")).await.expect("replaced");
        let late = GatewayAccount { position: 4, version: 2, ..before.clone() };
        let replaced = store.replace_gateway_account(&late, &note(&late, "update")).await;
        assert!(matches!(replaced, Err(Failure::Refused(_))), "{replaced:?}");
        let deleted = store.delete_gateway_account(&before, &note(&before, "delete")).await;
        assert!(matches!(deleted, Err(Failure::Refused(_))), "{deleted:?}");
        let stays = store.gateway_account(before.tenant_id, before.id).await.expect("read");
        assert_eq!(stays, Some(after));
    }

    #[tokio::test]
    async fn a_deleted_account_is_recorded_and_makes_room() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let all: Vec<_> = (1..=20).map(|second| account(tenant, second)).collect();
        for account in &all {
            create(&store, account).await.expect("created");
        }
        let more = account(tenant, 21);
        assert!(matches!(create(&store, &more).await, Err(Failure::Refused(_))));
        let deaf = forgetful(&store, 1);
        let (old, told) = (&all[3], note(&all[3], "delete"));
        for _ in 0..2 {
            deaf.delete_gateway_account(old, &told).await.expect("deleted");
        }
        let records = store.audit_records(tenant, &Month::of(told.at), None, 10).await.expect("listed");
        let [record] = &records.items[..] else { panic!("{records:?}") };
        assert_eq!((&record.note, &record.before["gateway"]), (&told, &Value::from("wompi")));
        create(&deaf, &more).await.expect("there is room");
        assert!(matches!(create(&store, &account(tenant, 22)).await, Err(Failure::Refused(_))));
        assert_eq!(store.gateway_accounts(tenant).await.expect("listed").len(), MAX_GATEWAY_ACCOUNTS);
    }

    /// How many of 24 accounts that are added at the same time are created. Without the count, each
    /// request reads the list and then writes.
    async fn crowd(counted: bool) -> usize {
        let (store, tenant) = (store().await, TenantId::generate(at(0)));
        at_once(24, |second| {
            let store = store.clone();
            async move {
                let account = account(tenant, i64::try_from(second).expect("small"));
                if counted {
                    return create(&store, &account).await.is_ok();
                }
                let there = store.gateway_accounts(tenant).await.expect("listed");
                there.len() < MAX_GATEWAY_ACCOUNTS && store.put_new(&key(&account), &account).await.is_ok()
            }
        })
        .await
        .into_iter()
        .filter(|created| *created)
        .count()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_crowd_does_not_exceed_the_limit() {
        let created = crowd(true).await;
        assert!((1..=MAX_GATEWAY_ACCOUNTS).contains(&created), "{created}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn reading_the_list_before_writing_exceeds_the_limit() {
        assert!(crowd(false).await > MAX_GATEWAY_ACCOUNTS);
    }
}
