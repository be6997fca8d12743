//! Descriptions of types, as aide would make them.

use aide::openapi::{Components, SchemaObject};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a type, and those to which it refers.
pub(crate) fn described<T: JsonSchema>() -> (Value, Components) {
    let settings = SchemaSettings::draft07().with(|s| s.definitions_path = "#/components/schemas/".into());
    let mut generator = settings.into_generator();
    let schema = generator.subschema_for::<T>();
    let mut components = Components::default();
    for (name, schema) in generator.take_definitions(true) {
        let json_schema = schema.try_into().expect("a schema");
        components.schemas.insert(name, SchemaObject { json_schema, external_docs: None, example: None });
    }
    (schema.to_value(), components)
}
