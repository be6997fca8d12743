//! Credentials that are entered appear in no answer and no log.

use serde_json::{Value, json};
use testkit::fresh_binary;
use testkit::runtime_api::Lambda;

use super::{Fixture, GATEWAYS, merchant, path, secrets, three};

/// Run with the function's own binary, at the most detailed log level of a deployment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_in_no_answer_and_no_log() {
    // The test must not move its clock: the binary uses the system's.
    let house = Fixture::open().await;
    let mut env = house.app.cloud.environment_of("admin").expect("a function of the template");
    env.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    let binary = fresh_binary("admin").unwrap_or_else(|problem| panic!("{problem}"));
    let mut lambda = Lambda::start(&binary, env).await.expect("it starts");
    for (gateway, currency, who) in three() {
        let account = house.add(gateway, currency).await;
        let credentials = who.credentials();
        let in_a_text = Value::from(credentials.to_string());
        let mut in_lists = credentials.clone();
        let texts = in_lists.as_object_mut().expect("an object").values_mut();
        texts.filter(|text| text.is_string()).for_each(|text| *text = json!([text]));
        let (mut statuses, mut told) = (Vec::new(), String::new());
        for (method, body) in [
            ("PUT", Some(&in_a_text)),
            ("PUT", Some(&in_lists)),
            ("PUT", Some(&credentials)),
            ("PUT", Some(&credentials)),
            ("PUT", Some(&credentials)),
            ("GET", None),
            ("DELETE", None),
        ] {
            if statuses.len() == 3 {
                merchant(&house.app, who.clone());
            }
            let answer = invoke(&mut lambda, &house, method, &account, body).await;
            statuses.push(answer["statusCode"].as_u64().expect("a status"));
            // Only the end of the log is kept.
            told.push_str(&format!("{answer}\n{}\n", lambda.output()));
        }
        assert_eq!(statuses, [422, 422, 422, 200, 200, 200, 204], "{told}");
        assert!(told.contains("DEBUG"), "{told}");
        for secret in secrets(&credentials) {
            assert!(!told.contains(&secret), "{gateway}: {secret} is told: {told}");
        }
    }
    house.app.close().await;
}

/// The answer to a request for an account; PUT enters its credentials.
async fn invoke(
    lambda: &mut Lambda,
    house: &Fixture,
    method: &str,
    account: &Value,
    body: Option<&Value>,
) -> Value {
    let suffix = if method == "PUT" { "/credentials" } else { "" };
    let raw_path = format!("{}{suffix}", path(account));
    let event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {GATEWAYS}/{{id}}{suffix}"),
        "rawPath": raw_path,
        "rawQueryString": "",
        "headers": {
            "host": "taquilla.example",
            "content-type": "application/json",
            "authorization": format!("Bearer {}", house.admin.token),
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "test",
            "http": {"method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "req_test",
            "stage": "$default",
            "timeEpoch": 0,
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    });
    lambda.invoke(&event).await.expect("an answer").answer.expect("no error")
}
