//! The pages behind a problem's `type`: what its code means, and what to do about it.

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
use crate::problem_texts::{PROBLEMS, Words};

const DOCUMENT: &str = include_str!("../pages/problem.html");
const STYLE: &str = include_str!("../pages/problem.css");

/// How long browsers and the edge cache an answer, in seconds: meanings do not change.
const KEEP: u32 = 3600;

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
    /// The `code` of the problem, such as `sold_out`.
    #[schemars(regex(pattern = "^[a-z_]+$"))]
    code: String,
}

/// The meaning of a problem code.
#[derive(Debug, Serialize, JsonSchema)]
struct Meaning {
    /// The `type` of problems with this code, such as `/problems/sold_out`.
    #[serde(rename = "type")]
    type_: String,
    /// The code, such as `sold_out`.
    code: String,
    /// The HTTP status of such answers, such as 409.
    status: u16,
    /// Meaning and remedy in English.
    en: &'static str,
    /// Meaning and remedy in Spanish.
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_problem_page_has_both_languages() {
        let words = PROBLEMS["sold_out"];
        let page = page("sold_out", words);
        for part in ["sold_out", words.es, words.en] {
            assert!(page.html().contains(part), "{part}");
        }
        assert!(!page.html().contains("{{"));
    }
}
