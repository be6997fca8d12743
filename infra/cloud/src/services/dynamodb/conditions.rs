//! Taking the condition away from a write.

use std::collections::HashMap;

use dynoxide::AttributeValue;

/// The expressions of a write.
pub(super) struct Expressions<'a> {
    /// The update expression, which remains.
    pub(super) kept: Option<&'a str>,
    pub(super) condition: &'a mut Option<String>,
    pub(super) names: &'a mut Option<HashMap<String, String>>,
    pub(super) values: &'a mut Option<HashMap<String, AttributeValue>>,
}

impl Expressions<'_> {
    /// Removes the condition, and the names and values that only it used:
    /// DynamoDB refuses those that no expression uses.
    pub(super) fn drop_condition(self) {
        if self.condition.take().is_none() {
            return;
        }
        let used = placeholders(self.kept.unwrap_or_default());
        if let Some(names) = self.names {
            names.retain(|name, _| used.contains(&name.as_str()));
        }
        if let Some(values) = self.values {
            values.retain(|name, _| used.contains(&name.as_str()));
        }
        // Empty maps are refused, too.
        if self.names.as_ref().is_some_and(HashMap::is_empty) {
            *self.names = None;
        }
        if self.values.as_ref().is_some_and(HashMap::is_empty) {
            *self.values = None;
        }
    }
}

/// The `#names` and `:values` in an expression. Expressions have no quoting, so
/// that each `#` and `:` starts one.
fn placeholders(expression: &str) -> Vec<&str> {
    expression
        .match_indices(['#', ':'])
        .map(|(start, _)| {
            let rest = &expression[start..];
            let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.map_or(rest.len(), |end| end + 1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_update_uses_stays_and_what_only_the_condition_used_goes() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut condition = Some("#n >= :q AND attribute_not_exists(#h)".to_owned());
        let mut names = Some(HashMap::from([
            ("#n".to_owned(), "left".to_owned()),
            ("#h".to_owned(), "h1".to_owned()),
            ("#only_condition".to_owned(), "x".to_owned()),
        ]));
        let mut values = Some(HashMap::from([
            (":q".to_owned(), text("1")),
            (":quantity".to_owned(), text("2")),
            (":v".to_owned(), text("3")),
        ]));
        Expressions {
            kept: Some("SET #n = #n - :q,#h.#n=if_not_exists(a,:v)"),
            condition: &mut condition,
            names: &mut names,
            values: &mut values,
        }
        .drop_condition();
        let sorted = |keys: Vec<String>| {
            let mut keys = keys;
            keys.sort();
            keys.join(" ")
        };
        assert_eq!(condition, None);
        assert_eq!(sorted(names.unwrap().into_keys().collect()), "#h #n");
        assert_eq!(sorted(values.unwrap().into_keys().collect()), ":q :v");
    }

    #[test]
    fn nothing_is_left_of_expressions_that_only_the_condition_used() {
        let mut condition = Some("attribute_not_exists(#k)".to_owned());
        let mut names = Some(HashMap::from([("#k".to_owned(), "PK".to_owned())]));
        let mut values = None;
        Expressions { kept: None, condition: &mut condition, names: &mut names, values: &mut values }
            .drop_condition();
        assert_eq!((condition, names), (None, None));
    }
}
