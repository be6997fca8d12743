//! The operations on items, seen alike: which items each touches, how it asks
//! for its cost, and how it is done.

use std::collections::HashMap;

use dynoxide::actions::batch_get_item::{BatchGetItemRequest, BatchGetItemResponse};
use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse, WriteRequest};
use dynoxide::actions::delete_item::{DeleteItemRequest, DeleteItemResponse};
use dynoxide::actions::get_item::{GetItemRequest, GetItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::actions::transact_get_items::{TransactGetItemsRequest, TransactGetItemsResponse};
use dynoxide::actions::transact_write_items::{
    TransactWriteItem, TransactWriteItemsRequest, TransactWriteItemsResponse,
};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::types::{self, ConsumedCapacity};
use dynoxide::{AttributeValue, DynoxideError, Item, actions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::conditions::Expressions;
use super::engine::{Core, Engine, Schema, now};

/// An item, or all items of a partition, that an operation touches.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    /// The table, or the table and its index.
    pub(super) place: String,
    /// The value of its partition key.
    pub(super) partition: String,
    /// The value of its sort key, if one item is meant.
    pub(super) sort: String,
}

impl Touched {
    fn item(engine: &Engine, table: &str, attributes: &Item) -> Option<Self> {
        let schema = engine.schema(table)?;
        Some(Self {
            place: table.to_owned(),
            partition: text(attributes.get(&schema.partition)?),
            sort: schema.sort.as_ref().and_then(|sort| attributes.get(sort)).map(text).unwrap_or_default(),
        })
    }

    /// What the partition limit counts together.
    pub(super) fn bucket(&self) -> String {
        format!("{}/{}", self.place, self.partition)
    }

    /// Its keys, as tests name them.
    pub(super) fn place_in_table(&self) -> String {
        format!("{}/{}", self.partition, self.sort)
    }

    /// What transactions conflict about.
    pub(super) fn key(&self) -> String {
        format!("{}/{}/{}", self.place, self.partition, self.sort)
    }
}

/// The value of a key as text.
pub(super) fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        AttributeValue::B(bytes) => hex::encode(bytes),
        // DynamoDB has no other key types; dynoxide refuses them.
        _ => String::new(),
    }
}

/// How an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// A write of one item, or of several that do not depend on each other.
    Write,
    /// All or nothing.
    Transaction,
}

/// The place in an answer that tells its cost.
pub(super) enum Cost<'a> {
    One(&'a mut Option<ConsumedCapacity>),
    PerTable(&'a mut Option<Vec<ConsumedCapacity>>),
}

/// An operation on items.
pub(super) trait Operation: DeserializeOwned + Send + 'static {
    type Answer: Serialize + Send + 'static;
    const NAME: &'static str;
    const KIND: Kind;

    /// The items it touches, in the order of the request. Empty if that cannot
    /// be told, because the table does not exist or the operation is a scan.
    fn touches(&self, engine: &Engine) -> Vec<Touched>;

    /// The place in the request that says what cost it wants to be told.
    fn wanted_cost(&mut self) -> &mut Option<String>;

    /// The place that says that a refused condition returns the item, for the
    /// operations whose cost of refusal depends on it.
    fn wanted_old_item(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// Takes the conditions away from the items that `ignored` accepts.
    fn ignore_conditions(&mut self, _ignored: &dyn Fn(&str, &Item) -> bool) {}

    /// Takes out what `over_limit` accepts, to be answered as unprocessed.
    /// `None` if the operation is refused as a whole instead.
    fn hold_back(&mut self, _over_limit: &dyn Fn(&str, &Item) -> bool) -> Option<Unprocessed> {
        None
    }

    /// Does it, on the database's thread.
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError>;

    /// The place in the answer that tells its cost.
    fn cost(answer: &mut Self::Answer) -> Cost<'_>;

    /// Takes out of the answer what was found, if it is a query's.
    fn find_nothing(_answer: &mut Self::Answer) {}

    /// Adds what was held back to the answer.
    fn unprocessed(_answer: &mut Self::Answer, _held_back: Unprocessed) {}
}

/// Parts of a batch that were not done, by table.
pub(super) type Unprocessed = HashMap<String, Vec<serde_json::Value>>;

/// The places for the cost, which have the same names in all operations.
macro_rules! tells_cost {
    ($how:ident) => {
        fn wanted_cost(&mut self) -> &mut Option<String> {
            &mut self.return_consumed_capacity
        }
        fn cost(answer: &mut Self::Answer) -> Cost<'_> {
            Cost::$how(&mut answer.consumed_capacity)
        }
    };
}

