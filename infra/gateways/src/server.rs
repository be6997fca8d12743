//! The port of a gateway, and its look at the clock.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The largest body that is read.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;
/// The time between looks for what is due.
const TICK: Duration = Duration::from_millis(50);
/// The time that calls have when the server stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// The key that a call carries, or nothing.
pub(super) fn bearer(headers: &HeaderMap) -> &str {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default()
}

/// A running server. Stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    stopping: watch::Sender<bool>,
    server: JoinHandle<()>,
    ticker: JoinHandle<()>,
}

impl Server {
    /// Answers by `router`, and does `tick` again and again.
    pub(super) fn start(listener: TcpListener, router: Router, tick: impl Fn() + Send + 'static) -> Self {
        let (stopping, mut stop) = watch::channel(false);
        let server = tokio::spawn(async move {
            let stopped = async move {
                // An error means that the server was dropped, which stops it as well.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            let router = router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "a simulated gateway stopped");
            }
        });
        let ticker = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                ticks.tick().await;
                tick();
            }
        });
        Self { stopping, server, ticker }
    }

    /// Answers what was asked, and no more.
    pub(super) async fn stop(&mut self) {
        self.stopping.send_replace(true);
        // A caller that keeps its connection busy does not keep the gateway alive.
        let _ = tokio::time::timeout(PATIENCE, &mut self.server).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.abort();
        self.ticker.abort();
    }
}
