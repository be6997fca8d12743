//! Every code that the API can answer has its meaning in Spanish and in English.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use domain::member::Ineligible;
use domain::order::UnusedReason;
use domain::pricing::PromotionReason;
use serde_json::Value;
use testkit::TestApp;

use super::document::{operations, resolve};

/// Constructors of failures, whose first argument is the code.
const CONSTRUCTORS: [&str; 12] = [
    "invalid",
    "unprocessable",
    "unauthenticated",
    "forbidden",
    "not_found",
    "wrong_method",
    "conflict",
    "gone",
    "too_large",
    "unsupported_type",
    "too_many",
    "unavailable",
];

/// Functions that the pages for buyers call.
const OF_PAGES: [&str; 5] = ["auth", "purchases", "site", "storefront", "tickets"];

/// Codes of the shared crates that only staff and machines meet.
const NOT_ON_PAGES: &[&str] = &[
    "already_decided",
    "already_sent",
    "currency_fixed",
    "dni_taken",
    "event_state",
    "function_timed_out",
    "host_invalid",
    "last_admin",
    "member_not_found",
    "no_discounts_left",
    "not_decided",
    "not_enough_free",
    "path_invalid",
    "plan_not_found",
    "plan_too_large",
    "plans_differ",
    "problem_not_found",
    "product_not_found",
    "quota_reached",
    "refund_disputed",
    "series_has_events",
    "slug_taken",
    "sns_unavailable",
    "too_many_decimals",
    "too_many_memberships",
    "too_many_slugs",
    "variant_not_found",
    "voucher_used",
    "webhook_refused",
];

static TABLE: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../functions/site/problems.json")).expect("a table of problems")
});

