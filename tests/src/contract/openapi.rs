//! The description that is checked in and served is the one that the code generates.

use serde_json::Value;

use super::document::document;

#[test]
fn the_checked_in_description_is_that_of_the_code() {
    let checked_in = include_str!("../../../functions/site/openapi.json");
    let checked_in: Value = serde_json::from_str(checked_in).expect("JSON");
    let mut differences = Vec::new();
    compare("", &checked_in, document(), &mut differences);
    assert!(
        differences.is_empty(),
        "functions/site/openapi.json is out of date; run `cargo xtask openapi` and look at what changed:\n{}",
        differences.join("\n")
    );
}

/// Collects where two documents differ, by JSON pointer, up to some 40 places.
fn compare(pointer: &str, old: &Value, new: &Value, differences: &mut Vec<String>) {
    if differences.len() >= 40 || old == new {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return differences.push(format!("{pointer}: {old} is now {new}"));
    };
    for (name, old) in old {
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        match new.get(name) {
            Some(new) => compare(&pointer, old, new, differences),
            None => differences.push(format!("{pointer} is gone")),
        }
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        differences.push(format!("{pointer}/{} is new", name.replace('~', "~0").replace('/', "~1")));
    }
}
