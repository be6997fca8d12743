use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::Activity;
use super::{Surroundings, obituary, reported_failures};
use crate::lambda::Lambda;
use crate::private;
use crate::services::Checkpoint;
use crate::template::StreamSource;

/// The first pause before a failed batch is tried again; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The least time from one look at the stream to the next, so that under load each
/// finds the records of many writes. Lambda looks four times a second.
const PACE: Duration = Duration::from_millis(5);
/// The pause after the stream could not be read.
const PAUSE: Duration = Duration::from_millis(200);

/// The progress of a mapping.
pub(super) struct Progress {
    table: String,
    writes: watch::Receiver<u64>,
    /// One more than the count of writes whose records are all handled: what an
    /// earlier run left behind has to be read before anything is done.
    handled: AtomicU64,
}

impl Progress {
    /// What is left, for people; nothing if all is done.
    pub(super) fn left(&self) -> Option<String> {
        let behind = (*self.writes.borrow() + 1).saturating_sub(self.handled.load(Ordering::Acquire));
        (behind > 0).then(|| format!("the stream of {} is {behind} writes behind", self.table))
    }
}

/// An event source mapping from a table's stream.
pub(super) struct StreamMapping {
    source: StreamSource,
    lambda: Arc<Lambda>,
    surroundings: Surroundings,
    activity: Arc<Activity>,
    progress: Arc<Progress>,
    checkpoint: Option<Checkpoint>,
    /// The file in which the checkpoint outlives a restart.
    file: Option<Note>,
}

/// A file with a checkpoint.
struct Note(File);

impl Note {
    /// Opens or creates the file, and reads what it says.
    fn open(path: &Path) -> io::Result<(Self, Option<Checkpoint>)> {
        let file = private::options().read(true).write(true).create(true).truncate(false).open(path)?;
        // A torn file means reading again what was read before, which workers take.
        let checkpoint = io::read_to_string(&file)?.trim().parse().ok();
        if checkpoint.is_none() {
            file.set_len(0)?;
        }
        Ok((Self(file), checkpoint))
    }

    /// Replaces what the file says. All checkpoints have the same length, so nothing
    /// has to be cut off, for which the file system would wait for the disk.
    fn write(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.0.rewind()?;
        self.0.write_all(checkpoint.to_string().as_bytes())
    }
}

impl StreamMapping {
    /// Continues where the last run ended, or begins at the oldest record.
    pub(super) fn new(
        source: StreamSource,
        lambda: Arc<Lambda>,
        surroundings: Surroundings,
        activity: Arc<Activity>,
    ) -> io::Result<Self> {
        let path = surroundings.data_dir.as_ref();
        let path = path.map(|folder| folder.join(format!("{}.checkpoint", lambda.name)));
        let (file, checkpoint) = path.map(|path| Note::open(&path)).transpose()?.unzip();
        let checkpoint = checkpoint.flatten();
        let progress = Arc::new(Progress {
            table: source.table.clone(),
            writes: surroundings.dynamodb.writes(),
            handled: AtomicU64::new(0),
        });
        Ok(Self { source, lambda, surroundings, activity, progress, checkpoint, file })
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Reads until the mapping stops.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut writes = self.surroundings.dynamodb.writes();
        loop {
            let next = Instant::now() + PACE;
            let seen = *writes.borrow_and_update();
            while self.read_some().await {
                if *stop.borrow() {
                    return;
                }
            }
            self.progress.handled.store(seen + 1, Ordering::Release);
            tokio::select! {
                changed = async {
                    let changed = writes.changed().await;
                    tokio::time::sleep_until(next).await;
                    changed
                } => if changed.is_err() { return },
                _ = stop.changed() => return,
            }
        }
    }

