//! Methods: those that a path does not take are refused, and HEAD is GET without a body.

use std::collections::{BTreeMap, BTreeSet};

use testkit::TestApp;

use super::calls::{call, rightful};
use super::document::{Operation, operations};
use super::judge::Judge;
use super::world::SampleBoxOffice;

/// `TRACE` is left out: clients do not send it, and API Gateway does not pass it on.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"];

/// A path that only writes, beneath the greedy route of a function that does not know it: other
/// methods go there, and there is no such path.
const BENEATH_ANOTHERS: &str = "/api/v1/events/{id}/sale-stages/{stage}";

#[tokio::test]
async fn a_path_says_which_methods_it_takes() {
    let app = TestApp::start().await;
    let judge = Judge::new();
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in operations() {
        let methods = paths.entry(&operation.path).or_default();
        methods.insert(&operation.method);
        if operation.method == "GET" {
            methods.insert("HEAD");
        }
    }
    for (path, described) in paths {
        let address: String = path.replace(['{', '}'], "");
        for method in METHODS.into_iter().filter(|method| !described.contains(method)) {
            let answer = app.request(method.parse().expect("a method"), &address).send().await;
            if path == BENEATH_ANOTHERS {
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
            let allowed: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
            assert_eq!(allowed, described, "{method} {path}");
            if method == "HEAD" {
                assert!(answer.body.is_empty(), "{method} {path}: {}", answer.text());
            } else {
                judge.verdict(None, &answer).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"));
            }
        }
    }
    app.close().await;
}

/// The function itself answers HEAD: API Gateway hands it every method of a path that has GET.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_get_without_the_body() {
    let world = SampleBoxOffice::open().await;
    for operation in operations().iter().filter(|operation| operation.method == "GET") {
        let call = call(&world, operation).await;
        let token = rightful(&world, operation, call.whose);
        let get = call.request(&world, operation, token.as_deref()).send().await;
        let as_head = Operation { method: "HEAD".to_owned(), ..operation.clone() };
        let head = call.request(&world, &as_head, token.as_deref()).send().await;
        assert_eq!(head.status, get.status, "{}", operation.route());
        assert!(head.body.is_empty(), "{}", operation.route());
        for name in ["content-type", "cache-control", "location"] {
            assert_eq!(
                head.header(name).is_empty(),
                get.header(name).is_empty(),
                "{}: {name}",
                operation.route()
            );
        }
    }
    world.app.close().await;
}
