//! Lists in place of objects. serde takes a list for a struct, its fields in their order, wherever one
//! may stand; no description says so, so a body that has one is refused before it is read.
//!
//! Only the kinds of places are compared, in one walk over the text: no value is kept, and no rule of a
//! text or number is looked at.

use std::borrow::Cow;
use std::fmt;

use domain::FieldError;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::schema::{Schemas, aliases, own_types};

/// The pointer to the first list in a value whose schema wants an object there; `None` also of what is
/// no JSON.
pub(crate) fn list_for_object<'de, D: Deserializer<'de>>(
    schemas: Schemas<'_>,
    schema: &Value,
    value: D,
) -> Option<String> {
    let mut found = None;
    // An error is the list, which ends the walk, or a fault of the text, which is not looked for here.
    let _ = Place { schemas, here: &[schema], found: &mut found }.deserialize(value);
    found
}

/// The same fault of a value that is read as a `T` and stands in no description.
pub fn misplaced_list<T: JsonSchema>(value: &Value) -> Option<FieldError> {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    list_for_object(Schemas(None), schema.as_value(), value).map(not_a_list)
}

/// The fault of a list at `pointer`.
pub(crate) fn not_a_list(pointer: String) -> FieldError {
    FieldError::new(pointer, "Must be an object with members, not a list.")
}

/// A place in a value, with the schemas of which it may have one.
struct Place<'w, 'a> {
    schemas: Schemas<'a>,
    here: &'w [&'a Value],
    found: &'w mut Option<String>,
}

impl<'a> Place<'_, 'a> {
    /// The rules of all schemas of the place, of what these refer to, and of their alternatives.
    fn rules(&self) -> Vec<&'a Map<String, Value>> {
        let mut rules = Vec::new();
        self.here.iter().for_each(|schema| self.schemas.collect_rules(schema, &mut rules));
        rules
    }
}

/// The schemas of the member `name` of an object with these rules.
fn member<'a>(rules: &[&'a Map<String, Value>], name: &str) -> Vec<&'a Value> {
    let of = |rule: &&'a Map<String, Value>| {
        let properties = rule.get("properties").and_then(Value::as_object);
        let older = || {
            let mut schemas = properties.into_iter().flat_map(Map::values);
            schemas.find(|schema| {
                schema.as_object().is_some_and(|rules| aliases(rules).any(|alias| alias == name))
            })
        };
        let own = properties.and_then(|properties| properties.get(name));
        own.or_else(older).or_else(|| rule.get("additionalProperties"))
    };
    rules.iter().filter_map(of).collect()
}

/// Notes above a part called `name` where the list was found.
fn beneath<T, E>(name: impl fmt::Display, found: &mut Option<String>, walked: Result<T, E>) -> Result<T, E> {
    if let (Err(_), Some(pointer)) = (&walked, found) {
        *pointer = format!("/{name}{pointer}");
    }
    walked
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        // Nothing is known of what is inside.
        if self.here.iter().all(|schema| !schema.is_object()) {
            return IgnoredAny::deserialize(value).map(drop);
        }
        value.deserialize_any(self)
    }
}

