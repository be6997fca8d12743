//! Credentials as organisers enter them, described by gateway.

use std::borrow::Cow;

use domain::FieldError;
use domain::payment::GatewayName;
use payments::{BadCredential, credential_fields};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Credentials as an organiser enters them. They are never shown: there is no debug output, and
/// errors about them do not repeat them.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct EnteredCredentials(pub(crate) Value);

impl JsonSchema for EnteredCredentials {
    fn schema_name() -> Cow<'static, str> {
        "EnteredCredentials".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let gateways = GatewayName::ALL.into_iter().filter(|gateway| !credential_fields(*gateway).is_empty());
        let forms: Vec<Schema> = gateways.map(form).collect();
        json_schema!({
            "description": "The credentials of an account, by the names of its gateway.",
            "oneOf": forms,
        })
    }
}

/// The schema of one gateway's credentials.
fn form(gateway: GatewayName) -> Schema {
    let fields = credential_fields(gateway);
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = json_schema!({"description": field.about, "type": "string"});
            if !field.choices.is_empty() {
                schema.insert("enum".to_owned(), field.choices.into());
            }
            (field.name.to_owned(), schema.into())
        })
        .collect();
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json_schema!({
        "title": gateway.as_str(),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The field error of the request for a credential that was refused.
pub(crate) fn field_error(bad: BadCredential) -> FieldError {
    let pointer = if bad.field.is_empty() { String::new() } else { format!("/{}", bad.field) };
    FieldError { pointer, detail: bad.detail.into_owned() }
}
