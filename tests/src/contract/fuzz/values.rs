//! Random values that fit a schema of the description, or just miss it.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::super::calls::Call;
use super::super::document::{Operation, resolve};
use super::super::world::SampleBoxOffice;

/// Schemas nested deeper than this are not followed.
const DEPTH: u8 = 8;
/// The most items of a generated array, unless it is to be too long.
const ITEMS: u64 = 4;

/// Ids and values that exist, so that generated requests name them.
pub(super) struct Pool {
    /// Ids by their prefix.
    ids: BTreeMap<String, Vec<String>>,
    /// Other values by the name of the member or parameter.
    named: BTreeMap<String, Vec<Value>>,
    now: String,
}

impl Pool {
    /// Collects the ids and values in the calls.
    pub(super) fn new<'a>(world: &SampleBoxOffice, calls: impl Iterator<Item = &'a Call>) -> Self {
        let now = world.app.clock.now().to_string();
        let mut pool = Self { ids: BTreeMap::new(), named: BTreeMap::new(), now };
        for call in calls {
            for (name, value) in &call.path {
                pool.learn(name, &Value::from(value.as_str()));
            }
            call.body.iter().for_each(|body| pool.learn("", body));
        }
        for id in [&world.foreign.id, &world.foreign.area, &world.stranger.tenant, &world.stranger.person.id]
        {
            pool.learn("", &Value::from(id.as_str()));
        }
        for id in
            [&world.show.id, &world.show.area, &world.seated.id, &world.seated.area, &world.admin.tenant]
        {
            pool.learn("", &Value::from(id.as_str()));
        }
        for (name, values) in [
            ("time_zone", &["America/Bogota", "America/Santiago"][..]),
            ("country", &["CO", "CL", "AR"]),
            ("seats", &["A-1", "B-3", "C-12"]),
            ("label", &["A", "D", "AA", "7"]),
        ] {
            values.iter().for_each(|value| pool.learn(name, &Value::from(*value)));
        }
        pool
    }

    fn learn(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| self.learn(name, value)),
            Value::Array(items) => items.iter().for_each(|value| self.learn(name, value)),
            Value::String(text) => match text.split_once('_') {
                Some((prefix, suffix)) if suffix.len() == 26 => {
                    self.ids.entry(prefix.to_owned()).or_default().push(text.clone());
                }
                _ => self.named.entry(name.to_owned()).or_default().push(value.clone()),
            },
            value => self.named.entry(name.to_owned()).or_default().push(value.clone()),
        }
    }

    /// An id with this prefix: mostly one that exists, of any owner.
    pub(super) fn id(&self, prefix: &str, rng: &mut Rng) -> String {
        let known = self.ids.get(prefix).and_then(|ids| rng.choice(ids));
        match known {
            Some(known) if rng.u8(..6) > 0 => known.clone(),
            _ => {
                let digits = b"0123456789abcdefghjkmnpqrstvwxyz";
                let suffix: String = (0..25).map(|_| char::from(digits[rng.usize(..32)])).collect();
                format!("{prefix}_0{suffix}")
            }
        }
    }

    /// An id with any prefix.
    pub(super) fn any_id(&self, rng: &mut Rng) -> String {
        let prefixes: Vec<&String> = self.ids.keys().collect();
        let prefix = prefixes[rng.usize(..prefixes.len())];
        self.id(prefix, rng)
    }

    /// A query with the required and some of the other parameters of the operation.
    pub(super) fn query(&self, operation: &Operation, rng: &mut Rng) -> Vec<(String, String)> {
        let parameters: Vec<&Value> = operation.parameters("query").collect();
        let mut query = Vec::new();
        for parameter in parameters {
            if parameter["required"] == true || rng.bool() {
                let name = parameter["name"].as_str().expect("a name");
                let value = match self.value(&parameter["schema"], name, rng) {
                    Value::String(text) => text,
                    Value::Null => continue,
                    value => value.to_string(),
                };
                query.push((name.to_owned(), value));
            }
        }
        query
    }

    /// A value for a schema; `name` is that of its member or parameter.
    pub(super) fn value(&self, schema: &Value, name: &str, rng: &mut Rng) -> Value {
        self.nested(schema, name, 0, rng)
    }

    fn nested(&self, schema: &Value, name: &str, depth: u8, rng: &mut Rng) -> Value {
        let schema = resolve(schema);
        if depth > DEPTH {
            return Value::Null;
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(value) = schema["enum"].as_array().and_then(|values| rng.choice(values)) {
            return value.clone();
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(schema) = schema[choice].as_array().and_then(|schemas| rng.choice(schemas)) {
                return self.nested(schema, name, depth + 1, rng);
            }
        }
        match kind(schema, rng) {
            "object" => self.object(schema, depth, rng),
            "array" => self.array(schema, name, depth, rng),
            "integer" => integer(schema, rng),
            "number" => number(schema, rng),
            "boolean" => json!(rng.bool()),
            "null" => Value::Null,
            _ => self.text(schema, name, rng),
        }
    }

    fn object(&self, schema: &Value, depth: u8, rng: &mut Rng) -> Value {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let mut members = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if required.iter().any(|required| required == name) || rng.bool() {
                members.insert(name.clone(), self.nested(schema, name, depth + 1, rng));
            }
        }
        Value::Object(members)
    }

    fn array(&self, schema: &Value, name: &str, depth: u8, rng: &mut Rng) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(ITEMS);
        let count = match rng.u8(..20) {
            0 => least.saturating_sub(1),
            1 => (most + 1).min(1_200),
            _ => rng.u64(least..=least.max(most.min(ITEMS))),
        };
        let items = &schema["items"];
        (0..count).map(|_| self.nested(items, name, depth + 1, rng)).collect()
    }

    fn text(&self, schema: &Value, name: &str, rng: &mut Rng) -> Value {
        let pattern = schema["pattern"].as_str().unwrap_or_default();
        if let Some((prefix, _)) = pattern.strip_prefix('^').and_then(|rest| rest.split_once("_[0-7]")) {
            return self.id(prefix, rng).into();
        }
        if pattern.starts_with("^-?(0|") {
            // A decimal number, as a text.
            return number(schema, rng).to_string().into();
        }
        if let Some(known) =
            self.named.get(name).and_then(|known| rng.choice(known)).filter(|_| rng.u8(..10) < 7)
        {
            return known.clone();
        }
        match schema["format"].as_str() {
            Some("date-time") => return self.time(rng),
            Some("date") => {
                return (*rng.choice(&["1990-02-28", "2024-02-29", "1899-12-31"]).expect("some")).into();
            }
            Some("email") => return format!("persona{}@example.com", rng.u16(..)).into(),
            _ => {}
        }
        let least = schema["minLength"].as_u64().unwrap_or(0);
        let most = schema["maxLength"].as_u64().unwrap_or(30);
        let length = match rng.u8(..20) {
            0 => least.saturating_sub(1),
            1 => most + 1,
            2 => most,
            3 => least,
            _ => rng.u64(least..=least.max(most.min(30))),
        };
        let letters: Vec<char> = "abcdeñóXYZ 0123-_.".chars().collect();
        (0..length).map(|_| letters[rng.usize(..letters.len())]).collect::<String>().into()
    }

    fn time(&self, rng: &mut Rng) -> Value {
        let now: domain::Timestamp = self.now.parse().expect("a time");
        let hours = rng.i64(-24 * 40..24 * 400);
        let time = now.checked_add(jiff_hours(hours)).unwrap_or(now);
        time.to_string().into()
    }
}

