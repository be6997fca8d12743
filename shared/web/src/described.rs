//! The operations of a function by their own description: it refuses query parameters
//! that an operation does not name, and completes a refusal with all other faults of the
//! request.

use std::borrow::Cow;

use aide::openapi::{
    OpenApi, Operation, Parameter, ParameterSchemaOrContent, PathItem, ReferenceOr, RequestBody,
};
use domain::{Error, FieldError};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use crate::Problem;
use crate::lists::list_for_object;
use crate::problem::{Part, Wording};
use crate::query::ANY_QUERY;
use crate::schema::{Broken, MAX_FOUND, Rule, Schemas, echo, unknown};

/// Routes under this prefix are the API; the others are pages for people and for
/// machines of their own, which ignore what links add to their addresses.
const API: &str = "/api/v1/";

/// The description of a function's operations.
#[derive(Debug)]
pub(crate) struct Described(pub(crate) OpenApi);

impl Described {
    /// An operation of the API, by its method and the route that the router matched.
    fn operation(&self, method: &Method, route: &str) -> Option<&Operation> {
        let paths = self.0.paths.as_ref().filter(|_| route.starts_with(API))?;
        let ReferenceOr::Item(item) = paths.paths.get(route)? else { return None };
        // HEAD comes along with GET.
        of_method(item, if method == Method::HEAD { &Method::GET } else { method })
    }

    fn schemas(&self) -> Schemas<'_> {
        Schemas(self.0.components.as_ref())
    }

    /// Refuses query parameters that the operation does not know, and those that are
    /// given twice. The faults of the others are named as well.
    pub(crate) fn check_query(
        &self,
        method: &Method,
        route: &str,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let Some(query) = uri.query().filter(|query| !query.is_empty()) else { return Ok(()) };
        let Some(operation) = self.operation(method, route) else { return Ok(()) };
        if operation.extensions.contains_key(ANY_QUERY) {
            return Ok(());
        }
        let described: Vec<&str> = query_parameters(operation).map(name).collect();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        let mut fields: Vec<FieldError> = Vec::new();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let detail = if !described.contains(&name.as_ref()) {
                unknown("parameter", &name, &described)
            } else if seen.contains(&name) {
                format!("`{name}` is given twice. Give it once.")
            } else {
                seen.push(name);
                continue;
            };
            let pointer = format!("#{}", echo(&name));
            if fields.len() < MAX_FOUND && !fields.iter().any(|field| field.pointer == pointer) {
                fields.push(FieldError { pointer, detail });
            }
        }
        if fields.is_empty() {
            return Ok(());
        }
        let found = self.parameters(operation, uri, headers);
        Err(Error::fields(merged(&fields, Wording::Ours, found)).into())
    }

    /// A refusal with all faults of the same part of the request: extractors stop at the
    /// first.
    pub(crate) fn completed(&self, problem: Problem, method: &Method, route: &str) -> Problem {
        let Some(operation) = self.operation(method, route) else { return problem };
        let Some((part, wording)) = problem.part() else { return problem };
        let found = match part {
            Part::Parameters { uri, headers } => self.parameters(operation, uri, headers),
            Part::Body(bytes) => self.body(operation, bytes),
        };
        Error::fields(merged(problem.error().field_errors(), *wording, found)).into()
    }

    fn parameters(&self, operation: &Operation, uri: &Uri, headers: &HeaderMap) -> Vec<Broken> {
        let query = uri.query().unwrap_or_default();
        let mut found = Vec::new();
        for parameter in described_parameters(operation) {
            let data = parameter.parameter_data_ref();
            let ParameterSchemaOrContent::Schema(schema) = &data.format else { continue };
            let text = match parameter {
                Parameter::Query { .. } => form_urlencoded::parse(query.as_bytes())
                    .find(|(name, _)| *name == data.name)
                    .map(|(_, text)| text),
                Parameter::Header { .. } => {
                    let value = headers.get(&data.name);
                    value.and_then(|value| value.to_str().ok()).map(Cow::Borrowed)
                }
                Parameter::Path { .. } | Parameter::Cookie { .. } => continue,
            };
            let (pointer, schema) = (format!("#{}", data.name), schema.json_schema.as_value());
            match text {
                Some(text) => {
                    found.extend(self.schemas().broken(schema, &self.read(schema, &text), &pointer));
                }
                None if data.required => found.push(Broken {
                    field: FieldError { pointer, detail: "This parameter is required.".to_owned() },
                    rule: Rule::Other,
                }),
                None => {}
            }
        }
        found
    }

    /// A parameter's text as the value that its schema means.
    fn read(&self, schema: &Value, text: &str) -> Value {
        let schemas = self.schemas();
        let types = schemas.types(schema);
        let is_typed = types.iter().any(|kind| matches!(*kind, "integer" | "number" | "boolean"));
        match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if is_typed => value,
            _ => text.into(),
        }
    }

    fn body(&self, operation: &Operation, bytes: &[u8]) -> Vec<Broken> {
        match (body_schema(operation), serde_json::from_slice::<Value>(bytes)) {
            (Some(schema), Ok(value)) => self.schemas().broken(schema, &value, ""),
            _ => Vec::new(),
        }
    }

    /// The pointer to a list in the body of an operation, where an object belongs.
    pub(crate) fn list_for_object(&self, method: &Method, route: &str, body: &[u8]) -> Option<String> {
        // Most bodies have no list at all.
        let schema =
            body.contains(&b'[').then(|| self.operation(method, route)).flatten().and_then(body_schema)?;
        let mut json = serde_json::Deserializer::from_slice(body);
        list_for_object(self.schemas(), schema, &mut json)
    }
}

/// The schema of the JSON that an operation takes.
fn body_schema(operation: &Operation) -> Option<&Value> {
    let Some(ReferenceOr::Item(RequestBody { content, .. })) = &operation.request_body else { return None };
    let media = content.get("application/json")?;
    Some(media.schema.as_ref()?.json_schema.as_value())
}

fn of_method<'a>(item: &'a PathItem, method: &Method) -> Option<&'a Operation> {
    match *method {
        // HEAD comes along with GET.
        Method::GET | Method::HEAD => item.get.as_ref(),
        Method::POST => item.post.as_ref(),
        Method::PUT => item.put.as_ref(),
        Method::PATCH => item.patch.as_ref(),
        Method::DELETE => item.delete.as_ref(),
        _ => None,
    }
}

fn described_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter_map(ReferenceOr::as_item)
}

fn query_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    described_parameters(operation).filter(|parameter| matches!(parameter, Parameter::Query { .. }))
}

fn name(parameter: &Parameter) -> &str {
    &parameter.parameter_data_ref().name
}

/// The faults that a refusal names, and those that the schema adds, each place once.
fn merged(named: &[FieldError], wording: Wording, found: Vec<Broken>) -> Vec<FieldError> {
    let mut all: Vec<FieldError> = Vec::new();
    for broken in found {
        let own = named.iter().find(|field| field.pointer == broken.field.pointer);
        // serde words how a value is read; only the form of a text comes from its type,
        // through serde.
        let own = own.filter(|_| wording == Wording::Ours || broken.rule == Rule::Form);
        all.push(own.cloned().unwrap_or(broken.field));
    }
    for field in named {
        // A fault of a whole is spelled out by those of its parts.
        let spelled_out = |other: &FieldError| {
            let rest = other.pointer.strip_prefix(&field.pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || field.pointer == "#")
        };
        if !all.iter().any(spelled_out) {
            all.push(field.clone());
        }
    }
    all
}
