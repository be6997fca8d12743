//! The functions' own binaries, as Lambda runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloud::template::{Function, Route, Source, Stack};
use serde_json::{Value, json};
use testkit::runtime_api::{Lambda, LambdaError};
use testkit::{TestApp, fresh_binary};

use crate::flows::compression::unzipped;
use crate::flows::purchase::from_search_to_door;

/// Prefixes of variables that a function does not need: unset, they mean AWS itself, the real
/// gateways or the internet, which no test calls.
const UNSET_IS_REAL: [&str; 6] =
    ["AWS_ENDPOINT_URL", "DNS_URL", "MERCADO_PAGO_URL", "PAYU_", "SITES_URL", "WOMPI_"];

/// Functions and their optional variables: without them there is no sandbox gateway, and no operator.
const OPTIONAL: [(&str, &str); 2] = [("events", "SANDBOX_GATEWAY_URL"), ("auth", "OPERATOR_ADDRESSES")];

#[tokio::test]
async fn a_ticket_is_bought_mailed_and_admits_once_with_the_binaries() {
    from_search_to_door(TestApp::start_with_binaries().await).await;
}

/// A function with its binary and the variables that Lambda would set.
struct Case {
    function: Function,
    binary: PathBuf,
    env: BTreeMap<String, String>,
    /// Variables that the template gives to all functions, needed or not.
    common: BTreeSet<String>,
}

impl Case {
    async fn start_without(&self, variable: &str) -> Result<Lambda, LambdaError> {
        let env = self.env.clone().into_iter().filter(|(name, _)| name != variable);
        let mut lambda = Lambda::start(&self.binary, env).await?;
        lambda.ready().await?;
        Ok(lambda)
    }

    /// The function starts, and answers each source and route of the template. How long it takes,
    /// `cargo xtask bench functions` measures.
    async fn starts_and_answers(&self) {
        let name = &self.function.name;
        let started = self.start_without("").await;
        let mut lambda = started.unwrap_or_else(|error| panic!("{name}: {error}"));
        for source in &self.function.sources {
            let event = match source {
                Source::Queue(_) | Source::Stream(_) => json!({"Records": []}),
                Source::Schedule(schedule) => schedule.input.clone(),
            };
            self.answer(&mut lambda, &event).await;
        }
        for route in &named_routes(&self.function) {
            let answer = self.answer(&mut lambda, &request(route)).await;
            let status = answer["statusCode"].as_u64().expect("a status");
            assert!((200..500).contains(&status), "{name}: {route:?}: {answer}");
            let body: Value =
                serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
            assert!(body["code"] != "route_not_found", "{name} does not know {route:?}");
        }
    }

    /// The function reads its example events, except `poison` and `mixed`, which hold a message
    /// that it must report as unreadable.
    async fn understands_its_examples(&self) {
        let name = &self.function.name;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(name);
        let mut examples = 0;
        for file in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            let event = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            // A process for each, so that its output is about this example alone.
            let mut lambda = self.start_without("").await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let answer = self.answer(&mut lambda, &event).await;
            assert!(answer["statusCode"].as_u64().unwrap_or(200) < 500, "{path:?}: {answer}");
            // The table lacks the items that the examples name, so some fail although they are read.
            let failed = answer["batchItemFailures"].as_array().is_some_and(|failed| !failed.is_empty());
            let misread = failed && said(&lambda, "ERROR").await.contains("does not read");
            let wrong = ["poison", "mixed"].map(OsStr::new).contains(&path.file_stem().expect("a name"));
            assert_eq!(misread, wrong, "{path:?}: {answer}: {}", lambda.output());
            examples += 1;
        }
        assert!(examples > 0, "{name} has no example of an event");
    }

    /// The function's answer to an event; an error fails the test.
    async fn answer(&self, lambda: &mut Lambda, event: &Value) -> Value {
        let name = &self.function.name;
        let done = lambda.invoke(event).await.unwrap_or_else(|error| panic!("{name}: {event}: {error}"));
        done.answer.unwrap_or_else(|error| panic!("{name}: {event}: {error}"))
    }

    /// Without `variable` the function ends and names it, unless the variable is common to all
    /// functions or one of [`OPTIONAL`].
    async fn refuses_to_start_without(&self, variable: &str) {
        let name = &self.function.name;
        match self.start_without(variable).await {
            Ok(_) => {
                let is_optional =
                    OPTIONAL.contains(&(name.as_str(), variable)) || self.common.contains(variable);
                assert!(is_optional, "{name} starts without {variable}: does it need it?");
            }
            Err(LambdaError::Ended { status, output }) => {
                assert!(!status.success(), "{name} without {variable} ended as if all was well");
                assert!(output.contains(variable), "{name} does not say that it lacks {variable}:\n{output}");
            }
            Err(error) => panic!("{name} without {variable}: {error}"),
        }
    }
}

