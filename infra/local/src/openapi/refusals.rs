//! The failures of each operation, by status: which codes there are, and what they mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aide::openapi::{OpenApi, Operation, ReferenceOr, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// What codes mean, which the function `site` answers with, too.
const TABLE: &str = include_str!("../../../../functions/site/problems.json");

/// What every operation of the API can fail with: its parameters are checked, and the
/// store may be slow.
const OF_ALL: [&str; 3] = ["busy", "internal", "invalid_fields"];

#[derive(Debug, Deserialize)]
struct Meaning {
    status: u16,
    en: String,
}

/// Describes the failures of every operation.
///
/// # Panics
/// If an operation names a code that is not in the table of problems.
pub(super) fn describe(api: &mut OpenApi) {
    let table: BTreeMap<String, Meaning> = serde_json::from_str(TABLE).expect("a table of problems");
    let mut named = BTreeMap::new();
    let items = api.paths.iter_mut().flat_map(|paths| &mut paths.paths);
    for (path, item) in items {
        let ReferenceOr::Item(item) = item else { continue };
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            of_operation(operation, path, &table, &mut named);
        }
    }
    api.components.get_or_insert_default().responses.extend(named);
}

/// Answers by the name under which operations share them: that of their codes.
type Named = BTreeMap<String, ReferenceOr<Response>>;

fn of_operation(operation: &mut Operation, path: &str, table: &BTreeMap<String, Meaning>, named: &mut Named) {
    let listed = operation.extensions.shift_remove(web::REFUSALS);
    let mut codes: Vec<&str> = match &listed {
        Some(Value::Array(codes)) => codes.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if path.starts_with("/api/") {
        codes.extend(OF_ALL);
    }
    codes.sort_unstable();
    codes.dedup();
    let mut by_status: BTreeMap<u16, Vec<(&str, &str)>> = BTreeMap::new();
    for code in codes {
        let meaning = table.get(code).unwrap_or_else(|| panic!("{path}: `{code}` has no meaning"));
        by_status.entry(meaning.status).or_default().push((code, &meaning.en));
    }
    let responses = operation.responses.get_or_insert_default();
    for (status, codes) in by_status {
        let name = codes.iter().map(|(code, _)| *code).collect::<Vec<_>>().join("-");
        let reference = format!("#/components/responses/{name}");
        named.entry(name).or_insert_with(|| ReferenceOr::Item(response(&codes)));
        responses.responses.insert(StatusCode::Code(status), ReferenceOr::ref_(&reference));
    }
}

/// The answer with one of these codes.
fn response(codes: &[(&str, &str)]) -> Response {
    let mut description = String::new();
    for (index, (code, meaning)) in codes.iter().enumerate() {
        let _ = write!(description, "{}`{code}`: {meaning}", if index == 0 { "" } else { "\n\n" });
    }
    let codes: Vec<&str> = codes.iter().map(|(code, _)| *code).collect();
    let response = json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "x-codes": codes,
    });
    serde_json::from_value(response).expect("a response as OpenAPI has it")
}
