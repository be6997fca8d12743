//! Long answers are compressed for clients that accept gzip.

use std::io::Read;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, TestApp};

/// The content of a gzip file.
pub(crate) fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).expect("a gzip file");
    text
}

fn headers(answer: &Answer) -> [String; 5] {
    ["content-type", "content-encoding", "vary", "cache-control", "etag"]
        .map(|name| answer.header(name).to_owned())
}

#[tokio::test]
async fn long_texts_are_compressed_for_clients_that_accept_gzip() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    for number in 0..6 {
        app.show(&organizer, &format!("Marea {number}"), 10, 1000).await;
    }
    let accepting = |method: Method, path: &str, encodings: &str| {
        app.request(method, path).header("accept-encoding", encodings).header("accept", "text/html").send()
    };
    for path in ["/openapi.json", "/docs", "/", "/api/v1/public/events"] {
        let plain = app.get(path).header("accept", "text/html").send().await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""), "{path}");
        assert!(plain.header("vary").contains("accept-encoding"), "{path}: {}", plain.header("vary"));
        let zipped = accepting(Method::GET, path, "br, gzip;q=0.8").await;
        assert_eq!((zipped.status, zipped.header("content-encoding")), (200, "gzip"), "{path}");
        assert_eq!(unzipped(&zipped.body), plain.body, "{path}");
        assert!(zipped.body.len() * 10 < plain.body.len() * 6, "{path}: {} bytes", zipped.body.len());
        assert_eq!(zipped.header("etag"), plain.header("etag"), "{path}");
        let length = accepting(Method::HEAD, path, "identity").await;
        assert_eq!(length.header("content-length"), plain.body.len().to_string(), "{path}");
        for refusing in ["identity", "gzip;q=0", "br"] {
            let refused = accepting(Method::GET, path, refusing).await;
            assert_eq!((refused.header("content-encoding"), &refused.body), ("", &plain.body), "{path}");
        }
        let head = accepting(Method::HEAD, path, "gzip").await;
        assert_eq!((head.status, head.body.len(), headers(&head)), (200, 0, headers(&zipped)), "{path}");
    }
    for short in ["/health", "/problems/event_not_found", "/api/v1/nothing"] {
        assert_eq!(accepting(Method::GET, short, "gzip").await.header("content-encoding"), "", "{short}");
    }
    app.close().await;
}

#[tokio::test]
async fn an_etag_matches_in_every_encoding() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Marea Baja", 10, 40, 1000).await;
    let areas = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let zipped = app.get(&areas).header("accept-encoding", "gzip").send().await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let tag = zipped.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [tag.as_str(), tag.trim_start_matches("W/"), "*"] {
        let again =
            app.get(&areas).header("if-none-match", known).header("accept-encoding", "gzip").send().await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        assert_eq!((again.header("vary"), again.header("content-encoding")), ("accept-encoding", ""));
    }
    app.close().await;
}

#[tokio::test]
async fn a_long_problem_is_compressed_and_a_picture_is_not() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Marea Baja", 10, 1000).await;
    let ana = app.somebody("ana").await;
    let order = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let ticket = order["tickets"][0]["id"].as_str().expect("a ticket");
    let picture = app.get(format!("/api/v1/qr/{ticket}?format=png")).token(&ana.token);
    let picture = picture.header("accept-encoding", "gzip").send().await;
    assert_eq!((picture.header("content-type"), picture.header("content-encoding")), ("image/png", ""));

    let wrong: Value = (0..40).map(|number| (format!("unknown_{number}"), json!(1))).collect();
    let problem = app.post("/api/v1/events").token(&organizer.token).json(wrong);
    let problem = problem.header("accept-encoding", "gzip").send().await;
    assert_eq!((problem.status, problem.header("content-type")), (400, "application/problem+json"));
    assert_eq!(problem.header("content-encoding"), "gzip", "{} bytes", problem.body.len());
    let problem: Value = serde_json::from_slice(&unzipped(&problem.body)).expect("JSON");
    assert!(problem["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{problem}");
    app.close().await;
}