/// The function's output once it contains `awaited`, which may come after the answer.
async fn said(lambda: &Lambda, awaited: &str) -> String {
    for _ in 0..100 {
        let output = lambda.output();
        if output.contains(awaited) {
            return output;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never says {awaited:?}:\n{}", lambda.output());
}

/// A request as API Gateway hands it over, signed out and for ids that do not exist.
/// The routes of a function, with the operations that its own router has beneath a greedy one.
fn named_routes(function: &Function) -> Vec<Route> {
    let all = local::openapi::routes();
    let operations = all.get(&function.name).map_or(&[][..], Vec::as_slice);
    let named = |route: &Route| match route.greedy_prefix() {
        Some(prefix) => {
            operations.iter().filter(|operation| operation.path.starts_with(prefix)).cloned().collect()
        }
        None => vec![route.clone()],
    };
    function.routes.iter().flat_map(named).collect()
}

fn request(route: &Route) -> Value {
    let path = route.path.replace(['{', '}'], "");
    json!({
        "version": "2.0",
        "routeKey": format!("{} {}", route.method, route.path),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "taquilla.example"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "test",
            "http": {"method": route.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "req_test",
            "stage": "$default",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    })
}

fn cases(app: &TestApp) -> Vec<Case> {
    app.cloud.stack().functions.iter().map(|function| case(app, function)).collect()
}

fn case(app: &TestApp, function: &Function) -> Case {
    Case {
        function: function.clone(),
        binary: fresh_binary(&function.name).unwrap_or_else(|problem| panic!("{problem}")),
        env: app.cloud.environment_of(&function.name).expect("a function of the template"),
        common: common_variables(app.cloud.stack()),
    }
}

/// API Gateway decodes a body that is marked as base64 and passes on any other as text, which
/// would corrupt a compressed answer.
#[tokio::test]
async fn a_compressed_answer_is_handed_over_as_base64() {
    let app = TestApp::start().await;
    let site = app.cloud.stack().functions.iter().find(|function| function.name == "site");
    let case = case(&app, site.expect("it is there"));
    let mut lambda = case.start_without("").await.expect("it starts");
    let route = case.function.routes.iter().find(|route| route.path == "/openapi.json").expect("a route");
    let mut event = request(&Route { method: "GET".to_owned(), ..route.clone() });
    let plain = case.answer(&mut lambda, &event).await;
    assert_eq!(
        (&plain["isBase64Encoded"], &plain["headers"]["vary"]),
        (&json!(false), &json!("accept-encoding"))
    );
    event["headers"]["accept-encoding"] = json!("gzip, deflate, br");
    let zipped = case.answer(&mut lambda, &event).await;
    assert_eq!(
        (&zipped["isBase64Encoded"], &zipped["headers"]["content-encoding"]),
        (&json!(true), &json!("gzip"))
    );
    assert!(zipped["headers"]["content-length"].is_null(), "it would be another's");
    let bytes = STANDARD.decode(zipped["body"].as_str().expect("a text")).expect("base64");
    assert_eq!(unzipped(&bytes), plain["body"].as_str().expect("a text").as_bytes());
    app.close().await;
}

fn common_variables(stack: &Stack) -> BTreeSet<String> {
    let names = |function: &Function| function.env.keys().cloned().collect::<BTreeSet<_>>();
    let common = stack.functions.iter().map(names).reduce(|all, own| &all & &own);
    common.expect("functions")
}

/// Runs a check for all functions at once, and fails if it fails for one.
async fn for_every_function<R: Future<Output = ()> + Send + 'static>(check: impl Fn(Case) -> R) {
    let app = TestApp::start().await;
    let checks: Vec<_> = cases(&app).into_iter().map(|case| tokio::spawn(check(case))).collect();
    assert!(checks.len() > 10, "the template has more functions than that");
    for check in checks {
        check.await.expect("the check of a function passes");
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_starts_and_answers() {
    for_every_function(|case: Case| async move { case.starts_and_answers().await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_understands_its_examples() {
    for_every_function(|case: Case| async move { case.understands_its_examples().await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_names_the_variable_that_it_lacks() {
    for_every_function(|case: Case| async move {
        let is_real = |variable: &&String| UNSET_IS_REAL.iter().any(|start| variable.starts_with(start));
        for variable in case.env.keys().filter(|variable| !is_real(variable)) {
            case.refuses_to_start_without(variable).await;
        }
    })
    .await;
}
