//! Reading and writing whole items as Rust values.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem, Update,
};
use domain::discount::DiscountRequest;
use domain::erasure::Erasure;
use domain::gateway_account::GatewayAccount;
use domain::member::{FeePayment, Member};
use domain::operator::OperatorSettings;
use domain::outbox::Outbox;
use domain::pricing::{Promotion, SaleStage};
use domain::second_factor::SecondFactors;
use domain::series::Series;
use domain::staff::Invitation;
use domain::tenant::Tenant;
use domain::user::User;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Item, accept_if_written};
use crate::keys::{self, Key};
use crate::{AuditWalk, Failure, Result, Store};

/// An entity whose writes are conditional on the version that they are based on.
pub trait Versioned {
    /// The version of this value; a changed entity has one more than the stored one.
    fn version(&self) -> u32;
}

/// [`Versioned`] for entities that have their version in a field of that name.
macro_rules! versioned {
    ($($entity:ty),*) => {
        $(impl Versioned for $entity {
            fn version(&self) -> u32 {
                self.version
            }
        })*
    };
}

versioned! {
    AuditWalk, DiscountRequest, Erasure, FeePayment, GatewayAccount, Invitation, Member, OperatorSettings, Promotion,
    SaleStage, SecondFactors, Series, Tenant, User
}

/// One page of the items of a partition.
#[derive(Debug)]
pub struct Listing<T> {
    /// The items, in the order of their sort keys.
    pub items: Vec<T>,
    /// The sort key of the last item, with which the next page is read; `None` on the last page.
    pub last: Option<String>,
}

pub(crate) fn to_item<T: Serialize>(key: &Key, value: &T) -> Result<Item> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(Failure::unreadable)?;
    item.extend(key.attributes());
    Ok(item)
}

pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(Failure::unreadable)
}

/// The attribute with an item's outbox: what must happen because the item was written.
pub(crate) const OUTBOX: &str = "ob";

/// The attribute of an outbox; none without an outbox.
pub(crate) fn carried(outbox: Option<&Outbox>) -> Result<Item> {
    let text = outbox.map(Outbox::text).transpose().map_err(Failure::unreadable)?;
    Ok(text.map(|text| (OUTBOX.to_owned(), string(text))).into_iter().collect())
}

pub(crate) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A builder of a part of a transaction.
pub(crate) trait Part {
    /// The part, complete.
    fn part(self) -> Result<TransactWriteItem>;
}

macro_rules! parts {
    ($($builder:ty => $kind:ident),*) => {
        $(impl Part for $builder {
            fn part(self) -> Result<TransactWriteItem> {
                let part = self.build().map_err(Failure::unreadable)?;
                Ok(TransactWriteItem::builder().$kind(part).build())
            }
        })*
    };
}

parts! {
    PutBuilder => put, UpdateBuilder => update, DeleteBuilder => delete,
    ConditionCheckBuilder => condition_check
}

/// All items that a query finds, on all of its pages.
pub(crate) async fn query_all(query: QueryFluentBuilder) -> Result<Vec<Item>> {
    let (mut items, mut pages) = (Vec::new(), query.into_paginator().send());
    while let Some(page) = pages.try_next().await? {
        items.extend(page.items.unwrap_or_default());
    }
    Ok(items)
}

