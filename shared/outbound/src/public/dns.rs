//! DNS over HTTPS, in the JSON that public resolvers answer with.

use std::net::IpAddr;

use boot::{Boot, ConfigError};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;

use crate::client::simulator_url;
use crate::{Call, CallError, Connections, HttpClient, Timeouts, Url};

/// The resolver that is asked.
const RESOLVER: &str = "https://cloudflare-dns.com/dns-query";

/// Why `DNS_URL` is not for deployed stages.
const WHY_LOCAL: &str = "whoever answers there decides whose a host is";

/// The most records of a name that are read.
const MAX_RECORDS: usize = 64;

/// A public resolver of DNS.
#[derive(Debug, Clone)]
pub struct Dns {
    client: HttpClient,
}

/// A kind of record, with its number (RFC 1035, 3596).
#[derive(Debug, Clone, Copy)]
enum Kind {
    A = 1,
    Txt = 16,
    Aaaa = 28,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Txt => "TXT",
            Self::Aaaa => "AAAA",
        }
    }
}

/// A resolver's answer.
#[derive(Debug, Deserialize)]
struct Reply {
    /// The response code: 0 for an answer, 3 if there is no such name.
    #[serde(rename = "Status")]
    status: u16,
    #[serde(rename = "Answer", default)]
    answer: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: u16,
    data: String,
}

/// The resolver gave no answer about the name.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// It did not answer at all.
    #[error("the resolver does not answer")]
    Unanswered(#[from] CallError),
    /// Its answer has another status.
    #[error("the resolver answered with status {0}")]
    Status(u16),
    /// Its answer is none.
    #[error("the resolver's answer does not read")]
    Unreadable(#[from] serde_json::Error),
    /// It could not find out, such as when the name's own servers do not answer.
    #[error("the resolver could not find out: response code {0}")]
    Failed(u16),
}

impl Dns {
    /// Reads `STAGE` and, in a local stage, `DNS_URL`, where a simulated resolver answers.
    pub fn new(boot: &Boot, timeouts: Timeouts) -> Result<Self, ConfigError> {
        let simulated = simulator_url(&boot.env, "DNS_URL", WHY_LOCAL)?;
        let own = || RESOLVER.parse().expect("an address that is written here");
        Ok(Self::at(simulated.unwrap_or_else(own), timeouts))
    }

    /// The resolver at this address.
    pub(crate) fn at(url: Url, timeouts: Timeouts) -> Self {
        let json = HeaderValue::from_static("application/dns-json");
        let headers = HeaderMap::from_iter([(header::ACCEPT, json)]);
        Self { client: HttpClient::new(url, headers, &Connections::new(timeouts)) }
    }

    /// The texts of a name's TXT records; none if there is no such name.
    ///
    /// # Errors
    /// If the resolver does not say.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        Ok(self.records(name, Kind::Txt).await?.iter().map(|data| unquoted(data)).collect())
    }

    /// The addresses of a host; none if there is no such host.
    ///
    /// # Errors
    /// If the resolver does not say.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let (v4, v6) = tokio::try_join!(self.records(host, Kind::A), self.records(host, Kind::Aaaa))?;
        Ok(v4.iter().chain(&v6).filter_map(|data| data.parse().ok()).collect())
    }

    async fn records(&self, name: &str, kind: Kind) -> Result<Vec<String>, DnsError> {
        let call = Call::get::<&str>([]).query("name", name).query("type", kind.name());
        let answer = self.client.send(&call).await?;
        if !answer.status.is_success() {
            return Err(DnsError::Status(answer.status.as_u16()));
        }
        let reply: Reply = answer.json()?;
        match reply.status {
            // Aliases (CNAME) on the way to the records stand among them.
            0 => {
                let wanted = reply.answer.into_iter().filter(|record| record.kind == kind as u16);
                Ok(wanted.take(MAX_RECORDS).map(|record| record.data).collect())
            }
            3 => Ok(Vec::new()),
            failed => Err(DnsError::Failed(failed)),
        }
    }
}

/// The text of a TXT record. Some resolvers write it as zone files do, in one or more pairs of quotation
/// marks with escapes, others bare.
fn unquoted(data: &str) -> String {
    if !data.trim_start().starts_with('"') {
        return data.to_owned();
    }
    let (mut text, mut inside, mut rest) = (Vec::new(), false, data.as_bytes());
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => match after {
                [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', after @ ..] => {
                    let [a, b, c] = [a, b, c].map(|digit| u16::from(digit - b'0'));
                    text.extend(u8::try_from(100 * a + 10 * b + c));
                    rest = after;
                }
                [escaped, after @ ..] => {
                    text.push(*escaped);
                    rest = after;
                }
                [] => {}
            },
            byte if inside => text.push(*byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests;
