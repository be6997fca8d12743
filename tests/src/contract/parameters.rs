//! Query parameters that an operation does not name, or gets twice, are refused.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::TestApp;

use super::document::{Operation, operations};
use super::judge::Judge;

/// Operations whose callers add parameters of their own.
const OPEN: [&str; 3] =
    ["POST /api/v1/purchases/webhook", "POST /api/v1/webhooks/ses", "POST /api/v1/webhooks/{gateway}"];

fn is_api(operation: &Operation) -> bool {
    operation.path.starts_with("/api/v1/")
}

/// The fields that a refusal names.
async fn refused(app: &TestApp, judge: &Judge, operation: &Operation, query: &str) -> (u16, Vec<String>) {
    let address = format!("{}?{query}", operation.path.replace(['{', '}'], ""));
    let answer = app.request(operation.method.parse().expect("a method"), &address).send().await;
    let verdict = judge.verdict(Some(operation), &answer);
    verdict.unwrap_or_else(|problem| panic!("{} with {query}: {problem}", operation.route()));
    let problem = if answer.status < 400 { Value::Null } else { answer.json() };
    let fields = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let pointers = fields.iter().map(|field| field["pointer"].as_str().expect("a pointer").to_owned());
    (answer.status, pointers.collect())
}

#[tokio::test]
async fn no_operation_takes_a_parameter_that_it_does_not_name() {
    let (app, judge) = (TestApp::start().await, Judge::new());
    let mut open = BTreeSet::new();
    for operation in operations().iter().filter(|operation| is_api(operation)) {
        let (status, fields) = refused(&app, &judge, operation, "ciudad=bogota").await;
        if operation.described.get("x-any-query").is_some() {
            assert!(!fields.contains(&"#ciudad".to_owned()), "{}", operation.route());
            open.insert(operation.route());
        } else {
            assert_eq!(status, 400, "{}", operation.route());
            assert!(fields.contains(&"#ciudad".to_owned()), "{}: {fields:?}", operation.route());
        }
    }
    assert_eq!(open, OPEN.map(str::to_owned).into());
    app.close().await;
}

#[tokio::test]
async fn no_operation_takes_a_parameter_twice() {
    let (app, judge) = (TestApp::start().await, Judge::new());
    for operation in operations().iter().filter(|operation| is_api(operation)) {
        if operation.described.get("x-any-query").is_some() {
            continue;
        }
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().expect("a name");
            let (status, fields) = refused(&app, &judge, operation, &format!("{name}=1&{name}=2")).await;
            assert_eq!(status, 400, "{} with {name}", operation.route());
            assert!(fields.contains(&format!("#{name}")), "{} with {name}: {fields:?}", operation.route());
        }
    }
    app.close().await;
}

/// Links on other sites carry tracking parameters.
#[tokio::test]
async fn pages_ignore_tracking_parameters() {
    let app = TestApp::start().await;
    for page in
        ["/", "/docs", "/health", "/openapi.json", "/purchases/x", "/checkout", "/.well-known/jwks.json"]
    {
        let answer = app.get(format!("{page}?utm_source=boletin&utm_source=x&fbclid=1")).send().await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.text());
    }
    app.close().await;
}
