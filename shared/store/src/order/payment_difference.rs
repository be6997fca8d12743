//! Payment differences: where a gateway and an order do not agree. One item for each, under the day on
//! which it was seen.

use std::time::Duration;

use domain::payment_difference::PaymentDifference;
use domain::{TenantId, Timestamp};

use crate::items::{string, to_item};
use crate::user::link::with_ttl;
use crate::{Listing, Result, Store, keys};

/// How long a difference is kept: longer than banks take over disputes.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

impl Store {
    /// Notes a difference. The same one is noted once a day, however often it is seen.
    pub async fn note_payment_difference(
        &self,
        tenant: TenantId,
        difference: &PaymentDifference,
    ) -> Result<()> {
        let mut item = to_item(&keys::payment_difference(tenant, difference), difference)?;
        item.insert(keys::GSI1PK.to_owned(), string(keys::payment_differences_of_all(difference.at)));
        item.insert(keys::GSI1SK.to_owned(), string(keys::payment_difference_place(tenant, difference)));
        let item = with_ttl(item, difference.at + KEPT);
        self.put_of(item).send().await?;
        Ok(())
    }

    /// A page of the tenant's differences, latest day first.
    pub async fn payment_differences(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<PaymentDifference>> {
        let partition = keys::tenant_partition(tenant);
        self.list(&partition, keys::PAYMENT_DIFFERENCE_PREFIX, after, limit, true).await
    }

    /// A page of the differences that were seen on the day (UTC) of `day`.
    pub async fn payment_differences_of(
        &self,
        tenant: TenantId,
        day: Timestamp,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<PaymentDifference>> {
        let partition = keys::tenant_partition(tenant);
        self.list(&partition, &keys::payment_differences_of_day(day), after, limit, false).await
    }
}

#[cfg(test)]
mod tests {
    use domain::OrderId;
    use domain::payment_difference::DifferenceKind;
    use domain::testing::at;

    use super::*;
    use crate::Failure;
    use crate::testing::store;

    #[tokio::test]
    async fn a_difference_is_noted_once_a_day_under_its_day() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let first = PaymentDifference {
            order: OrderId::generate(at(0)),
            payment_id: Some("p1".to_owned()),
            kind: DifferenceKind::Undecided,
            detail: "Pending.".to_owned(),
            at: at(0),
        };
        let later = PaymentDifference { at: at(60), ..first.clone() };
        let other = PaymentDifference { payment_id: None, kind: DifferenceKind::Uncovered, ..first.clone() };
        let next_day = PaymentDifference { at: at(24 * 3600), ..first.clone() };
        for difference in [&first, &later, &other, &next_day] {
            store.note_payment_difference(tenant, difference).await.expect("noted");
        }
        let of_day = store.payment_differences_of(tenant, first.at, None, 10).await.expect("read").items;
        assert_eq!(of_day, [other.clone(), later.clone()]);
        let all = store.payment_differences(tenant, None, 2).await.expect("read");
        assert_eq!(all.items, [next_day, later]);
        let rest = store.payment_differences(tenant, all.last.as_deref(), 2).await.expect("read");
        assert_eq!(rest.items, [other]);
        let foreign = store.payment_differences(tenant, Some("GW#x"), 2).await;
        assert!(matches!(foreign, Err(Failure::ForeignCursor)));
    }
}
