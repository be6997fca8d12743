//! Lambda's side of a function's own binary: the process is started as Lambda
//! starts it, asks this runtime API for events over HTTP, and answers to it.
//!
//! The protocol is AWS's, version 2018-06-01:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

#![expect(clippy::disallowed_methods, reason = "moments are handed from task to task")]

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use boot::Clock;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How long a function may take to ask for its first event, and to handle one:
/// far more than any should, but less than a test may hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that are kept of the end of a function's log.
const MOST_OUTPUT: usize = 64 * 1024;

/// The binary of a function, made by the same `cargo build` as the calling program.
///
/// # Errors
/// If it is not there; the error says how to build it.
pub fn binary(name: &str) -> Result<PathBuf, LambdaError> {
    let own = std::env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new(""));
    // Tests are in `deps`, programs beside the functions' binaries.
    binary_in(if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }, name)
}

/// The binary of a function in this folder of the target folder.
///
/// # Errors
/// If it is not there; the error says how to build it.
pub fn binary_in(folder: &Path, name: &str) -> Result<PathBuf, LambdaError> {
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if path.is_file() { Ok(path) } else { Err(LambdaError::NotBuilt(path)) }
}

/// Why a function's process gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// There is no such binary.
    #[error(
        "{0} is not there; `cargo xtask test` and `cargo xtask bench` build the functions before they start them, \
         and so does `cargo build --workspace --all-targets`"
    )]
    NotBuilt(PathBuf),
    /// The binary is older than one of its sources.
    #[error(
        "{binary} is older than {changed}; `cargo xtask test` builds the functions before it starts them, and so \
         does `cargo build --workspace --all-targets`"
    )]
    Outdated {
        /// Path of the binary.
        binary: PathBuf,
        /// A source that was changed after the binary was made.
        changed: PathBuf,
    },
    /// An I/O error of the process or its pipes.
    #[error("the function's process: {0}")]
    Io(#[from] io::Error),
    /// The process ended by itself.
    #[error("the function ended with {status} and wrote:\n{output}")]
    Ended {
        /// Exit status of the process.
        status: ExitStatus,
        /// The end of its log.
        output: String,
    },
    /// The process neither asked for an event nor answered in time.
    #[error("the function was silent for {PATIENCE:?} and wrote:\n{output}")]
    Silent {
        /// The end of its log.
        output: String,
    },
}

/// The result of one event.
#[derive(Debug)]
pub struct Invocation {
    /// The function's answer, or the error that it reported.
    pub answer: Result<Value, Value>,
    /// Time from handing over the event to the last byte of the answer.
    pub took: Duration,
}

/// One execution environment: a process and the runtime API that it talks to.
/// Dropping it kills the process.
pub struct Lambda {
    process: Child,
    started: Instant,
    polled: watch::Receiver<Option<Instant>>,
    events: mpsc::Sender<Event>,
    server: JoinHandle<()>,
    output: Output,
    clock: Clock,
}

struct Event {
    id: String,
    body: String,
    deadline: i64,
    handed_over: oneshot::Sender<Instant>,
    answer: oneshot::Sender<Answered>,
}

/// When the answer was complete, and the answer or the reported error.
type Answered = (Instant, Result<Value, Value>);

type Output = Arc<Mutex<String>>;

