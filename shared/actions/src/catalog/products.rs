//! The products that are sold at a show: its own, and those of its organiser for all shows.

use std::sync::Arc;

use domain::pricing::{CurrentPrice, current_product_price};
use domain::product::{PricedProduct, Product, Variant, find_variant};
use domain::{Result, TenantId, Timestamp, VariantId};
use store::{StoredEvent, StoredProducts};

use super::{Catalog, always};

/// A product that is offered, with its variants.
#[derive(Debug, Clone)]
pub struct ProductOffer {
    /// The product.
    pub product: Product,
    /// False before its sale begins.
    pub on_sale: bool,
    /// The variants that are offered, at least one.
    pub variants: Vec<VariantOffer>,
}

/// A variant that is offered, with its price and what is left of it.
#[derive(Debug, Clone)]
pub struct VariantOffer {
    /// The variant.
    pub variant: Variant,
    /// The current price of one unit.
    pub price: CurrentPrice,
    /// The units that are left; `None` if they do not run out.
    pub left: Option<u32>,
}

impl Catalog {
    /// The products on sale at a show, or soon: its own before those of all shows.
    ///
    /// # Errors
    /// `prices_not_valid`.
    pub async fn products(&self, event: &StoredEvent, now: Timestamp) -> Result<Vec<ProductOffer>> {
        let others = self.tenant_products(event.event.tenant_id, now).await?;
        let offered: Vec<&PricedProduct> = event
            .products
            .iter()
            .chain(others.iter())
            .filter(|priced| is_offered(event, priced, now))
            .collect();
        let read = || async {
            let offered = offered.iter().copied();
            Ok(Some(self.store.stock_left(offered, Some(event), Some(&others), now).await?))
        };
        let left = always(self.caches.stock.get(event.event.id, now, read).await?)?;
        let stages_left = self.stages_left(event, now).await?;
        let stages = stages_left.offers(&event.stages);
        let mut offers = Vec::with_capacity(offered.len());
        for PricedProduct { product, variants } in offered {
            let variants = variants.iter().filter(|variant| variant.active).map(|variant| {
                let price = current_product_price(&event.event, product, variant, &stages, now)?;
                Ok(VariantOffer {
                    price,
                    left: left.of(variant.id).or(variant.stock),
                    variant: variant.clone(),
                })
            });
            let variants = variants.collect::<Result<Vec<_>>>()?;
            if !variants.is_empty() {
                offers.push(ProductOffer {
                    product: product.clone(),
                    on_sale: product.is_on_sale(now),
                    variants,
                });
            }
        }
        Ok(offers)
    }

    /// The products that a tenant has for all of its shows.
    async fn tenant_products(&self, tenant: TenantId, now: Timestamp) -> Result<Arc<StoredProducts>> {
        let read = || async move { Ok(Some(self.store.tenant_products(tenant, false).await?)) };
        always(self.caches.products.get(tenant, now, read).await?)
    }

    /// The products of the organiser for all shows; `None` if the event itself has all of `wanted`, so
    /// that a quote of tickets alone reads nothing more.
    pub(crate) async fn other_products(
        &self,
        event: &StoredEvent,
        mut wanted: impl Iterator<Item = VariantId>,
        now: Timestamp,
    ) -> Result<Option<Arc<StoredProducts>>> {
        if wanted.all(|variant| find_variant(&event.products, variant).is_some()) {
            return Ok(None);
        }
        self.tenant_products(event.event.tenant_id, now).await.map(Some)
    }
}

fn is_offered(event: &StoredEvent, priced: &PricedProduct, now: Timestamp) -> bool {
    let product = &priced.product;
    product.active && product.currency == event.event.currency && product.end_time.is_none_or(|end| now < end)
}
