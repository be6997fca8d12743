//! The whole cloud with a toy function behind its public port.

mod mappings;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{delete, get, post};
use boot::Clock;
use cloud::lambda::Registry;
use cloud::template::Template;
use http::{HeaderMap, StatusCode, Uri, header};
use reqwest::{Client, Response};
use serde_json::{Value as Json, json};

use crate::{Cloud, Options, StartError, functions};

const TEMPLATE: &str = r#"
Resources:
  HttpApi: {Type: AWS::Serverless::HttpApi}
  EchoFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: echo}}
    Properties:
      CodeUri: functions/echo
      Timeout: 1
      Events:
        Send: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: POST, Path: "/echo/{name}"}}
        Read: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: ANY, Path: "/echo/{name}"}}
        Fail: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: ANY, Path: /fail}}
        Hang: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: ANY, Path: /hang}}
        Room: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: ANY, Path: "/rooms/{proxy+}"}}
  DeskFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: desk}}
    Properties:
      CodeUri: functions/desk
      Events:
        Desk: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: ANY, Path: "/rooms/{id}/desk"}}
        Lamp: {Type: HttpApi, Properties: {ApiId: !Ref HttpApi, Method: POST, Path: "/rooms/{id}/lamp"}}
"#;

fn echo() -> Router {
    // Says what arrived, and sends back the same bytes as the same type.
    let send = |Path(name): Path<String>, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let content_type = headers[header::CONTENT_TYPE].clone();
        let cookie =
            headers.get(header::COOKIE).map_or("none", |cookie| cookie.to_str().unwrap_or("bad")).to_owned();
        let cookies = AppendHeaders([(header::SET_COOKIE, "a=1; Path=/"), (header::SET_COOKIE, "b=2")]);
        let seen = format!(
            "{name} {} {cookie} {}",
            uri.query().unwrap_or("-"),
            headers["x-twice"].to_str().unwrap_or("bad")
        );
        (StatusCode::ACCEPTED, cookies, [(header::CONTENT_TYPE, content_type)], [("x-seen", seen)], body)
            .into_response()
    };
    Router::new()
        .route("/echo/{name}", post(send).get(|| async { "here" }))
        .route(
            "/fail",
            get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .route("/hang", get(|| async { std::future::pending::<()>().await }))
        .route("/rooms/{id}", get(|Path(id): Path<String>| async move { format!("room {id}") }))
        .route("/rooms/{id}/lamp", delete(|| async { "no lamp any more" }))
        // Not declared in the template.
        .route("/hidden", get(|| async { "found" }))
}

/// The functions of the template but for `echo`.
fn registry() -> Registry {
    let desk = || {
        Router::new()
            .route("/rooms/{id}/desk", get(|| async { "a desk" }))
            .route("/rooms/{id}/lamp", post(|| async { "a lamp" }))
    };
    Registry::new().http("desk", move |_| Ok(desk()))
}

fn options() -> Options {
    let registry = registry().http("echo", |_| Ok(echo()));
    Options::new(Template::parse(TEMPLATE).expect("a template"), registry)
}

fn client() -> Client {
    outbound::connection_pool(false, Duration::from_secs(2)).expect("a client")
}

async fn json_of(response: Response) -> Json {
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

async fn refusal(options: Options) -> StartError {
    match Cloud::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn requests_pass_through_lambdas_event_unchanged() {
    let cloud = Cloud::start(options()).await.expect("it starts");
    let everything: Vec<u8> = (0..=255).collect();
    for (content_type, body) in [
        ("application/octet-stream", everything.as_slice()),
        ("application/json", "{\"señal\":\"ñandú\"}".as_bytes()),
        ("application/x-www-form-urlencoded", b"a=1&b=%20"),
        ("text/plain", b""),
    ] {
        let response = client()
            .post(format!("{}/echo/los%20faroles?q=a%20b&q=c+d", cloud.url()))
            .header("Content-Type", content_type)
            .header("Cookie", "x=1; y=2")
            .header("X-Twice", "one")
            .header("X-Twice", "two")
            .body(body.to_vec())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 202);
        assert_eq!(response.headers()["x-seen"], "los faroles q=a%20b&q=c+d x=1; y=2 one,two");
        assert_eq!(response.headers()["content-type"], content_type);
        assert!(response.headers()["x-request-id"].to_str().expect("text").starts_with("req_"));
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
        assert_eq!(response.bytes().await.expect("a body"), body);
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_greedy_route_takes_what_no_named_one_takes() {
    let cloud = Cloud::start(options()).await.expect("it starts");
    let at = |path: &str| format!("{}{path}", cloud.url());
    for (request, status, body) in [
        (client().get(at("/rooms/7")), 200, "room 7"),
        (client().get(at("/rooms/7/desk")), 200, "a desk"),
        (client().post(at("/rooms/7/lamp")), 200, "a lamp"),
        // A path with `ANY` takes all methods to its own function, others to the greedy one.
        (client().delete(at("/rooms/7/lamp")), 200, "no lamp any more"),
        (client().get(at("/rooms/7/chair")), 404, ""),
        (client().post(at("/rooms/7")), 405, ""),
    ] {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(response.text().await.expect("a text"), body);
    }
    for (request, code) in [
        (client().delete(at("/rooms/7/desk")), "method_not_allowed"),
        (client().get(at("/rooms")), "route_not_found"),
        (client().get(at("/rooms/")), "route_not_found"),
    ] {
        let response = request.send().await.expect("an answer");
        assert_eq!(json_of(response).await["code"], code);
    }
    cloud.stop().await;
}

#[tokio::test]
async fn what_does_not_arrive_is_answered_with_a_problem() {
    let cloud = Cloud::start(options()).await.expect("it starts");
    let at = |path: &str| format!("{}{path}", cloud.url());
    for (request, status, code) in [
        (client().get(at("/hidden")), 404, "route_not_found"),
        (client().get(at("/echo/a/")), 404, "route_not_found"),
        (client().delete(at("/echo/a")), 405, "method_not_allowed"),
        (client().post(at("/echo/a")).body(vec![b' '; 10 * 1024 * 1024 + 1]), 413, "body_too_large"),
        // Fits the API, but not an event of Lambda.
        (client().post(at("/echo/a")).body(vec![b' '; 5 * 1024 * 1024]), 413, "body_too_large"),
        (client().get(at("/echo/%ff")), 400, "path_invalid"),
        (client().get(at("/echo/a")).header("Host", "a b"), 400, "host_invalid"),
        (client().get(at("/fail")), 500, "internal"),
        (client().get(at("/hang")), 503, "function_timed_out"),
    ] {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (id, allow) =
            (response.headers()["x-request-id"].clone(), response.headers().get("allow").cloned());
        assert_eq!(allow.is_some(), status == 405);
        assert!(allow.is_none_or(|allow| allow == "GET, HEAD, POST"));
        let problem = json_of(response).await;
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
        assert_eq!(problem["request_id"], id.to_str().expect("text"));
    }
    assert_eq!(
        client().get(at("/echo/a")).send().await.expect("an answer").text().await.expect("text"),
        "here"
    );
    cloud.stop().await;
}

#[tokio::test]
async fn a_second_box_office_is_told_what_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = tempfile::tempdir().expect("a folder");
    let with = |folder: &tempfile::TempDir, port| Options {
        data_dir: Some(folder.path().to_owned()),
        port,
        ..options()
    };
    let first = Cloud::start(with(&folder, 0)).await.expect("it starts");
    let port = first.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let error = refusal(with(&folder, 0)).await;
    assert!(matches!(&error, StartError::FolderTaken(_)), "{error}");
    let error = refusal(with(&other, port)).await;
    assert!(matches!(&error, StartError::PortTaken(taken) if *taken == port), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} is taken, perhaps by another box office; stop it, or choose another port with --port"
        )
    );
    first.stop().await;
    Cloud::start(with(&folder, 0)).await.expect("the folder is free again").stop().await;
}