impl Lambda {
    /// Starts `binary` with `env` and the variables that Lambda itself sets, and
    /// nothing of this process's environment.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub async fn start(
        binary: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, LambdaError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::channel(1);
        let (polled, first_poll) = watch::channel(None);
        let api = Arc::new(Api { waiting: tokio::sync::Mutex::new(waiting), open: Mutex::default(), polled });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(outcome))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(api);
        let listener = listener.tap_io(|connection| {
            // Without it, small answers wait for acknowledgements. Not fatal.
            let _ = connection.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // Ends only with the task.
            let _ = axum::serve(listener, router).await;
        });

        let name = binary.file_stem().and_then(|name| name.to_str()).unwrap_or("function");
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(env)
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
                ("_HANDLER", "bootstrap"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut process = command.spawn()?;
        let output = Output::default();
        if let Some(pipe) = process.stdout.take() {
            tokio::spawn(keep(pipe, Arc::clone(&output)));
        }
        if let Some(pipe) = process.stderr.take() {
            tokio::spawn(keep(pipe, Arc::clone(&output)));
        }
        Ok(Self { process, started, polled: first_poll, events, server, output, clock: Clock::system() })
    }

    /// Waits until the function asks for its first event: it has started. Returns the time since just
    /// before its process was created.
    ///
    /// # Errors
    /// If the process ends or stays silent instead.
    pub async fn ready(&mut self) -> Result<Duration, LambdaError> {
        let (started, mut polled) = (self.started, self.polled.clone());
        let first = async move { polled.wait_for(Option::is_some).await.ok().and_then(|at| *at) };
        let at = self.while_it_runs(first).await?;
        Ok(at.unwrap_or(started).duration_since(started))
    }

    /// Hands over an event and waits for the answer.
    ///
    /// # Errors
    /// If the process ends or stays silent instead. What the function itself
    /// reports as an error is an [`Invocation`].
    pub async fn invoke(&mut self, event: &Value) -> Result<Invocation, LambdaError> {
        let now = self.clock.now().as_millisecond();
        let (handed_over, start) = oneshot::channel();
        let (answer, end) = oneshot::channel();
        let event = Event {
            id: format!("{now}-{}", fastrand::u64(..)),
            body: event.to_string(),
            deadline: now + i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX),
            handed_over,
            answer,
        };
        let events = self.events.clone();
        let done = async move {
            events.send(event).await.ok()?;
            Some((start.await.ok()?, end.await.ok()?))
        };
        match self.while_it_runs(done).await? {
            Some((start, (end, answer))) => Ok(Invocation { answer, took: end.duration_since(start) }),
            None => Err(LambdaError::Silent { output: self.output() }),
        }
    }

    /// The highest resident memory of the process so far, in bytes (`VmHWM`, see proc(5)); `None` where
    /// there is no such file.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    }

    /// The end of what the function wrote to its log.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for `done`, but not longer than the process lives, or [`PATIENCE`].
    async fn while_it_runs<T>(&mut self, done: impl Future<Output = T>) -> Result<T, LambdaError> {
        let ended = tokio::select! {
            biased;
            done = done => return Ok(done),
            ended = self.process.wait() => Some(ended?),
            () = tokio::time::sleep(PATIENCE) => None,
        };
        // Its last output may still be on its way through the pipes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let output = self.output();
        Err(match ended {
            Some(status) => LambdaError::Ended { status, output },
            None => LambdaError::Silent { output },
        })
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Keeps the end of what comes out of `pipe`.
async fn keep(mut pipe: impl AsyncRead + Unpin, output: Output) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let surplus = output.len().saturating_sub(MOST_OUTPUT);
        let start = (surplus..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
        output.drain(..start);
    }
}

/// The state that the handlers share.
struct Api {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    open: Mutex<BTreeMap<String, oneshot::Sender<Answered>>>,
    polled: watch::Sender<Option<Instant>>,
}

/// Waits for an event; Lambda freezes the function meanwhile.
async fn next(State(api): State<Arc<Api>>) -> Response {
    let now = Instant::now();
    api.polled.send_if_modified(|polled| polled.is_none() && polled.replace(now).is_none());
    let Some(event) = api.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let Event { id, body, deadline, handed_over, answer } = event;
    api.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), answer);
    // There is no receiver if the test has given up.
    let _ = handed_over.send(Instant::now());
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:stub".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    (headers, body).into_response()
}

async fn outcome(
    State(api): State<Arc<Api>>,
    extract::Path((id, outcome)): extract::Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let now = Instant::now();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    let answer = match outcome.as_str() {
        "response" => Ok(body),
        "error" => Err(body),
        _ => return StatusCode::NOT_FOUND,
    };
    match api.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
        Some(waiting) => {
            let _ = waiting.send((now, answer));
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}

/// The function will not start; its process ends right after.
async fn init_error() -> StatusCode {
    StatusCode::ACCEPTED
}
