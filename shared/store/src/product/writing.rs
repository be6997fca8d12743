//! Changes of products and variants.
//!
//! A product is a plain versioned item; its version also counts the variants that it gets, so that none
//! comes while it is deleted, and never more than it may have. A variant is changed under the lease on
//! it, because its stock is a pool.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::product::{PricedProduct, Product, Variant};

use super::record::VariantRecord;
use crate::allotment::{Pool, Refusal};
use crate::event::CapacityLease;
use crate::event::area::AREA_BLOCKS;
use crate::event::limited::NumberChange;
use crate::failure::accept_if_written;
use crate::items::{Part, number, string, to_item};
use crate::keys::Key;
use crate::{Failure, Result, Store, keys};

fn product_key(product: &Product) -> Key {
    keys::product(product.tenant_id, product.event_id, product.id)
}

fn variant_key(product: &Product, variant: &Variant) -> Key {
    keys::variant(product.tenant_id, product.event_id, product.id, variant.id)
}

impl Store {
    /// Creates the stock of a new variant; does nothing if it does not run out, or is there already.
    pub async fn create_stock(&self, variant: &Variant) -> Result<()> {
        match variant.stock {
            Some(stock) => {
                let pool = Pool::variant(variant.id, Pool::blocks_for(stock));
                self.create_pool(&pool, stock).await
            }
            None => Ok(()),
        }
    }

    /// Writes a new product with its variants, or returns the stored one if there is one. Their stocks
    /// must exist already. Refused if its event sells in another currency, or that may be changing right
    /// now.
    pub async fn create_product(&self, priced: &PricedProduct, now: Timestamp) -> Result<Product> {
        let product = &priced.product;
        let key = product_key(product);
        let mut writes = vec![self.put_new_part(&key, product)?];
        for variant in &priced.variants {
            let record = VariantRecord::new(variant.clone());
            writes.push(self.put_new_part(&variant_key(product, variant), &record)?);
        }
        if let Some(event) = product.event_id {
            writes.push(self.currency_check(event, product.currency, now)?);
        }
        match self.transact(writes).await {
            Ok(()) => Ok(product.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// Stores a changed product, its version counted up. Refused if it was changed meanwhile.
    pub async fn replace_product(&self, after: &Product) -> Result<()> {
        let key = product_key(after);
        let sent = self
            .put_of(to_item(&key, after)?)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(after.version.saturating_sub(1)))
            .send()
            .await;
        let is_written = async { Ok(self.get_consistent(&key).await?.as_ref() == Some(after)) };
        accept_if_written(sent.map(drop).map_err(Failure::from), is_written).await
    }

    /// Writes a new variant, whose stock must exist already, and counts the product's version up.
    /// Refused if the product is not as it was read: it may have got as many variants as it can have, or
    /// be gone.
    pub async fn create_variant(&self, product: &Product, variant: &Variant) -> Result<()> {
        let key = variant_key(product, variant);
        let counted = self
            .updating(&product_key(product))
            .update_expression("SET version = :next")
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(product.version))
            .expression_attribute_values(":next", number(product.version + 1))
            .part()?;
        let record = VariantRecord::new(variant.clone());
        let sent = self.transact(vec![self.put_new_part(&key, &record)?, counted]).await;
        let is_written = async {
            let stored: Option<VariantRecord> = self.get_consistent(&key).await?;
            Ok(stored.as_ref() == Some(&record))
        };
        accept_if_written(sent, is_written).await
    }

    /// Stores a changed variant, its version counted up, and sets its stock to the variant's number.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] with how many units are free if orders have taken too many of them;
    /// [`Failure::Refused`] if the variant was changed since `before` was read, or is being changed.
    pub async fn replace_variant(
        &self,
        product: &Product,
        before: &Variant,
        after: &Variant,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = variant_key(product, after);
        let write = |lease: &CapacityLease| {
            let record = VariantRecord { variant: after.clone(), blocks: lease.blocks };
            Ok(vec![self.put_leased_part(&key, &record, lease)?])
        };
        let is_written = async {
            let stored: Option<VariantRecord> = self.get_consistent(&key).await?;
            Ok(stored.is_some_and(|stored| stored.variant == *after))
        };
        self.change_number(stock_change(&key, before, after.stock), write, is_written, now).await
    }

    /// Deletes a variant. Its stock is taken away first, so that no order takes a unit any more.
    ///
    /// # Errors
    /// As those of [`Store::replace_variant`]: sold out means that orders have units.
    pub async fn delete_variant(
        &self,
        product: &Product,
        variant: &Variant,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = variant_key(product, variant);
        let write = |lease: &CapacityLease| Ok(vec![self.delete_leased_part(&key, lease)?]);
        let is_written = async { Ok(!self.exists(&key).await?) };
        let after = variant.stock.map(|_| 0);
        self.change_number(stock_change(&key, variant, after), write, is_written, now).await
    }

    /// Deletes a product with its variants, all or nothing. Their stocks are taken away first, so that no
    /// order takes a unit any more.
    ///
    /// # Errors
    /// As those of [`Store::delete_variant`].
    pub async fn delete_product(&self, priced: &PricedProduct, now: Timestamp) -> Result<(), Refusal> {
        let mut leases = Vec::with_capacity(priced.variants.len());
        let deleted = self.close_and_delete(priced, &mut leases, now).await;
        // After a failure something may be half done: the next change of each variant repairs it.
        if let Err(Refusal::SoldOut(_) | Refusal::Failure(Failure::Refused(_))) = &deleted {
            for (variant, lease) in priced.variants.iter().zip(&leases) {
                if let Some(stock) = variant.stock {
                    self.resize_pool(&Pool::variant(variant.id, 1), stock, now).await?;
                }
                self.release_lease(lease, &variant_key(&priced.product, variant)).await?;
            }
        }
        deleted
    }

    async fn close_and_delete(
        &self,
        priced: &PricedProduct,
        leases: &mut Vec<CapacityLease>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let product = &priced.product;
        for variant in &priced.variants {
            let key = variant_key(product, variant);
            leases.push(self.take_lease(&key, AREA_BLOCKS, variant.version, now).await?);
            if variant.stock.is_some() {
                self.resize_pool(&Pool::variant(variant.id, 1), 0, now).await?;
            }
        }
        let key = product_key(product);
        let delete = self
            .deleting(&key)
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(product.version))
            .part()?;
        let mut writes = vec![delete];
        for (variant, lease) in priced.variants.iter().zip(&*leases) {
            writes.push(self.delete_leased_part(&variant_key(product, variant), lease)?);
        }
        let is_written = async { Ok(!self.exists(&key).await?) };
        Ok(accept_if_written(self.transact(writes).await, is_written).await?)
    }

    /// Deletes the items of a product that was never sold: its event is deleted, or it was one too many.
    pub async fn drop_product(&self, priced: &PricedProduct) -> Result<()> {
        for variant in &priced.variants {
            self.delete(&variant_key(&priced.product, variant)).await?;
        }
        self.delete(&product_key(&priced.product)).await
    }

    fn delete_leased_part(&self, key: &Key, lease: &CapacityLease) -> Result<TransactWriteItem> {
        self.deleting(key)
            .condition_expression("changing = :token")
            .expression_attribute_values(":token", string(&lease.token))
            .part()
    }
}

fn stock_change<'a>(key: &'a Key, before: &Variant, after: Option<u32>) -> NumberChange<'a> {
    let pool = Pool::variant(before.id, 1);
    NumberChange { key, version: before.version, pool, before: before.stock, after }
}
