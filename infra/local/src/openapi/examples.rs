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
        // Not by index, which makes what it does not find.
        let item = api.get_mut("paths").and_then(|paths| paths.get_mut(path));
        let Some(operation) = item.and_then(|item| item.get_mut(method.to_lowercase())) else { continue };
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = example["path"].get(name).filter(|_| parameter["in"] == "path");
            if let Some(value) = value.cloned() {
                parameter["example"] = value;
            }
        }
        set(operation.get_mut("requestBody"), &example["body"]);
        if let Some(status) = example["status"].as_u64() {
            let responses = operation.get_mut("responses");
            set(responses.and_then(|responses| responses.get_mut(status.to_string())), &example["answer"]);
        }
    }
}

/// Sets the example of a body's JSON, if the body is described and there is an example.
fn set(body: Option<&mut Value>, example: &Value) {
    let media = body.and_then(|body| body.pointer_mut("/content/application~1json"));
    if let (Some(media), false) = (media, example.is_null()) {
        media["example"] = example.clone();
    }
}
