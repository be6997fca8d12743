//! The organiser at whose site a request is made.

use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRef, FromRequestParts};
use boot::{Boot, Clock, ConfigError};
use domain::site::SiteHost;
use domain::{Result, TenantId};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Uri, header};
use serde_json::json;
use store::{Cache, Store};

use crate::{Api, Problem};

/// How long it is cached whose site a host is, in milliseconds.
const KEPT: i64 = 10_000;
/// The most hosts that are cached, most of which are nobody's.
const MOST: usize = 4096;

/// Whose site a host is, with a cache: anybody can send any host, again and again.
#[derive(Clone, Debug)]
pub struct Sites {
    store: Store,
    clock: Clock,
    /// The box office's own host, which is nobody's site; `None` if it is an IP address.
    own: Option<SiteHost>,
    cache: Arc<Cache<SiteHost, Option<TenantId>>>,
}

/// The host and the organiser of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtSite {
    /// The host.
    pub host: SiteHost,
    /// The organiser whose site it is.
    pub tenant: TenantId,
}

/// The site at which a request is made: the first of its headers `Host`, `Origin` and `Referer` that
/// names one; `None` at the box office's own host.
///
/// It decides which shows a public list has and how it looks. Every caller can write what it likes into
/// these headers, so it says nothing about what the caller may see: operations of staff must not take it
/// (`tests/src/contract/sites.rs`).
#[derive(Debug, Clone)]
pub struct SiteTenant(pub Option<AtSite>);

impl SiteTenant {
    /// The organiser whose site it is.
    pub fn tenant(&self) -> Option<TenantId> {
        self.0.as_ref().map(|site| site.tenant)
    }
}

impl Sites {
    /// Reads `PUBLIC_URL`.
    pub fn new(boot: &Boot, api: &Api) -> Result<Self, ConfigError> {
        let url = boot.env.public_url()?;
        Ok(Self {
            store: api.store.clone(),
            clock: api.clock.clone(),
            own: host_of_url(&url),
            cache: Arc::new(Cache::new(MOST, KEPT)),
        })
    }

    async fn at(&self, headers: &HeaderMap) -> Result<Option<AtSite>> {
        for host in named(headers) {
            // Also of a site that was proved before the box office moved to this host.
            if self.own.as_ref() == Some(&host) {
                continue;
            }
            let read = || async { Ok(Some(self.store.site_tenant(&host).await?)) };
            let found = self.cache.get(host.clone(), self.clock.now(), read).await?;
            if let Some(tenant) = found.and_then(|tenant| *tenant) {
                return Ok(Some(AtSite { host, tenant }));
            }
        }
        Ok(None)
    }
}

/// The hosts that a request names, in the order in which they count.
fn named(headers: &HeaderMap) -> Vec<SiteHost> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).and_then(|host| SiteHost::of_authority(host).ok());
    let [origin, referer] = [header::ORIGIN, header::REFERER].map(|name| text(name).and_then(host_of_url));
    let mut hosts: Vec<SiteHost> = [host, origin, referer].into_iter().flatten().collect();
    hosts.dedup();
    hosts
}

/// The host of an address of the web.
fn host_of_url(url: &str) -> Option<SiteHost> {
    let url: Uri = url.parse().ok()?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    url.host().filter(|_| is_web)?.parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for SiteTenant
where
    Sites: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(Sites::from_ref(state).at(&parts.headers).await?))
    }
}

impl OperationInput for SiteTenant {
    /// Notes in the description that the operation depends on the site, for the tests that no
    /// operation of staff does.
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        operation.extensions.insert("x-site".to_owned(), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn hosts(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        named(&map).into_iter().map(String::from).collect()
    }

    #[test]
    fn host_counts_before_origin_and_origin_before_referer() {
        let all = [
            ("referer", "https://tercera.example/programa?x#y"),
            ("origin", "https://otra.example"),
            ("host", "SALA.example.:443"),
        ];
        assert_eq!(hosts(&all), ["sala.example", "otra.example", "tercera.example"]);
        assert_eq!(hosts(&all[..2]), ["otra.example", "tercera.example"]);
        assert_eq!(hosts(&all[..1]), ["tercera.example"]);
        assert_eq!(
            hosts(&[("host", "sala.example"), ("origin", "http://sala.example:8000")]),
            ["sala.example"]
        );
        assert_eq!(hosts(&[]), [""; 0]);
    }

    #[test]
    fn what_names_no_host_counts_as_nothing() {
        for host in ["127.0.0.1:8000", "[::1]", "localhost:8000", "", "a b.example", "sala.example/x"] {
            assert_eq!(hosts(&[("host", host)]), [""; 0], "{host}");
        }
        for origin in [
            "null",
            "sala.example",
            "//sala.example",
            "file:///etc/hosts",
            "ftp://sala.example",
            "https://127.0.0.1",
        ] {
            assert_eq!(hosts(&[("origin", origin), ("referer", origin)]), [""; 0], "{origin}");
        }
        // What looks like one host and is another is read as browsers read it.
        let disguised =
            [("origin", "https://sala.example@otra.example"), ("x-forwarded-host", "sala.example")];
        assert_eq!(hosts(&disguised), ["otra.example"]);
    }
}
