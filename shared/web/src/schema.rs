//! The faults of a value by its schema: each place by its JSON pointer, with a sentence
//! on how to mend it.
//!
//! Only for requests that are refused anyway: serde stops at the first thing that is
//! wrong, and this finds the rest. It knows the words of JSON Schema that the
//! descriptions of our types use; what it does not know, it lets pass. A whole
//! validator would bring regular expressions with all of Unicode into every function.

use aide::openapi::Components;
use domain::text::Form;
use domain::{FieldError, Language, Timestamp};
use regex_lite::Regex;
use serde_json::{Map, Value};

/// The most faults that are found: a caller learns enough from these.
pub(crate) const MAX_FOUND: usize = 50;
/// The deepest level that is checked: our own bodies have four.
const MAX_DEPTH: usize = 32;
/// Beyond this many characters a list of names is not worth reading.
const MAX_NAMES: usize = 240;
/// The most characters of a wrong name or value that are repeated.
const MAX_ECHO: usize = 60;

/// The extension of a schema that words its pattern, as a sentence for the caller.
const MUST: &str = "x-must";

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) field: FieldError,
    pub(crate) rule: Rule,
}

/// The sort of the broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The value is none of those that there are.
    Choice,
    /// The value is of another type.
    Type,
    /// A text has the wrong form. Its type knows better words for it than its schema.
    Form,
    /// Any other.
    Other,
}

/// Schemas that may refer to others by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schemas<'a>(pub(crate) Option<&'a Components>);

impl<'a> Schemas<'a> {
    /// All that `value` breaks of `schema`, at most [`MAX_FOUND`] places, each once.
    /// `pointer` is where the value itself stands.
    pub(crate) fn broken(self, schema: &Value, value: &Value, pointer: &str) -> Vec<Broken> {
        let mut found = Found { schemas: self, broken: Vec::new(), depth: 0 };
        found.check(schema, value, pointer);
        found.broken
    }

    /// The schema that a reference means.
    fn resolve(self, reference: &str) -> Option<&'a Value> {
        let name = reference.strip_prefix("#/components/schemas/")?;
        Some(self.0?.schemas.get(name)?.json_schema.as_value())
    }

    /// Adds the rules of a schema, of those that it refers to, and of its alternatives.
    pub(crate) fn collect_rules(self, schema: &'a Value, rules: &mut Vec<&'a Map<String, Value>>) {
        let Some(own) = schema.as_object() else { return };
        rules.push(own);
        let target = own.get("$ref").and_then(Value::as_str).and_then(|reference| self.resolve(reference));
        let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|word| list(own, word));
        parts.chain(target).for_each(|part| self.collect_rules(part, rules));
    }

    /// The types that a schema allows, wherever it says so.
    pub(crate) fn types<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let mut types = own_types(schema.get("type"));
        if let Some(target) = schema["$ref"].as_str().and_then(|reference| self.resolve(reference)) {
            types.extend(self.types(target));
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            for part in schema[word].as_array().into_iter().flatten() {
                types.extend(self.types(part));
            }
        }
        types.dedup();
        types
    }
}

struct Found<'a> {
    schemas: Schemas<'a>,
    broken: Vec<Broken>,
    depth: usize,
}

