//! What PayU may tell of a slip.

use domain::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::Due;
use crate::methods::slip_code;
use crate::untrusted::page_address;

/// `extraParameters` of a transaction or of its answer. Neither is documented for the questions that
/// we ask: what is missing or of another form is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extra(Due);

impl Extra {
    /// What it tells of the slip; `None` if nothing.
    pub(super) fn due(&self) -> Option<Due> {
        (self.0 != Due::default()).then(|| self.0.clone())
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = Value::deserialize(deserializer)?;
        let text = |name: &str| match told.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        Ok(Self(Due {
            by: text("EXPIRATION_DATE").as_deref().and_then(moment),
            slip_url: text("URL_PAYMENT_RECEIPT_HTML").and_then(|url| page_address(&url).ok()),
            code: text("REFERENCE").as_deref().and_then(slip_code),
        }))
    }
}

/// Milliseconds since 1970, as PayU's other times are, or a text with an offset. A text without one
/// could be on any clock, and is not guessed at.
fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Due> {
        serde_json::from_str::<Extra>(json).expect("any JSON").due()
    }

    #[test]
    fn slips_are_read_in_any_form_or_not_at_all() {
        let due = read(
            r#"{"EXPIRATION_DATE": 1795000000000, "REFERENCE": 4711, "URL_PAYMENT_RECEIPT_HTML": "https://g.example/v"}"#,
        )
        .expect("a slip");
        assert_eq!(due.by.map(Timestamp::as_second), Some(1_795_000_000));
        assert_eq!(due.code.as_deref(), Some("4711"));
        assert_eq!(due.slip_url.as_deref(), Some("https://g.example/v"));
        let due = read(r#"{"EXPIRATION_DATE": "2026-11-20T10:15:00-05:00"}"#).expect("a time");
        assert_eq!(due.by.map(Timestamp::as_second), Some(1_795_187_700));
        for nothing in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"EXPIRATION_DATE": "2026-11-20 10:15:00"}"#,
            r#"{"URL_PAYMENT_RECEIPT_HTML": "javascript:alert(1)", "EXPIRATION_DATE": null}"#,
            r#"{"REFERENCE": "<b>"}"#,
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
