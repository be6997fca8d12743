//! Texts that people enter are checked everywhere: every text of every request, in bodies and
//! queries, as the description has them.

use std::fmt::Write as _;

use reqwest::Url;
use serde_json::{Value, json};
use testkit::{Answer, Request};

use super::calls::{Call, DataOwner, call, rightful};
use super::document::{Operation, operations, resolve};
use super::world::SampleBoxOffice;

/// Refused in every text.
const HOSTILE: [&str; 7] = [
    "Ana\0Farola",
    "Jos\u{fffd} Farola",
    "\u{202e}aloraF anA",
    "Ana\u{e0041}\u{e0042}",
    "Ana \u{f8ff}",
    "Ana\u{1b}[2J",
    "A\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}na",
];
/// Refused in texts of one line.
const BREAKING: [&str; 3] = ["Ana\nBcc: eva@example.com", "Ana\u{2028}Farola", "Ana\tFarola"];
/// The texts that may have several lines.
const PARAGRAPHS: [&str; 12] = [
    "body",
    "description",
    "email_content",
    "en",
    "es",
    "extra_attributes",
    "message",
    "note",
    "other_data",
    "reason",
    "show_description",
    "supervisor_notes",
];
/// Fields that people do not read: secrets, and values that machines made. Every text but one
/// is wrong in them, and the answers say no more.
const SECRETS: [&str; 13] = [
    "challenge",
    "code",
    "confirm",
    "csv",
    "current_password",
    "device_token",
    "enrolment",
    "file",
    "password",
    "quote",
    "recovery_code",
    "refresh_token",
    "token",
];

/// A text field of a request's body or query.
#[derive(Debug, Clone)]
struct Field {
    pointer: String,
    schema: Value,
}

impl Field {
    fn name(&self) -> &str {
        self.pointer
            .rsplit('/')
            .find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or_default()
    }

    fn is_entered(&self) -> bool {
        !SECRETS.contains(&self.name())
    }

    fn hostile(&self) -> impl Iterator<Item = &'static str> {
        let breaking = if PARAGRAPHS.contains(&self.name()) { &[][..] } else { &BREAKING };
        // National ids are numbers: invisible characters in them are dropped, not refused.
        let is_number = self.name() == "dni";
        HOSTILE
            .iter()
            .chain(breaking)
            .copied()
            .filter(move |text| !(is_number && text.starts_with('\u{202e}')))
    }
}

/// Finds the texts of a schema, except those whose values it lists.
fn texts(schema: &Value, pointer: &str, found: &mut Vec<Field>) {
    let schema = resolve(schema);
    for choice in ["anyOf", "oneOf", "allOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            texts(schema, pointer, found);
        }
    }
    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&kind.into()))
    };
    if is("string") && schema.get("enum").is_none() && schema.get("const").is_none() {
        found.push(Field { pointer: pointer.to_owned(), schema: schema.clone() });
    }
    if schema["additionalProperties"] == true {
        found.push(Field { pointer: pointer.to_owned(), schema: json!({"type": "object"}) });
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        texts(schema, &format!("{pointer}/{name}"), found);
    }
    if schema["items"].is_object() {
        texts(&schema["items"], &format!("{pointer}/0"), found);
    }
}

/// Puts a value at a pointer, and makes the objects and lists around it.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let (first, rest) = match pointer.strip_prefix('/') {
        None => return *body = value,
        Some(path) => path.split_once('/').map_or((path, ""), |(first, _)| (first, &path[first.len()..])),
    };
    if first == "0" {
        if !body.is_array() {
            *body = json!([{}]);
        }
        put(&mut body[0], rest, value);
    } else {
        if !body.is_object() {
            *body = json!({});
        }
        put(&mut body[first], rest, value);
    }
}

async fn send(
    world: &SampleBoxOffice,
    operation: &Operation,
    call: &Call,
    request: impl FnOnce(Request) -> Request,
) -> Answer {
    let method = operation.method.parse().expect("a method");
    let bare = world.app.request(method, call.address(operation));
    // Registrations are limited, but not those by staff.
    let token = match operation.path.ends_with("/users/register") {
        true => Some(world.coordinator.token.clone()),
        false => rightful(world, operation, call.whose),
    };
    let bare = match token {
        Some(token) => bare.token(token),
        None => bare,
    };
    request(bare).send().await
}

/// Notes an answer that does not refuse the text with its pointer.
fn judge(problems: &mut String, operation: &Operation, pointer: &str, text: &str, answer: &Answer) {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let pointers = body["errors"].as_array().into_iter().flatten().map(|error| error["pointer"].clone());
    let within = format!("{pointer}/a");
    let is_told = pointers
        .into_iter()
        .any(|told| told.as_str().is_some_and(|told| pointer.starts_with(told) || told == within));
    if !(matches!(answer.status, 400 | 422) && is_told) {
        let _ = writeln!(
            problems,
            "{} {pointer} takes {text:?}: {} {}",
            operation.route(),
            answer.status,
            answer.text()
        );
    }
}

#[tokio::test]
async fn no_hostile_text_gets_into_any_field() {
    let world = SampleBoxOffice::open().await;
    let (mut problems, mut fields) = (String::new(), 0);
    for operation in operations() {
        let Some(schema) = operation.body_schema() else { continue };
        let mut found = Vec::new();
        texts(schema, "", &mut found);
        found.retain(Field::is_entered);
        let call = call(&world, operation).await;
        if matches!(call.whose, DataOwner::Gateway | DataOwner::Sns) || found.is_empty() {
            continue;
        }
        for field in found {
            fields += 1;
            for text in field.hostile() {
                let mut body = call.body.clone().unwrap_or_else(|| json!({}));
                let value = if field.schema["type"] == "object" { json!({"a": [text]}) } else { text.into() };
                put(&mut body, &field.pointer, value);
                let answer = send(&world, operation, &call, |request| request.json(body)).await;
                judge(&mut problems, operation, &field.pointer, text, &answer);
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(fields > 80, "only {fields} texts were found");
    world.app.close().await;
}

#[tokio::test]
async fn no_hostile_text_gets_into_any_query() {
    let world = SampleBoxOffice::open().await;
    let (mut problems, mut found) = (String::new(), 0);
    for operation in operations().iter().filter(|operation| operation.described["tags"][0] != "Webhooks") {
        let names: Vec<String> = operation
            .parameters("query")
            .filter(|parameter| {
                let mut fields = Vec::new();
                texts(&parameter["schema"], "", &mut fields);
                !fields.is_empty()
            })
            .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
            .collect();
        if names.is_empty() {
            continue;
        }
        let call = Call { query: String::new(), ..call(&world, operation).await };
        for name in names {
            found += 1;
            for text in HOSTILE.iter().chain(&BREAKING) {
                let url = Url::parse_with_params("http://localhost", [(&name, text)]).expect("an address");
                let call = Call { query: url.query().unwrap_or_default().to_owned(), ..call.clone() };
                let answer = send(&world, operation, &call, |request| request).await;
                judge(&mut problems, operation, &format!("#{name}"), text, &answer);
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(found > 20, "only {found} parameters were found");
    world.app.close().await;
}
