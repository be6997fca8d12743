//! Reads the resources of a template into the types of [`super::Stack`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;

use crate::services::{QueueAttributes, Redrive};

use super::mail;
use super::resolve::{Resolver, Secrets};
use super::stack::GREEDY;
use super::{
    Bucket, Function, Pattern, Queue, QueueSource, Resource, Route, ScheduleSource, Source, Stack, Statement,
    StreamSource, Surroundings, Table, Template, TemplateError,
};

impl Template {
    /// What the template amounts to in these `surroundings`.
    ///
    /// # Errors
    /// If a resource says something that the local cloud does not understand: it
    /// would otherwise behave differently from AWS without a word.
    pub fn stack(&self, surroundings: &Surroundings) -> Result<Stack, TemplateError> {
        let mut stack = Stack {
            functions: self.each("AWS::Serverless::Function", surroundings, function)?,
            queues: self.each("AWS::SQS::Queue", surroundings, queue)?,
            tables: self.each("AWS::DynamoDB::Table", surroundings, table)?,
            buckets: self.each("AWS::S3::Bucket", surroundings, |resolver, id, resource| {
                Ok(Bucket { name: resolver.name(id, resource)? })
            })?,
            configuration_sets: mail::configuration_sets(self, surroundings)?,
            subscriptions: mail::subscriptions(self, surroundings)?,
        };
        stack.functions.sort_by(|a, b| a.name.cmp(&b.name));
        stack.queues.sort_by_key(|queue| queue.attributes.redrive.is_some());
        stack.check()?;
        Ok(stack)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    code_uri: String,
    timeout: Option<u64>,
    environment: Option<Environment>,
    #[serde(default)]
    events: BTreeMap<String, EventSource>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties")]
enum EventSource {
    HttpApi(HttpApiEvent),
    #[serde(rename = "SQS")]
    Sqs(SqsEvent),
    DynamoDB(DynamoDbEvent),
    Schedule(ScheduleEvent),
}

// What the local cloud does not know is refused, not ignored: it would behave
// differently from AWS.

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiEvent {
    #[serde(rename = "ApiId")]
    _api_id: String,
    method: String,
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SqsEvent {
    queue: String,
    batch_size: Option<usize>,
    maximum_batching_window_in_seconds: Option<u64>,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
enum ResponseType {
    ReportBatchItemFailures,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DynamoDbEvent {
    stream: String,
    #[serde(rename = "StartingPosition")]
    _starting_position: TrimHorizon,
    batch_size: Option<usize>,
    parallelization_factor: Option<usize>,
    filter_criteria: Option<FilterCriteria>,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    maximum_retry_attempts: Option<i64>,
    destination_config: Option<DestinationConfig>,
}

/// The only position at which no record is missed.
#[derive(Deserialize)]
enum TrimHorizon {
    #[serde(rename = "TRIM_HORIZON")]
    TrimHorizon,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OnFailure {
    #[serde(rename = "Type")]
    _kind: SqsDestination,
    destination: String,
}

#[derive(Deserialize)]
enum SqsDestination {
    #[serde(rename = "SQS")]
    Sqs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleEvent {
    #[serde(rename = "Description")]
    _description: Option<String>,
    schedule: String,
    input: Option<String>,
}

fn function(resolver: &Resolver, _: &str, resource: &Resource) -> Result<Function, TemplateError> {
    let name = resource
        .metadata
        .get("BuildProperties")
        .and_then(|build| build.get("Binary"))
        .and_then(Value::as_str)
        .ok_or_else(|| resolver.error("needs Metadata.BuildProperties.Binary, the name of its crate"))?
        .to_owned();
    let mut properties = resource.properties.clone();
    let policies = properties.as_mapping_mut().and_then(|properties| properties.remove("Policies"));
    let properties: FunctionProperties = resolver.read(resolver.json(&properties)?)?;
    if properties.code_uri != format!("functions/{name}") {
        return Err(resolver.error(format!("has the binary {name}, so CodeUri must be functions/{name}")));
    }
    let defaults: Defaults = resolver.read(or_empty(resolver.json(&resolver.template.globals)?))?;
    let variables = [defaults.environment, properties.environment];
    let variables = variables.into_iter().flatten().flat_map(|environment| environment.variables);
    let (mut routes, mut sources) = (Vec::new(), Vec::new());
    for (event, source) in properties.events {
        match source {
            EventSource::HttpApi(event) => routes.extend(routes_of(resolver, event)?),
            EventSource::Sqs(event) => sources.push(Source::Queue(queue_source(resolver, event)?)),
            EventSource::DynamoDB(event) => sources.push(Source::Stream(stream_source(resolver, event)?)),
            EventSource::Schedule(schedule) => {
                sources.push(Source::Schedule(schedule_source(resolver, event, &schedule)?));
            }
        }
    }
    routes.sort();
    Ok(Function {
        name,
        // Three seconds is Lambda's own default.
        timeout: Duration::from_secs(properties.timeout.or(defaults.timeout).unwrap_or(3)),
        env: variables.map(|(name, value)| (name, text(&value))).collect(),
        routes,
        sources,
        statements: policies.map_or(Ok(Vec::new()), |policies| statements(resolver, &policies))?,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Defaults {
    timeout: Option<u64>,
    environment: Option<Environment>,
}

fn or_empty(value: Json) -> Json {
    if value.is_null() { json!({}) } else { value }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The routes of one event. `ANY` of a path stands for the methods that read: the others that it
/// would let through, the function refuses, and so does the local front. `ANY` of a greedy path
/// leads to all that the function's own router knows there.
fn routes_of(resolver: &Resolver, event: HttpApiEvent) -> Result<Vec<Route>, TemplateError> {
    let method = event.method.to_ascii_uppercase();
    let is_greedy = event.path.ends_with(&format!("/{GREEDY}"));
    let methods: &[&str] = match method.as_str() {
        "ANY" if is_greedy => &["ANY"],
        "ANY" => &["GET", "HEAD"],
        "POST" => &["POST"],
        "PUT" => &["PUT"],
        "PATCH" => &["PATCH"],
        "DELETE" => &["DELETE"],
        _ => {
            let problem =
                format!("the method of {} must be one that writes, or ANY to read, not {method}", event.path);
            return Err(resolver.error(problem));
        }
    };
    let named = if is_greedy { event.path.trim_end_matches(GREEDY) } else { &event.path };
    if !event.path.starts_with('/') || named.contains("+}") || is_greedy && method != "ANY" {
        return Err(resolver.error(format!(
            "the path {} must begin with a slash and name every part, or be of ANY method and end with /{GREEDY}",
            event.path
        )));
    }
    let route = |method: &&str| Route { path: event.path.clone(), method: (*method).to_owned() };
    Ok(methods.iter().map(route).collect())
}

fn queue_source(resolver: &Resolver, event: SqsEvent) -> Result<QueueSource, TemplateError> {
    let concurrency = event.scaling_config.map_or(10, |scaling| scaling.maximum_concurrency);
    let batch_size = event.batch_size.unwrap_or(10);
    if !(1..=10).contains(&batch_size) && event.maximum_batching_window_in_seconds.is_none() {
        return Err(resolver.error("a batch of more than 10 messages needs a batching window"));
    }
    if concurrency < 2 {
        return Err(resolver.error("MaximumConcurrency must be at least 2"));
    }
    Ok(QueueSource {
        queue: last_part(&event.queue, ':'),
        batch_size,
        window: Duration::from_secs(event.maximum_batching_window_in_seconds.unwrap_or(0)),
        concurrency,
        reports_failures: reports_failures(&event.function_response_types),
    })
}

fn stream_source(resolver: &Resolver, event: DynamoDbEvent) -> Result<StreamSource, TemplateError> {
    let filters = event.filter_criteria.map_or_else(Vec::new, |criteria| criteria.filters);
    let filters = filters.iter().map(|filter| {
        Pattern::parse(&filter.pattern)
            .map_err(|problem| resolver.error(format!("the filter {}: {problem}", filter.pattern)))
    });
    let table = event.stream.strip_suffix("/stream/local").unwrap_or(&event.stream);
    Ok(StreamSource {
        table: last_part(table, '/'),
        batch_size: event.batch_size.unwrap_or(100),
        lanes: event.parallelization_factor.unwrap_or(1),
        filters: filters.collect::<Result<_, _>>()?,
        bisects: event.bisect_batch_on_function_error,
        retries: event.maximum_retry_attempts.and_then(|retries| u32::try_from(retries).ok()),
        on_failure: event.destination_config.map(|config| last_part(&config.on_failure.destination, ':')),
        reports_failures: reports_failures(&event.function_response_types),
    })
}

fn schedule_source(
    resolver: &Resolver,
    name: String,
    event: &ScheduleEvent,
) -> Result<ScheduleSource, TemplateError> {
    let every = rate(&event.schedule).ok_or_else(|| {
        resolver.error(format!("the schedule {} must be a rate, such as rate(5 minutes)", event.schedule))
    })?;
    let input = event.input.as_deref().map_or(Ok(json!({})), serde_json::from_str);
    let input =
        input.map_err(|error| resolver.error(format!("the input of {name} is not valid JSON: {error}")))?;
    Ok(ScheduleSource { name, every, input })
}

fn rate(text: &str) -> Option<Duration> {
    let (number, unit) = text.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|number| *number > 0)
        .map(|number| Duration::from_secs(number * seconds))
}

fn reports_failures(types: &[ResponseType]) -> bool {
    types.iter().any(|ResponseType::ReportBatchItemFailures| true)
}

fn last_part(text: &str, separator: char) -> String {
    text.rsplit(separator).next().unwrap_or(text).to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    effect: Allow,
    action: OneOrMore,
    resource: OneOrMore,
    #[serde(rename = "Condition")]
    _condition: Option<Json>,
}

#[derive(Deserialize)]
enum Allow {
    Allow,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    statement: Vec<RawStatement>,
}

fn statements(resolver: &Resolver, policies: &Value) -> Result<Vec<Statement>, TemplateError> {
    let resolver = Resolver { secrets: Secrets::Arns, ..*resolver };
    let policies: Vec<Policy> = resolver.read(resolver.json(policies)?).map_err(|error| {
        resolver.error(format!("Policies must be written out as statements: {}", error.problem))
    })?;
    let statements = policies.into_iter().flat_map(|policy| policy.statement);
    Ok(statements
        .map(|RawStatement { effect: Allow::Allow, action, resource, .. }| Statement {
            actions: action.into_vec(),
            resources: resource.into_vec(),
        })
        .collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    visibility_timeout: Option<u64>,
    message_retention_period: Option<u64>,
    delay_seconds: Option<u64>,
    receive_message_wait_time_seconds: Option<u64>,
    redrive_policy: Option<RedrivePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

fn queue(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Queue, TemplateError> {
    let properties: QueueProperties = resolver.read(or_empty(resolver.json(&resource.properties)?))?;
    let defaults = QueueAttributes::default();
    let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
    let attributes = QueueAttributes {
        visibility: seconds(properties.visibility_timeout, defaults.visibility),
        retention: seconds(properties.message_retention_period, defaults.retention),
        delay: seconds(properties.delay_seconds, defaults.delay),
        wait: seconds(properties.receive_message_wait_time_seconds, defaults.wait),
        redrive: properties.redrive_policy.map(|policy| Redrive {
            queue: last_part(&policy.dead_letter_target_arn, ':'),
            max_receives: policy.max_receive_count,
        }),
    };
    Ok(Queue { name: resolver.name(id, resource)?, attributes })
}

fn table(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Table, TemplateError> {
    let properties = resolver.json(&resource.properties)?;
    let name = resolver.name(id, resource)?;
    // CloudFormation's words differ from CreateTable's in a few places, and what
    // only protects real data (deletion, backups) has no place here.
    let mut create = json!({ "TableName": name });
    for key in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"] {
        if let Some(value) = properties.get(key) {
            create[key] = value.clone();
        }
    }
    if let Some(view) = properties.pointer("/StreamSpecification/StreamViewType") {
        create["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    }
    let ttl = properties.pointer("/TimeToLiveSpecification/AttributeName").and_then(Json::as_str);
    Ok(Table { name, create, ttl: ttl.map(str::to_owned) })
}
