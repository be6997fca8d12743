//! Checks of the API's description against every request and answer of a test: a request that was
//! accepted fits its schemas, one that was refused as `invalid_fields` breaks them, and an operation
//! refuses only with the codes that it names.

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use domain::text::Form;
use domain::user::Email;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

static API: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../functions/site/openapi.json");
    serde_json::from_str(text).expect("the description is JSON")
});

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(operations);

/// Codes that are answered before an operation is found: by the router and what is before it.
const OF_NO_OPERATION: [&str; 4] = ["host_invalid", "method_not_allowed", "path_invalid", "route_not_found"];

/// One operation of the description, with what its requests must fit and its failures.
struct Operation {
    /// The method in capitals.
    method: String,
    path: String,
    /// Statuses and codes of the failures that it names.
    refusals: BTreeSet<(u16, String)>,
    described: &'static Value,
    schemas: OnceLock<Schemas>,
}

/// The schemas of an operation's requests, built when they are needed for the first time.
struct Schemas {
    parameters: Vec<Parameter>,
    body: Option<Body>,
}

struct Parameter {
    /// `query`, `header` or `path`.
    place: String,
    name: String,
    required: bool,
    schema: Validator,
    /// Whether its text stands for a number or a boolean.
    typed: bool,
}

struct Body {
    required: bool,
    schema: Validator,
    /// Older names of its members (`x-aliases`), each with the current name.
    aliases: Vec<(String, String)>,
}

impl Body {
    /// The body with its members by their current names.
    fn named(&self, json: &Value) -> Value {
        let mut json = json.clone();
        for (older, name) in &self.aliases {
            if let Some(value) = json.as_object_mut().and_then(|members| members.remove(older)) {
                json[name] = value;
            }
        }
        json
    }
}

/// A request and its answer, to be checked against the description.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a SentRequest,
    pub(crate) status: u16,
    /// The code of a failure; empty if it is none.
    pub(crate) code: &'a str,
}

/// The checked parts of a request, noted before it is sent.
#[derive(Debug)]
pub(crate) struct SentRequest {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    /// The body, if it is JSON.
    json: Option<Value>,
    has_body: bool,
}

impl SentRequest {
    pub(crate) fn of(request: &reqwest::Request) -> Self {
        let bytes = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let headers = request.headers().iter();
        Self {
            method: request.method().as_str().to_owned(),
            path: request.url().path().to_owned(),
            query: request.url().query_pairs().into_owned().collect(),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect(),
            json: serde_json::from_slice(bytes).ok(),
            has_body: !bytes.is_empty(),
        }
    }

    fn parameter(&self, parameter: &Parameter) -> Option<&str> {
        let listed = match parameter.place.as_str() {
            "query" => &self.query,
            _ => &self.headers,
        };
        let found = listed.iter().find(|(name, _)| match parameter.place.as_str() {
            "query" => *name == parameter.name,
            _ => name.eq_ignore_ascii_case(&parameter.name),
        });
        found.map(|(_, value)| value.as_str())
    }
}

impl Exchange<'_> {
    /// The contradiction to the description; `None` if there is none, or the API has no such operation.
    pub(crate) fn undescribed(&self) -> Option<String> {
        let operation = operation(&self.request.method, &self.request.path)?;
        let route = format!("{} {}", operation.method, operation.path);
        // The front refuses a large body also where an operation takes none.
        let takes_none = operation.described.get("requestBody").is_none();
        let is_of_none =
            OF_NO_OPERATION.contains(&self.code) || (self.code == "body_too_large" && takes_none);
        if !self.code.is_empty()
            && !is_of_none
            && !operation.refusals.contains(&(self.status, self.code.to_owned()))
        {
            return Some(format!("{route} does not say that it may answer {} {}", self.status, self.code));
        }
        let broken = operation.broken(self.request);
        match (self.status, self.code, broken) {
            (200..=299, _, Some(broken)) => Some(format!("{route} takes what its schema forbids: {broken}")),
            (400, "invalid_fields", None) => Some(format!("{route} refuses what its schema allows")),
            _ => None,
        }
    }
}

impl Operation {
    /// How many parts of the path match by name, not by a parameter; `None` if the request is not one
    /// of this operation.
    fn fits(&self, method: &str, path: &str) -> Option<usize> {
        // Where GET works, HEAD does.
        let method = if method == "HEAD" { "GET" } else { method };
        if self.method != method || self.path.split('/').count() != path.split('/').count() {
            return None;
        }
        let mut own = 0;
        for (described, asked) in self.path.split('/').zip(path.split('/')) {
            match described.starts_with('{') {
                true if !asked.is_empty() => {}
                false if described == asked => own += 1,
                _ => return None,
            }
        }
        Some(own)
    }

