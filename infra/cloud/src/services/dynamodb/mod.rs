//! DynamoDB and DynamoDB Streams: dynoxide's engine behind AWS's JSON protocol,
//! with a meter and misbehaviour in between.
//!
//! dynoxide brings an HTTP server, but its router is private, it works on the
//! runtime's threads, and requests would have to be parsed here and again
//! there: to meter a call, its request must ask for the consumed capacity. So
//! requests are read into dynoxide's own types here and executed in process.

mod conditions;
mod engine;
mod limits;
mod operations;
mod stream;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boot::Clock;
use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::transact_get_items::TransactGetItemsRequest;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::actions::update_item::UpdateItemRequest;
use dynoxide::errors::CancellationReason;
use dynoxide::types::{self, ConsumedCapacity};
use dynoxide::{DynoxideError, Item, actions, streams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::engine::{Core, Engine, now};
use self::limits::{Axis, InFlight, PartitionLimits};
use self::operations::{Cost, Kind, Operation, Touched};
pub use self::stream::{Checkpoint, checkpoint};
use super::chaos::{Chaos, Fault, FaultRates, Mishap, Write};
use super::life::Life;
use super::meter::{Meter, Usage};
use super::reply::Reply;

/// The largest request that DynamoDB reads.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

const ERRORS: &str = "com.amazonaws.dynamodb.v20120810";
/// What on-demand tables say about a hot partition key.
const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is \
    automatically scaling your table or index so please try again shortly. If exceptions persist, check \
    if you have a hot key: \
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html";
const IN_CONFLICT: &str = "Transaction is ongoing for the item";
/// How long a write is in flight at least, when that may be in another's way.
const IN_FLIGHT: Duration = Duration::from_millis(1);

/// The local DynamoDB. Clones share it.
#[derive(Clone)]
pub struct Dynamodb {
    engine: Engine,
    meter: Meter,
    chaos: Chaos,
    clock: Clock,
    region: Arc<str>,
    limits: Arc<PartitionLimits>,
    in_flight: InFlight,
    written: watch::Sender<u64>,
}

/// How a call ends badly.
enum Refusal {
    /// The partition limit, of a read or a write.
    Throttled(Axis),
    /// Another write or transaction is in flight on the items marked.
    Conflict(Vec<bool>),
    /// A 500 made by chaos.
    Fault,
    /// Anything that dynoxide refuses.
    Engine(DynoxideError),
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(error)
    }
}

impl Dynamodb {
    /// Opens the database file, or a database in memory.
    pub(super) fn open(
        path: Option<&Path>,
        region: &str,
        chaos: Chaos,
        clock: Clock,
    ) -> Result<Self, DynoxideError> {
        Ok(Self {
            engine: Engine::open(path, clock.clone())?,
            meter: Meter::default(),
            chaos,
            clock,
            region: region.into(),
            limits: Arc::default(),
            in_flight: InFlight::default(),
            written: watch::Sender::new(0),
        })
    }

