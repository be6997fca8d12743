//! Rules for every answer to any request: status, headers, schema and problems.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};
use testkit::Answer;

use super::document::{Operation, document, operations, resolve};
use super::problems;

/// The longest problem, in bytes: an answer must not echo a huge request.
const LONGEST_PROBLEM: usize = 16 * 1024;

/// Words that would reveal internals.
const INSIDE: [&str; 8] =
    ["panicked", "DynamoDB", "SdkError", "serde", "taquilla-table", "amazonaws", ".rs:", "ConditionalCheck"];

/// Checks answers by the schemas of the description.
pub(super) struct Judge {
    problem: Validator,
    bodies: BTreeMap<(String, u16), Validator>,
}

impl Judge {
    /// Reads every schema of the description.
    pub(super) fn new() -> Self {
        let mut bodies = BTreeMap::new();
        for operation in operations() {
            let responses = operation.described["responses"].as_object().expect("responses");
            for (status, response) in responses {
                let schema = &resolve(response)["content"]["application/json"]["schema"];
                if let (Ok(status), true) = (status.parse(), schema.is_object()) {
                    bodies.insert((operation.route(), status), validator(schema));
                }
            }
        }
        Self { problem: validator(&json!({"$ref": "#/components/schemas/Problem"})), bodies }
    }

    /// Checks an answer. The error says what is wrong with it.
    pub(super) fn verdict(&self, operation: Option<&Operation>, answer: &Answer) -> Result<(), String> {
        for (name, value) in
            [("strict-transport-security", "max-age=31536000"), ("x-content-type-options", "nosniff")]
        {
            check(answer.header(name) == value, &format!("`{name}` must be `{value}`"))?;
        }
        let kept = answer.header("cache-control");
        let is_for_all =
            operation.is_some_and(|operation| operation.roles().is_none() && operation.method == "GET");
        check(
            kept.contains("no-store")
                || kept == "private, no-cache"
                || (is_for_all && kept.starts_with("public, ")),
            &format!("an answer that caches may keep: `{kept}`"),
        )?;
        match answer.status {
            200..=299 => operation.map_or(Ok(()), |operation| self.success(operation, answer)),
            307 => check(
                operation.is_some_and(|operation| operation.response(307).is_some())
                    && !answer.header("location").is_empty(),
                "the way elsewhere is not described",
            ),
            304 => check(
                answer.body.is_empty() && !answer.header("etag").is_empty(),
                "a 304 has an ETag and no body",
            ),
            400..=499 => self.problem(answer),
            status => Err(format!("the status {status}: {}", answer.text())),
        }
    }

    fn success(&self, operation: &Operation, answer: &Answer) -> Result<(), String> {
        let status = answer.status;
        let Some(response) = operation.response(status) else {
            return Err(format!("the status {status} is not described"));
        };
        check(!answer.header("x-request-id").is_empty(), "there is no x-request-id")?;
        let content = response["content"].as_object();
        if content.is_none_or(serde_json::Map::is_empty) {
            return check(answer.body.is_empty(), "there is a body where none is described");
        }
        let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        check(
            content.is_some_and(|content| content.contains_key(&kind)),
            &format!("the type `{kind}` is not described"),
        )?;
        let Some(validator) =
            self.bodies.get(&(operation.route(), status)).filter(|_| kind == "application/json")
        else {
            return Ok(());
        };
        let body = parse(answer)?;
        match complaint(validator, &body) {
            None => Ok(()),
            Some(complaint) => Err(format!("the body breaks its schema, {complaint}: {body}")),
        }
    }

    fn problem(&self, answer: &Answer) -> Result<(), String> {
        let kind = answer.header("content-type");
        check(kind == "application/problem+json", &format!("a failure of type `{kind}`: {}", answer.text()))?;
        let problem = parse(answer)?;
        if let Some(complaint) = complaint(&self.problem, &problem) {
            return Err(format!("the problem breaks its schema, {complaint}: {problem}"));
        }
        check(answer.body.len() <= LONGEST_PROBLEM, "the problem is longer than anybody reads")?;
        check(problem["status"] == answer.status, &format!("another status in the problem: {problem}"))?;
        check(
            problem["request_id"] == answer.header("x-request-id"),
            &format!("another request id: {problem}"),
        )?;
        check(answer.header("cache-control") == "no-store", "a failure that caches may keep")?;
        let code = problem["code"].as_str().unwrap_or_default();
        check(
            !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            &format!("no code that programs can branch on: {problem}"),
        )?;
        check(problems::is_known(code), &format!("a code without a meaning: {problem}"))?;
        check(
            problem["type"] == format!("/problems/{code}"),
            &format!("another type than its code: {problem}"),
        )?;
        let fields = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
        for detail in fields.iter().chain([&problem]).map(|part| part["detail"].as_str().unwrap_or_default())
        {
            check(is_sentence(detail), &format!("`{detail}` is no sentence: {problem}"))?;
        }
        for field in fields {
            let pointer = field["pointer"].as_str().unwrap_or_default();
            let leads_somewhere = pointer.is_empty() || pointer.starts_with('/') || pointer.starts_with('#');
            check(leads_somewhere, &format!("`{pointer}` points nowhere: {problem}"))?;
        }
        // A `not_found` may name the malformed part of the path.
        check(
            matches!(code, "invalid_fields" | "refused_fields" | "too_many_decimals" | "credentials_refused")
                != fields.is_empty()
                || code == "not_found",
            &format!("`errors` and the code do not fit: {problem}"),
        )?;
        if let Some(word) = INSIDE.iter().find(|word| answer.text().contains(*word)) {
            return Err(format!("`{word}` tells of the inside: {problem}"));
        }
        Ok(())
    }
}

/// Whether a text begins and ends like a sentence.
fn is_sentence(text: &str) -> bool {
    let begins =
        text.chars().next().is_some_and(|first| first.is_uppercase() || first == '`' || first.is_numeric());
    let ends = text.ends_with(['.', '?', '!']);
    begins && ends && text.chars().count() >= 10
}

fn check(valid: bool, problem: &str) -> Result<(), String> {
    if valid { Ok(()) } else { Err(problem.to_owned()) }
}

fn parse(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|error| format!("no JSON ({error}): {}", answer.text()))
}

/// The pointer to the first part of the value that breaks the schema, and the rule that it breaks.
fn complaint(validator: &Validator, value: &Value) -> Option<String> {
    let error = validator.iter_errors(value).next()?;
    let text: String = error.to_string().chars().take(300).collect();
    Some(format!("at `{}`: {text}", error.instance_path()))
}

/// A validator for a schema of the description, whose references lead into its
/// components.
fn validator(schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document()["components"].clone();
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("a schema of the description makes no sense: {error}"))
}
