//! Examples of each operation for the description, from the box office's answers.
//! `cargo xtask examples` lets this test replace examples whose shape the answer no longer has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::calls::{Call, DataOwner, call, in_order, rightful};
use super::document::Operation;
use super::world::SampleBoxOffice;

/// Longest word of an example, in bytes. Longer ones are codes and tokens, and are cut.
const LONGEST_TOKEN: usize = 64;
/// The longest list in an example.
const MOST_ITEMS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_has_an_example_of_the_shape_that_it_answers_with() {
    let world = SampleBoxOffice::open().await;
    let kept = local::openapi::examples();
    let (mut examples, mut stale) = (Map::new(), Vec::new());
    for operation in in_order() {
        let call = call(&world, operation).await;
        let example = example(&world, operation, call).await;
        let old = kept.get(&operation.route()).filter(|old| shape(old) == shape(&example));
        if old.is_none() {
            stale.push(operation.route());
        }
        examples.insert(operation.route(), old.unwrap_or(&example).clone());
    }
    stale.extend(kept.keys().filter(|route| !examples.contains_key(*route)).cloned());
    world.app.close().await;
    if boot::Env::process().optional("TAQUILLA_WRITE_EXAMPLES").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples.json");
        let text = serde_json::to_string_pretty(&examples).expect("JSON");
        std::fs::write(file, text + "\n").expect("written");
    } else {
        assert!(
            stale.is_empty(),
            "docs/examples.json is out of date; run `cargo xtask examples` and look at what changed: {stale:#?}"
        );
    }
}

/// Makes the call. Returns its parameters, its body and the answer.
async fn example(world: &SampleBoxOffice, operation: &Operation, call: Call) -> Value {
    let mut token = rightful(world, operation, call.whose);
    if operation.path.ends_with("/logout") {
        // A session of its own, because the call ends it.
        token = Some(world.app.sign_in(&world.friend.email, None).await.token);
    }
    let mut request = call.request(world, operation, token.as_deref());
    let body = call.body.clone().unwrap_or_default();
    match call.whose {
        DataOwner::Gateway => {
            let bytes = body.to_string();
            request = request
                .body("application/json", bytes.clone())
                .header("x-sandbox-signature", world.signature(bytes.as_bytes()));
        }
        DataOwner::Sns => {
            let message = serde_json::to_vec(&world.signed_by_sns(&body.to_string())).expect("JSON");
            request = request.body("application/json", message);
        }
        _ => {}
    }
    let answer = request.send().await;
    let mut example = Map::new();
    let path: Map<String, Value> =
        call.path.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    if !path.is_empty() {
        example.insert("path".to_owned(), path.into());
    }
    if !call.query.is_empty() {
        example.insert("query".to_owned(), call.query.into());
    }
    if !body.is_null() {
        example.insert("body".to_owned(), body);
    }
    // Each gateway's own tests sign its calls. Unsigned, they are refused, which is no example.
    if call.whose != DataOwner::Gateway || (200..300).contains(&answer.status) {
        assert!(answer.status < 400, "{}: {}", operation.route(), answer.text());
        example.insert("status".to_owned(), answer.status.into());
        if answer.header("content-type").starts_with("application/json") {
            example.insert("answer".to_owned(), answer.json());
        }
    }
    let mut tidied = Value::Object(example);
    Tidy { origin: world.app.cloud.url().to_owned(), ids: BTreeMap::new() }.tidy(&mut tidied);
    tidied
}

/// Makes an example independent of its run: replaces the origin and ids, and cuts long parts.
struct Tidy {
    origin: String,
    /// The original ids, and the stable ones in their place.
    ids: BTreeMap<String, String>,
}

impl Tidy {
    fn tidy(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => {
                items.truncate(MOST_ITEMS);
                items.iter_mut().for_each(|item| self.tidy(item));
            }
            Value::Object(members) => members.values_mut().for_each(|member| self.tidy(member)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        let text = text.replace(&self.origin, "https://taquilla.example");
        let mut tidied = String::new();
        // Ids stand alone and in addresses.
        for part in text.split_inclusive(['/', '?', '&', '=', '#', ' ']) {
            let word = part.trim_end_matches(['/', '?', '&', '=', '#', ' ']);
            let end = &part[word.len()..];
            tidied.push_str(&self.word(word));
            tidied.push_str(end);
        }
        tidied
    }

    fn word(&mut self, word: &str) -> String {
        let id = word.split_once('_').filter(|(prefix, rest)| {
            rest.len() == 26
                && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
                && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        });
        if let Some((prefix, _)) = id {
            let next = self.ids.len() + 1;
            let short =
                self.ids.entry(word.to_owned()).or_insert_with(|| format!("{prefix}_01jd3m0{next:019}"));
            return short.clone();
        }
        if word.len() > LONGEST_TOKEN {
            let start: String = word.chars().take(16).collect();
            return format!("{start}…");
        }
        word.to_owned()
    }
}

/// The names and types in a value, without its values.
fn shape(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, place: &str, shape: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                shape.insert(place.to_owned());
                for (name, member) in members {
                    walk(member, &format!("{place}/{name}"), shape);
                }
            }
            Value::Array(items) => {
                shape.insert(place.to_owned());
                items.iter().for_each(|item| walk(item, &format!("{place}/*"), shape));
            }
            other => {
                let kind = match other {
                    Value::String(_) => "text",
                    Value::Number(_) => "number",
                    Value::Bool(_) => "bool",
                    _ => "null",
                };
                shape.insert(format!("{place}: {kind}"));
            }
        }
    }
    let mut shape = BTreeSet::new();
    walk(value, "", &mut shape);
    shape
}

#[test]
fn a_shape_has_names_and_types_and_no_values() {
    let one = json!({"a": [{"b": 1}, {"b": 2}], "c": "x"});
    assert_eq!(shape(&one), shape(&json!({"c": "y", "a": [{"b": 3}]})));
    assert_ne!(shape(&one), shape(&json!({"c": 1, "a": [{"b": 3}]})));
    assert_ne!(shape(&one), shape(&json!({"c": "y", "a": [{"d": 3}]})));
}