/// Implements [`Operation`] for the write of one item: the field with the item or its key, the
/// operation of the engine, the field of the expression that a dropped condition leaves in place,
/// and a field in which the engine keeps raw values, which it reads late.
macro_rules! single_write {
    (
        $request:ty => $answer:ty, $name:literal, $field:ident, $action:ident
        $(, keeps $kept:ident)? $(, forgets $raw:ident)?
    ) => {
        impl Operation for $request {
            type Answer = $answer;
            const NAME: &'static str = $name;
            const KIND: Kind = Kind::Write;

            fn touches(&self, engine: &Engine) -> Vec<Touched> {
                Touched::item(engine, &self.table_name, &self.$field).into_iter().collect()
            }
            tells_cost!(One);
            fn wanted_old_item(&mut self) -> Option<&mut Option<String>> {
                Some(&mut self.return_values_on_condition_check_failure)
            }
            fn ignore_conditions(&mut self, ignored: &dyn Fn(&str, &Item) -> bool) {
                if ignored(&self.table_name, &self.$field) {
                    $(self.$raw = None;)?
                    Expressions {
                        kept: None::<&str>$(.or(self.$kept.as_deref()))?,
                        condition: &mut self.condition_expression,
                        names: &mut self.expression_attribute_names,
                        values: &mut self.expression_attribute_values,
                    }
                    .drop_condition();
                }
            }
            fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
                now(actions::$action::execute(&core.storage, self))
            }
        }
    };
}

single_write!(PutItemRequest => PutItemResponse, "PutItem", item, put_item);
single_write!(UpdateItemRequest => UpdateItemResponse, "UpdateItem", key, update_item, keeps update_expression);
single_write!(
    DeleteItemRequest => DeleteItemResponse, "DeleteItem", key, delete_item, forgets expression_attribute_values_raw
);

impl Operation for GetItemRequest {
    type Answer = GetItemResponse;
    const NAME: &'static str = "GetItem";
    const KIND: Kind = Kind::Read;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        Touched::item(engine, &self.table_name, &self.key).into_iter().collect()
    }
    tells_cost!(One);
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::get_item::execute(&core.storage, self))
    }
}

impl Operation for QueryRequest {
    type Answer = QueryResponse;
    const NAME: &'static str = "Query";
    const KIND: Kind = Kind::Read;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        let partition = |schema: &Schema| {
            let attribute = match &self.index_name {
                Some(index) => schema.indexes.get(index)?,
                None => &schema.partition,
            };
            self.equal_to(attribute)
        };
        let place = match &self.index_name {
            Some(index) => format!("{}/{index}", self.table_name),
            None => self.table_name.clone(),
        };
        engine
            .schema(&self.table_name)
            .and_then(|schema| partition(&schema))
            .map(|partition| Touched { place, partition, sort: String::new() })
            .into_iter()
            .collect()
    }
    tells_cost!(One);
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::query::execute(&core.storage, self))
    }
    fn find_nothing(answer: &mut Self::Answer) {
        answer.items = answer.items.take().map(|_| Vec::new());
        (answer.count, answer.scanned_count, answer.last_evaluated_key) = (0, 0, None);
    }
}

