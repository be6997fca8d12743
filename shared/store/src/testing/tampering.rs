//! Clients that change requests and answers on their way to the same table.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use serde_json::Value;

use crate::Store;

/// The longest expression that DynamoDB allows, in bytes.
const MAX_EXPRESSION_BYTES: usize = 4096;
/// The most operators and functions in an expression, from the same page.
const MAX_OPERATORS: usize = 300;

/// The same table over a client that removes the conditions of updates: the negative control of a race.
pub(crate) fn unguarded(store: &Store) -> Store {
    through(store, Unguarded)
}

/// As [`unguarded`], for puts and deletions of whole items.
pub(crate) fn unguarded_puts(store: &Store) -> Store {
    through(store, UnguardedPuts)
}

/// The same table over a client that loses the answers to the first `lost` tries of each write,
/// although the table has carried them out.
pub(crate) fn forgetful(store: &Store, lost: u32) -> Store {
    through(store, Forgetful { lost })
}

/// The same table over a client whose writes of single items collide with a transaction at the first
/// `times` tries: the table carries out nothing of them.
pub(crate) fn colliding(store: &Store, times: u32) -> Store {
    through(store, Colliding { times })
}

/// The same table over a client whose conditional updates are all refused, as if others were always
/// faster and gave up again.
pub(crate) fn refusing(store: &Store) -> Store {
    through(store, Refusing)
}

/// The same table over a client that counts the units of each update that was
/// carried out, and refuses expressions that only a real DynamoDB refuses.
pub(crate) fn metered(store: &Store) -> (Store, Meter) {
    let meter = Meter::default();
    (through(store, meter.clone()), meter)
}

/// The same table over a client that, before it sends its update number `number`
/// (from 1), waits until `meanwhile` is done. For tests on several threads.
pub(crate) fn interrupted<F>(store: &Store, number: u32, meanwhile: F) -> Store
where
    F: Future<Output = ()> + Send + 'static,
{
    let meanwhile = Mutex::new(Some(Box::pin(meanwhile) as Pin<Box<dyn Future<Output = ()> + Send>>));
    through(store, Interrupted { to_go: AtomicU32::new(number), meanwhile })
}

fn through(store: &Store, interceptor: impl Intercept + 'static) -> Store {
    let config = store.client.config().to_builder().interceptor(interceptor).build();
    Store {
        client: aws_sdk_dynamodb::Client::from_conf(config),
        // As in another process, which does not share what this one has seen.
        hints: Arc::default(),
        recent_rows: Arc::default(),
        ..store.clone()
    }
}

fn operation(config: &ConfigBag) -> &str {
    config.load::<Metadata>().map_or("", Metadata::name)
}

fn is_update(config: &ConfigBag) -> bool {
    operation(config) == "UpdateItem"
}

fn attempt(config: &ConfigBag) -> u32 {
    config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts)
}

/// Changes the JSON of an update before it is signed.
fn edit(
    context: &mut BeforeTransmitInterceptorContextMut<'_>,
    config: &ConfigBag,
    edit: impl FnOnce(&mut Value) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    if !is_update(config) {
        return Ok(());
    }
    edit_any(context, edit)
}

/// Changes the JSON of a request before it is signed.
fn edit_any(
    context: &mut BeforeTransmitInterceptorContextMut<'_>,
    edit: impl FnOnce(&mut Value) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let request = context.request_mut();
    let mut body: Value = serde_json::from_slice(request.body().bytes().expect("JSON in memory"))?;
    edit(&mut body)?;
    let body = serde_json::to_vec(&body)?;
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = body.into();
    Ok(())
}

#[derive(Debug)]
struct Unguarded;

impl Intercept for Unguarded {
    fn name(&self) -> &'static str {
        "Unguarded"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        edit(context, config, |body| {
            let body = body.as_object_mut().expect("an object");
            body.remove("ConditionExpression");
            body.remove("ReturnValuesOnConditionCheckFailure");
            // DynamoDB refuses names and values that no expression refers to.
            let update = body["UpdateExpression"].as_str().expect("an update").to_owned();
            let words: Vec<&str> = update
                .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '#')))
                .collect();
            for names in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
                if let Some(names_of) = body.get_mut(names).and_then(Value::as_object_mut) {
                    names_of.retain(|name, _| words.contains(&name.as_str()));
                    if names_of.is_empty() {
                        body.remove(names);
                    }
                }
            }
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Refusing;

