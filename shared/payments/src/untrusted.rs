//! Checks of gateways' answers, which are untrusted: ids that go into paths and items,
//! texts that go into logs, addresses that browsers are sent to.

use std::net::IpAddr;

use domain::Timestamp;
use outbound::Url;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::{GatewayError, Result};

/// True if the text can be a gateway's id: 1 to 64 of `[A-Za-z0-9_-]`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// True if the text can be a numeric id: 1 to 20 digits.
pub(super) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An id for the path of a call: one that the gateway cannot have made is not worth it.
pub(super) fn path_id(id: &str) -> Result<&str> {
    if is_id(id) { Ok(id) } else { Err(GatewayError::NotFound) }
}

/// The id in an answer, before it is stored anywhere.
pub(super) fn checked_id(id: String) -> Result<String> {
    if is_id(&id) { Ok(id) } else { Err(protocol("an id has a wrong form")) }
}

/// The first `most` characters.
pub(super) fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The gateway and Taquilla do not understand each other.
pub(super) fn protocol(why: &str) -> GatewayError {
    GatewayError::Protocol(why.to_owned())
}

/// The address of a page to send a buyer's browser to: `https`, or `http` on this
/// machine. Anything else, `javascript:` above all, must not get into a browser.
pub(super) fn page_address(text: &str) -> Result<String> {
    let url: Url = text.parse().map_err(|_| protocol("the address of its page is none"))?;
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url.into()),
        "http" if here => Ok(url.into()),
        _ => Err(protocol("the address of its page is no https address")),
    }
}

/// A time with an offset, as ISO 8601 has it. Nothing is decided by the times that
/// gateways tell, so a malformed one is only missing.
pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// An id that is a number in one answer and a text in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdText(pub(super) String);

impl<'de> Deserialize<'de> for IdText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map(Self).map_err(de::Error::custom),
            Some(b'0'..=b'9') => Ok(Self(text.to_owned())),
            _ => Err(de::Error::custom("not an id")),
        }
    }
}

/// A list where some answers have a single thing, or nothing.
#[derive(Debug, Clone)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

// Not derived, because an empty list needs no default for its things.
impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: de::DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let read = match text.as_bytes().first() {
            Some(b'[') => serde_json::from_str(text),
            Some(b'n') => Ok(Vec::new()),
            _ => serde_json::from_str(text).map(|one| vec![one]),
        };
        read.map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_path_segment() {
        for fine in ["1", "pay_1", "1292-1602113476-10985", &"a".repeat(64)] {
            assert!(is_id(fine), "{fine}");
        }
        for wrong in ["", "../refunds", "a/b", "a b", "é", "1?x=y", &"a".repeat(65)] {
            assert!(!is_id(wrong), "{wrong}");
            assert!(matches!(path_id(wrong), Err(GatewayError::NotFound)));
            assert!(matches!(checked_id(wrong.to_owned()), Err(GatewayError::Protocol(_))));
        }
        assert!(is_number("1234567890") && !is_number("") && !is_number("12a") && !is_number("-1"));
        assert!(!is_number(&"1".repeat(21)));
    }

    #[test]
    fn browsers_are_sent_to_web_pages_only() {
        for fine in ["https://pay.example/p?x=1", "http://127.0.0.1:4010/p", "http://localhost/p"] {
            assert_eq!(page_address(fine).expect(fine), fine);
        }
        for wrong in ["", "/p", "javascript:alert(1)", "http://pay.example/", "data:text/html,x", "https:"] {
            assert!(matches!(page_address(wrong), Err(GatewayError::Protocol(_))), "{wrong}");
        }
    }

    #[test]
    fn ids_and_lists_are_read_in_either_form() {
        let ids = |text: &str| {
            let read: Result<OneOrMany<IdText>, _> = serde_json::from_str(text);
            read.ok().map(|list| list.0.into_iter().map(|id| id.0).collect::<Vec<_>>())
        };
        assert_eq!(ids("[1, \"2\"]"), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(ids("233000061680860000"), Some(vec!["233000061680860000".to_owned()]));
        assert_eq!(ids("null"), Some(Vec::new()));
        assert_eq!(ids("{}"), None);
        assert_eq!(ids("[true]"), None);
    }

    #[test]
    fn times_are_read_with_any_offset_or_not_at_all() {
        let expected: Timestamp = "2024-01-15T13:30:02Z".parse().expect("a time");
        assert_eq!(time(Some("2024-01-15T10:30:02.000-03:00")), Some(expected));
        assert_eq!(time(Some("2024-01-15 10:30:02")), None);
        assert_eq!(time(None), None);
    }
}