/// Reads the partition that a query asks for.
trait KeyCondition {
    /// The value that the key condition wants `attribute` to be equal to.
    fn equal_to(&self, attribute: &str) -> Option<String>;
}

impl KeyCondition for QueryRequest {
    fn equal_to(&self, attribute: &str) -> Option<String> {
        let condition = self.key_condition_expression.as_deref()?;
        let mut words = condition
            .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
            .flat_map(|word| word.split_inclusive('='))
            .flat_map(|word| match word.strip_suffix('=') {
                Some(name) => [name, "="],
                None => [word, ""],
            })
            .filter(|word| !word.is_empty())
            .peekable();
        while let Some(word) = words.next() {
            let name = match &self.expression_attribute_names {
                Some(names) if word.starts_with('#') => names.get(word).map_or(word, String::as_str),
                _ => word,
            };
            if name == attribute && words.next_if_eq(&"=").is_some() {
                let value = words.next()?;
                return self.expression_attribute_values.as_ref()?.get(value).map(text);
            }
        }
        None
    }
}

impl Operation for ScanRequest {
    type Answer = ScanResponse;
    const NAME: &'static str = "Scan";
    const KIND: Kind = Kind::Read;

    fn touches(&self, _engine: &Engine) -> Vec<Touched> {
        Vec::new()
    }
    tells_cost!(One);
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::scan::execute(&core.storage, self))
    }
}

impl Operation for BatchGetItemRequest {
    type Answer = BatchGetItemResponse;
    const NAME: &'static str = "BatchGetItem";
    const KIND: Kind = Kind::Read;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        self.request_items
            .iter()
            .flat_map(|(table, wanted)| {
                wanted.keys.iter().filter_map(|key| Touched::item(engine, table, key))
            })
            .collect()
    }
    tells_cost!(PerTable);
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::batch_get_item::execute(&core.storage, self))
    }
}

/// The key of a batch's request, among other attributes if it is a put.
fn written(request: &WriteRequest) -> Option<&Item> {
    match (&request.put_request, &request.delete_request) {
        (Some(put), _) => Some(&put.item),
        (None, Some(delete)) => Some(&delete.key),
        (None, None) => None,
    }
}

impl Operation for BatchWriteItemRequest {
    type Answer = BatchWriteItemResponse;
    const NAME: &'static str = "BatchWriteItem";
    const KIND: Kind = Kind::Write;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        self.request_items
            .iter()
            .flat_map(|(table, requests)| {
                requests.iter().filter_map(|request| Touched::item(engine, table, written(request)?))
            })
            .collect()
    }
    tells_cost!(PerTable);
    fn hold_back(&mut self, over_limit: &dyn Fn(&str, &Item) -> bool) -> Option<Unprocessed> {
        let mut held_back = Unprocessed::new();
        for (table, requests) in &mut self.request_items {
            for request in requests.extract_if(.., |r| written(r).is_some_and(|item| over_limit(table, item)))
            {
                let raw = match (request.put_request, request.delete_request) {
                    (Some(put), _) => json!({ "PutRequest": { "Item": put.item } }),
                    (None, delete) => json!({ "DeleteRequest": { "Key": delete.map(|delete| delete.key) } }),
                };
                held_back.entry(table.clone()).or_default().push(raw);
            }
        }
        self.request_items.retain(|_, requests| !requests.is_empty());
        // When nothing at all can be written, AWS refuses the call.
        (!self.request_items.is_empty()).then_some(held_back)
    }
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::batch_write_item::execute(&core.storage, self))
    }
    fn unprocessed(answer: &mut Self::Answer, held_back: Unprocessed) {
        answer.unprocessed_items.extend(held_back.into_iter().map(|(table, items)| (table, json!(items))));
    }
}

