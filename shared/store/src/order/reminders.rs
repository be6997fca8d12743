//! Tenants whose organisers are to be told of refund tasks or payment differences. The sparse index
//! keeps the entries of a tenant together, so one query finds the next tenant, however many entries
//! each has.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::outbox::Outbox;
use domain::refund_task::RefundTask;
use domain::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::was_done;
use crate::items::{carried, from_item, string, to_item};
use crate::user::link::with_ttl;
use crate::{Failure, Result, Store, keys};

/// Bounds before the sort keys of all tenants, and after all sort keys of one.
const BEFORE_ALL: &str = "0";
const AFTER_ALL: &str = "~";

/// How long the mark is kept that an organiser was told: until that day is not looked at any more.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// The mark that an organiser was told about the differences of a day.
#[derive(Debug, Serialize, Deserialize)]
struct ReportMark {
    at: Timestamp,
}

impl Store {
    /// The first tenant after `after` that has open refund tasks.
    pub async fn next_with_refund_tasks(&self, after: Option<TenantId>) -> Result<Option<TenantId>> {
        self.next_tenant(keys::REFUND_TASKS, after).await
    }

    /// The first tenant after `after` with differences that were seen on the day (UTC)
    /// of `day`.
    pub async fn next_with_payment_differences(
        &self,
        day: Timestamp,
        after: Option<TenantId>,
    ) -> Result<Option<TenantId>> {
        self.next_tenant(&keys::payment_differences_of_all(day), after).await
    }

    /// The tenant's refund tasks that wait longest, at most `limit`. The read is eventually consistent.
    pub async fn longest_refund_tasks(&self, tenant: TenantId, limit: u16) -> Result<Vec<RefundTask>> {
        let (low, high) = (format!("{}#", tenant.suffix()), format!("{}#{AFTER_ALL}", tenant.suffix()));
        let places = self.places(keys::REFUND_TASKS, low, high, limit).await?;
        let keys: Vec<_> = places.iter().filter_map(|place| keys::parse_refund_task_place(place)).collect();
        let items = self.get_many(&keys).await?.into_iter().map(from_item);
        let mut tasks = items.collect::<Result<Vec<RefundTask>, _>>()?;
        tasks.sort_by_key(|task| (task.since, task.order_id, task.payment));
        Ok(tasks)
    }

    /// Notes that the tenant is being told about the differences of the day of `day`; `outbox` sends
    /// the message. True if this is the first time; otherwise nothing is written.
    pub async fn tell_of_payment_differences(
        &self,
        tenant: TenantId,
        day: Timestamp,
        outbox: &Outbox,
        now: Timestamp,
    ) -> Result<bool> {
        let mut item =
            with_ttl(to_item(&keys::payment_report(tenant, day), &ReportMark { at: now })?, now + KEPT);
        item.extend(carried(Some(outbox))?);
        let put = self.put_of(item).condition_expression("attribute_not_exists(PK)").send().await;
        // Not done if another worker noted it, or this very write did and its answer was lost.
        was_done(put)
    }

    async fn next_tenant(&self, partition: &str, after: Option<TenantId>) -> Result<Option<TenantId>> {
        let low = after.map_or(BEFORE_ALL.to_owned(), |tenant| format!("{}#{AFTER_ALL}", tenant.suffix()));
        let places = self.places(partition, low, AFTER_ALL.to_owned(), 1).await?;
        match places.first() {
            None => Ok(None),
            Some(place) => keys::parse_place_tenant(place)
                .map(Some)
                .ok_or_else(|| Failure::unreadable(format!("the place {place} in the index"))),
        }
    }

