//! What each code of a failure means and what to do about it: where the `type` of a
//! problem leads, and the Spanish words of the pages. One table says all of it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Cached, Freshness, Path, Refuses};

use crate::State;
use crate::page::{Page, prefers_html};

const TABLE: &str = include_str!("../problems.json");
const DOCUMENT: &str = include_str!("../pages/problem.html");
const STYLE: &str = include_str!("../pages/problem.css");

/// For how long browsers and the edge keep an answer, in seconds: meanings do not change.
const KEEP: u32 = 3600;

/// All codes, each with its meaning.
static PROBLEMS: LazyLock<BTreeMap<&'static str, Words>> =
    LazyLock::new(|| serde_json::from_str(TABLE).expect("a test reads it"));

/// The meaning of a code.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Words {
    status: u16,
    es: &'static str,
    en: &'static str,
    /// Whether the pages for people say it in Spanish.
    #[serde(default)]
    page: bool,
}

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/problems/{code}",
        get_with(show, |op| {
            op.id("showProblem")
                .tag("Site")
                .summary("What a failure means")
                .description(
                    "Where the `type` of a failure leads: its meaning and what to do about it, in Spanish and \
                     in English; for browsers a page.",
                )
                .response::<200, Cached<Meaning>>()
                .refuses(["problem_not_found"])
        }),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ProblemPath {
    /// The `code` of the failure.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
}

/// What a failure means and what to do about it.
#[derive(Debug, Serialize, JsonSchema)]
struct Meaning {
    /// The `type` of such failures.
    #[serde(rename = "type")]
    type_: String,
    /// Their `code`.
    code: String,
    /// Their HTTP status.
    status: u16,
    /// In English.
    en: &'static str,
    /// In Spanish.
    es: &'static str,
}

async fn show(headers: HeaderMap, Path(path): Path<ProblemPath>, freshness: Freshness) -> Answer<Response> {
    let code = path.code;
    let words = PROBLEMS.get(code.as_str()).copied().ok_or_else(|| {
        Error::not_found(
            "problem_not_found",
            "There is no problem with this code. Codes look like `sold_out`.",
        )
    })?;
    let mut response = if prefers_html(&headers) {
        page(&code, words).answer()
    } else {
        let type_ = format!("/problems/{code}");
        let meaning = Meaning { type_, code, status: words.status, en: words.en, es: words.es };
        Cached::public(&meaning, KEEP, &freshness)?.into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    Ok(response)
}

fn page(code: &str, words: Words) -> Page {
    let document = DOCUMENT.replace("{{code}}", code).replace("{{es}}", words.es).replace("{{en}}", words.en);
    Page::new(&document, STYLE, "", "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
}

/// The Spanish words that the pages say, as a script reads them.
pub(crate) fn spanish() -> String {
    let words = PROBLEMS.iter().filter(|(_, words)| words.page).map(|(code, words)| (*code, words.es));
    serde_json::to_string(&words.collect::<BTreeMap<_, _>>()).expect("texts are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_its_texts_are_sentences_that_fit_a_page() {
        assert!(PROBLEMS.len() > 100);
        for (code, words) in PROBLEMS.iter() {
            for text in [words.es, words.en] {
                assert!(text.ends_with(['.', '?', '!']) && text.chars().count() < 180, "{code}: {text}");
                assert!(!text.contains(['<', '>', '&', '"']), "{code}: {text}");
            }
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        }
    }

    #[tokio::test]
    async fn browsers_get_a_page_and_programs_json() {
        let answer = async |accept: &'static str, code: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            let path = Path(ProblemPath { code: code.to_owned() });
            show(headers, path, Freshness::default()).await
        };
        let page = answer("text/html", "sold_out").await.expect("a page");
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(page.headers()[header::CACHE_CONTROL].to_str().expect("ASCII").starts_with("public"));
        let json = answer("*/*", "sold_out").await.expect("JSON");
        assert_eq!(json.headers()[header::CONTENT_TYPE], "application/json");
        for response in [&page, &json] {
            assert_eq!(response.headers()[header::VARY], "accept, accept-encoding");
        }
        let unknown = answer("text/html", "no_such_code").await.expect_err("none");
        assert_eq!(unknown.error().code(), "problem_not_found");
    }

    #[test]
    fn a_page_says_it_in_both_languages() {
        let words = PROBLEMS["sold_out"];
        let page = page("sold_out", words);
        for part in ["sold_out", words.es, words.en] {
            assert!(page.html().contains(part), "{part}");
        }
        assert!(!page.html().contains("{{"));
    }
}