/// The table and the key of a transaction's action, among other attributes if
/// it is a put.
fn acted_on(action: &TransactWriteItem) -> Option<(&str, &Item)> {
    let TransactWriteItem { put, update, delete, condition_check } = action;
    let put = put.as_ref().map(|put| (put.table_name.as_str(), &put.item));
    let update = || update.as_ref().map(|update| (update.table_name.as_str(), &update.key));
    let delete = || delete.as_ref().map(|delete| (delete.table_name.as_str(), &delete.key));
    let check = || condition_check.as_ref().map(|check| (check.table_name.as_str(), &check.key));
    put.or_else(update).or_else(delete).or_else(check)
}

/// Takes the condition of a transaction's put, update or deletion away.
fn drop_condition(action: &mut TransactWriteItem) {
    if let Some(put) = &mut action.put {
        Expressions {
            kept: None,
            condition: &mut put.condition_expression,
            names: &mut put.expression_attribute_names,
            values: &mut put.expression_attribute_values,
        }
        .drop_condition();
    } else if let Some(update) = &mut action.update {
        Expressions {
            kept: Some(&update.update_expression),
            condition: &mut update.condition_expression,
            names: &mut update.expression_attribute_names,
            values: &mut update.expression_attribute_values,
        }
        .drop_condition();
    } else if let Some(delete) = &mut action.delete {
        Expressions {
            kept: None,
            condition: &mut delete.condition_expression,
            names: &mut delete.expression_attribute_names,
            values: &mut delete.expression_attribute_values,
        }
        .drop_condition();
    }
}

impl Operation for TransactWriteItemsRequest {
    type Answer = TransactWriteItemsResponse;
    const NAME: &'static str = "TransactWriteItems";
    const KIND: Kind = Kind::Transaction;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        self.transact_items
            .iter()
            .filter_map(acted_on)
            .filter_map(|(table, item)| Touched::item(engine, table, item))
            .collect()
    }
    tells_cost!(PerTable);
    fn ignore_conditions(&mut self, ignored: &dyn Fn(&str, &Item) -> bool) {
        let is_ignored =
            |action: &TransactWriteItem| acted_on(action).is_some_and(|(table, item)| ignored(table, item));
        // A condition check is nothing but its condition.
        self.transact_items.retain(|action| action.condition_check.is_none() || !is_ignored(action));
        self.transact_items.iter_mut().filter(|action| is_ignored(action)).for_each(drop_condition);
    }
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        let Some(token) = self.client_request_token.clone() else {
            return now(actions::transact_write_items::execute(&core.storage, self));
        };
        if core.was_done(&token, &self.transact_items)? {
            return Ok(repeated(&self));
        }
        let items = self.transact_items.clone();
        let answer = now(actions::transact_write_items::execute(&core.storage, self))?;
        core.remember(token, &items);
        Ok(answer)
    }
}

/// The answer to a transaction that was done before: it reads its items, at the
/// doubled price of transactions.
fn repeated(request: &TransactWriteItemsRequest) -> TransactWriteItemsResponse {
    let mut units: HashMap<&str, f64> = HashMap::new();
    for (table, _) in request.transact_items.iter().filter_map(acted_on) {
        *units.entry(table).or_default() += 2.0;
    }
    let consumed_capacity = units
        .into_iter()
        .map(|(table, units)| {
            let cost = types::consumed_capacity(table, units, &request.return_consumed_capacity)?;
            Some(ConsumedCapacity { read_capacity_units: Some(units), ..cost })
        })
        .collect();
    TransactWriteItemsResponse { consumed_capacity, ..Default::default() }
}

impl Operation for TransactGetItemsRequest {
    type Answer = TransactGetItemsResponse;
    const NAME: &'static str = "TransactGetItems";
    const KIND: Kind = Kind::Read;

    fn touches(&self, engine: &Engine) -> Vec<Touched> {
        self.transact_items
            .iter()
            .filter_map(|item| Touched::item(engine, &item.get.table_name, &item.get.key))
            .collect()
    }
    tells_cost!(PerTable);
    fn execute(self, core: &mut Core) -> Result<Self::Answer, DynoxideError> {
        now(actions::transact_get_items::execute(&core.storage, self))
    }
}
