//! Template, code and description name the same functions and routes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cloud::template::{Route, Stack, Template};

use super::document::{Operation, operations, operations_of, resolve};

/// Routes that are served and not described: the description itself, and pages for people.
const NOT_DESCRIBED: [&str; 5] =
    ["GET /checkout", "GET /docs", "GET /openapi.json", "GET /purchases/{id}", "GET /redoc"];

/// The fewest routes for which a greedy one is worth what it hides from the template.
const LEAST_GREEDY: usize = 8;

fn outline() -> Stack {
    Template::repository().and_then(|template| template.outline()).expect("the template makes sense")
}

/// The folder of the functions' crates.
fn functions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions")
}

/// The crates under `functions/`.
fn crates() -> BTreeSet<String> {
    let entries = fs::read_dir(functions()).expect("the folder of the functions");
    let folders = entries.map(|entry| entry.expect("an entry").path());
    let folders = folders.filter(|folder| folder.join("Cargo.toml").is_file());
    folders.map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn crates_and_functions_of_the_template_are_the_same() {
    let template: BTreeSet<String> = outline().functions.into_iter().map(|function| function.name).collect();
    let registry: BTreeSet<String> = local::functions::registry().names().map(str::to_owned).collect();
    assert_eq!(crates(), template, "functions/ on the left, template.yaml on the right");
    assert_eq!(crates(), registry, "functions/ on the left, the local cloud's registry on the right");
}

#[test]
fn every_main_is_short() {
    for function in crates() {
        let main = functions().join(&function).join("src/main.rs");
        let text = fs::read_to_string(&main).unwrap_or_else(|error| panic!("{}: {error}", main.display()));
        let lines = text.lines().count();
        assert!(lines <= 15, "{} has {lines} lines; what it does belongs in lib.rs", main.display());
    }
}

#[test]
fn routes_of_the_template_and_of_the_code_are_the_same() {
    let described = local::openapi::functions();
    let mut problems = Vec::new();
    for function in outline().functions {
        let in_template: BTreeSet<String> =
            function.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        let description = described.get(function.name.as_str());
        let description = description.map(|document| serde_json::to_value(document).expect("JSON"));
        let in_code: BTreeSet<String> =
            description.iter().flat_map(operations_of).map(|operation| operation.route()).collect();
        for route in in_template.difference(&in_code) {
            // Every GET has a HEAD, which needs no description of its own.
            let read = route.replacen("HEAD ", "GET ", 1);
            let is_head_of_described = read != *route && in_code.contains(&read);
            let is_greedy = route.ends_with("+}");
            if !is_greedy && !is_head_of_described && !NOT_DESCRIBED.contains(&read.as_str()) {
                problems.push(format!("{route}: in the template, not in the code of {}", function.name));
            }
        }
        let greedy: Vec<&str> = function.routes.iter().filter_map(Route::greedy_prefix).collect();
        let beneath = |route: &String, prefix: &str| {
            route
                .split_once(' ')
                .is_some_and(|(_, path)| path.len() > prefix.len() && path.starts_with(prefix))
        };
        for prefix in &greedy {
            let routes = in_code.iter().filter(|route| beneath(route, prefix)).count();
            if routes < LEAST_GREEDY {
                problems
                    .push(format!("{prefix}: {routes} routes of {} can be named one by one", function.name));
            }
        }
        let unnamed = in_code.difference(&in_template);
        for route in unnamed.filter(|route| !greedy.iter().any(|prefix| beneath(route, prefix))) {
            problems.push(format!("{route}: in the code of {}, not in the template", function.name));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_whole_description_is_that_of_all_functions() {
    let all: BTreeSet<String> = operations().iter().map(Operation::route).collect();
    let described = local::openapi::functions();
    let documents = described.values().map(|document| serde_json::to_value(document).expect("JSON"));
    let each: BTreeSet<String> =
        documents.flat_map(|document| operations_of(&document)).map(|operation| operation.route()).collect();
    assert_eq!(all, each);
}

#[test]
fn every_operation_has_its_id_summary_and_parameters() {
    let mut problems = Vec::new();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for operation in operations() {
        let route = operation.route();
        let mut check = |valid: bool, problem: &str| {
            if !valid {
                problems.push(format!("{route}: {problem}"));
            }
        };
        let id = operation.described["operationId"].as_str().unwrap_or_default();
        check(!id.is_empty(), "has no id");
        if let Some(other) = ids.insert(id, route.clone()) {
            check(false, &format!("has the id `{id}`, as {other} has"));
        }
        check(operation.described["summary"].as_str().is_some_and(|text| !text.is_empty()), "has no summary");
        check(operation.described["tags"].as_array().is_some_and(|tags| tags.len() == 1), "needs one tag");

        let described: BTreeSet<&str> = operation
            .parameters("path")
            .map(|parameter| parameter["name"].as_str().expect("a name"))
            .collect();
        let in_path: BTreeSet<&str> = operation.path_names().collect();
        check(described == in_path, &format!("describes the parameters {described:?} of its path"));
        for parameter in ["path", "query", "header"].iter().flat_map(|place| operation.parameters(place)) {
            check(parameter["schema"].is_object(), &format!("has no schema for {}", parameter["name"]));
        }
        let has_security = operation.described["security"].as_array().is_some_and(|list| !list.is_empty());
        check(
            has_security == operation.roles().is_some(),
            "must have both `security` and `x-roles`, or neither",
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_success_and_every_failure_is_described() {
    let mut problems = Vec::new();
    for operation in operations() {
        let responses = operation.described["responses"].as_object().expect("responses");
        let is_success = |status: &str| status.starts_with('2') || status == "307";
        let successes: Vec<_> = responses.iter().filter(|(status, _)| is_success(status)).collect();
        if successes.is_empty() {
            problems.push(format!("{}: no success is described", operation.route()));
        }
        for (status, response) in successes {
            let content = resolve(response)["content"].as_object();
            let is_described = content.is_some_and(|content| {
                !content.is_empty() && content.values().all(|media| media["schema"].is_object())
            });
            // Senders of notifications read no body.
            let notifies = operation.described["tags"][0] == "Webhooks";
            let has_body = status.starts_with('2') && status != "204" && !notifies;
            if has_body && !is_described {
                problems.push(format!("{}: the body of {status} is not described", operation.route()));
            }
        }
        let failures = responses.iter().filter(|(status, _)| status.starts_with(['4', '5']));
        let mut is_any = false;
        for (status, response) in failures {
            is_any = true;
            if resolve(response)["content"]["application/problem+json"].is_null() {
                problems.push(format!("{}: the body of {status} is not described", operation.route()));
            }
        }
        // A route that cannot fail by itself may leave them out.
        let can_fail = operation.body_schema().is_some() || operation.roles().is_some();
        if can_fail && !is_any || responses.contains_key("default") {
            problems.push(format!("{}: failures are not described by their statuses", operation.route()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
