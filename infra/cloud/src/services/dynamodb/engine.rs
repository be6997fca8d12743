//! The database, and the thread that works on it when many want to.
//!
//! SQLite blocks, and `dynoxide::Database` has a lock around it: called from
//! async tasks, every buyer would wait for it on a thread of the runtime. Here
//! nobody waits: whoever finds the database unused does his job at once, which
//! takes a fraction of a millisecond, and whoever finds it in use hands the job
//! to a thread that does one after the other. Handing over costs two wake-ups,
//! which with one buyer are a tenth of all work and with many happen seldom.
//!
//! It holds dynoxide's `Storage` and calls the same actions that `Database`
//! calls, instead of a `Database`, because of one statement: dynoxide looks for
//! a stream's last sequence number without an index, which costs each write
//! 10 ms after 50,000 stream records. `Storage` lets us add that index.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use boot::Clock;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::{Storage, TableMetadata};
use dynoxide::storage_backend;
use dynoxide::types::KeySchemaElement;
use dynoxide::types::KeyType;
use dynoxide::{DynoxideError, actions};
use futures::FutureExt;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::private;

/// DynamoDB remembers a transaction's token for ten minutes.
const TOKEN_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// DynamoDB keeps a stream record for a day.
const STREAM_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A handle to the database. Clones share it.
#[derive(Clone)]
pub(super) struct Engine {
    desk: Arc<Desk>,
    jobs: Sender<Option<Job>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    schemas: Arc<RwLock<Schemas>>,
}

type Job = Box<dyn FnOnce(&mut Core) + Send>;
type Schemas = HashMap<String, Arc<Schema>>;

/// The thread that the database is used on.
struct Desk {
    /// Nothing once the service has stopped.
    core: Mutex<Option<Core>>,
    /// Jobs on their way to the thread: nobody overtakes them.
    waiting: AtomicUsize,
}

impl Desk {
    fn core(&self) -> MutexGuard<'_, Option<Core>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does jobs until there is an end to them, and closes the database.
    fn work_off(&self, jobs: &Receiver<Option<Job>>) {
        while let Ok(Some(job)) = jobs.recv() {
            if let Some(core) = &mut *self.core() {
                job(core);
            }
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        self.core().take();
    }

    /// Does a job at once if nobody uses the database or waits for it; otherwise
    /// gives it back.
    fn at_once<T, W>(&self, work: W) -> Result<Result<T, DynoxideError>, W>
    where
        W: FnOnce(&mut Core) -> Result<T, DynoxideError>,
    {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return Err(work);
        }
        match self.core.try_lock() {
            Ok(mut core) => Ok(core.as_mut().map_or_else(|| Err(stopped()), work)),
            Err(_) => Err(work),
        }
    }
}

/// What there is of the database.
pub(super) struct Core {
    pub(super) storage: Storage,
    pub(super) vectors: VectorIndexLifecycle,
    clock: Clock,
    /// The transactions of the last ten minutes by their token: when, and what
    /// they said.
    tokens: HashMap<String, (Timestamp, u64)>,
}

/// The key attributes of a table.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) partition: String,
    pub(super) sort: Option<String>,
    /// The partition key of each index.
    pub(super) indexes: HashMap<String, String>,
}

/// A future of dynoxide's native backend, which never suspends.
pub(super) fn now<T>(action: impl Future<Output = T>) -> T {
    action.now_or_never().expect("dynoxide's SQLite backend works synchronously")
}

/// The service is stopping, so that nobody answers any more.
pub(super) fn stopped() -> DynoxideError {
    DynoxideError::InternalServerError("the local DynamoDB is stopping".to_owned())
}

