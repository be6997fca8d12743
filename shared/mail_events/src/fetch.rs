//! Reads certificates and confirms subscriptions at addresses of SNS.

use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::StatusCode;
use outbound::{Url, connection_pool};

/// Certificates have some two kilobytes, confirmations less.
const MAX_BYTES: usize = 64 * 1024;
/// The limit for connecting.
const CONNECT: Duration = Duration::from_secs(2);
/// The limit for the whole answer: SNS itself waits 15 seconds for ours.
const TOTAL: Duration = Duration::from_secs(4);

/// An address that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server says that there is nothing, or not for us.
    #[error("the answer was {0}")]
    Refused(StatusCode),
    /// No answer, or one that says that there will be a better one.
    #[error("no answer")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}

/// The source of certificates. A trait, so that tests need no Amazon.
pub trait Fetch: Debug + Send + Sync {
    /// Reads the file at this address.
    fn get<'a>(&'a self, address: &'a Url) -> BoxFuture<'a, Result<Bytes, FetchError>>;
}

/// The web, over HTTPS and without redirects.
#[derive(Debug, Default)]
pub struct Web {
    /// The server that is asked in place of the address's own host.
    endpoint: Option<Url>,
    pool: OnceLock<reqwest::Client>,
}

impl Web {
    /// Asks the server at `base`, whatever host an address names.
    pub fn at_endpoint(base: Url) -> Self {
        Self { endpoint: Some(base), ..Self::default() }
    }

    pub(crate) fn address(&self, address: &Url) -> Url {
        let Some(base) = &self.endpoint else { return address.clone() };
        let mut url = base.clone();
        url.set_path(address.path());
        url.set_query(address.query());
        url
    }

    fn pool(&self, tls: bool) -> reqwest::Result<&reqwest::Client> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let pool = connection_pool(tls, CONNECT)?;
        Ok(self.pool.get_or_init(|| pool))
    }
}

fn unanswered(error: reqwest::Error) -> FetchError {
    FetchError::Unavailable(Some(error.into()))
}

impl Fetch for Web {
    fn get<'a>(&'a self, address: &'a Url) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        Box::pin(async move {
            let address = self.address(address);
            let pool = self.pool(address.scheme() == "https").map_err(unanswered)?;
            let mut answer = pool.get(address).timeout(TOTAL).send().await.map_err(unanswered)?;
            match answer.status() {
                status if status.is_success() => {}
                status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                    return Err(FetchError::Unavailable(None));
                }
                status => return Err(FetchError::Refused(status)),
            }
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
                if body.len() + chunk.len() > MAX_BYTES {
                    return Err(FetchError::Unavailable(None));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        })
    }
}
