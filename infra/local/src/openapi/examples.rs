//! Examples of the API's operations: what the box office answered in the contract test,
//! which writes `docs/examples.json` and fails once an answer has another shape.

use serde_json::{Map, Value};

const FILE: &str = include_str!("../../../../docs/examples.json");

/// The examples by operation, as `POST /api/v1/purchases`: the members `path`, `query`, `body`,
/// `status` and `answer`, as far as the operation has them.
///
/// # Panics
/// If the file is not a JSON object.
pub fn examples() -> Map<String, Value> {
    serde_json::from_str(FILE).expect("docs/examples.json is a JSON object")
}

/// Puts each example where OpenAPI has a place for it.
pub(super) fn add_to(api: &mut Value) {
    for (route, example) in examples() {
        let Some((method, path)) = route.split_once(' ') else { continue };
        let operation = &mut api["paths"][path][method.to_lowercase()];
        if !operation.is_object() {
            continue;
        }
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = example["path"].get(name).filter(|_| parameter["in"] == "path");
            if let Some(value) = value.cloned() {
                parameter["example"] = value;
            }
        }
        set(&mut operation["requestBody"], &example["body"]);
        if let Some(status) = example["status"].as_u64() {
            set(&mut operation["responses"][status.to_string()], &example["answer"]);
        }
    }
}

/// Sets the example of a body's JSON, if the body is described and there is an example.
fn set(body: &mut Value, example: &Value) {
    let media = body.pointer_mut("/content/application~1json");
    if let (Some(media), false) = (media, example.is_null()) {
        media["example"] = example.clone();
    }
}
