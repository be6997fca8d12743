//! The name of a host, as sites are known by it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use crate::text::plain;

/// The name of a host that can be a site: at least two labels, lower case, an international name in its
/// `xn--` form (IDNA, UTS 46), without port and without the dot at the end. Never an IP address, in
/// whatever way of writing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct SiteHost(String);

/// The text is no name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a host, such as boleteria.example, without https://, port or path")]
pub struct InvalidHost;

/// Top-level names that mean something else on every machine (RFC 6761, 6762, 7686, 8375, 9476, and
/// ICANN's `internal`).
const SPECIAL: [&str; 7] = ["alt", "arpa", "internal", "invalid", "local", "localhost", "onion"];

impl SiteHost {
    /// The longest name, in bytes: that of DNS, less the label of the proof's record.
    pub const MAX_LEN: usize = 253 - Self::RECORD_LABEL.len();
    /// The label before the host, and its dot, at which the proof's record is.
    const RECORD_LABEL: &str = "_taquilla.";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the DNS record that proves who controls the host.
    pub fn record_name(&self) -> String {
        format!("{}{}", Self::RECORD_LABEL, self.0)
    }

    /// True unless the name has another meaning on every machine, such as those below `localhost`.
    pub fn is_public(&self) -> bool {
        let last = self.0.rsplit('.').next().unwrap_or_default();
        !SPECIAL.contains(&last)
    }

    /// The host of a `Host` header, which may have a port.
    ///
    /// # Errors
    /// If it is none that can be a site, such as an IP address.
    pub fn of_authority(authority: &str) -> Result<Self, InvalidHost> {
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.parse(),
            _ => authority.parse(),
        }
    }
}

impl FromStr for SiteHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let text = plain(text);
        let name = text.strip_suffix('.').unwrap_or(&text);
        // Digits, letters and hyphens only; also checks names that are in `xn--` form already.
        let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let ascii = Uts46::new()
            .to_ascii(name.as_bytes(), deny, hyphens, DnsLength::Verify)
            .map_err(|_| InvalidHost)?;
        // No top-level name begins with a digit. What does, may be read as an IPv4 address: `127.0x1`.
        let last = ascii.rsplit_once('.').map(|(_, last)| last).ok_or(InvalidHost)?;
        let is_name = last.len() >= 2 && last.starts_with(|c: char| c.is_ascii_alphabetic());
        match is_name && ascii.len() <= Self::MAX_LEN {
            true => Ok(Self(ascii.into_owned())),
            false => Err(InvalidHost),
        }
    }
}

impl TryFrom<Cow<'_, str>> for SiteHost {
    type Error = InvalidHost;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<SiteHost> for String {
    fn from(host: SiteHost) -> Self {
        host.0
    }
}

impl fmt::Display for SiteHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> Option<String> {
        text.parse::<SiteHost>().ok().map(String::from)
    }

    #[test]
    fn a_host_has_one_spelling() {
        for text in
            ["sala.example", " Sala.EXAMPLE ", "sala.example.", "sala\u{3002}example", "ｓａｌａ.example"]
        {
            assert_eq!(host(text).as_deref(), Some("sala.example"), "{text:?}");
        }
        for text in [
            "peña.example",
            "PEÑA.example.",
            "pen\u{303}a.example",
            "xn--pea-8ma.example",
            "XN--PEA-8MA.example",
        ] {
            assert_eq!(host(text).as_deref(), Some("xn--pea-8ma.example"), "{text:?}");
        }
    }

    #[test]
    fn addresses_and_other_texts_are_no_hosts() {
        for text in [
            "",
            ".",
            "..",
            "sala",
            "localhost",
            "sala..example",
            ".sala.example",
            "sala.example..",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "127.0.0x1",
            "0177.0.0.01",
            "１２７.０.０.１",
            "1.2.3.4.",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "fe80::1%eth0",
            "https://sala.example",
            "sala.example/",
            "sala.example:443",
            "ana@sala.example",
            "sala.example?x",
            "sala.example#x",
            "sala example.org",
            "sala_1.example",
            "*.example",
            "-sala.example",
            "sala-.example",
            "sala.e",
            "sala.3x",
            "xn--.example",
            "xn--a.example",
            "xn--pe\u{f1}a.example",
            "xn--pea-8m.example\0",
            "sala.exa\u{2f}mple",
        ] {
            assert_eq!(host(text), None, "{text:?}");
        }
        let long = |labels: usize| vec!["a".repeat(59); labels].join(".") + ".example";
        assert!(host(&long(3)).is_some() && host(&long(4)).is_none());
        assert!(host(&format!("{}.example", "a".repeat(63))).is_some());
        assert!(host(&format!("{}.example", "a".repeat(64))).is_none());
    }

    #[test]
    fn names_with_another_meaning_are_not_public() {
        let is_public = |text: &str| text.parse::<SiteHost>().expect(text).is_public();
        assert!(is_public("sala.example") && is_public("local.example") && is_public("127.0.0.1.nip.io"));
        for text in ["sala.localhost", "Impresora.local", "db.internal", "1.168.192.in-addr.arpa", "a.onion"]
        {
            assert!(!is_public(text), "{text}");
        }
    }

    #[test]
    fn the_host_of_a_header_has_no_port() {
        let of = |text: &str| SiteHost::of_authority(text).ok().map(String::from);
        for text in ["sala.example", "sala.example:8000", "SALA.example.:443", "sala.example:"] {
            assert_eq!(of(text).as_deref(), Some("sala.example"), "{text}");
        }
        for text in
            ["127.0.0.1:8000", "[::1]:8000", "localhost:8000", "sala.example:80a", "sala.example:1:2", ""]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        /// What is read once is read as the same again, and fits into a name of DNS with its record.
        #[test]
        fn reading_is_stable(text in "\\PC{0,40}\\.?[a-zA-Zñ0-9.\\-]{0,12}") {
            if let Ok(host) = text.parse::<SiteHost>() {
                prop_assert_eq!(host.as_str().parse::<SiteHost>(), Ok(host.clone()));
                prop_assert!(host.record_name().len() <= 253);
                prop_assert!(host.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)));
                prop_assert!(host.as_str().parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
