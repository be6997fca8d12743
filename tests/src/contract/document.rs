//! The description of the API as these tests read it.

use std::sync::LazyLock;

use serde_json::Value;

/// The methods that an OpenAPI path item can have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(local::openapi::with_examples);

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut operations = operations_of(&DOCUMENT);
    operations.sort_by_key(|operation| operation.route() == ERASURE);
    operations
});

/// What ends its caller, after which other calls fail.
const ERASURE: &str = "DELETE /api/v1/auth/me";

/// The whole description, made from the functions' routers.
pub(super) fn document() -> &'static Value {
    &DOCUMENT
}

/// Every operation that is described, in the order of the description; but what ends its caller is last.
pub(super) fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// One method of one path.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// The HTTP method, in capitals.
    pub(super) method: String,
    /// The path, with `{parameters}`.
    pub(super) path: String,
    /// The OpenAPI operation object.
    pub(super) described: Value,
}

impl Operation {
    /// The method and the path, such as `POST /api/v1/events`.
    pub(super) fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The roles that may call it; `None` if it needs no sign-in.
    pub(super) fn roles(&self) -> Option<Vec<&str>> {
        let roles = self.described.get("x-roles")?.as_array().expect("a list of roles");
        Some(roles.iter().map(|role| role.as_str().expect("a role")).collect())
    }

    /// Whether an order's link opens it, too.
    pub(super) fn takes_links(&self) -> bool {
        self.described["x-order-access"] == true
    }

    /// True if its caller must have signed in lately.
    pub(super) fn is_recent(&self) -> bool {
        self.described.get("x-recent-sign-in").is_some()
    }

    /// Its parameters in `place`: `path`, `query` or `header`.
    pub(super) fn parameters(&self, place: &str) -> impl Iterator<Item = &Value> {
        let parameters = self.described["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        parameters.iter().map(resolve).filter(move |parameter| parameter["in"] == place)
    }

    /// The schema of its JSON body, if it takes one.
    pub(super) fn body_schema(&self) -> Option<&Value> {
        let body = resolve(self.described.get("requestBody")?);
        body["content"]["application/json"].get("schema")
    }

    /// The described response with this status, if there is one.
    pub(super) fn response(&self, status: u16) -> Option<&Value> {
        self.described["responses"].get(status.to_string()).map(resolve)
    }

    /// The names between braces in its path.
    pub(super) fn path_names(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// Follows the `$ref` of a part of the description to its target.
pub(super) fn resolve(part: &Value) -> &Value {
    let mut part = part;
    while let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        part = document().pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    part
}

/// Every operation of an OpenAPI document.
pub(super) fn operations_of(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| {
            let described = item.get(method)?.clone();
            Some(Operation { method: method.to_uppercase(), path: path.clone(), described })
        })
    });
    operations.collect()
}
