//! What few orders have, in items beside them: billing data and the organiser's further attributes.

use std::collections::BTreeMap;

use domain::billing::Billing;
use domain::order::attributes::ExtraAttributes;
use domain::{OrderId, UserId};

use crate::failure::Item;
use crate::items::{from_item, query_all, string};
use crate::{Result, Store, keys};

/// What stands beside an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BesideOrder {
    /// Who its invoice is for.
    pub billing: Option<Billing>,
    /// What the organiser's own systems keep with it.
    pub extra_attributes: Option<ExtraAttributes>,
}

/// The order of an item beside one, and whether the item has billing data.
fn order_of(item: &Item) -> Option<(OrderId, bool)> {
    let sk = item.get(keys::SK)?.as_s().ok()?;
    Some((keys::parse_beside_order(sk)?, sk.starts_with(keys::BILLING_PREFIX)))
}

impl Store {
    /// The orders of a buyer beside which billing data or further attributes stand, read consistently.
    pub async fn orders_with_more(&self, user: UserId) -> Result<Vec<OrderId>> {
        // Between the two prefixes there is nothing else.
        let query = self
            .query_of(keys::user_partition(user))
            .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :end")
            .expression_attribute_values(":first", string(keys::EXTRA_ATTRIBUTES_PREFIX))
            .expression_attribute_values(":end", string(keys::BILLINGS_END))
            .projection_expression(keys::SK)
            .consistent_read(true);
        let items = query_all(query).await?;
        let mut orders: Vec<OrderId> = items.iter().filter_map(|item| Some(order_of(item)?.0)).collect();
        orders.sort_unstable();
        orders.dedup();
        Ok(orders)
    }

    /// What stands beside these orders of a buyer; nothing of those that have nothing.
    pub async fn beside_orders(
        &self,
        user: UserId,
        orders: &[OrderId],
    ) -> Result<BTreeMap<OrderId, BesideOrder>> {
        let keys_of = |order: &OrderId| [keys::billing(user, *order), keys::extra_attributes(user, *order)];
        let wanted: Vec<_> = orders.iter().flat_map(keys_of).collect();
        let mut found: BTreeMap<OrderId, BesideOrder> = BTreeMap::new();
        for item in self.get_many(&wanted).await? {
            let Some((order, is_billing)) = order_of(&item) else { continue };
            let beside = found.entry(order).or_default();
            if is_billing {
                beside.billing = Some(from_item(item)?);
            } else {
                beside.extra_attributes = Some(from_item(item)?);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use domain::QuoteId;
    use domain::national_id::IdKind;
    use domain::testing::at;

    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn what_stands_beside_orders_is_found_by_order() {
        let store = store().await;
        let user = UserId::generate(at(0));
        let orders = [1, 2, 3].map(|second| OrderId::of_quote(QuoteId::generate(at(second)), user));
        let billing = Billing {
            name: "Ana Ríos".to_owned(),
            id_kind: IdKind::Cc,
            id_number: "1020304050".to_owned(),
            address: "Calle Inventada 12".to_owned(),
            city: "Cali".to_owned(),
            country: "CO".to_owned(),
            email: None,
            version: 1,
            invoiced_at: None,
        };
        let attributes = ExtraAttributes { version: 1, ..ExtraAttributes::default() };
        for order in &orders[..2] {
            store.put_billing(user, *order, &billing).await.expect("written");
        }
        store.create_extra_attributes(user, orders[1], &attributes).await.expect("written");
        assert_eq!(store.orders_with_more(user).await.expect("read"), orders[..2]);
        let found = store.beside_orders(user, &orders).await.expect("read");
        let with = |attributes| BesideOrder { billing: Some(billing.clone()), extra_attributes: attributes };
        assert_eq!(found, BTreeMap::from([(orders[0], with(None)), (orders[1], with(Some(attributes)))]));
        store.forget_extra_attributes(user, orders[1]).await.expect("deleted");
        let found = store.beside_orders(user, &orders[1..]).await.expect("read");
        assert_eq!(found, BTreeMap::from([(orders[1], with(None))]));
        assert_eq!(store.beside_orders(user, &[]).await.expect("read"), BTreeMap::new());
    }
}
