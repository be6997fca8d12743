//! `template.yaml` as the local cloud understands it.
//!
//! The template is the one source of truth for routes, queues, event sources and
//! the table. [`Template`] is the document, [`Stack`] what it amounts to with the
//! names, addresses and secrets of this machine.

mod mail;
mod pattern;
mod read;
mod resolve;
mod stack;

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml_ng::{Mapping, Value};

pub use pattern::Pattern;
pub use stack::{
    Bucket, Function, Queue, QueueSource, Route, ScheduleSource, Source, Stack, Statement, StreamSource,
    Subscription, Table,
};

/// The template says something that the local cloud cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {place}: {problem}")]
pub struct TemplateError {
    /// The resource, parameter or section.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl TemplateError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// What the template leaves open, as it is on this machine.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Values of parameters; the others keep their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The values of the secrets, by logical id.
    pub secrets: BTreeMap<String, String>,
    /// The address of the AWS services, without a slash at the end.
    pub endpoint: String,
}

/// The parsed document.
#[derive(Debug, Clone)]
pub struct Template {
    parameters: Mapping,
    conditions: Mapping,
    globals: Value,
    resources: BTreeMap<String, Resource>,
}

/// One entry of `Resources`.
#[derive(Debug, Clone)]
struct Resource {
    kind: String,
    condition: Option<String>,
    metadata: Value,
    properties: Value,
}

impl Template {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read or is no template.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError::new(path.display().to_string(), error.to_string()))?;
        Self::parse(&text)
    }

    /// Reads the template of this repository, from wherever tests and tools run.
    ///
    /// # Errors
    /// As [`Template::read`].
    pub fn repository() -> Result<Self, TemplateError> {
        Self::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")))
    }

    /// What the template amounts to, with a dash for everything that depends on
    /// where it runs: enough for whoever asks about routes, sources and policies.
    ///
    /// # Errors
    /// As [`Template::stack`].
    pub fn outline(&self) -> Result<Stack, TemplateError> {
        let dash = |name: &str| (name.to_owned(), "-".to_owned());
        let without_default =
            self.parameters.iter().filter(|(_, parameter)| parameter.get("Default").is_none());
        self.stack(&Surroundings {
            parameters: without_default.filter_map(|(name, _)| name.as_str()).map(dash).collect(),
            secrets: self.secrets().map(dash).collect(),
            endpoint: "-".to_owned(),
        })
    }

    /// The `CargoLambda.toml` that sends the requests of `cargo lambda watch` to
    /// the same functions as the HTTP API does. `operations` are the routes that each function's own
    /// router knows, for what is beneath greedy ones: its router takes none that overlap with others.
    ///
    /// # Errors
    /// As [`Template::stack`].
    pub fn watch_router(&self, operations: &BTreeMap<String, Vec<Route>>) -> Result<String, TemplateError> {
        self.outline().map(|stack| stack.watch_router(operations))
    }

    /// Parses the text of a template.
    ///
    /// # Errors
    /// If the text is no YAML, or a resource has no type.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let root: Value = serde_yaml_ng::from_str(text)
            .map_err(|error| TemplateError::new("document", format!("is not valid YAML: {error}")))?;
        let section = |name: &str| match root.get(name) {
            None => Ok(Mapping::new()),
            Some(Value::Mapping(mapping)) => Ok(mapping.clone()),
            Some(_) => Err(TemplateError::new(name, "must be a mapping")),
        };
        let mut resources = BTreeMap::new();
        for (id, resource) in section("Resources")? {
            let id = id.as_str().unwrap_or_default().to_owned();
            let text = |key: &str| resource.get(key).and_then(Value::as_str).map(str::to_owned);
            let part = |key: &str| resource.get(key).cloned().unwrap_or_default();
            let kind = text("Type").ok_or_else(|| TemplateError::new(&id, "has no Type"))?;
            let resource = Resource {
                kind,
                condition: text("Condition"),
                metadata: part("Metadata"),
                properties: part("Properties"),
            };
            resources.insert(id, resource);
        }
        Ok(Self {
            parameters: section("Parameters")?,
            conditions: section("Conditions")?,
            globals: root
                .get("Globals")
                .and_then(|globals| globals.get("Function"))
                .cloned()
                .unwrap_or_default(),
            resources,
        })
    }

    /// The logical ids of the secrets whose values [`Surroundings`] must give.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.of_kind("AWS::SecretsManager::Secret").map(|(id, _)| id)
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &Resource)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(id, resource)| (id.as_str(), resource))
    }
}

/// What a resource is called on this machine: `PaymentsQueue` is
/// `taquilla-payments-queue`.
fn local_name(id: &str) -> String {
    let mut name = "taquilla".to_owned();
    for c in id.chars() {
        if c.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests;
