//! What invokes workers on AWS, done here: event source mappings from queues and
//! the table's stream, and schedules.

mod activity;
mod queue;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::lambda::{Failure, Lambda};
use crate::services::{ACCOUNT, Chaos, Dynamodb, REGION, Sqs};
use crate::template::{ScheduleSource, Source, Stack};

use activity::Activity;
use queue::QueueMapping;
use stream::StreamMapping;

/// Lambda tries what a rule or another service sends it three times.
const SCHEDULE_TRIES: u32 = 3;
/// How often `idle` looks.
const GLANCE: Duration = Duration::from_millis(2);
/// Messages that were sent for later than this are not waited for.
const SOON: Duration = Duration::from_secs(2);
/// How long running invocations may go on when everything stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the mappings work with.
#[derive(Clone)]
pub struct Surroundings {
    pub sqs: Sqs,
    pub dynamodb: Dynamodb,
    pub chaos: Chaos,
    /// The folder in which streams note how far they came; none if everything is in memory.
    pub data_dir: Option<PathBuf>,
    /// A failed message becomes visible again after so long, and not only when its
    /// visibility timeout ends.
    pub retry_after: Option<Duration>,
}

/// All event sources of a stack, at work.
pub struct Mappings {
    queues: Vec<String>,
    streams: Vec<Arc<stream::Progress>>,
    schedules: BTreeMap<String, (Arc<Lambda>, ScheduleSource)>,
    sqs: Sqs,
    chaos: Chaos,
    activity: Arc<Activity>,
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Something still has to be done, or failed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("still to be done: {}", self.left.join("; "))]
pub struct NotIdle {
    /// What is left, for people.
    pub left: Vec<String>,
}

impl Mappings {
    /// Starts the sources of those functions of the stack that have code.
    ///
    /// # Errors
    /// If what says how far a stream was read cannot be opened.
    pub fn start(
        stack: &Stack,
        functions: &BTreeMap<String, Arc<Lambda>>,
        surroundings: &Surroundings,
    ) -> std::io::Result<Self> {
        let activity = Arc::new(Activity::default());
        let (stopping, stop) = watch::channel(false);
        let mut mappings = Self {
            queues: Vec::new(),
            streams: Vec::new(),
            schedules: BTreeMap::new(),
            sqs: surroundings.sqs.clone(),
            chaos: surroundings.chaos.clone(),
            activity: Arc::clone(&activity),
            stopping,
            tasks: JoinSet::new(),
        };
        for function in &stack.functions {
            let Some(lambda) = functions.get(&function.name) else { continue };
            for source in &function.sources {
                let lambda = Arc::clone(lambda);
                match source {
                    Source::Queue(source) => {
                        mappings.queues.push(source.queue.clone());
                        let mapping = QueueMapping::new(
                            source.clone(),
                            lambda,
                            surroundings.clone(),
                            Arc::clone(&activity),
                        );
                        mappings.tasks.spawn(mapping.run(stop.clone()));
                    }
                    Source::Stream(source) => {
                        let mapping = StreamMapping::new(
                            source.clone(),
                            lambda,
                            surroundings.clone(),
                            Arc::clone(&activity),
                        )?;
                        mappings.streams.push(mapping.progress());
                        mappings.tasks.spawn(mapping.run(stop.clone()));
                    }
                    Source::Schedule(source) => {
                        let invocation = invoke_by_clock(
                            Arc::clone(&lambda),
                            source.clone(),
                            surroundings.chaos.clone(),
                            Arc::clone(&activity),
                        );
                        mappings.schedules.insert(source.name.clone(), (lambda, source.clone()));
                        mappings.tasks.spawn(invocation);
                    }
                }
            }
        }
        Ok(mappings)
    }

    /// Does now what the schedule with this name does by the clock.
    ///
    /// # Errors
    /// If there is no such schedule, or its function failed.
    pub async fn run_schedule_now(&self, name: &str) -> Result<(), String> {
        let (lambda, source) =
            self.schedules.get(name).ok_or_else(|| format!("there is no schedule called {name}"))?;
        let run = run_schedule(lambda, source, &self.chaos, &self.activity).await;
        run.map_err(|failure| format!("{}: {failure}", lambda.name))
    }

    /// Waits until queues and streams are drained and no worker runs. Dead-letter
    /// queues do not count, because nobody drains them, nor messages that were sent
    /// for a later time.
    ///
    /// # Errors
    /// If that takes longer than `retry_limit`.
    pub async fn idle(&self, patience: Duration) -> Result<(), NotIdle> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            // Work moves from place to place only within an invocation, so what was
            // empty stays empty unless one ran meanwhile.
            let before = self.activity.changes();
            let left = self.left();
            if left.is_empty() && self.activity.changes() == before {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(NotIdle { left });
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// A number that grows whenever a worker starts or ends.
    pub fn changes(&self) -> u64 {
        self.activity.changes()
    }

    /// What workers, streams and queues have left to do at this moment, in words.
    pub fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self
            .activity
            .running()
            .into_iter()
            .map(|(name, count)| format!("{name} runs {count} times"))
            .collect();
        left.extend(self.streams.iter().filter_map(|progress| progress.left()));
        left.extend(self.queues.iter().filter_map(|queue| {
            let depth = self.sqs.depth(queue).ok()?;
            let (visible, in_flight, soon) =
                (depth.visible, depth.in_flight, self.sqs.due_within(queue, SOON).ok()?);
            (visible + in_flight + soon > 0).then(|| {
                format!("{queue} has {visible} messages, {in_flight} in flight and {soon} that come soon")
            })
        }));
        left
    }

    /// Ends all polling, gives running workers a moment, and ends them too: their
    /// messages are delivered again after the next start.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let finished = async {
            while !self.activity.running().is_empty() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, finished).await;
        self.tasks.shutdown().await;
    }
}

async fn invoke_by_clock(lambda: Arc<Lambda>, source: ScheduleSource, chaos: Chaos, activity: Arc<Activity>) {
    let mut ticks = tokio::time::interval(source.every);
    // The first one comes at once, a rule's does not.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(failure) = run_schedule(&lambda, &source, &chaos, &activity).await {
            tracing::error!(function = lambda.name, schedule = source.name, %failure, "a schedule failed");
        }
    }
}

async fn run_schedule(
    lambda: &Lambda,
    source: &ScheduleSource,
    chaos: &Chaos,
    activity: &Activity,
) -> Result<(), Failure> {
    let _running = activity.begin(&lambda.name);
    let mut result = Ok(());
    for _ in 0..SCHEDULE_TRIES {
        result = lambda.work(source.input.clone(), chaos.should_crash_worker()).await.map(drop);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The identifiers in the answer of a worker that reports which of its items failed.
fn reported_failures(answer: &Json) -> Vec<Json> {
    let failures = answer.get("batchItemFailures").and_then(Json::as_array);
    failures.into_iter().flatten().map(|failure| failure["itemIdentifier"].clone()).collect()
}

/// What a failure destination hears of a batch that was given up.
fn obituary(function: &str, failure: &str, invocations: u32, batch: Json) -> Json {
    json!({
        "version": "1.0",
        "requestContext": {
            "functionArn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"),
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": invocations,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": failure },
        "DDBStreamBatchInfo": batch,
    })
}
