//! Lists in place of objects, in every body that an operation takes: serde would read some of them.

use serde_json::{Value, json};

use super::calls::{call, rightful};
use super::document::operations;
use super::world::SampleBoxOffice;

/// The places of the objects in a value, by their pointers.
fn objects(value: &Value, pointer: &str) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, part)| (name.clone(), part)).collect(),
        Value::Array(items) => {
            (0..).zip(items).map(|(index, part): (u16, _)| (index.to_string(), part)).collect()
        }
        _ => Vec::new(),
    };
    let inside = parts.into_iter().flat_map(|(name, part)| objects(part, &format!("{pointer}/{name}")));
    inside.chain(value.is_object().then(|| pointer.to_owned())).collect()
}

/// The lists that serde might take for this object: its values, and none at all.
fn lists(object: &Value) -> [Value; 2] {
    let values = object.as_object().into_iter().flat_map(|members| members.values().cloned());
    [values.collect(), json!([])]
}

/// The pointer of a document that is refused for what is in it, not by the description.
const DOCUMENT: &str = "POST /api/v1/events/{id}/plan/import";
/// Members of which organisers choose the names and kinds.
const FREE: [&str; 2] = ["/other_data", "/extra_attributes"];
/// What browsers send and no function reads.
const UNREAD: &str = "/credential/clientExtensionResults";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_is_taken_for_an_object() {
    let world = SampleBoxOffice::open().await;
    let (mut tried, mut problems) = (0, Vec::new());
    for operation in operations() {
        let call = call(&world, operation).await;
        let token = rightful(&world, operation, call.whose);
        // What gateways and SNS send is their own, and signed.
        let Some(body) = call.body.clone().filter(|_| !operation.path.contains("webhook")) else { continue };
        for place in objects(&body, "") {
            if place == UNREAD
                || FREE.iter().any(|free| place.strip_prefix(free).is_some_and(|rest| !rest.is_empty()))
            {
                continue;
            }
            for list in lists(body.pointer(&place).expect("a place of this body")) {
                let mut call = call.clone();
                *call.body.as_mut().and_then(|body| body.pointer_mut(&place)).expect("there") = list.clone();
                let answer = call.request(&world, operation, token.as_deref()).send().await;
                let due = match operation.route() == DOCUMENT && !place.is_empty() {
                    true => (422, "refused_fields"),
                    false => (400, "invalid_fields"),
                };
                let problem = answer.json();
                let named = problem["errors"].as_array().into_iter().flatten();
                let is_named = named.into_iter().any(|field| field["pointer"] == place.as_str());
                let code = problem["code"].as_str().unwrap_or_default();
                if (answer.status, code) != due || !is_named {
                    let (route, text) = (operation.route(), answer.text());
                    problems.push(format!("{route} with {list} at {place:?}: {text}"));
                }
                tried += 1;
            }
        }
    }
    assert!(problems.is_empty(), "{} of {tried}:\n{}", problems.len(), problems.join("\n"));
    assert!(tried > 200, "only {tried} lists were tried");
    world.app.close().await;
}
