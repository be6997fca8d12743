use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value as Json;

use super::{Pattern, TemplateError};
use crate::services::{ConfigurationSet, QueueAttributes};

/// Everything that the template creates, with the names of this machine.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The functions, by name.
    pub functions: Vec<Function>,
    /// The queues; a dead-letter queue comes before those that use it.
    pub queues: Vec<Queue>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// The configuration sets of SES.
    pub configuration_sets: Vec<ConfigurationSet>,
    /// The addresses that hear over HTTP of what is published on topics.
    pub subscriptions: Vec<Subscription>,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The name of its crate and binary.
    pub name: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Its environment variables.
    pub env: BTreeMap<String, String>,
    /// The HTTP routes that lead to it.
    pub routes: Vec<Route>,
    /// What else invokes it.
    pub sources: Vec<Source>,
    /// What its role allows, beyond logs, traces and reading its event sources.
    pub statements: Vec<Statement>,
}

/// A method and a path with `{parameters}`, as the HTTP API matches them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The path.
    pub path: String,
    /// The method, in capitals. Where the template says `ANY` of a path, there is a route for `GET`
    /// and one for `HEAD`; a greedy route has `ANY`.
    pub method: String,
}

/// The end of a greedy route's path, as the template and API Gateway write it.
pub(crate) const GREEDY: &str = "{proxy+}";

impl Route {
    /// What all paths of a greedy route begin with, with a slash at its end. `None` if the route
    /// names every part of its path.
    pub fn greedy_prefix(&self) -> Option<&str> {
        self.path.strip_suffix(GREEDY)
    }
}

/// What a role may do: an `Allow` statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Such as `dynamodb:GetItem`.
    pub actions: Vec<String>,
    /// ARNs, possibly with `*` in them.
    pub resources: Vec<String>,
}

/// Something other than HTTP that invokes a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Messages of a queue.
    Queue(QueueSource),
    /// Changes of a table.
    Stream(StreamSource),
    /// The clock.
    Schedule(ScheduleSource),
}

/// An event source mapping from a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// The name of the queue.
    pub queue: String,
    /// The most messages in one invocation.
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    /// The most invocations at the same time.
    pub concurrency: usize,
    /// Whether the answer says which messages failed.
    pub reports_failures: bool,
}

/// An event source mapping from a table's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// The name of the table.
    pub table: String,
    /// The most records in one invocation.
    pub batch_size: usize,
    /// How many batches of different keys are handled at the same time.
    pub lanes: usize,
    /// Patterns of records to deliver; any of them is enough, none means all records.
    pub filters: Vec<Pattern>,
    /// Whether a failed batch is tried again in halves.
    pub bisects: bool,
    /// How often a failed batch is tried again; for ever if `None`.
    pub retries: Option<u32>,
    /// The queue that hears of records that were given up.
    pub on_failure: Option<String>,
    /// Whether the answer says which record failed.
    pub reports_failures: bool,
}

/// A rule that invokes a function by the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSource {
    /// The logical id of the event in the template.
    pub name: String,
    /// How often.
    pub every: Duration,
    /// What the function is given.
    pub input: Json,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name.
    pub name: String,
    /// Its settings.
    pub attributes: QueueAttributes,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name.
    pub name: String,
    /// The `CreateTable` request.
    pub create: Json,
    /// The attribute that says when an item expires.
    pub ttl: Option<String>,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The name.
    pub name: String,
}

/// An address that hears of what is published on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The ARN of the topic.
    pub topic: String,
    /// The address.
    pub endpoint: String,
}

impl Stack {
    /// Every route with the name of its function, in order of the path.
    pub fn routes(&self) -> BTreeMap<&Route, &str> {
        self.functions.iter().flat_map(|f| f.routes.iter().map(|route| (route, f.name.as_str()))).collect()
    }

    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// See [`super::Template::watch_router`].
    pub(super) fn watch_router(&self, operations: &BTreeMap<String, Vec<Route>>) -> String {
        let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut add = |route: &Route, function: &str| {
            let entry = format!("{{ method = \"{}\", function = \"{function}\" }}", route.method);
            paths.entry(route.path.clone()).or_default().insert(entry);
        };
        for (route, function) in self.routes() {
            let Some(prefix) = route.greedy_prefix() else {
                add(route, function);
                continue;
            };
            let known = operations.get(function).into_iter().flatten();
            for operation in known.filter(|operation| operation.path.starts_with(prefix)) {
                add(operation, function);
                if operation.method == "GET" {
                    add(&Route { method: "HEAD".to_owned(), ..operation.clone() }, function);
                }
            }
        }
        let mut text =
            "# Made from template.yaml by `cargo xtask`; do not edit.\n\n[watch.router]\n".to_owned();
        for (path, entries) in paths {
            let entries: Vec<String> = entries.into_iter().collect();
            text.push_str(&format!("\"{path}\" = [{}]\n", entries.join(", ")));
        }
        text
    }

    /// Refuses names and routes that stand twice, and sources that lead nowhere.
    pub(super) fn check(&self) -> Result<(), TemplateError> {
        let (mut names, mut routes) = (BTreeSet::new(), BTreeSet::new());
        let queues: BTreeSet<_> = self.queues.iter().map(|queue| queue.name.as_str()).collect();
        let tables: BTreeSet<_> = self.tables.iter().map(|table| table.name.as_str()).collect();
        for function in &self.functions {
            let error = |problem: String| Err(TemplateError::new(&function.name, problem));
            if !names.insert(&function.name) {
                return error("is the binary of two functions".to_owned());
            }
            for route in &function.routes {
                if !routes.insert(route) {
                    return error(format!("{} {} leads to two functions", route.method, route.path));
                }
            }
            for source in &function.sources {
                match source {
                    Source::Queue(source) if !queues.contains(source.queue.as_str()) => {
                        return error(format!("listens to the queue {}, which does not exist", source.queue));
                    }
                    Source::Stream(source) if !tables.contains(source.table.as_str()) => {
                        return error(format!("listens to the table {}, which does not exist", source.table));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