impl Intercept for Refusing {
    fn name(&self) -> &'static str {
        "Refusing"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        edit(context, config, |body| {
            if let Some(condition) = body["ConditionExpression"].as_str() {
                body["ConditionExpression"] = format!("attribute_not_exists(PK) AND {condition}").into();
            }
            Ok(())
        })
    }
}

#[derive(Debug)]
struct UnguardedPuts;

impl Intercept for UnguardedPuts {
    fn name(&self) -> &'static str {
        "UnguardedPuts"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !matches!(operation(config), "PutItem" | "DeleteItem") {
            return Ok(());
        }
        edit_any(context, |body| {
            let body = body.as_object_mut().expect("an object");
            body.remove("ConditionExpression");
            body.remove("ExpressionAttributeValues");
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Forgetful {
    lost: u32,
}

impl Intercept for Forgetful {
    fn name(&self) -> &'static str {
        "Forgetful"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_write =
            matches!(operation(config), "UpdateItem" | "PutItem" | "DeleteItem" | "TransactWriteItems");
        if is_write && attempt(config) <= self.lost {
            let lost =
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"lost"}"#;
            *context.response_mut() = Response::new(StatusCode::try_from(500)?, lost.into());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Colliding {
    times: u32,
}

impl Colliding {
    fn collides(&self, config: &ConfigBag) -> bool {
        matches!(operation(config), "UpdateItem" | "PutItem" | "DeleteItem") && attempt(config) <= self.times
    }
}

impl Intercept for Colliding {
    fn name(&self) -> &'static str {
        "Colliding"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.collides(config) {
            return Ok(());
        }
        edit_any(context, |body| {
            body["TableName"] = "nowhere".into();
            Ok(())
        })
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.collides(config) {
            let collided = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"collided"}"#;
            *context.response_mut() = Response::new(StatusCode::try_from(400)?, collided.into());
        }
        Ok(())
    }
}

struct Interrupted {
    to_go: AtomicU32,
    meanwhile: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupted")
    }
}

impl Intercept for Interrupted {
    fn name(&self) -> &'static str {
        "Interrupted"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_update(config) && self.to_go.fetch_sub(1, Ordering::SeqCst) == 1 {
            let meanwhile = self.meanwhile.lock().expect("no panic meanwhile").take();
            let meanwhile = meanwhile.expect("happens once");
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(meanwhile));
        }
        Ok(())
    }
}

/// Write units of the updates so far, one figure for each.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Vec<f64>>>);

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// The units that were counted since the last call.
    pub(crate) fn take(&self) -> Vec<f64> {
        std::mem::take(&mut self.0.lock().expect("no panic meanwhile"))
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        edit(context, config, |body| {
            body["ReturnConsumedCapacity"] = "TOTAL".into();
            for expression in ["UpdateExpression", "ConditionExpression"] {
                let text = body[expression].as_str().unwrap_or_default();
                let operators = operators(text);
                if text.len() > MAX_EXPRESSION_BYTES || operators > MAX_OPERATORS {
                    let size = text.len();
                    return Err(format!("{expression}: {size} bytes, {operators} operators").into());
                }
            }
            Ok(())
        })
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        if is_update(config) && context.response().status().is_success() {
            let body: Value = serde_json::from_slice(body)?;
            let units = body["ConsumedCapacity"]["CapacityUnits"].as_f64().ok_or("no units")?;
            self.0.lock().expect("no panic meanwhile").push(units);
        }
        Ok(())
    }
}

/// The number of operators and functions in an expression, or more.
fn operators(expression: &str) -> usize {
    let spaced = expression.replace('(', " ( ");
    let words = spaced.split_whitespace();
    words
        .filter(|word| {
            matches!(
                *word,
                "AND" | "OR" | "NOT" | "BETWEEN" | "IN" | "=" | "<>" | "<" | "<=" | ">" | ">=" | "+" | "-"
            ) || word.starts_with("attribute_")
                || matches!(*word, "contains" | "begins_with" | "size" | "if_not_exists")
        })
        .count()
}