impl Store {
    /// An update of the item with this key.
    pub(crate) fn update_of(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&*self.table).set_key(Some(key.attributes()))
    }

    /// A put of a whole item, with its key.
    pub(crate) fn put_of(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&*self.table).set_item(Some(item))
    }

    /// A deletion of the item with this key.
    pub(crate) fn delete_of(&self, key: &Key) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&*self.table).set_key(Some(key.attributes()))
    }

    /// A query of a partition, whose key is the value `:pk` in the condition.
    pub(crate) fn query_of(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&*self.table);
        query.expression_attribute_values(":pk", string(pk))
    }

    /// A query of a partition of the sparse index, as [`Store::query_of`].
    pub(crate) fn index_of(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        // Not by `query_of`: the test of reach tells a query of the index by one body with both.
        let query = self.client.query().table_name(&*self.table).index_name("GSI1");
        query.expression_attribute_values(":pk", string(pk))
    }

    /// True if there is an item with this key.
    pub(crate) async fn exists(&self, key: &Key) -> Result<bool> {
        let answer = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .projection_expression(keys::PK)
            .send()
            .await?;
        Ok(answer.item.is_some())
    }

    /// The item, read eventually consistent (half a read unit per 4 KB).
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        self.get_item(key, false).await?.map(from_item).transpose()
    }

    /// The item, read consistently.
    pub(crate) async fn get_consistent<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        self.get_item(key, true).await?.map(from_item).transpose()
    }

    pub(crate) async fn get_item(&self, key: &Key, consistent: bool) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(consistent)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// The items with these keys, in no particular order, without those that do not exist. The read is
    /// eventually consistent. A key must not appear twice.
    pub(crate) async fn get_many(&self, keys: &[Key]) -> Result<Vec<Item>> {
        self.get_batches(keys, false).await
    }

    /// [`Store::get_many`], read consistently.
    pub(crate) async fn get_many_consistent(&self, keys: &[Key]) -> Result<Vec<Item>> {
        self.get_batches(keys, true).await
    }

    async fn get_batches(&self, keys: &[Key], consistent: bool) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(100) {
            let wanted = chunk.iter().map(Key::attributes).collect();
            let wanted = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(consistent);
            let wanted = wanted.build().map_err(Failure::unreadable)?;
            let mut pending = HashMap::from([(self.table.to_string(), wanted)]);
            let mut pause = std::time::Duration::from_millis(10);
            for _ in 0..10 {
                let answer =
                    self.client.batch_get_item().set_request_items(Some(pending.clone())).send().await?;
                items.extend(answer.responses.unwrap_or_default().remove(&*self.table).unwrap_or_default());
                pending = answer.unprocessed_keys.unwrap_or_default();
                if pending.is_empty() {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            if !pending.is_empty() {
                return Err(Failure::Unavailable("a batch stayed unread".to_owned()));
            }
        }
        Ok(items)
    }

    /// Writes the item unless there is one with this key.
    pub(crate) async fn put_new<T: Serialize>(&self, key: &Key, value: &T) -> Result<()> {
        self.put_of(to_item(key, value)?).condition_expression("attribute_not_exists(PK)").send().await?;
        Ok(())
    }

    /// Writes the item, whether or not there is one with this key.
    pub(crate) async fn put<T: Serialize>(&self, key: &Key, value: &T) -> Result<()> {
        self.put_of(to_item(key, value)?).send().await?;
        Ok(())
    }

    /// Replaces the item if it still has the version before `value`'s. Safe to repeat: the SDK retries
    /// a write whose answer was lost, so a refusal counts as success if the item is as it should be.
    pub(crate) async fn replace<T: Serialize + Versioned>(&self, key: &Key, value: &T) -> Result<()> {
        self.replace_with(key, value, Item::new()).await
    }

    /// [`Store::replace`] with further attributes, such as an outbox.
    pub(crate) async fn replace_with<T: Serialize + Versioned>(
        &self,
        key: &Key,
        value: &T,
        attributes: Item,
    ) -> Result<()> {
        let mut item = to_item(key, value)?;
        item.extend(attributes);
        let sent = self
            .put_of(item.clone())
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(value.version().saturating_sub(1)))
            .send()
            .await;
        let is_written = async { Ok(self.get_item(key, true).await?.as_ref() == Some(&item)) };
        accept_if_written(sent.map(drop).map_err(Failure::from), is_written).await
    }

    /// Deletes the item, if it is there.
    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        self.delete_of(key).send().await?;
        Ok(())
    }

    /// A page of a partition: the items whose sort key begins with `prefix`, at most `limit`, after the
    /// sort key `after`. `after` may come from a caller: a cursor of another list is refused by its
    /// prefix.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        pk: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u16,
        newest_first: bool,
    ) -> Result<Listing<T>> {
        let page = self.list_items(pk, prefix, after, limit, newest_first).await?;
        let items = page.items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Listing { items, last: page.last })
    }

    /// [`Store::list`] with the raw items.
    pub(crate) async fn list_items(
        &self,
        pk: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u16,
        newest_first: bool,
    ) -> Result<Listing<Item>> {
        if after.is_some_and(|sk| !sk.starts_with(prefix)) {
            return Err(Failure::ForeignCursor);
        }
        let answer = self
            .query_of(pk)
            .key_condition_expression("PK = :pk AND begins_with(SK, :prefix)")
            .expression_attribute_values(":prefix", string(prefix))
            .set_exclusive_start_key(after.map(|sk| Key::new(pk, sk).attributes()))
            .scan_index_forward(!newest_first)
            .limit(i32::from(limit))
            .send()
            .await?;
        let last = answer.last_evaluated_key.and_then(|mut key| match key.remove(keys::SK) {
            Some(AttributeValue::S(sk)) => Some(sk),
            _ => None,
        });
        Ok(Listing { items: answer.items.unwrap_or_default(), last })
    }

    /// Every item of a short list, at most `bound` of them.
    pub(crate) async fn list_all<T: DeserializeOwned>(
        &self,
        pk: &str,
        prefix: &str,
        bound: usize,
    ) -> Result<Vec<T>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.list(pk, prefix, after.as_deref(), 500, false).await?;
            all.extend(page.items);
            after = page.last;
            if after.is_none() || all.len() >= bound {
                all.truncate(bound);
                return Ok(all);
            }
        }
    }

    /// Every item of a short list, read consistently.
    pub(crate) async fn list_consistent<T: DeserializeOwned>(
        &self,
        pk: &str,
        prefix: &str,
    ) -> Result<Vec<T>> {
        let query = self
            .query_of(pk)
            .key_condition_expression("PK = :pk AND begins_with(SK, :prefix)")
            .expression_attribute_values(":prefix", string(prefix))
            .consistent_read(true);
        query_all(query).await?.into_iter().map(from_item).collect()
    }

    /// Writes all or nothing, at twice the write units: for rare paths only.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<()> {
        self.client.transact_write_items().set_transact_items(Some(writes)).send().await?;
        Ok(())
    }

    /// The builder of a part that puts a whole item, with its key.
    pub(crate) fn putting(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&*self.table).set_item(Some(item))
    }

    /// The builder of a part that updates the item with this key.
    pub(crate) fn updating(&self, key: &Key) -> UpdateBuilder {
        Update::builder().table_name(&*self.table).set_key(Some(key.attributes()))
    }

    /// The builder of a part that deletes the item with this key.
    pub(crate) fn deleting(&self, key: &Key) -> DeleteBuilder {
        Delete::builder().table_name(&*self.table).set_key(Some(key.attributes()))
    }

    /// The builder of a part that checks the item with this key.
    pub(crate) fn checking(&self, key: &Key) -> ConditionCheckBuilder {
        ConditionCheck::builder().table_name(&*self.table).set_key(Some(key.attributes()))
    }

    /// The part of a transaction that puts an item, whether or not there is one with this key.
    pub(crate) fn put_part<T: Serialize>(&self, key: &Key, value: &T) -> Result<TransactWriteItem> {
        self.putting(to_item(key, value)?).part()
    }

    /// The part of a transaction that does what [`Store::replace`] does.
    pub(crate) fn replace_part<T: Serialize + Versioned>(
        &self,
        key: &Key,
        value: &T,
    ) -> Result<TransactWriteItem> {
        self.replace_part_with(key, value, Item::new())
    }

    /// [`Store::replace_part`] with further attributes, such as an outbox.
    pub(crate) fn replace_part_with<T: Serialize + Versioned>(
        &self,
        key: &Key,
        value: &T,
        attributes: Item,
    ) -> Result<TransactWriteItem> {
        let mut item = to_item(key, value)?;
        item.extend(attributes);
        let before = number(value.version().saturating_sub(1));
        self.putting(item)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", before)
            .part()
    }

    /// The part of a transaction that deletes an item, if it is there.
    pub(crate) fn delete_part(&self, key: &Key) -> Result<TransactWriteItem> {
        self.deleting(key).part()
    }

    /// The part of a transaction that deletes an item if it still has `value`'s version.
    pub(crate) fn delete_version_part<T: Versioned>(
        &self,
        key: &Key,
        value: &T,
    ) -> Result<TransactWriteItem> {
        self.deleting(key)
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(value.version()))
            .part()
    }

    /// The part of a transaction that puts a new item.
    pub(crate) fn put_new_part<T: Serialize>(&self, key: &Key, value: &T) -> Result<TransactWriteItem> {
        self.put_new_part_with(key, value, Item::new())
    }

    /// [`Store::put_new_part`] with further attributes, such as an outbox.
    pub(crate) fn put_new_part_with<T: Serialize>(
        &self,
        key: &Key,
        value: &T,
        attributes: Item,
    ) -> Result<TransactWriteItem> {
        let mut item = to_item(key, value)?;
        item.extend(attributes);
        self.putting(item).condition_expression("attribute_not_exists(PK)").part()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_query_reads_all_of_its_pages() {
        let store = store().await;
        // A page has a megabyte at most.
        let text = "x".repeat(300_000);
        for sk in ["a", "b", "c", "d", "e", "f", "g"] {
            store.put(&Key::new("P", sk), &HashMap::from([("text", &text)])).await.expect("written");
        }
        let query = || store.query_of("P").key_condition_expression("PK = :pk");
        let page = query().send().await.expect("read");
        assert!(page.last_evaluated_key.is_some(), "there are more pages than one");
        assert_eq!(query_all(query()).await.expect("read").len(), 7);
    }
}