    /// The sort keys in a partition of the index from `low` to `high`, at most `limit`.
    async fn places(&self, partition: &str, low: String, high: String, limit: u16) -> Result<Vec<String>> {
        let answer = self
            .index_of(partition)
            .key_condition_expression("GSI1PK = :pk AND GSI1SK BETWEEN :low AND :high")
            .expression_attribute_values(":low", string(low))
            .expression_attribute_values(":high", string(high))
            .limit(i32::from(limit))
            .send()
            .await?;
        let place = |mut entry: crate::failure::Item| match entry.remove(keys::GSI1SK) {
            Some(AttributeValue::S(place)) => Ok(place),
            _ => Err(Failure::unreadable("an entry of the index without its place")),
        };
        answer.items.unwrap_or_default().into_iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::payment_difference::{DifferenceKind, PaymentDifference};
    use domain::testing::at;
    use domain::{Money, OrderId, UserId};

    use super::*;
    use crate::testing::{at_once, store};

    async fn seen(store: &Store, tenant: TenantId, at: Timestamp) {
        let difference = PaymentDifference {
            order: OrderId::generate(at),
            payment_id: None,
            kind: DifferenceKind::Uncovered,
            detail: String::new(),
            at,
        };
        store.note_payment_difference(tenant, &difference).await.expect("noted");
    }

    #[tokio::test]
    async fn each_tenant_is_found_once_however_many_entries_it_has() {
        let store = store().await;
        let (today, tomorrow) = (at(0), at(24 * 3600));
        let mut tenants = [TenantId::generate(at(1)), TenantId::generate(at(1)), TenantId::generate(at(1))];
        tenants.sort_by_key(TenantId::suffix);
        for tenant in [tenants[2], tenants[0], tenants[2]] {
            seen(&store, tenant, today).await;
        }
        seen(&store, tenants[1], tomorrow).await;
        let (mut found, mut after) = (Vec::new(), None);
        while let Some(tenant) = store.next_with_payment_differences(today, after).await.expect("read") {
            found.push(tenant);
            after = Some(tenant);
        }
        assert_eq!(found, [tenants[0], tenants[2]]);
        assert_eq!(store.next_with_refund_tasks(None).await.expect("read"), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_workers_one_tells_the_organiser_of_a_day() {
        let store = store().await;
        let (tenant, day) = (TenantId::generate(at(0)), at(0));
        let told = at_once(8, |_| {
            let store = store.clone();
            async move {
                store
                    .tell_of_payment_differences(tenant, day, &Outbox::PaymentDifferences { day }, day)
                    .await
                    .expect("asked")
            }
        });
        assert_eq!(told.await.into_iter().filter(|first| *first).count(), 1);
        let next = at(24 * 3600);
        assert!(
            store
                .tell_of_payment_differences(tenant, next, &Outbox::PaymentDifferences { day: next }, next)
                .await
                .expect("asked")
        );
    }

    #[tokio::test]
    async fn the_longest_waiting_task_comes_first() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let task = |since: i64| RefundTask {
            tenant_id: tenant,
            order_id: OrderId::generate(at(100 - since)),
            payment: 0,
            event_id: domain::EventId::generate(at(0)),
            user_id: UserId::generate(at(0)),
            buyer: domain::Person { email: "ana@example.com".to_owned(), name: String::new() },
            gateway: domain::payment::GatewayName::Wompi,
            account_id: None,
            payment_id: "p".to_owned(),
            amount: Money::new(700, domain::Currency::COP),
            reason: domain::payment::ManualReason::Unsupported,
            since: at(since),
            reminded_at: None,
        };
        let (late, early) = (task(20), task(10));
        for task in [&late, &early] {
            store.transact(vec![store.open_part(task).expect("an item")]).await.expect("written");
        }
        assert_eq!(store.longest_refund_tasks(tenant, 5).await.expect("read"), [early.clone(), late]);
        assert_eq!(store.longest_refund_tasks(tenant, 1).await.expect("read"), [early]);
        assert_eq!(store.next_with_refund_tasks(None).await.expect("read"), Some(tenant));
        assert_eq!(store.next_with_refund_tasks(Some(tenant)).await.expect("read"), None);
    }
}