    /// Counts every call.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Creates a table from a `CreateTable` request. Does nothing if there is a
    /// table of this name.
    ///
    /// # Errors
    /// If DynamoDB would refuse the request.
    pub async fn create_table(&self, request: Value) -> Result<(), DynoxideError> {
        let request = serde_json::from_value(request).map_err(unreadable)?;
        let created = self
            .engine
            .run_on_tables(|core| now(actions::create_table::execute(&core.storage, request)))
            .await;
        match created {
            Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes `attribute` the one that tells when an item may be deleted, in
    /// seconds since 1970. Does nothing if it is already.
    ///
    /// # Errors
    /// If there is no such table, or it has another such attribute.
    pub async fn enable_ttl(&self, table: &str, attribute: &str) -> Result<(), DynoxideError> {
        let (table, attribute) = (table.to_owned(), attribute.to_owned());
        self.engine
            .run(move |core| {
                let known = core.storage.get_table_metadata(&table)?;
                let enabled = known.is_some_and(|table| {
                    table.ttl_enabled && table.ttl_attribute.as_deref() == Some(&attribute)
                });
                if enabled {
                    return Ok(());
                }
                let request = actions::update_time_to_live::UpdateTimeToLiveRequest {
                    table_name: table,
                    time_to_live_specification: actions::update_time_to_live::TimeToLiveSpecification {
                        attribute_name: attribute,
                        enabled: true,
                    },
                };
                now(actions::update_time_to_live::execute(&core.storage, request)).map(|_| ())
            })
            .await
    }

    /// Deletes the items whose TTL has passed, as DynamoDB does within days of
    /// it. Tells how many. The local cloud does it now and then.
    ///
    /// # Errors
    /// If the service is stopping.
    pub async fn sweep(&self) -> Result<usize, DynoxideError> {
        let deleted = self.engine.run(Core::sweep).await?;
        if deleted > 0 {
            self.announce();
        }
        Ok(deleted)
    }

    /// All items of a table, for whoever looks for what must not be there: neither metered nor
    /// disturbed.
    ///
    /// # Errors
    /// If there is no such table.
    pub async fn items(&self, table: &str) -> Result<Vec<Value>, DynoxideError> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let request = ScanRequest {
                table_name: table.to_owned(),
                exclusive_start_key: after,
                ..ScanRequest::default()
            };
            let page = self.engine.run(|core| now(actions::scan::execute(&core.storage, request))).await?;
            for item in page.items.unwrap_or_default() {
                items.push(serde_json::to_value(item).map_err(unreadable)?);
            }
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    pub(super) async fn stop(&self) {
        self.engine.stop().await;
    }

    /// Answers one request of the JSON protocol.
    pub(super) async fn answer(&self, caller: &str, operation: &str, body: &[u8]) -> Reply {
        match operation {
            "GetItem" => self.on_items::<GetItemRequest>(caller, body).await,
            "PutItem" => self.on_items::<PutItemRequest>(caller, body).await,
            "UpdateItem" => self.on_items::<UpdateItemRequest>(caller, body).await,
            "DeleteItem" => self.on_items::<DeleteItemRequest>(caller, body).await,
            "Query" => self.on_items::<QueryRequest>(caller, body).await,
            "Scan" => self.on_items::<ScanRequest>(caller, body).await,
            "BatchGetItem" => self.on_items::<BatchGetItemRequest>(caller, body).await,
            "BatchWriteItem" => self.on_items::<BatchWriteItemRequest>(caller, body).await,
            "TransactWriteItems" => self.on_items::<TransactWriteItemsRequest>(caller, body).await,
            "TransactGetItems" => self.on_items::<TransactGetItemsRequest>(caller, body).await,
            _ => self.on_tables(operation, body).await,
        }
    }

    /// Tables, indexes and streams: neither metered nor disturbed.
    async fn on_tables(&self, operation: &str, body: &[u8]) -> Reply {
        macro_rules! pass {
            ($run:ident, $action:ident $(, $state:ident)?) => {{
                match read(body) {
                    Ok(request) => self
                        .engine
                        .$run(move |core| now(actions::$action::execute(&core.storage, request $(, &core.$state)?)))
                        .await
                        .map(|answer| Reply::json(200, &answer)),
                    Err(error) => Err(error),
                }
            }};
        }
        let answer = match operation {
            "CreateTable" => pass!(run_on_tables, create_table),
            "DeleteTable" => pass!(run_on_tables, delete_table, vectors),
            "UpdateTable" => pass!(run_on_tables, update_table, vectors),
            "DescribeTable" => pass!(run, describe_table, vectors),
            "ListTables" => pass!(run, list_tables),
            "UpdateTimeToLive" => pass!(run, update_time_to_live),
            "DescribeTimeToLive" => pass!(run, describe_time_to_live),
            "SearchVectors" => pass!(run, search_vectors, vectors),
            "ListStreams" => pass!(run, list_streams),
            "DescribeStream" => pass!(run, describe_stream),
            "GetShardIterator" => pass!(run, get_shard_iterator),
            "GetRecords" => pass!(run, get_records),
            _ => {
                return Reply::json(
                    400,
                    &json!({ "__type": "com.amazon.coral.service#UnknownOperationException" }),
                );
            }
        };
        answer.unwrap_or_else(|error| error_reply(&error))
    }

    async fn on_items<O: Operation>(&self, caller: &str, body: &[u8]) -> Reply {
        let request = match read::<O>(body) {
            Ok(request) => request,
            Err(error) => return error_reply(&error),
        };
        let rates = self.chaos.rates();
        let touched = request.touches(&self.engine);
        let mut usage = Usage { calls: 1, ..Usage::default() };
        let mishap = match O::KIND {
            Kind::Write | Kind::Transaction if self.chaos.watches_writes() => {
                let keys = touched.iter().map(Touched::place_in_table).collect();
                self.chaos.about_to(&Write { caller, keys }).await
            }
            _ => None,
        };
        match mishap {
            Some(Mishap::Refused) => return internal_error(),
            Some(Mishap::DiesBefore) => Life::end().await,
            _ => {}
        }
        let done = self.perform(request, &touched, &rates, &mut usage).await;
        let mut lost = None;
        if done.is_ok() && O::KIND != Kind::Read {
            self.announce();
            if self.chaos.strikes(Fault::LostAnswer, rates.lost_answer) {
                usage.faults += 1;
                lost =
                    Some(if self.chaos.coin(Fault::LostAnswer) { Reply::Dropped } else { internal_error() });
            }
        }
        self.meter.count(caller, O::NAME, &usage, touched.iter().map(|item| item.partition.as_str()));
        match mishap {
            Some(Mishap::AnswerLost) => return internal_error(),
            Some(Mishap::DiesAfter) => Life::end().await,
            _ => {}
        }
        match done {
            Ok(answer) => lost.unwrap_or_else(|| Reply::json(200, &answer)),
            Err(refusal) => self.refuse::<O>(&refusal, &touched),
        }
    }

    /// Does an operation, unless a fault or the engine refuses it, and
    /// writes into `usage` what it cost.
    async fn perform<O: Operation>(
        &self,
        mut request: O,
        touched: &[Touched],
        rates: &FaultRates,
        usage: &mut Usage,
    ) -> Result<O::Answer, Refusal> {
        let axis = if O::KIND == Kind::Read { Axis::Read } else { Axis::Write };
        if self.chaos.strikes(Fault::Slow, rates.slow) {
            tokio::time::sleep(self.chaos.up_to(Fault::Slow, rates.slowest)).await;
        }
        if self.chaos.strikes(Fault::ServerError, rates.server_error) {
            usage.faults += 1;
            return Err(Refusal::Fault);
        }
        let held_back = match rates.partition_limit {
            true => self.throttle(&mut request, touched, axis).inspect_err(|_| usage.throttled += 1)?,
            false => None,
        };
        let flight = match O::KIND {
            Kind::Read => None,
            kind => self.fly(touched, rates, kind).inspect_err(|_| usage.conflicts += 1)?,
        };
        if flight.is_some() {
            // The database often does it at once, and nobody would ever be in the way.
            tokio::time::sleep(IN_FLIGHT).await;
        }
        if !rates.ignored_conditions.is_empty() {
            request.ignore_conditions(&|table, item| {
                self.partition(table, item).is_some_and(|partition| {
                    rates.ignored_conditions.iter().any(|p| partition.starts_with(p))
                })
            });
        }

        let wanted = request.wanted_cost().replace("INDEXES".to_owned());
        let wants_item = request
            .wanted_old_item()
            .is_none_or(|wanted| wanted.replace("ALL_OLD".to_owned()).as_deref() == Some("ALL_OLD"));
        let outcome = self.engine.run(move |core| request.execute(core)).await;

        let (outcome, table_units) = match outcome {
            Ok(mut answer) => {
                let table_units = take_cost(O::cost(&mut answer), wanted.as_deref(), axis, usage);
                if let Some(held_back) = held_back {
                    O::unprocessed(&mut answer, held_back);
                }
                let is_stale = |item: &Touched| {
                    rates.stale_queries.iter().any(|start| item.partition.starts_with(start))
                };
                if touched.iter().any(is_stale) {
                    O::find_nothing(&mut answer);
                }
                (Ok(answer), table_units)
            }
            Err(error) => {
                let (error, units) = refused_cost(error, wants_item, touched.len(), usage);
                (Err(Refusal::Engine(error)), units)
            }
        };
        if rates.partition_limit && table_units > 0.0 && !touched.is_empty() {
            let share = table_units / f64::from(u32::try_from(touched.len()).unwrap_or(u32::MAX));
            let now = self.clock.now();
            touched.iter().for_each(|item| self.limits.take(axis, &item.bucket(), share, now));
        }
        outcome
    }

    /// Refuses what exceeds a partition's units, or the part of a batch that does.
    fn throttle<O: Operation>(
        &self,
        request: &mut O,
        touched: &[Touched],
        axis: Axis,
    ) -> Result<Option<operations::Unprocessed>, Refusal> {
        let now = self.clock.now();
        if touched.iter().all(|item| self.limits.admits(axis, &item.bucket(), now)) {
            return Ok(None);
        }
        let over_limit = |table: &str, item: &Item| {
            self.partition(table, item)
                .is_some_and(|partition| !self.limits.admits(axis, &format!("{table}/{partition}"), now))
        };
        request.hold_back(&over_limit).map(Some).ok_or(Refusal::Throttled(axis))
    }

    /// Marks the items as being written, if nobody is in the way.
    fn fly(
        &self,
        touched: &[Touched],
        rates: &FaultRates,
        kind: Kind,
    ) -> Result<Option<limits::Flight>, Refusal> {
        if self.chaos.strikes(Fault::Conflict, rates.conflict) {
            return Err(Refusal::Conflict(vec![true; touched.len()]));
        }
        if !rates.conflicts_in_flight {
            return Ok(None);
        }
        let keys = touched.iter().map(Touched::key).collect();
        self.in_flight.start(keys, kind == Kind::Transaction).map(Some).map_err(Refusal::Conflict)
    }

    fn partition(&self, table: &str, item: &Item) -> Option<String> {
        let schema = self.engine.schema(table)?;
        item.get(&schema.partition).map(operations::text)
    }

    /// Wakes those who read the stream.
    fn announce(&self) {
        self.written.send_modify(|count| *count += 1);
    }

    /// The answer that AWS gives to such a refusal.
    fn refuse<O: Operation>(&self, refusal: &Refusal, touched: &[Touched]) -> Reply {
        match refusal {
            Refusal::Engine(error) => error_reply(error),
            Refusal::Fault => internal_error(),
            Refusal::Throttled(_) if O::KIND == Kind::Transaction => {
                cancelled(touched.iter().map(|_| true), "ThrottlingError", THROTTLED)
            }
            Refusal::Throttled(axis) => {
                let table = touched.first().map_or("", |item| item.place.as_str());
                Reply::json(
                    400,
                    &json!({
                        "__type": "com.amazon.coral.availability#ThrottlingException",
                        "message": THROTTLED,
                        "throttlingReasons": [{
                            "reason": format!("Table{axis:?}KeyRangeThroughputExceeded"),
                            "resource": streams::table_arn(table).replace(streams::LOCAL_REGION, &self.region),
                        }],
                    }),
                )
            }
            Refusal::Conflict(items) if O::KIND == Kind::Transaction => {
                cancelled(items.iter().copied(), "TransactionConflict", IN_CONFLICT)
            }
            Refusal::Conflict(_) => Reply::json(
                400,
                &json!({ "__type": format!("{ERRORS}#TransactionConflictException"), "message": IN_CONFLICT }),
            ),
        }
    }

    /// Sweeps every ten minutes until the engine stops.
    pub(super) async fn keep_swept(self) {
        const PAUSE: Duration = Duration::from_secs(600);
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "the local DynamoDB could not delete expired items");
            }
        }
    }
}