#[tokio::test]
async fn template_and_code_must_agree() {
    let missing = refusal(Options { registry: registry(), ..options() }).await;
    assert_eq!(missing.to_string(), "the template has the function echo, but there is no code for it");
    let with_extra = registry().http("echo", |_| Ok(echo())).http("extra", |_| Ok(echo()));
    let extra = refusal(Options { registry: with_extra, ..options() }).await;
    assert_eq!(extra.to_string(), "there is code for extra, but the template has no such function");
    let unset = registry().http("echo", |boot| boot.env.required("TABLE_NAME").map(|_| echo()));
    let misconfigured = refusal(Options { registry: unset, ..options() }).await;
    assert_eq!(misconfigured.to_string(), "the function echo: environment variable TABLE_NAME: is not set");
}

#[tokio::test]
async fn a_fresh_start_forgets() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |fresh| Options {
        data_dir: Some(folder.path().to_owned()),
        fresh,
        clock: Clock::system(),
        ..options()
    };
    Cloud::start(with(false)).await.expect("it starts").stop().await;
    std::fs::write(folder.path().join("kept"), "").expect("written");
    Cloud::start(with(false)).await.expect("it starts").stop().await;
    assert!(folder.path().join("kept").exists());
    Cloud::start(with(true)).await.expect("it starts").stop().await;
    assert!(!folder.path().join("kept").exists());
}

/// Files and folders that others than their owner may do anything with.
#[cfg(unix)]
fn open_to_others(folder: &std::path::Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;

    let mut open = Vec::new();
    let mode = std::fs::metadata(folder).expect("there").permissions().mode() & 0o7777;
    if mode != 0o700 {
        open.push(format!("{} {mode:o}", folder.display()));
    }
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("there").permissions().mode() & 0o7777;
        if entry.path().is_dir() {
            open.extend(open_to_others(&entry.path()));
        } else if mode != 0o600 {
            open.push(format!("{} {mode:o}", entry.path().display()));
        }
    }
    open
}

/// What a box office of the whole house leaves behind: the database with the files beside
/// it, secrets, the mailbox, queues, payments, objects.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("state");
    std::fs::create_dir(&folder).expect("made");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("set");
    let house = || Options {
        data_dir: Some(folder.clone()),
        ..Options::new(Template::repository().expect("it is a template"), functions::registry())
    };
    let cloud = Cloud::start(house()).await.expect("it starts");
    let names: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(names.len() > 4, "{names:?}");
    assert_eq!(open_to_others(&folder), Vec::<String>::new());
    cloud.stop().await;

    // As an earlier version left it.
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("set");
    let cloud = Cloud::start(house()).await.expect("it starts again");
    assert_eq!(open_to_others(&folder), Vec::<String>::new());
    cloud.stop().await;
}

#[tokio::test]
async fn the_house_opens() {
    let template = Template::repository().expect("it is a template");
    let cloud = Cloud::start(Options::new(template, functions::registry())).await.expect("it starts");
    let ready = client().get(format!("{}/ready", cloud.url())).send().await.expect("an answer");
    assert_eq!(ready.status(), 200, "{}", ready.text().await.expect("text"));
    cloud.idle(Duration::from_secs(1)).await.expect("nobody did anything");
    cloud.stop().await;
}