impl Found<'_> {
    fn note(&mut self, pointer: &str, rule: Rule, detail: String) {
        let noted = self.broken.iter().any(|broken| broken.field.pointer == pointer);
        if !noted && self.broken.len() < MAX_FOUND {
            self.broken.push(Broken { field: FieldError { pointer: pointer.to_owned(), detail }, rule });
        }
    }

    fn check(&mut self, schema: &Value, value: &Value, pointer: &str) {
        let Some(rules) = schema.as_object() else { return };
        if self.depth == MAX_DEPTH || self.broken.len() == MAX_FOUND {
            return;
        }
        self.depth += 1;
        let schemas = self.schemas;
        if let Some(target) = schema["$ref"].as_str().and_then(|reference| schemas.resolve(reference)) {
            self.check(target, value, pointer);
        }
        for part in list(rules, "allOf") {
            self.check(part, value, pointer);
        }
        for word in ["anyOf", "oneOf"] {
            self.alternatives(list(rules, word), value, pointer);
        }
        self.own(rules, value, pointer);
        self.depth -= 1;
    }

    /// The rules of a schema that lead to no other.
    fn own(&mut self, rules: &Map<String, Value>, value: &Value, pointer: &str) {
        if let Some(choices) = choices(rules)
            && !choices.contains(&value)
            && !aliases(rules).any(|alias| alias == value)
        {
            let shown: Vec<&Value> = choices.into_iter().filter(|choice| !choice.is_null()).collect();
            return self.note(pointer, Rule::Choice, no_such_choice(value, &shown));
        }
        let types = own_types(rules.get("type"));
        if !types.is_empty() && !types.iter().any(|kind| is_a(value, kind)) {
            return self.note(pointer, Rule::Type, wrong_type(&types, value));
        }
        match value {
            Value::String(text) => self.text(rules, text, pointer),
            Value::Number(number) => self.number(rules, number, pointer),
            Value::Array(items) => self.items(rules, items, pointer),
            Value::Object(members) => self.members(rules, members, pointer),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn alternatives<'s>(&mut self, branches: impl Iterator<Item = &'s Value>, value: &Value, pointer: &str) {
        let branches: Vec<&Value> = branches.collect();
        let mut tried = Vec::new();
        for branch in &branches {
            let mut found = Found { schemas: self.schemas, broken: Vec::new(), depth: self.depth };
            found.check(branch, value, pointer);
            if found.broken.is_empty() {
                return;
            }
            tried.push(found.broken);
        }
        // A choice of values, each with a description of its own.
        let constants: Option<Vec<Vec<&Value>>> =
            branches.iter().map(|branch| branch.as_object().and_then(choices)).collect();
        if let Some(choices) = constants.filter(|choices| !choices.is_empty()) {
            return self.note(pointer, Rule::Choice, no_such_choice(value, &choices.concat()));
        }
        // The caller most likely meant the branch that fits best: a wrong tag tells of another
        // kind of thing.
        let fits = |broken: &&Vec<Broken>| {
            !broken.iter().any(|one| one.rule == Rule::Type && one.field.pointer == pointer)
        };
        let misfit = |broken: &&Vec<Broken>| {
            (broken.iter().any(|one| one.rule == Rule::Choice && one.field.pointer != pointer), broken.len())
        };
        if let Some(closest) = tried.iter().filter(fits).min_by_key(misfit) {
            for broken in closest {
                self.note(&broken.field.pointer, broken.rule, broken.field.detail.clone());
            }
        } else if !tried.is_empty() {
            let schemas = self.schemas;
            let types: Vec<&str> = branches.iter().flat_map(|branch| schemas.types(branch)).collect();
            self.note(pointer, Rule::Type, wrong_type(&types, value));
        }
    }

    fn text(&mut self, rules: &Map<String, Value>, text: &str, pointer: &str) {
        let (min, max) = (count(rules, "minLength"), count(rules, "maxLength"));
        let format = rules.get("format").and_then(Value::as_str);
        // People's texts have a rule that says more than its expression.
        if let Some(form) = format.and_then(Form::named) {
            let problem = form.check(text, min.unwrap_or(0), max.unwrap_or(usize::MAX));
            return match problem {
                Ok(()) => {}
                Err(problem) => self.note(pointer, Rule::Form, problem.sentence(Language::En)),
            };
        }
        let length = text.chars().count();
        if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
            return self.note(pointer, Rule::Other, must_have(min, max, "character"));
        }
        let pattern = rules.get("pattern").and_then(Value::as_str);
        if let Some(pattern) = pattern
            && Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
        {
            let words = rules.get(MUST).and_then(Value::as_str);
            let detail = match (words, list(rules, "examples").find_map(Value::as_str)) {
                (Some(words), _) => words.to_owned(),
                (None, Some(example)) => format!("Must look like `{example}`."),
                (None, None) => format!("Must match the pattern `{pattern}`."),
            };
            return self.note(pointer, Rule::Form, detail);
        }
        let form = match format {
            Some("date-time") if text.parse::<Timestamp>().is_err() => {
                "Must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z."
            }
            Some("date") if text.parse::<jiff::civil::Date>().is_err() => {
                "Must be a date such as 2026-11-21."
            }
            Some("idn-email") if text.parse::<domain::user::Email>().is_err() => {
                "Must be an e-mail address such as ana@example.com."
            }
            _ => return,
        };
        self.note(pointer, Rule::Form, form.to_owned());
    }

    fn number(&mut self, rules: &Map<String, Value>, number: &serde_json::Number, pointer: &str) {
        let bound = |word| rules.get(word).and_then(Value::as_number);
        let (lowest, highest) = format_bounds(rules);
        let min = bound("minimum").map(ToString::to_string).or_else(|| lowest.map(str::to_owned));
        let max = bound("maximum").map(ToString::to_string).or_else(|| highest.map(str::to_owned));
        let at = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        let Some(value) = number.as_f64() else { return };
        let above = |word| bound(word).and_then(serde_json::Number::as_f64);
        let inside = at(&min).is_none_or(|min| value >= min)
            && at(&max).is_none_or(|max| value <= max)
            && above("exclusiveMinimum").is_none_or(|min| value > min)
            && above("exclusiveMaximum").is_none_or(|max| value < max);
        if !inside {
            let detail = match (min, max, above("exclusiveMinimum")) {
                (Some(min), Some(max), _) => format!("Must be between {min} and {max}."),
                (Some(min), None, _) => format!("Must be at least {min}."),
                (None, Some(max), None) => format!("Must be at most {max}."),
                (None, Some(max), Some(min)) => format!("Must be more than {min} and at most {max}."),
                (None, None, Some(min)) => format!("Must be more than {min}."),
                (None, None, None) => "Must be less.".to_owned(),
            };
            self.note(pointer, Rule::Other, detail);
        }
    }

    fn items(&mut self, rules: &Map<String, Value>, items: &[Value], pointer: &str) {
        let (min, max) = (count(rules, "minItems"), count(rules, "maxItems"));
        if min.is_some_and(|min| items.len() < min) || max.is_some_and(|max| items.len() > max) {
            return self.note(pointer, Rule::Other, must_have(min, max, "item"));
        }
        if let Some(schema) = rules.get("items") {
            for (index, item) in items.iter().enumerate() {
                if self.broken.len() == MAX_FOUND {
                    return;
                }
                self.check(schema, item, &format!("{pointer}/{index}"));
            }
        }
    }

    fn members(&mut self, rules: &Map<String, Value>, members: &Map<String, Value>, pointer: &str) {
        let none = Map::new();
        let properties = rules.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let under = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let also = |name: &str| {
            let also = properties.get(name).and_then(Value::as_object).into_iter().flat_map(aliases);
            also.filter_map(Value::as_str)
        };
        for (name, schema) in properties {
            let names = std::iter::once(name.as_str()).chain(also(name));
            for (name, member) in names.filter_map(|name| members.get_key_value(name)) {
                self.check(schema, member, &under(name));
            }
        }
        for name in list(rules, "required").filter_map(Value::as_str) {
            if !std::iter::once(name).chain(also(name)).any(|name| members.contains_key(name)) {
                self.note(&under(name), Rule::Other, "This field is required.".to_owned());
            }
        }
        let described = |name: &str| {
            properties.contains_key(name)
                || properties.keys().any(|other| also(other).any(|also| also == name))
        };
        match rules.get("additionalProperties") {
            Some(Value::Bool(false)) => {
                let names: Vec<&str> = properties.keys().map(String::as_str).collect();
                for name in members.keys().filter(|name| !described(name)) {
                    self.note(&under(name), Rule::Other, unknown("field", name, &names));
                }
            }
            Some(schema) => {
                for (name, member) in members.iter().filter(|(name, _)| !described(name)) {
                    self.check(schema, member, &under(name));
                }
            }
            None => {}
        }
    }
}

