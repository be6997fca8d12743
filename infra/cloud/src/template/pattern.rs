use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A filter of an event source mapping: which records are worth an invocation.
///
/// The part of EventBridge's pattern language that the local cloud knows:
/// literals, `exists`, `prefix` and `anything-but`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(BTreeMap<String, Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Inner(Pattern),
    /// Any of these is enough.
    Leaf(Vec<Rule>),
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Is(Json),
    Exists(bool),
    Prefix(String),
    AnythingBut(Vec<Json>),
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Json =
            serde_json::from_str(text).map_err(|error| format!("is not valid JSON: {error}"))?;
        Self::read(&value)
    }

    fn read(value: &Json) -> Result<Self, String> {
        let Json::Object(members) = value else { return Err("must be an object".to_owned()) };
        let nodes = members.iter().map(|(name, value)| {
            let node = match value {
                Json::Array(rules) => Node::Leaf(rules.iter().map(Rule::read).collect::<Result<_, _>>()?),
                value => Node::Inner(Self::read(value)?),
            };
            Ok((name.clone(), node))
        });
        nodes.collect::<Result<_, String>>().map(Self)
    }

    /// Whether `record` fits.
    pub fn matches(&self, record: &Json) -> bool {
        self.0.iter().all(|(name, node)| {
            let value = record.get(name);
            match node {
                Node::Inner(pattern) => pattern.matches(value.unwrap_or(&Json::Null)),
                Node::Leaf(rules) => rules.iter().any(|rule| rule.fits(value)),
            }
        })
    }
}

impl Rule {
    fn read(value: &Json) -> Result<Self, String> {
        let Json::Object(rule) = value else { return Ok(Self::Is(value.clone())) };
        let unknown = || format!("has the rule {value}, which the local cloud does not know");
        let (Some((name, operand)), 1) = (rule.iter().next(), rule.len()) else { return Err(unknown()) };
        match (name.as_str(), operand) {
            ("exists", Json::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("prefix", Json::String(prefix)) => Ok(Self::Prefix(prefix.clone())),
            ("anything-but", Json::Array(values)) => Ok(Self::AnythingBut(values.clone())),
            _ => Err(unknown()),
        }
    }

    fn fits(&self, value: Option<&Json>) -> bool {
        match self {
            Self::Is(expected) => value == Some(expected),
            Self::Exists(exists) => value.is_some() == *exists,
            Self::Prefix(prefix) => value.and_then(Json::as_str).is_some_and(|text| text.starts_with(prefix)),
            Self::AnythingBut(values) => value.is_some_and(|value| !values.contains(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pattern: &str, record: Json, expected: bool) {
        assert_eq!(
            Pattern::parse(pattern).expect("valid").matches(&record),
            expected,
            "{pattern} on {record}"
        );
    }

    #[test]
    fn rules_are_those_of_lambda() {
        let outbox = r#"{"dynamodb":{"NewImage":{"ob":{"S":[{"exists":true}]}}}}"#;
        check(outbox, json!({"dynamodb": {"NewImage": {"ob": {"S": "{}"}}}}), true);
        check(outbox, json!({"dynamodb": {"NewImage": {"ob": {"N": "1"}}}}), false);
        check(outbox, json!({"dynamodb": {"Keys": {}}}), false);
        let inserts = r#"{"eventName":["INSERT","MODIFY"],"a":{"S":[{"exists":false}]}}"#;
        check(inserts, json!({"eventName": "INSERT"}), true);
        check(inserts, json!({"eventName": "INSERT", "a": {"S": "x"}}), false);
        check(inserts, json!({"eventName": "REMOVE"}), false);
        let text = r#"{"k":[{"prefix":"U#"}],"n":[{"anything-but":[0]}]}"#;
        check(text, json!({"k": "U#1", "n": 1}), true);
        check(text, json!({"k": "E#1", "n": 1}), false);
        check(text, json!({"k": "U#1", "n": 0}), false);
    }

    #[test]
    fn unknown_rules_are_refused() {
        for pattern in [r#"{"n":[{"numeric":[">",0]}]}"#, r#"{"n":"x"}"#, "[]", "{"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
