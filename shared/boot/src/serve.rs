use std::future::Future;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::{Boot, Clock, ConfigError, Env, secrets};

/// The error that keeps a function from starting, or stops it.
pub type BootError = Box<dyn std::error::Error + Send + Sync>;

/// Runs an HTTP function: `build` makes its router, then Lambda's requests go in.
///
/// # Errors
/// If the configuration is wrong, or the runtime API goes away.
pub async fn serve_http<B, F>(build: B) -> Result<(), BootError>
where
    B: FnOnce(Boot) -> F,
    F: Future<Output = Result<axum::Router, ConfigError>>,
{
    let router = build(boot().await?).await?;
    lambda_http::run(router).await
}

/// Runs a worker: `build` makes its state, then each event goes to `handle`.
///
/// # Errors
/// If the configuration is wrong, or the runtime API goes away.
pub async fn serve_worker<B, F, S, H, R, E, A>(build: B, handle: H) -> Result<(), BootError>
where
    B: FnOnce(Boot) -> F,
    F: Future<Output = Result<S, ConfigError>>,
    S: Clone,
    H: Fn(S, E) -> R,
    R: Future<Output = Result<A, BootError>>,
    E: DeserializeOwned,
    A: Serialize,
{
    let state = build(boot().await?).await?;
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| {
        let state = state.clone();
        async move { handle(state, event.payload).await }
    }))
    .await
}

async fn boot() -> Result<Boot, BootError> {
    let env = Env::process();
    // Not an `EnvFilter`, whose regular expressions are half a megabyte of every function.
    let filter: Targets = env.optional("LOG_LEVEL").unwrap_or("info").parse()?;
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        // CloudWatch stamps every line itself.
        .without_time();
    tracing_subscriber::registry().with(log).with(filter).init();
    let boot = Boot::new(env, Clock::system())?;
    Ok(Boot { env: secrets::resolve(boot.env, &boot.aws).await?, ..boot })
}