fn jiff_hours(hours: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(hours)
}

/// One of the types that a schema allows.
fn kind<'a>(schema: &'a Value, rng: &mut Rng) -> &'a str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            let most = kinds.iter().copied().find(|kind| *kind != "null");
            if rng.u8(..5) > 0 { most.unwrap_or("null") } else { kinds[rng.usize(..kinds.len())] }
        }
        _ if schema["properties"].is_object() => "object",
        _ => "string",
    }
}

/// A number: mostly whole, often with two decimals, sometimes with all of a float's.
fn number(schema: &Value, rng: &mut Rng) -> Value {
    match rng.u8(..10) {
        0 => json!(rng.f64() * 100.0),
        1..4 => json!(f64::from(rng.u16(..)) / 100.0),
        _ => integer(schema, rng),
    }
}

/// An integer: mostly within the bounds, often on them, sometimes beyond.
fn integer(schema: &Value, rng: &mut Rng) -> Value {
    // schemars writes whole bounds as `1.0`.
    let bound = |name: &str| {
        let text = schema[name].as_number()?.to_string();
        text.strip_suffix(".0").unwrap_or(&text).parse::<i64>().ok()
    };
    let (least, most) = (bound("minimum").unwrap_or(-1_000_000), bound("maximum").unwrap_or(1_000_000));
    match rng.u8(..20) {
        0 => least.saturating_sub(1).into(),
        1 => most.saturating_add(1).into(),
        2 => least.into(),
        3 => most.into(),
        4..12 => rng.i64(least..=most.min(least.saturating_add(12))).into(),
        _ => rng.i64(least..=most).into(),
    }
}
