//! The forms of a product's and a variant's item, and what they make together.

use std::collections::HashMap;
use std::ops::Deref;

use domain::VariantId;
use domain::product::{PricedProduct, Product, Variant};
use serde::{Deserialize, Serialize};

use crate::allotment::Pool;
use crate::failure::Item;
use crate::items::from_item;
use crate::{Result, keys};

/// How many blocks a new stock is spread over; 0 without one.
pub(crate) fn stock_blocks(stock: Option<u32>) -> u16 {
    stock.map_or(0, Pool::blocks_for)
}

/// A variant as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VariantRecord {
    #[serde(flatten)]
    pub(super) variant: Variant,
    /// Blocks of the pool of its stock, or 0 as long as it had none. They only become more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) blocks: u16,
}

fn is_zero(blocks: &u16) -> bool {
    *blocks == 0
}

impl VariantRecord {
    /// The record of a new variant.
    pub(super) fn new(variant: Variant) -> Self {
        Self { blocks: stock_blocks(variant.stock), variant }
    }
}

/// The items of products and variants that were read so far, in any order.
#[derive(Debug, Default)]
pub(crate) struct ProductItems {
    products: Vec<Product>,
    variants: Vec<VariantRecord>,
}

impl ProductItems {
    /// Adds an item, unless it is another's.
    pub(crate) fn add(&mut self, item: Item) -> Result<()> {
        let sort_key = item.get(keys::SK).and_then(|sk| sk.as_s().ok());
        match sort_key.map(String::as_str) {
            Some(sk) if sk.starts_with(keys::PRODUCT_PREFIX) => self.products.push(from_item(item)?),
            Some(sk) if sk.starts_with(keys::VARIANT_PREFIX) => self.variants.push(from_item(item)?),
            _ => {}
        }
        Ok(())
    }

    /// The products in the order of lists with their variants, and the blocks of the variants' stocks.
    pub(crate) fn into_parts(mut self) -> (Vec<PricedProduct>, HashMap<VariantId, u16>) {
        let blocks = self.variants.iter().map(|record| (record.variant.id, record.blocks)).collect();
        self.products.sort_by_key(|product| (product.position, product.id));
        self.variants.sort_by_key(|record| record.variant.id);
        let priced = self.products.into_iter().map(|product| {
            let its = self.variants.iter().filter(|record| record.variant.product_id == product.id);
            let variants = its.map(|record| record.variant.clone()).collect();
            PricedProduct { product, variants }
        });
        (priced.collect(), blocks)
    }
}

/// The products of a tenant as the table has them. The store counts by it; for all others they are the
/// [`PricedProduct`]s.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredProducts {
    products: Vec<PricedProduct>,
    blocks: HashMap<VariantId, u16>,
}

impl StoredProducts {
    pub(crate) fn blocks(&self, variant: VariantId) -> u16 {
        self.blocks.get(&variant).copied().unwrap_or(0)
    }
}

impl Deref for StoredProducts {
    type Target = [PricedProduct];

    fn deref(&self) -> &[PricedProduct] {
        &self.products
    }
}

impl From<ProductItems> for StoredProducts {
    fn from(items: ProductItems) -> Self {
        let (products, blocks) = items.into_parts();
        Self { products, blocks }
    }
}