    /// The first thing in a request that breaks the schemas.
    fn broken(&self, request: &SentRequest) -> Option<String> {
        let schemas = self.schemas.get_or_init(|| Schemas::of(self.described));
        let known =
            |name: &str| schemas.parameters.iter().any(|one| one.place == "query" && one.name == name);
        // Pages ignore parameters that links add to their addresses.
        let is_open = !self.path.starts_with("/api/") || self.described.get("x-any-query").is_some();
        if let Some((name, _)) = request.query.iter().find(|(name, _)| !is_open && !known(name)) {
            return Some(format!("there is no parameter `{name}`"));
        }
        let is_there_before =
            |at: usize, name: &str| request.query[..at].iter().any(|(other, _)| other == name);
        let mut listed = request.query.iter().enumerate();
        let must_be_once = |name: &str| !is_open || known(name);
        if let Some((_, (name, _))) =
            listed.find(|(at, (name, _))| must_be_once(name) && is_there_before(*at, name))
        {
            return Some(format!("`{name}` is there twice"));
        }
        for parameter in schemas.parameters.iter().filter(|parameter| parameter.place != "path") {
            match request.parameter(parameter) {
                None if parameter.required => return Some(format!("`{}` is required", parameter.name)),
                None => {}
                Some(text) => {
                    let value = match serde_json::from_str(text) {
                        Ok(value @ (Value::Number(_) | Value::Bool(_))) if parameter.typed => value,
                        _ => Value::from(text),
                    };
                    if let Err(error) = parameter.schema.validate(&value) {
                        return Some(format!("`{}`: {error}", parameter.name));
                    }
                }
            }
        }
        let body = schemas.body.as_ref()?;
        match &request.json {
            Some(json) => {
                let json = body.named(json);
                let error = body.schema.iter_errors(&json).next()?;
                Some(format!("at `{}`: {error}", error.instance_path()))
            }
            None if request.has_body => Some("the body is not JSON".to_owned()),
            None => body.required.then(|| "there is no body".to_owned()),
        }
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    let fitting = OPERATIONS.iter().filter_map(|operation| Some((operation.fits(method, path)?, operation)));
    fitting.max_by_key(|(own, _)| *own).map(|(_, operation)| operation)
}

fn operations() -> Vec<Operation> {
    let paths = API["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, described)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            refusals: refusals(described),
            described,
            schemas: OnceLock::new(),
        })
    });
    all.collect()
}

fn refusals(operation: &'static Value) -> BTreeSet<(u16, String)> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let all = responses.flat_map(|(status, response)| {
        let codes = resolve(response)["x-codes"].as_array().into_iter().flatten();
        codes.filter_map(|code| Some((status.parse().ok()?, code.as_str()?.to_owned())))
    });
    all.collect()
}

impl Schemas {
    fn of(operation: &'static Value) -> Self {
        let listed = operation["parameters"].as_array().into_iter().flatten();
        let parameters = listed.map(|parameter| {
            let parameter = resolve(parameter);
            let schema = &parameter["schema"];
            let types = resolve(schema)["type"].to_string();
            Parameter {
                place: parameter["in"].as_str().unwrap_or_default().to_owned(),
                name: parameter["name"].as_str().unwrap_or_default().to_owned(),
                required: parameter["required"] == true,
                schema: validator(schema),
                typed: ["integer", "number", "boolean"].iter().any(|kind| types.contains(kind)),
            }
        });
        Self { parameters: parameters.collect(), body: operation.get("requestBody").and_then(body) }
    }
}

fn body(described: &'static Value) -> Option<Body> {
    let body = resolve(described);
    let schema = body["content"]["application/json"].get("schema")?;
    let members = resolve(schema)["properties"].as_object().into_iter().flatten();
    let aliases = members.flat_map(|(name, member)| {
        let older = member["x-aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
        older.map(|older| (older.to_owned(), name.clone()))
    });
    Some(Body { required: body["required"] == true, schema: validator(schema), aliases: aliases.collect() })
}

/// The target of a `$ref`, or the part itself if it is none.
fn resolve(part: &'static Value) -> &'static Value {
    let pointer = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| API.pointer(pointer)).unwrap_or(part)
}

/// A validator for a schema whose references lead into the components.
fn validator(schema: &Value) -> Validator {
    let schema = json!({"allOf": [schema], "components": {"schemas": API["components"]["schemas"]}});
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_format("idn-email", |text: &str| text.parse::<Email>().is_ok())
        // Of any length: the schema has its bounds beside the format.
        .with_format("line", |text: &str| Form::Line.check(text, 0, usize::MAX).is_ok())
        .with_format("paragraph", |text: &str| Form::Paragraph.check(text, 0, usize::MAX).is_ok())
        .build(&schema)
        .unwrap_or_else(|error| panic!("a schema of the description makes no sense: {error}"))
}
