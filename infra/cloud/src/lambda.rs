//! Lambda: the functions of the template, running in this process, or each in its own.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use boot::{Boot, BootError, ConfigError};
use domain::Timestamp;
use futures::future::BoxFuture;
use lambda_http::lambda_runtime::{Context, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::services::Crash;
use crate::services::life::Life;
use crate::services::{ACCOUNT, REGION};
use crate::template;

/// What a function does with an event, in the JSON that Lambda hands over.
pub type Handler = Arc<dyn Fn(Json) -> BoxFuture<'static, Result<Json, BootError>> + Send + Sync>;

/// The code of a function.
#[derive(Clone)]
pub enum Function {
    /// Answers HTTP requests.
    Http(axum::Router),
    /// Handles messages, stream records or schedules.
    Worker(Handler),
    /// Is a program of its own, which takes any event. Dropping the future of an
    /// event ends the program, as Lambda ends one that takes too long.
    Program(Handler),
}

type Constructor = Box<dyn Fn(&Boot) -> Result<Function, ConfigError> + Send + Sync>;

/// The code of each function, by the name of its crate.
#[derive(Default)]
pub struct Registry(BTreeMap<&'static str, Constructor>);

impl Registry {
    /// No functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function that answers HTTP requests.
    #[must_use]
    pub fn http(
        mut self,
        name: &'static str,
        build: impl Fn(&Boot) -> Result<axum::Router, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name, Box::new(move |boot| build(boot).map(Function::Http)));
        self
    }

    /// Adds a worker, from its state and its handler as its `main.rs` has them.
    #[must_use]
    pub fn worker<S, E, A, R>(
        mut self,
        name: &'static str,
        build: impl Fn(&Boot) -> Result<S, ConfigError> + Send + Sync + 'static,
        handle: impl Fn(S, E) -> R + Clone + Send + Sync + 'static,
    ) -> Self
    where
        S: Clone + Send + Sync + 'static,
        E: DeserializeOwned,
        A: Serialize,
        R: Future<Output = Result<A, BootError>> + Send + 'static,
    {
        let constructor = move |boot: &Boot| {
            let (state, handle) = (build(boot)?, handle.clone());
            Ok(Function::Worker(Arc::new(move |event| {
                let (state, handle) = (state.clone(), handle.clone());
                Box::pin(async move {
                    let event = E::deserialize(event)?;
                    Ok(serde_json::to_value(handle(state, event).await?)?)
                })
            })))
        };
        self.0.insert(name, Box::new(constructor));
        self
    }

    /// Adds a function that is a program of its own; `build` is given its
    /// configuration.
    #[must_use]
    pub fn program(
        mut self,
        name: &'static str,
        build: impl Fn(&Boot) -> Result<Handler, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name, Box::new(move |boot| build(boot).map(Function::Program)));
        self
    }

    /// Starts the function called `name`; `None` if there is no such code.
    pub fn start(&self, name: &str, boot: &Boot) -> Option<Result<Function, ConfigError>> {
        self.0.get(name).map(|build| build(boot))
    }

    /// The names of all functions.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Why an invocation brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It took longer than the function may.
    #[error("timed out")]
    TimedOut,
    /// The function said so, panicked or was killed.
    #[error("{0}")]
    Failed(String),
}

/// One function of the template with its code, ready to be invoked.
pub struct Lambda {
    pub name: String,
    timeout: Duration,
    code: Function,
    crashes: AtomicUsize,
}

impl Lambda {
    pub fn new(function: &template::Function, code: Function) -> Self {
        Self { name: function.name.clone(), timeout: function.timeout, code, crashes: AtomicUsize::new(0) }
    }

    /// Hands over the event of an HTTP request just as Lambda's runtime does, and
    /// gives back the answer in the form that API Gateway reads.
    ///
    /// The invocation goes on when the caller goes away, as it does on Lambda.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn request(
        &self,
        event: &Json,
        request_id: &str,
        now: Timestamp,
        limit: Duration,
    ) -> Result<Json, Failure> {
        let limit = limit.min(self.timeout);
        let router = match &self.code {
            Function::Http(router) => router.clone(),
            Function::Program(handle) => {
                let answer = handle(event.clone());
                return run(limit, async { answer.await.map_err(failed) }).await;
            }
            Function::Worker(_) => {
                return Err(Failure::Failed(format!("{} is a worker and takes no requests", self.name)));
            }
        };
        let payload: LambdaRequest = serde_json::from_str(&event.to_string()).map_err(failed)?;
        let event = LambdaEvent { payload, context: self.context(request_id, now, limit) };
        let answer = async move {
            // The adapter itself cannot be held across an await.
            let answer = Adapter::from(router).call(event);
            serde_json::to_value(answer.await.map_err(failed)?).map_err(failed)
        };
        run(limit, answer).await
    }

    /// Hands an event to a worker, which `crash` may kill.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn work(&self, event: Json, crash: Option<Crash>) -> Result<Json, Failure> {
        let (Function::Worker(handle) | Function::Program(handle)) = &self.code else {
            return Err(Failure::Failed(format!("{} answers requests and takes no events", self.name)));
        };
        let work = handle(event);
        match crash {
            None => run(self.timeout, async { work.await.map_err(failed) }).await,
            Some(Crash::AfterWork) => {
                let _ = run(self.timeout, async { work.await.map_err(failed) }).await;
                Err(Failure::Failed("chaos killed it after its work".to_owned()))
            }
            Some(Crash::Midway) => {
                // Another point in its course each time, but no more than a dozen
                // steps in: most invocations have not many more.
                let steps = 1 + self.crashes.fetch_add(1, Ordering::Relaxed) % 12;
                let killed = async move {
                    first_steps(work, steps).await;
                    Ok(())
                };
                let _ = run(self.timeout, killed).await;
                Err(Failure::Failed(format!("chaos killed it after {steps} steps")))
            }
        }
    }

    fn context(&self, request_id: &str, now: Timestamp, limit: Duration) -> Context {
        let mut context = Context::default();
        request_id.clone_into(&mut context.request_id);
        context.deadline = u64::try_from(now.as_millisecond()).unwrap_or(0) + millis(limit);
        context.invoked_function_arn =
            format!("arn:aws:lambda:{}:{}:function:{}", REGION, ACCOUNT, self.name);
        context
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn failed(error: impl ToString) -> Failure {
    Failure::Failed(error.to_string())
}

/// Runs an invocation on its own, so that a panic ends nothing but itself.
async fn run<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let mut task = tokio::spawn(AssertUnwindSafe(Life::spent_on(work)));
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Some(result))) => result,
        Ok(Ok(None)) => Err(Failure::Failed("chaos killed it at a write".to_owned())),
        Ok(Err(error)) => Err(Failure::Failed(format!("panicked: {error}"))),
        Err(_) => {
            task.abort();
            Err(Failure::TimedOut)
        }
    }
}

/// Polls `work` at most `steps` times and then drops it.
async fn first_steps(work: impl Future, steps: usize) {
    let mut work = pin!(work);
    let mut left = steps;
    poll_fn(|cx| {
        if left == 0 || work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}