/// Whether `functions/site/problems.json` has the code.
pub(super) fn is_known(code: &str) -> bool {
    TABLE.contains_key(code)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The codes in a source: first arguments of constructors, in lower case with underscores.
fn codes_in(source: &str) -> impl Iterator<Item = String> {
    let calls = CONSTRUCTORS.iter().flat_map(move |name| {
        let call = format!("::{name}(");
        let starts: Vec<usize> = source.match_indices(&call).map(|(at, _)| at + call.len()).collect();
        starts.into_iter().map(move |at| &source[at..])
    });
    calls.filter_map(|rest| {
        let (code, _) = rest.trim_start().strip_prefix('"')?.split_once("\",")?;
        let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_code.then(|| code.to_owned())
    })
}

/// The codes of failures by the crates that make them.
fn codes() -> BTreeMap<String, BTreeSet<String>> {
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for room in ["functions", "shared", "infra/cloud", "infra/local"] {
        let mut files = Vec::new();
        sources(&root().join(room), &mut files);
        for file in files {
            let path = file.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
            let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
            let is_stand_in = path.contains("/services/");
            if is_test || room.starts_with("infra/") && is_stand_in || path.contains("testkit") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("a source");
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            if !code.contains("Error") {
                continue;
            }
            let maker = path.split('/').nth(1).unwrap_or_default();
            for code in codes_in(code) {
                codes.entry(code).or_default().insert(maker.to_owned());
            }
        }
    }
    codes.entry("internal".to_owned()).or_default().insert("domain".to_owned());
    let reasons = [Ineligible::EmailNotFound, Ineligible::SubscriptionInactive, Ineligible::FeeOverdue];
    for reason in reasons {
        codes.entry(reason.code().to_owned()).or_default().insert("discounts".to_owned());
    }
    codes
}

#[test]
fn every_code_has_a_meaning_and_every_meaning_a_code() {
    let (known, made): (BTreeSet<_>, BTreeSet<_>) =
        (TABLE.keys().cloned().collect(), codes().into_keys().collect());
    let (missing, stale): (Vec<_>, Vec<_>) =
        (made.difference(&known).collect(), known.difference(&made).collect());
    assert!(missing.is_empty(), "not in functions/site/problems.json: {missing:?}");
    assert!(stale.is_empty(), "in functions/site/problems.json, and nobody answers so: {stale:?}");
}

/// Codes that no operation names: they come from the layers before an operation, and from
/// workers, which have no caller.
const OF_NO_OPERATION: [&str; 8] = [
    "function_timed_out",
    "host_invalid",
    "method_not_allowed",
    "path_invalid",
    "payment_gateway_too_early",
    "queue_unavailable",
    "request_unreadable",
    "route_not_found",
];

#[test]
fn every_code_is_named_by_an_operation_with_its_own_status() {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in operations() {
        for (status, response) in operation.described["responses"].as_object().into_iter().flatten() {
            let codes = resolve(response)["x-codes"].as_array().into_iter().flatten();
            for code in codes.filter_map(Value::as_str) {
                named.entry(code).or_default().insert(status);
            }
        }
    }
    let known: BTreeSet<&str> =
        TABLE.keys().map(String::as_str).filter(|code| !OF_NO_OPERATION.contains(code)).collect();
    let missing: Vec<_> = known.iter().filter(|code| !named.contains_key(*code)).collect();
    assert!(missing.is_empty(), "no operation says that it refuses with {missing:?}");
    let unknown: Vec<_> = named.keys().filter(|code| !known.contains(*code)).collect();
    assert!(unknown.is_empty(), "these are of no operation: {unknown:?}");
    for (code, statuses) in named {
        let status = TABLE[code]["status"].to_string();
        assert_eq!(statuses, BTreeSet::from([status.as_str()]), "{code}");
    }
}

#[test]
fn the_pages_have_spanish_words_for_every_code_that_buyers_can_meet() {
    let shared = ["domain", "payments", "mail_events", "bucket", "queue", "store", "web", "cloud"];
    let missing: Vec<_> = codes()
        .into_iter()
        .filter(|(_, makers)| {
            makers.iter().any(|maker| OF_PAGES.contains(&maker.as_str()) || shared.contains(&maker.as_str()))
        })
        .map(|(code, _)| code)
        .filter(|code| !NOT_ON_PAGES.contains(&code.as_str()) && TABLE[code]["page"] != true)
        .collect();
    assert!(missing.is_empty(), "without `\"page\": true` in functions/site/problems.json: {missing:?}");
}

/// The API has no Spanish text for the reasons of promotions and unused payments, so the pages
/// need their own.
#[test]
fn the_pages_have_spanish_words_for_every_reason() {
    let words = include_str!("../../../functions/site/pages/words.js");
    let reasons = [schemars::schema_for!(PromotionReason), schemars::schema_for!(UnusedReason)];
    for schema in reasons {
        let reasons: Vec<String> = schema
            .get("oneOf")
            .and_then(Value::as_array)
            .expect("its values")
            .iter()
            .map(|value| value["const"].as_str().expect("a reason").to_owned())
            .collect();
        assert!(reasons.len() > 3, "{reasons:?}");
        for reason in reasons {
            assert!(
                words.contains(&format!("{reason}: \"")),
                "{reason} has no words in functions/site/pages/words.js"
            );
        }
    }
}

#[tokio::test]
async fn the_type_of_a_failure_leads_to_its_meaning() {
    let app = TestApp::start().await;
    let problem = app.get("/api/v1/public/events/no-such-show").send().await.refused(404, "event_not_found");
    let meaning = app.get(problem["type"].as_str().expect("an address")).send().await;
    assert!(meaning.header("cache-control").starts_with("public"), "{}", meaning.header("cache-control"));
    insta::assert_json_snapshot!(meaning.ok(), @r#"
    {
      "type": "/problems/event_not_found",
      "code": "event_not_found",
      "status": 404,
      "en": "There is no such event, or it is not on sale.",
      "es": "Este evento no existe o no está a la venta."
    }
    "#);
    let page = app.get("/problems/sold_out?utm_source=x").header("accept", "text/html").send().await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains("Ya no quedan tantas entradas."), "{}", page.text());
    app.get("/problems/no_such_code").refused(404, "problem_not_found").await;
    app.close().await;
}
