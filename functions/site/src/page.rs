//! The page for people: public list, purchase and tickets. One document that loads nothing else, so
//! that it shows at once on a bad network. Links in mails (`/#/tickets`) lead into it.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::problem_texts;

const DOCUMENT: &str = include_str!("../pages/index.html");
const STYLE: &str = include_str!("../pages/style.css");
/// The script, in files by subject; each uses only those before it.
const SCRIPT: &str = concat!(
    include_str!("../pages/words.js"),
    include_str!("../pages/core.js"),
    include_str!("../pages/shop.js"),
    include_str!("../pages/account.js"),
);

/// How long browsers and the edge cache the page.
const KEEP: &str = "public, max-age=300";

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    // Connections only to the box office itself. Pictures may come from any address to which
    // `/images` redirects: a bucket, which locally has its own port.
    let rest = "connect-src 'self'; img-src 'self' blob: data: https: http://127.0.0.1:*; base-uri 'none'; \
                form-action 'none'; frame-ancestors 'none'";
    Page::new(DOCUMENT, STYLE, &SCRIPT.replacen("{{problems}}", &problem_texts::spanish(), 1), rest)
});

/// A document with its style and script, whose policy forbids any others.
#[derive(Debug)]
pub(crate) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// `rest` is the part of the content security policy that is not about style and script.
    pub(crate) fn new(document: &str, style: &str, script: &str, rest: &str) -> Self {
        let (style, script) = (lean(style), lean(script));
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        let policy =
            format!("default-src 'none'; script-src {}; style-src {}; {rest}", hash(&script), hash(&style));
        let html = document.replacen("{{style}}", &style, 1).replacen("{{script}}", &script, 1);
        Self { html: html.into(), policy: HeaderValue::try_from(policy).expect("it is made of ASCII") }
    }

    /// The page as a response, with its headers.
    pub(crate) fn answer(&self) -> Response {
        let headers = [
            (header::CACHE_CONTROL, HeaderValue::from_static(KEEP)),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (headers, Html(self.html.clone())).into_response()
    }

    #[cfg(test)]
    pub(crate) fn html(&self) -> &str {
        std::str::from_utf8(&self.html).expect("UTF-8")
    }
}

/// Removes indents and comment lines, because API Gateway compresses nothing. No string of the
/// sources may span lines.
fn lean(source: &str) -> String {
    let lines = source.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    lines.filter(|line| !line.is_empty()).fold(String::new(), |text, line| text + line + "\n")
}

/// The response with the page for people.
pub(crate) fn page() -> Response {
    PAGE.answer()
}

/// True if the client prefers HTML to JSON. Browsers name HTML; programs that accept anything get
/// JSON.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> = accepted.flat_map(|value| value.split(',')).map(str::trim).collect();
    weight(&accepted, "text/html") > weight(&accepted, "application/json")
}

/// The weight of a media type in thousandths, by the most specific range that includes it (RFC
/// 9110, 12.5.1).
fn weight(accepted: &[&str], media_type: &str) -> u16 {
    let family = media_type.split('/').next().unwrap_or_default();
    let ranges = accepted.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let is_family = || range.strip_suffix("/*").is_some_and(|range| range == family);
        let precision = match range.as_str() {
            "*/*" => 1,
            range if range == media_type => 3,
            _ if is_family() => 2,
            _ => return None,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((precision, quality.map_or(Some(1000), thousandths)?))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

/// A weight in thousandths: `0.85` is 850. `None` if it is no valid weight.
fn thousandths(quality: &str) -> Option<u16> {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let is_weight = matches!(whole, "0" | "1")
        && fraction.len() <= 3
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let weight = format!("{whole}{fraction:0<3}").parse().ok()?;
    (is_weight && weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gets_html(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::try_from(accept).expect("a header"));
        prefers_html(&headers)
    }

    #[test]
    fn browsers_get_the_page_and_programs_the_index() {
        let chromium =
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for accept in [chromium, "text/html", "TEXT/*", "application/json;q=0.5, text/html;level=1;q=0.6"] {
            assert!(gets_html(accept), "{accept}");
        }
        let even = "text/html, application/json";
        for accept in ["*/*", "application/json", even, "*/*, text/html;q=0.1", "text/html;q=2", "", ";;,=,"]
        {
            assert!(!gets_html(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn the_page_runs_only_its_own_script_and_style() {
        let page = page();
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = PAGE.html();
        assert!(!html.contains("{{"), "a part is missing");
        assert_eq!(html.matches("</script>").count(), 1, "the script ends itself");
        assert_eq!(html.matches("</style>").count(), 1, "the style ends itself");
        assert!(
            !html.contains("style=\"") && !SCRIPT.contains("innerHTML"),
            "the policy forbids it, or should"
        );
    }

    #[test]
    fn the_page_is_small() {
        // About 24,000 as it is sent, compressed. Every refusal that a buyer can meet has its words in it.
        assert!(PAGE.html().len() < 84_000, "{} bytes on a bad network", PAGE.html().len());
    }
}