fn list<'a>(rules: &'a Map<String, Value>, word: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    rules.get(word).and_then(Value::as_array).into_iter().flatten()
}

/// Further names of a field or a value that older clients use.
pub(crate) fn aliases(rules: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    list(rules, "x-aliases")
}

/// The values that there are, if a schema lists them.
fn choices(rules: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (rules.get("const"), rules.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(many))) => Some(many.iter().collect()),
        _ => None,
    }
}

fn count(rules: &Map<String, Value>, word: &str) -> Option<usize> {
    rules.get(word)?.as_u64()?.try_into().ok()
}

/// The types that a schema names itself.
pub(crate) fn own_types(named: Option<&Value>) -> Vec<&str> {
    match named {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        // A number with a decimal point is no whole number to serde.
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

/// The bounds of the number that a format means, as far as JSON numbers go.
fn format_bounds(rules: &Map<String, Value>) -> (Option<&'static str>, Option<&'static str>) {
    match rules.get("format").and_then(Value::as_str) {
        Some("uint8") => (Some("0"), Some("255")),
        Some("uint16") => (Some("0"), Some("65535")),
        Some("uint32") => (Some("0"), Some("4294967295")),
        Some("uint" | "uint64") => (Some("0"), None),
        Some("int32") => (Some("-2147483648"), Some("2147483647")),
        Some("int64") => (Some("-9223372036854775808"), Some("9223372036854775807")),
        _ => (None, None),
    }
}

fn wrong_type(types: &[&str], value: &Value) -> String {
    let mut words = Vec::new();
    for kind in types.iter().filter(|kind| **kind != "null") {
        let word = match *kind {
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text",
            "array" => "a list",
            "object" => "an object with members",
            other => other,
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    match words.is_empty() {
        true => format!("Must be null, not {is}."),
        false => format!("Must be {}, not {is}.", words.join(" or ")),
    }
}

fn must_have(min: Option<usize>, max: Option<usize>, thing: &str) -> String {
    let things = |count: usize| if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") };
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("Must have {}.", things(min)),
        (Some(min), Some(max)) => format!("Must have between {min} and {}.", things(max)),
        (Some(min), None) => format!("Must have at least {}.", things(min)),
        (None, Some(max)) => format!("Must have at most {}.", things(max)),
        (None, None) => format!("Must have another number of {thing}s."),
    }
}

fn no_such_choice(value: &Value, choices: &[&Value]) -> String {
    let Value::String(text) = value else {
        return format!("Must be one of {}.", shown(choices.iter().map(|choice| plain(choice))).join(", "));
    };
    let choices: Vec<String> = choices.iter().map(|choice| plain(choice)).collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    match listed(&choices) {
        Some(choices) => format!("Unknown value `{}`, expected {choices}.", echo(text)),
        None => {
            format!("Unknown value `{}`; the API's description has the values that it can have.", echo(text))
        }
    }
}

/// The sentence for a field or parameter that does not exist.
pub(crate) fn unknown(thing: &str, name: &str, existing: &[&str]) -> String {
    let name = echo(name);
    match (existing.is_empty(), listed(existing)) {
        (true, _) => format!("Unknown {thing} `{name}`; none is taken here."),
        (false, Some(existing)) => format!("Unknown {thing} `{name}`, expected {existing}."),
        (false, None) => {
            format!("Unknown {thing} `{name}`; the API's description has the {thing}s that there are.")
        }
    }
}

/// Names as a list in a sentence, unless it would be too long to read.
fn listed(names: &[&str]) -> Option<String> {
    let quoted = shown(names.iter().copied());
    let list = match &quoted[..] {
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        many => format!("one of {}", many.join(", ")),
    };
    (list.chars().count() <= MAX_NAMES).then_some(list)
}

fn shown(names: impl Iterator<Item = impl AsRef<str>>) -> Vec<String> {
    names.map(|name| format!("`{}`", name.as_ref())).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The start of the caller's text, short enough to be repeated.
pub(crate) fn echo(text: &str) -> String {
    let mut start: String = text.chars().filter(|c| !c.is_control()).take(MAX_ECHO).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
