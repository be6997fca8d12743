//! Races made on purpose: racers that wait for each other before they write.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Barrier;

use crate::Store;

/// How long the first racer waits for the last, in real time; a race with too few racers then fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same table over a client whose first `racers` writes wait for each other: all racers have read
/// what they read, and then write together.
///
/// Behind [`super::unguarded`] it makes the negative control of a race. In the flows over
/// HTTP, `cloud::services::Chaos::rendezvous` does the same.
pub(crate) fn meeting(store: &Store, racers: usize) -> Store {
    let inner = store.client.config().http_client().expect("a client has one");
    let gate = Arc::new(Gate { to_come: AtomicUsize::new(racers), barrier: Barrier::new(racers) });
    let http = SharedHttpClient::new(Meeting { inner, gate });
    let config = store.client.config().to_builder().http_client(http).build();
    Store {
        client: aws_sdk_dynamodb::Client::from_conf(config),
        hints: Arc::default(),
        recent_rows: Arc::default(),
        ..store.clone()
    }
}

#[derive(Debug)]
struct Gate {
    to_come: AtomicUsize,
    barrier: Barrier,
}

impl Gate {
    /// Holds one of the first writes until all of these are there; lets any later write pass.
    async fn pass(&self) {
        let one_less = |left: usize| left.checked_sub(1);
        if self.to_come.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            let met = tokio::time::timeout(PATIENCE, self.barrier.wait()).await;
            met.expect("all racers come to their first write");
        }
    }
}

#[derive(Debug)]
struct Meeting {
    inner: SharedHttpClient,
    gate: Arc<Gate>,
}

impl HttpClient for Meeting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Waiting { inner, gate: Arc::clone(&self.gate) })
    }
}

struct Waiting {
    inner: SharedHttpConnector,
    gate: Arc<Gate>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl HttpConnector for Waiting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, gate) = (self.inner.clone(), Arc::clone(&self.gate));
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let writes = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
        let writes = writes.into_iter().any(|operation| target.ends_with(operation));
        HttpConnectorFuture::new(async move {
            if writes {
                gate.pass().await;
            }
            inner.call(request).await
        })
    }
}
