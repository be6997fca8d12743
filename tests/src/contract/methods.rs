//! Methods that a path does not take.

use std::collections::{BTreeMap, BTreeSet};

use testkit::TestApp;

use super::document::operations;
use super::judge::Judge;

/// `TRACE` is left out: clients do not send it, and API Gateway does not pass it on.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"];

#[tokio::test]
async fn a_path_says_which_methods_it_takes() {
    let app = TestApp::start().await;
    let judge = Judge::new();
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in operations() {
        paths.entry(&operation.path).or_default().insert(&operation.method);
    }
    for (path, described) in paths {
        let address: String = path.replace(['{', '}'], "");
        for method in METHODS.into_iter().filter(|method| !described.contains(method)) {
            let answer = app.request(method.parse().expect("a method"), &address).send().await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
            let allowed: BTreeSet<&str> = answer.header("allow").split(", ").collect();
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
