//! The network of a request, as limits count it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use aide::OperationInput;
use axum::extract::{FromRef, FromRequestParts};
use boot::{ConfigError, Env};
use http::HeaderMap;
use http::request::Parts;
use lambda_http::request::RequestContext;

/// The most proxies in a row: more is a mistake of configuration.
const MAX_HOPS: usize = 5;

/// The number of the operator's proxies in front of API Gateway, such as one CDN
/// (`TRUSTED_HOPS`); none by default.
///
/// Each proxy adds the address that it was called from to the end of
/// `X-Forwarded-For`. Addresses before those that these proxies wrote are the caller's
/// own invention, and never read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrustedHops(usize);

impl TrustedHops {
    /// Reads `TRUSTED_HOPS`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let hops = env.parsed("TRUSTED_HOPS")?.unwrap_or(0);
        match hops {
            0..=MAX_HOPS => Ok(Self(hops)),
            _ => Err(ConfigError::new("TRUSTED_HOPS", format!("must be at most {MAX_HOPS}"))),
        }
    }

    /// The caller's address, when API Gateway was called from `source`.
    fn caller(self, source: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.0 == 0 {
            return source;
        }
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let mut chain: Vec<Option<IpAddr>> = lines.flat_map(|line| line.split(',')).map(address).collect();
        // API Gateway adds the address that it was called from, as a proxy does.
        if chain.last() == Some(&Some(source)) {
            chain.pop();
        }
        // A request that did not come by way of the proxies is its sender's own.
        let written = chain.len().checked_sub(self.0).and_then(|place| chain[place]);
        written.unwrap_or(source)
    }
}

/// An address as proxies write it: possibly with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.trim_start_matches('[').trim_end_matches(']').parse();
    let address = bare().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// The network that a request came from: what one subscriber has of the internet. An
/// IPv4 address, or 64 bits of an IPv6 address, the rest of which a subscriber picks
/// freely.
///
/// It is personal data: only its fingerprint is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientNetwork(pub String);

impl std::fmt::Debug for ClientNetwork {
    /// Keeps addresses out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientNetwork(..)")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientNetwork
where
    TrustedHops: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let source = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.http.source_ip.as_deref().and_then(address)
            }
            _ => None,
        };
        let caller = source.map(|source| TrustedHops::from_ref(state).caller(source, &parts.headers));
        Ok(Self(caller.map_or_else(|| "unknown".to_owned(), network)))
    }
}

impl OperationInput for ClientNetwork {}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
        IpAddr::V4(address) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The network of a request that reached API Gateway from `source`.
    fn seen(hops: usize, source: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        network(TrustedHops(hops).caller(address(source).expect("an address"), &headers))
    }

    #[test]
    fn a_network_is_what_one_subscriber_has() {
        for (source, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ] {
            assert_eq!(seen(0, source, &[]), network);
        }
    }

    #[test]
    fn without_proxies_nothing_that_a_caller_sends_is_believed() {
        assert_eq!(seen(0, "192.0.2.7", &["203.0.113.1"]), "192.0.2.7");
        assert_eq!(seen(0, "192.0.2.7", &["203.0.113.1, 192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn behind_proxies_only_what_they_wrote_is_believed() {
        const EDGE: &str = "198.51.100.9";
        // The caller, as the proxy saw it, and then the proxy, as API Gateway did.
        assert_eq!(seen(1, EDGE, &["192.0.2.7, 198.51.100.9"]), "192.0.2.7");
        assert_eq!(seen(1, EDGE, &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(seen(1, EDGE, &["192.0.2.7:4711, 198.51.100.9"]), "192.0.2.7");
        assert_eq!(seen(1, EDGE, &["[2001:db8::7]:4711, 198.51.100.9"]), "2001:db8::");
        // The caller's inventions stand before.
        assert_eq!(seen(1, EDGE, &["203.0.113.1, 192.0.2.7, 198.51.100.9"]), "192.0.2.7");
        assert_eq!(seen(1, EDGE, &["203.0.113.1", "192.0.2.7, 198.51.100.9"]), "192.0.2.7");
        assert_eq!(seen(2, EDGE, &["203.0.113.1, 192.0.2.7, 198.51.100.3, 198.51.100.9"]), "192.0.2.7");
        // Fewer addresses than proxies, or none that reads: the caller of API Gateway.
        assert_eq!(seen(2, EDGE, &["192.0.2.7, 198.51.100.9"]), EDGE);
        assert_eq!(seen(1, EDGE, &[]), EDGE);
        assert_eq!(seen(1, EDGE, &["unknown, 198.51.100.9"]), EDGE);
    }

    #[test]
    fn the_number_of_proxies_is_configured_and_small() {
        let hops = |value: &str| {
            let env: Env = [("TRUSTED_HOPS".to_owned(), value.to_owned())].into_iter().collect();
            TrustedHops::from_env(&env).ok()
        };
        assert_eq!((hops(""), hops("1")), (Some(TrustedHops(0)), Some(TrustedHops(1))));
        assert_eq!((hops("6"), hops("-1"), hops("all")), (None, None, None));
    }
}
