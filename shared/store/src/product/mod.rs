//! Products and their variants: an item each, under the event or the tenant that has them. The stock
//! of a variant is a pool (see [`allotment`](crate::allotment)).

mod record;
mod writing;

use std::collections::BTreeMap;

use domain::product::PricedProduct;
use domain::{TenantId, Timestamp, VariantId};
use futures::future::try_join_all;

use crate::allotment::Pool;
use crate::items::{query_all, string};
use crate::{Result, Store, StoredEvent, keys};

pub use record::StoredProducts;
pub(crate) use record::{ProductItems, stock_blocks};

/// How many units are left of each variant with a stock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockLeft(BTreeMap<VariantId, u32>);

impl StockLeft {
    /// Units left of a variant; `None` if it does not run out, or was not asked for.
    pub fn of(&self, variant: VariantId) -> Option<u32> {
        self.0.get(&variant).copied()
    }
}

impl Store {
    /// The products that a tenant has for all of its events, by one query.
    pub async fn tenant_products(&self, tenant: TenantId, consistent: bool) -> Result<StoredProducts> {
        let query = self
            .query_of(keys::tenant_partition(tenant))
            .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :end")
            .expression_attribute_values(":first", string(keys::PRODUCT_PREFIX))
            .expression_attribute_values(":end", string(keys::VARIANTS_END))
            .consistent_read(consistent);
        let mut items = ProductItems::default();
        query_all(query).await?.into_iter().try_for_each(|item| items.add(item))?;
        Ok(items.into())
    }

    /// How many units are left of those among `products` that have a stock, read consistently. They are
    /// the event's of `sheet`, or among the tenant's `others`.
    pub async fn stock_left<'a>(
        &self,
        products: impl IntoIterator<Item = &'a PricedProduct>,
        sheet: Option<&StoredEvent>,
        others: Option<&StoredProducts>,
        now: Timestamp,
    ) -> Result<StockLeft> {
        let limited = products
            .into_iter()
            .flat_map(|priced| &priced.variants)
            .filter(|variant| variant.stock.is_some());
        let pools: Vec<(VariantId, Pool)> = limited
            .map(|variant| {
                let of_event = sheet.map_or(0, |sheet| sheet.variant_blocks(variant.id));
                let of_tenant = others.map_or(0, |others| others.blocks(variant.id));
                let blocks = of_event.max(of_tenant).max(stock_blocks(variant.stock));
                (variant.id, Pool::variant(variant.id, blocks))
            })
            .collect();
        let states = try_join_all(pools.iter().map(|(_, pool)| self.pool_state(pool, now))).await?;
        Ok(StockLeft(pools.iter().zip(states).map(|((id, _), state)| (*id, state.left)).collect()))
    }
}

#[cfg(test)]
mod tests;
