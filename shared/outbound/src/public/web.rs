//! Small pages of hosts that strangers name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use boot::{Boot, ConfigError};
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;
use super::dns::{Dns, DnsError};
use crate::client::{builder, connection_pool, simulator_url};
use crate::{Timeouts, Url};

/// The largest page that is read.
const MAX_PAGE_BYTES: usize = 1024;
/// The limit for everything: finding the host, connecting, the whole page.
const PATIENCE: Duration = Duration::from_secs(3);
/// The limits of a question to DNS.
const DNS_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    attempt: Duration::from_secs(2),
    total: Duration::from_secs(3),
    backoff: Duration::from_millis(100),
};

/// Why `SITES_URL` is not for deployed stages.
const WHY_LOCAL: &str = "whoever answers there decides whose a host is";

/// A page that was not read.
#[derive(Debug, thiserror::Error)]
pub enum PublicError {
    /// The host is no name that a connection may be made to, such as an IP address.
    #[error("the host is no public name")]
    NoName,
    /// Its name has no address.
    #[error("the host has no address")]
    NoAddress,
    /// One of its addresses is not of the public internet.
    #[error("the host has an address that is not public")]
    NotPublic,
    /// DNS did not say where it is.
    #[error("the address of the host is unknown")]
    Dns(#[source] DnsError),
    /// No connection, or it broke before the page was complete.
    #[error("the host does not answer")]
    Unanswered(#[source] reqwest::Error),
    /// It took too long.
    #[error("the host does not answer in time")]
    TimedOut,
    /// It answered with another status than 200. A redirect is not followed.
    #[error("the host answered with status {0}")]
    Status(u16),
    /// The page is larger than any that is wanted.
    #[error("the page is too large")]
    TooLarge,
}

/// DNS and the web, as they are for everybody.
#[derive(Debug, Clone)]
pub struct PublicWeb {
    dns: Dns,
    /// The web of a local box office, which has its hosts as the first part of the path.
    simulated: Option<Url>,
}

impl PublicWeb {
    /// Reads `STAGE` and, in a local stage, `DNS_URL` and `SITES_URL`, where simulations answer.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let simulated = simulator_url(&boot.env, "SITES_URL", WHY_LOCAL)?;
        Ok(Self { dns: Dns::new(boot, DNS_TIMEOUTS)?, simulated })
    }

    /// DNS.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// The page at a path of a host, which is read over TLS.
    ///
    /// # Errors
    /// If the host is none of the public internet, or does not answer with a small page in time.
    pub async fn page(&self, host: &str, path: &str) -> Result<Bytes, PublicError> {
        tokio::time::timeout(PATIENCE, self.read(host, path)).await.unwrap_or(Err(PublicError::TimedOut))
    }

    async fn read(&self, host: &str, path: &str) -> Result<Bytes, PublicError> {
        let url = url_of(host, path)?;
        let addresses = self.dns.addresses(host).await.map_err(PublicError::Dns)?;
        if addresses.is_empty() {
            return Err(PublicError::NoAddress);
        }
        if !addresses.iter().all(|address| is_public(*address)) {
            return Err(PublicError::NotPublic);
        }
        match &self.simulated {
            None => {
                let pinned = Pinned { host: host.to_owned(), addresses };
                let client = pinned.client(true).map_err(PublicError::Unanswered)?;
                fetch(&client, url, is_public).await
            }
            Some(base) => {
                let url = base.join(&format!("{host}{path}")).map_err(|_| PublicError::NoName)?;
                let client = connection_pool(false, PATIENCE).map_err(PublicError::Unanswered)?;
                fetch(&client, url, |address| address.is_loopback()).await
            }
        }
    }
}

/// The address of a page, whose host must be a name. An IP address would be connected to without DNS, so
/// without its check.
fn url_of(host: &str, path: &str) -> Result<Url, PublicError> {
    let url: Url = format!("https://{host}{path}").parse().map_err(|_| PublicError::NoName)?;
    let is_named = url.domain() == Some(host) && host.contains('.') && !host.ends_with('.');
    let is_plain = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    if is_named && is_plain && url.path() == path { Ok(url) } else { Err(PublicError::NoName) }
}

/// The addresses of one host: no other name is resolved, and this one not again.
struct Pinned {
    host: String,
    addresses: Vec<IpAddr>,
}

impl Pinned {
    /// A client that connects to these addresses only, and keeps no connection.
    fn client(self, tls: bool) -> reqwest::Result<reqwest::Client> {
        builder(tls, PATIENCE).dns_resolver(self).pool_max_idle_per_host(0).referer(false).build()
    }
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let known = name.as_str().eq_ignore_ascii_case(&self.host);
        // Port 0 stands for the port of the address.
        let addresses: Vec<_> = self.addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move {
            if !known {
                return Err("another host than the one that was checked".into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Reads a page, if the connection came to an address that is allowed.
async fn fetch(
    client: &reqwest::Client,
    url: Url,
    allowed: impl Fn(IpAddr) -> bool,
) -> Result<Bytes, PublicError> {
    let unanswered = |error: reqwest::Error| PublicError::Unanswered(error.without_url());
    let mut response = client.get(url).send().await.map_err(unanswered)?;
    if !response.remote_addr().is_some_and(|peer| allowed(peer.ip())) {
        return Err(PublicError::NotPublic);
    }
    if response.status() != http::StatusCode::OK {
        return Err(PublicError::Status(response.status().as_u16()));
    }
    let mut page = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if page.len() + chunk.len() > MAX_PAGE_BYTES {
            return Err(PublicError::TooLarge);
        }
        page.extend_from_slice(&chunk);
    }
    Ok(page.freeze())
}

#[cfg(test)]
mod tests;