/// Reads a request, with dynoxide's words for what is wrong with it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(unreadable)
}

/// dynoxide marks the class of an error in its text; its own server takes the
/// mark off, in code that is not public.
fn unreadable(error: serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    for mark in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
        if let Some(text) = text.strip_prefix(mark) {
            return DynoxideError::SerializationException(text.to_owned());
        }
    }
    for mark in ["VALIDATION_AS_READ:", "VALIDATION_REQUEST:", "VALIDATION:"] {
        if let Some(text) = text.strip_prefix(mark) {
            return DynoxideError::ValidationException(text.to_owned());
        }
    }
    match error.classify() {
        serde_json::error::Category::Data => DynoxideError::ValidationException(text.to_owned()),
        _ => DynoxideError::SerializationException(text.to_owned()),
    }
}

fn error_reply(error: &DynoxideError) -> Reply {
    Reply::Json { status: error.status_code(), error: None, body: error.to_json().into_bytes() }
}

fn internal_error() -> Reply {
    Reply::json(
        500,
        &json!({
            "__type": format!("{ERRORS}#InternalServerError"),
            "message": "The request processing has failed because of an unknown error.",
        }),
    )
}

/// A cancelled transaction: a reason for each item, `None` for the innocent.
fn cancelled(items: impl Iterator<Item = bool>, code: &str, message: &str) -> Reply {
    let reasons: Vec<CancellationReason> = items
        .map(|guilty| CancellationReason {
            code: if guilty { code } else { "None" }.to_owned(),
            message: guilty.then(|| message.to_owned()),
            item: None,
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    error_reply(&DynoxideError::TransactionCanceledException(message, reasons))
}

/// Adds an answer's cost to `usage`, leaves in the answer what the caller
/// wanted, and gives back the units of the table alone, without its indexes.
fn take_cost(cost: Cost<'_>, wanted: Option<&str>, axis: Axis, usage: &mut Usage) -> f64 {
    let mut table_units = 0.0;
    let mut add = |cost: &mut ConsumedCapacity| {
        // A repeated transaction only reads.
        let reads = axis == Axis::Read || cost.read_capacity_units.is_some();
        *if reads { &mut usage.read_units } else { &mut usage.write_units } += cost.capacity_units;
        table_units += cost.table.as_ref().map_or(0.0, |table| table.capacity_units);
        if wanted == Some("TOTAL") {
            *cost = ConsumedCapacity {
                table_name: std::mem::take(&mut cost.table_name),
                capacity_units: cost.capacity_units,
                read_capacity_units: cost.read_capacity_units,
                write_capacity_units: cost.write_capacity_units,
                ..ConsumedCapacity::default()
            };
        }
    };
    let unwanted = !matches!(wanted, Some("TOTAL" | "INDEXES"));
    match cost {
        Cost::One(cost) => {
            cost.iter_mut().for_each(&mut add);
            cost.take_if(|_| unwanted);
        }
        Cost::PerTable(costs) => {
            costs.iter_mut().flatten().for_each(&mut add);
            costs.take_if(|_| unwanted);
        }
    }
    table_units
}

/// Adds to `usage` what a refused write costs: a failed condition costs the
/// units of the item that is there, at least one; a cancelled transaction
/// twice one unit for each of its items. Takes the item out of the error if the
/// caller did not want it.
fn refused_cost(
    error: DynoxideError,
    wants_item: bool,
    items: usize,
    usage: &mut Usage,
) -> (DynoxideError, f64) {
    let (error, units) = match error {
        DynoxideError::ConditionalCheckFailedException(message, item) => {
            usage.failed_conditions += 1;
            let size = item.as_ref().map_or(0, types::item_size);
            let item = item.filter(|_| wants_item);
            let error = DynoxideError::ConditionalCheckFailedException(message, item);
            (error, types::write_capacity_units(size).max(1.0))
        }
        DynoxideError::TransactionCanceledException(message, reasons) => {
            let failed = reasons.iter().filter(|reason| reason.code == "ConditionalCheckFailed").count();
            usage.failed_conditions += failed as u64;
            let units = 2.0 * f64::from(u32::try_from(items).unwrap_or(u32::MAX));
            (DynoxideError::TransactionCanceledException(message, reasons), units)
        }
        other => (other, 0.0),
    };
    usage.write_units += units;
    (error, units)
}

#[cfg(test)]
mod tests;
