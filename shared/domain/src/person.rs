//! A person's e-mail address and name.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An e-mail address and the name that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = both_are_said)]
pub struct Person {
    /// E-mail address, lower case.
    pub email: String,
    /// Name, possibly empty.
    // Messages of earlier versions leave an empty one out.
    #[serde(default)]
    pub name: String,
}

/// The address of a user who is signed in, and whether it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress<'a> {
    /// The e-mail address.
    pub email: &'a str,
    /// True once its reader opened a link that was mailed there. Any address can be registered.
    pub confirmed: bool,
}

/// Requires both members in the schema: answers always have them.
fn both_are_said(schema: &mut Schema) {
    schema.insert("required".to_owned(), json!(["email", "name"]));
    let name = schema.ensure_object().get_mut("properties").and_then(|properties| properties.get_mut("name"));
    if let Some(name) = name.and_then(serde_json::Value::as_object_mut) {
        name.remove("default");
    }
}