impl Engine {
    /// Opens the database at `path`, or one in memory, and starts its thread.
    pub(super) fn open(path: Option<&Path>, clock: Clock) -> Result<Self, DynoxideError> {
        let storage = match path {
            Some(path) => {
                // SQLite gives the files beside it the permissions of the database.
                private::options().create(true).append(true).open(path).map_err(|error| {
                    DynoxideError::InternalServerError(format!("{}: {error}", path.display()))
                })?;
                Storage::new(&path.to_string_lossy())?
            }
            None => Storage::memory()?,
        };
        let storage = storage.with_clock(Arc::new(StorageClock(clock.clone())));
        // `synchronous = NORMAL`: under write-ahead logging, a commit then is a
        // write to the operating system without an fsync. It survives a killed
        // process; a power cut may take the last commits, never consistency.
        storage.disable_bulk_loading()?;
        storage.conn().execute_batch(
            "PRAGMA cache_size = -32000;
             CREATE INDEX IF NOT EXISTS taquilla_stream_order
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));",
        )?;
        let mut core = Core { storage, vectors: VectorIndexLifecycle::new(), clock, tokens: HashMap::new() };
        core.forget_old_stream_records()?;
        let schemas = Arc::new(RwLock::new(core.schemas()?));
        let desk = Arc::new(Desk { core: Mutex::new(Some(core)), waiting: AtomicUsize::new(0) });
        let (jobs, queue) = mpsc::channel::<Option<Job>>();
        let at_desk = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || at_desk.work_off(&queue))
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        Ok(Self { desk, jobs, thread: Arc::new(Mutex::new(Some(thread))), schemas })
    }

    /// Runs `work` on the database.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, DynoxideError> + Send + 'static,
    ) -> Result<T, DynoxideError> {
        let work = match self.desk.at_once(work) {
            Ok(answer) => return answer,
            Err(work) => work,
        };
        let (answer, answered) = oneshot::channel();
        // Whoever asked may be gone by now, as a caller whose connection broke;
        // the work is done nevertheless.
        let job: Job = Box::new(move |core| drop(answer.send(work(core))));
        self.desk.waiting.fetch_add(1, Ordering::AcqRel);
        self.jobs.send(Some(job)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Runs `work`, which may change tables, and reads their keys again.
    pub(super) async fn run_on_tables<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, DynoxideError> + Send + 'static,
    ) -> Result<T, DynoxideError> {
        let schemas = Arc::clone(&self.schemas);
        self.run(move |core| {
            let answer = work(core)?;
            *schemas.write().unwrap_or_else(PoisonError::into_inner) = core.schemas()?;
            Ok(answer)
        })
        .await
    }

    /// The keys of a table, if there is such a table.
    pub(super) fn schema(&self, table: &str) -> Option<Arc<Schema>> {
        self.schemas.read().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }

    /// Finishes the jobs that wait, closes the database, and ends the thread.
    pub(super) async fn stop(&self) {
        let _ = self.jobs.send(None);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Closing checkpoints the write-ahead log, which takes a moment.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Core {
    fn schemas(&self) -> Result<Schemas, DynoxideError> {
        let mut schemas = HashMap::new();
        for name in self.storage.list_table_names()? {
            if let Some(metadata) = self.storage.get_table_metadata(&name)? {
                schemas.insert(name, Arc::new(schema(&metadata)));
            }
        }
        Ok(schemas)
    }

    /// DynamoDB's streams hold a day; records that nobody read by then are lost
    /// there too. Sequence numbers are microseconds or larger.
    fn forget_old_stream_records(&mut self) -> Result<(), DynoxideError> {
        let oldest = (self.clock.now() - STREAM_LIFE).as_microsecond();
        self.storage
            .conn()
            .execute("DELETE FROM _stream_records WHERE CAST(sequence_number AS INTEGER) < ?1", [oldest])?;
        Ok(())
    }

    /// What DynamoDB does in the background within days: deletes the items whose
    /// TTL has passed, and the stream records of yesterday.
    pub(super) fn sweep(&mut self) -> Result<usize, DynoxideError> {
        self.forget_old_stream_records()?;
        now(dynoxide::ttl::sweep_expired_items(&self.storage))
    }

    /// True if a transaction with this token and content was done already.
    ///
    /// # Errors
    /// If the token was used for another content.
    pub(super) fn was_done(
        &mut self,
        token: &str,
        items: &[actions::transact_write_items::TransactWriteItem],
    ) -> Result<bool, DynoxideError> {
        let now = self.clock.now();
        self.tokens.retain(|_, (done, _)| now.duration_since(*done) < TOKEN_LIFE);
        match self.tokens.get(token) {
            None => Ok(false),
            Some((_, content)) if *content == content_hash(items) => Ok(true),
            Some(_) => Err(DynoxideError::IdempotentParameterMismatchException(
                "The ClientRequestToken was used with different parameters.".to_owned(),
            )),
        }
    }

    /// Remembers that a transaction was done.
    pub(super) fn remember(
        &mut self,
        token: String,
        items: &[actions::transact_write_items::TransactWriteItem],
    ) {
        self.tokens.insert(token, (self.clock.now(), content_hash(items)));
    }
}

/// The same for the same content, whatever the order of its maps.
fn content_hash(items: &[actions::transact_write_items::TransactWriteItem]) -> u64 {
    let mut content = serde_json::to_value(items).unwrap_or_default();
    content.sort_all_objects();
    let mut hasher = DefaultHasher::new();
    content.to_string().hash(&mut hasher);
    hasher.finish()
}

fn schema(table: &TableMetadata) -> Schema {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Index {
        index_name: String,
        key_schema: Vec<KeySchemaElement>,
    }
    let key = |keys: &[KeySchemaElement], kind: KeyType| {
        keys.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone())
    };
    let keys: Vec<KeySchemaElement> = serde_json::from_str(&table.key_schema).unwrap_or_default();
    let indexes: Vec<Index> = table
        .gsi_definitions
        .as_deref()
        .and_then(|definitions| serde_json::from_str(definitions).ok())
        .unwrap_or_default();
    Schema {
        partition: key(&keys, KeyType::HASH).unwrap_or_default(),
        sort: key(&keys, KeyType::RANGE),
        indexes: indexes
            .into_iter()
            .filter_map(|index| Some((index.index_name, key(&index.key_schema, KeyType::HASH)?)))
            .collect(),
    }
}

/// The house's clock as dynoxide wants it.
struct StorageClock(Clock);

impl storage_backend::Clock for StorageClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now().as_second()).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        Duration::try_from(self.0.now().duration_since(Timestamp::UNIX_EPOCH))
            .unwrap_or_default()
            .as_secs_f64()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the order of two moments is what is tested")]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_finds_the_database_in_use_does_not_wait_for_it_on_a_thread_of_the_runtime() {
        const LONG: Duration = Duration::from_millis(300);
        let engine = Engine::open(None, Clock::system()).expect("a database");
        let (begun, has_begun) = oneshot::channel();
        let busy = engine.clone();
        let long = tokio::spawn(async move {
            let work = move |_: &mut Core| {
                let _ = begun.send(Instant::now());
                std::thread::sleep(LONG);
                Ok(Instant::now())
            };
            busy.run(work).await
        });
        let begun = has_begun.await.expect("it begins");
        let mut next = Box::pin(engine.run(|_| Ok(Instant::now())));
        assert!(futures::poll!(&mut next).is_pending());
        assert!(begun.elapsed() < LONG, "the poll waited for the database");
        let done = long.await.expect("no panic").expect("an answer");
        assert!(next.await.expect("an answer") >= done);
        engine.stop().await;
        assert!(engine.run(|_| Ok(())).await.is_err());
    }
}
