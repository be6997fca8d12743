//! Further details that an organiser shows with an event or keeps of an order.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::show::{MAX_OTHER_DATA, MAX_OTHER_DATA_BYTES, check_details};
use crate::error::Fields;
use crate::text::{InvalidText, Paragraph};

/// Further details of an event or an order, as a request sends them. Every text in them, and every member's
/// name, must be one that [`Paragraph`] accepts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Map<String, Value>", try_from = "Map<String, Value>")]
pub struct Details(Map<String, Value>);

impl TryFrom<Map<String, Value>> for Details {
    type Error = InvalidText;

    fn try_from(details: Map<String, Value>) -> Result<Self, InvalidText> {
        object(details).map(Self)
    }
}

impl From<Details> for Map<String, Value> {
    fn from(details: Details) -> Self {
        details.0
    }
}

fn object(members: Map<String, Value>) -> Result<Map<String, Value>, InvalidText> {
    members.into_iter().map(|(name, inner)| Ok((text(&name)?, value(inner)?))).collect()
}

fn value(value: Value) -> Result<Value, InvalidText> {
    Ok(match value {
        Value::String(said) => text(&said)?.into(),
        Value::Array(values) => values.into_iter().map(self::value).collect::<Result<_, _>>()?,
        Value::Object(members) => object(members)?.into(),
        other => other,
    })
}

fn text(said: &str) -> Result<String, InvalidText> {
    said.parse::<Text>().map(String::from)
}

impl Details {
    /// Notes at `pointer` what keeps them from being stored; they may have so many bytes as JSON.
    pub fn check(&self, max_bytes: usize, pointer: &str, fields: &mut Fields) {
        check_details(&self.0, max_bytes, pointer, fields);
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl JsonSchema for Details {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Details".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": MAX_OTHER_DATA,
            "propertyNames": generator.subschema_for::<Name>(),
            "additionalProperties": generator.subschema_for::<Detail>(),
        })
    }
}

type Text = Paragraph<0, MAX_OTHER_DATA_BYTES>;
type Name = Paragraph<1, MAX_OTHER_DATA_BYTES>;

/// The schema of one detail, which can contain others.
struct Detail;

impl JsonSchema for Detail {
    fn schema_name() -> Cow<'static, str> {
        "EventDetail".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let detail = generator.subschema_for::<Self>();
        let (text, name) = (generator.subschema_for::<Text>(), generator.subschema_for::<Name>());
        json_schema!({
            "description": "A detail: a text, a number, or several of them with or without names.",
            "anyOf": [
                {"type": ["number", "boolean", "null"]},
                text,
                {"type": "array", "items": detail},
                {"type": "object", "propertyNames": name, "additionalProperties": detail},
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_in_the_details_is_checked() {
        let read = |details: Value| serde_json::from_value::<Details>(details).map(Map::from);
        let kept = read(json!({"ge\u{301}nero": [" cumbia\u{a0}", {"a": "b\r\nc"}], "ages": [16, 99]}))
            .expect("good");
        assert_eq!(Value::from(kept), json!({"g\u{e9}nero": ["cumbia", {"a": "b\nc"}], "ages": [16, 99]}));
        for bad in
            [json!({"a\u{202e}": 1}), json!({"a": [{"b": ["x\0"]}]}), json!({"a": "\u{fffd}"}), json!([])]
        {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