/// A member's name, copied only if it has escapes.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let rules = self.rules();
        let takes = |kind| rules.iter().any(|rule| own_types(rule.get("type")).contains(&kind));
        if takes("object") && !takes("array") {
            *self.found = Some(String::new());
            return Err(A::Error::custom("a list in place of an object"));
        }
        let items: Vec<&Value> = rules.iter().filter_map(|rule| rule.get("items")).collect();
        let Self { schemas, found, .. } = self;
        for index in 0_usize.. {
            let item = list.next_element_seed(Place { schemas, here: &items, found: &mut *found });
            if beneath(index, found, item)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let rules = self.rules();
        let Self { schemas, found, .. } = self;
        while let Some(Name(name)) = members.next_key::<Name<'_>>()? {
            let here = member(&rules, &name);
            let walked = members.next_value_seed(Place { schemas, here: &here, found: &mut *found });
            beneath(name.replace('~', "~0").replace('/', "~1"), found, walked)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::schema::testing::described;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Request {
        lines: Vec<Line>,
        note: Option<Note>,
        #[serde(default)]
        by_name: BTreeMap<String, Note>,
        #[schemars(extend("x-aliases" = ["drawing"]))]
        #[serde(default, alias = "drawing")]
        shape: Option<Shape>,
        #[serde(default)]
        anything: Option<Value>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Line {
        quantity: u8,
        #[serde(default)]
        seats: Vec<Note>,
    }

    #[derive(Debug, Default, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Note {
        text: String,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Shape {
        Circle(Circle),
        Path(Path),
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Circle {
        radius: u8,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Path {
        points: Vec<(i32, i32)>,
    }

    fn found(value: &Value) -> Option<String> {
        let (schema, components) = described::<Request>();
        list_for_object(Schemas(Some(&components)), &schema, value)
    }

    /// Bodies with a list where an object belongs, each with its place. serde takes all of them.
    fn wrong() -> Vec<(Value, &'static str)> {
        let line = json!({"quantity": 1});
        vec![
            (json!([[line], null]), ""),
            (json!({"lines": [line, [1, []]]}), "/lines/1"),
            (json!({"lines": [{"quantity": 1, "seats": [{"text": "a"}, ["b"]]}]}), "/lines/0/seats/1"),
            (json!({"lines": [], "note": ["x"]}), "/note"),
            (json!({"lines": [], "note": []}), "/note"),
            (json!({"lines": [], "by_name": {"a/b": {}, "c~d": ["x"]}}), "/by_name/c~0d"),
            (json!({"lines": [], "shape": ["circle", 1]}), "/shape"),
            (json!({"lines": [], "drawing": ["circle", 1]}), "/drawing"),
        ]
    }

    #[test]
    fn a_list_is_no_object_wherever_it_stands() {
        for (body, place) in wrong() {
            assert_eq!(found(&body).as_deref(), Some(place), "{body}");
            let fault = misplaced_list::<Request>(&body).expect("a fault");
            assert_eq!(fault, not_a_list(place.to_owned()), "{body}");
        }
    }

    #[test]
    fn without_the_walk_these_lists_are_taken() {
        for (body, _) in wrong() {
            serde_json::from_value::<Request>(body.clone())
                .unwrap_or_else(|error| panic!("{body} would not be noticed anyway: {error}"));
        }
    }

    #[test]
    fn lists_stand_where_the_schema_has_them_and_where_it_says_nothing() {
        for body in [
            json!({"lines": []}),
            json!({"lines": [{"quantity": 1, "seats": [{"text": "a"}, {}]}], "note": null}),
            json!({"lines": [], "shape": {"kind": "path", "points": [[1, 2], [3, 4]]}}),
            json!({"lines": [], "anything": [[], {"a": [1]}]}),
            // Faults of other kinds are for serde to tell.
            json!({"lines": {"quantity": 1}, "unknown": [1], "note": 7}),
            json!("text"),
        ] {
            assert_eq!(found(&body), None, "{body}");
        }
    }

    /// As many places as the largest body has. Unoptimised on a busy machine it takes a fraction of a
    /// second; a walk that copied or looked for references at each place would take many.
    #[test]
    fn a_large_body_is_walked_once() {
        let (schema, components) = described::<Request>();
        let line = json!({"quantity": 1, "seats": [{"text": "a"}, {"text": "b"}]});
        let body = json!({"lines": vec![line; 20_000]}).to_string();
        let mut json = serde_json::Deserializer::from_str(&body);
        let started = boot::Stopwatch::start();
        assert_eq!(list_for_object(Schemas(Some(&components)), &schema, &mut json), None);
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn the_text_of_a_body_is_walked_as_its_value_is() {
        let (schema, components) = described::<Request>();
        let of_text = |text: &str| {
            let mut json = serde_json::Deserializer::from_str(text);
            list_for_object(Schemas(Some(&components)), &schema, &mut json)
        };
        for (body, place) in wrong() {
            assert_eq!(of_text(&body.to_string()).as_deref(), Some(place), "{body}");
        }
        let escaped = r#"{"lines":[],"\u006eote":["x"],"lines":0.5e400}"#;
        assert_eq!(of_text(escaped).as_deref(), Some("/note"));
        for broken in ["", "{", r#"{"lines":[[}"#, r#"{"lines":[{"quantity":1}"#] {
            let expected = broken.contains("[[").then_some("/lines/0");
            assert_eq!(of_text(broken).as_deref(), expected, "{broken}");
        }
    }
}
