//! Fields that several requests about members share, and their checks.

use std::borrow::Cow;
use std::fmt;

use domain::Timestamp;
use domain::error::Fields;
use domain::national_id::{MAX_WRITTEN_CHARS, NationalId};
use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A national id as the client sent it: text, or a number as the seed's clients send it.
/// The country decides whether it is valid.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WrittenId(String);

impl WrittenId {
    /// The id, or a note at `/dni` of what is wrong with it.
    pub(crate) fn read(&self, country: &str, fields: &mut Fields) -> Option<NationalId> {
        match NationalId::parse(country, &self.0) {
            Ok(id) => Some(id),
            Err(problem) => {
                fields.rule(false, "/dni", problem.to_string());
                None
            }
        }
    }
}

impl fmt::Debug for WrittenId {
    /// Keeps ids out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrittenId(..)")
    }
}

impl<'de> Deserialize<'de> for WrittenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = WrittenId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a national id as text or as a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<WrittenId, E> {
                Ok(WrittenId(number.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenId, E> {
                Ok(WrittenId(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for WrittenId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WrittenId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                {"type": "string", "maxLength": MAX_WRITTEN_CHARS},
                {"type": "integer", "minimum": 0, "maximum": 99_999_999_999_u64},
            ],
            "examples": ["1020304050"],
        })
    }
}

/// A country's code in capitals and without space around it.
pub(crate) fn capitals(country: &str) -> String {
    country.trim().to_ascii_uppercase()
}

/// A text for comparing: in small letters, without accents.
pub(crate) fn folded(text: &str) -> String {
    deunicode::deunicode(text.trim()).to_lowercase()
}

/// Notes at `pointer` a day before 1970 or in the future, which can only be a mistake.
pub(crate) fn check_past(pointer: &str, time: Timestamp, now: Timestamp, fields: &mut Fields) {
    fields.rule(is_past(time, now), pointer, "Must be between 1970 and today.");
}

/// True from 1970 to a day after `now`: in other time zones tomorrow has begun.
pub(crate) fn is_past(time: Timestamp, now: Timestamp) -> bool {
    let latest = now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    (Timestamp::UNIX_EPOCH..=latest).contains(&time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_read_from_text_and_numbers() {
        for (value, written) in
            [(json!("12.345.678-5"), "12.345.678-5"), (json!(20_123_456), "20123456"), (json!(""), "")]
        {
            assert_eq!(serde_json::from_value::<WrittenId>(value).ok(), Some(WrittenId(written.to_owned())));
        }
        for value in [json!(-1), json!(1.5), json!(true), json!(["1"]), json!(null)] {
            assert!(serde_json::from_value::<WrittenId>(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn a_wrong_id_says_why() {
        let mut fields = Fields::new();
        assert_eq!(WrittenId("12531909-3".to_owned()).read("CL", &mut fields), None);
        let error = fields.finish().expect_err("wrong");
        assert_eq!(error.field_errors()[0].pointer, "/dni");
        assert!(error.field_errors()[0].detail.contains("check digit"));
    }

    #[test]
    fn only_past_days_are_accepted() {
        let now = Timestamp::from_second(1_795_000_000).expect("in range");
        let is_good = |time: Timestamp| {
            let mut fields = Fields::new();
            check_past("/payment_date", time, now, &mut fields);
            fields.finish().is_ok()
        };
        assert!(is_good(now) && is_good(Timestamp::UNIX_EPOCH));
        assert!(is_good(now + SignedDuration::from_hours(24)));
        assert!(!is_good(now + SignedDuration::from_hours(25)));
        assert!(!is_good(Timestamp::MIN) && !is_good(Timestamp::MAX));
    }

    #[test]
    fn accents_and_capitals_do_not_tell_places_apart() {
        assert_eq!(folded(" Bogotá "), folded("BOGOTA"));
        assert_ne!(folded("Cali"), folded("Cúcuta"));
    }
}