    /// Handles the next records, if there are any. Says whether there may be more.
    async fn read_some(&mut self) -> bool {
        let StreamSource { table, batch_size, lanes, .. } = &self.source;
        let read = self
            .surroundings
            .dynamodb
            .stream_records(table, self.checkpoint.as_ref(), batch_size * lanes)
            .await;
        let (records, reached) = match read {
            Ok((records, reached)) => (records, reached),
            Err(error) => {
                tracing::error!(table, %error, "cannot read the stream");
                tokio::time::sleep(PAUSE).await;
                return true;
            }
        };
        if records.is_empty() {
            return false;
        }
        let lanes = self.lanes(records);
        if !lanes.is_empty() {
            let _running = self.activity.begin(&self.lambda.name);
            join_all(lanes.into_iter().map(|lane| self.handle_lane(lane))).await;
        }
        self.checkpoint = reached;
        if let (Some(file), Some(checkpoint)) = (&mut self.file, &self.checkpoint)
            && let Err(error) = file.write(checkpoint)
        {
            tracing::error!(function = self.lambda.name, %error, "cannot note how far the stream was read");
        }
        true
    }

    /// The records that the filter lets through, apart by their partition key: each
    /// item's records stay in order.
    fn lanes(&self, records: Vec<Json>) -> Vec<Vec<Json>> {
        let mut lanes: Vec<Vec<Json>> = vec![Vec::new(); self.source.lanes];
        let filters = &self.source.filters;
        for record in records {
            if !filters.is_empty() && !filters.iter().any(|filter| filter.matches(&record)) {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            record["dynamodb"]["Keys"]["PK"].to_string().hash(&mut hasher);
            let lane = usize::try_from(hasher.finish() % lanes.len() as u64).unwrap_or(0);
            lanes[lane].push(record);
        }
        lanes.retain(|lane| !lane.is_empty());
        lanes
    }

    async fn handle_lane(&self, records: Vec<Json>) {
        for batch in records.chunks(self.source.batch_size) {
            self.handle(batch, 0).await;
        }
    }

    /// Hands a batch to the function until it is done or given up.
    fn handle<'a>(&'a self, mut batch: &'a [Json], mut retries: u32) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            loop {
                let event = json!({ "Records": batch });
                let answer = self.lambda.work(event, self.surroundings.chaos.should_crash_worker()).await;
                let (done, failure) = match answer {
                    Ok(answer) => match self.first_failed(batch, &answer) {
                        None => return,
                        Some(first) => (first, "it reported a failed record".to_owned()),
                    },
                    Err(failure) => (0, failure.to_string()),
                };
                batch = &batch[done..];
                tracing::warn!(function = self.lambda.name, records = batch.len(), failure, "a batch failed");
                // Halves without a pause in between cost no retries, as on Lambda; a
                // single record is what finally uses them up.
                if done == 0 && self.source.bisects && batch.len() > 1 {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    self.handle(first, retries).await;
                    return self.handle(second, retries).await;
                }
                if self.source.retries.is_some_and(|most| retries >= most) {
                    return self.give_up(batch, &failure, retries + 1);
                }
                tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << retries.min(10)).min(LONGEST_PAUSE)).await;
                retries += 1;
            }
        })
    }

    /// The index of the first record that the function reports as failed; an
    /// identifier that is not of this batch stands for all of it.
    fn first_failed(&self, batch: &[Json], answer: &Json) -> Option<usize> {
        if !self.source.reports_failures {
            return None;
        }
        let position = |id: &Json| {
            batch.iter().position(|record| record["dynamodb"]["SequenceNumber"] == *id).unwrap_or(0)
        };
        reported_failures(answer).iter().map(position).min()
    }

    fn give_up(&self, batch: &[Json], failure: &str, invocations: u32) {
        let numbers: Vec<&Json> = batch.iter().map(|record| &record["dynamodb"]["SequenceNumber"]).collect();
        tracing::error!(function = self.lambda.name, ?numbers, failure, "records were given up");
        let Some(queue) = &self.source.on_failure else { return };
        let message = obituary(
            &self.lambda.name,
            failure,
            invocations,
            json!({
                "startSequenceNumber": numbers.first(),
                "endSequenceNumber": numbers.last(),
                "batchSize": batch.len(),
                "streamArn": batch.first().map(|record| &record["eventSourceARN"]),
            }),
        );
        if let Err(error) = self.surroundings.sqs.send(queue, message.to_string(), Default::default(), None) {
            tracing::error!(queue, %error, "the failure destination does not take records that were given up");
        }
    }
}
