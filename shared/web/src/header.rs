use aide::openapi::{
    HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject,
};
use http::HeaderValue;
use indexmap::IndexMap;
use schemars::json_schema;

/// The text of a header that [`header_parameter`] describes, if it is as described.
pub fn visible(value: &HeaderValue) -> Option<&str> {
    let is_visible =
        |text: &&str| (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    value.to_str().ok().filter(is_visible)
}

/// Describes an optional header of an operation: 1 to 128 visible ASCII characters.
pub fn header_parameter(operation: &mut Operation, name: &str, description: &str) {
    operation.parameters.push(ReferenceOr::Item(Parameter::Header {
        parameter_data: ParameterData {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(SchemaObject {
                json_schema: json_schema!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}),
                external_docs: None,
                example: None,
            }),
            example: None,
            examples: IndexMap::new(),
            explode: None,
            extensions: IndexMap::new(),
        },
        style: HeaderStyle::Simple,
    }));
}
