//! The pages on the way to a gateway and back.
//!
//! PayU needs a form posted from the buyer's browser: `/checkout` posts the fields in its own
//! address after the `#`, to PayU's checkouts and nowhere else. Buyers come back to
//! `/purchases/{id}`, with whatever query the gateway appends; the page shows only what the box
//! office's API says about the order.

use aide::axum::ApiRouter;
use axum::response::Response;
use axum::routing::get;
use boot::{ConfigError, Env, Stage};
use web::Shared;

use crate::State;
use crate::page::{self, Page};

const DOCUMENT: &str = include_str!("../pages/checkout.html");
const STYLE: &str = include_str!("../pages/checkout.css");
const SCRIPT: &str = include_str!("../pages/checkout.js");

/// PayU's checkouts, for real payments and for tests.
const CHECKOUTS: [&str; 2] = [
    "https://checkout.payulatam.com/ppp-web-gateway-payu/",
    "https://sandbox.checkout.payulatam.com/ppp-web-gateway-payu/",
];
/// Variable with the address of the simulated checkout, only on the stage `local`.
const STAND_IN: &str = "PAYU_CHECKOUT_URL";

pub(crate) fn routes() -> ApiRouter<State> {
    // Pages for people are not part of the API's description.
    ApiRouter::new().route("/checkout", get(checkout)).route("/purchases/{id}", get(returned))
}

/// The page that posts the form, with the addresses that this stage allows.
pub(crate) fn page(env: &Env) -> Result<Page, ConfigError> {
    let mut allowed = CHECKOUTS.to_vec();
    if let (Stage::Local, Some(url)) = (env.stage()?, env.optional(STAND_IN)) {
        if origin(url).is_none() {
            return Err(ConfigError::new(STAND_IN, "is no plain address such as http://127.0.0.1:4013/"));
        }
        allowed.push(url);
    }
    let origins: Vec<_> = allowed.iter().copied().filter_map(origin).collect();
    let policy = format!("base-uri 'none'; form-action {}; frame-ancestors 'none'", origins.join(" "));
    // A Rust list of plain strings is also a valid JavaScript array.
    let script = SCRIPT.replacen("{{allowed}}", &format!("{allowed:?}"), 1);
    Ok(Page::new(DOCUMENT, STYLE, &script, &policy))
}

/// Scheme and host of a plain address; `None` for any other address.
fn origin(url: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_".contains(&byte);
    let (scheme, rest) = url.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    let known = matches!(scheme, "http" | "https") && !host.is_empty();
    (known && url.bytes().all(is_plain)).then(|| &url[..scheme.len() + 3 + host.len()])
}

async fn checkout(Shared(state): Shared<State>) -> Response {
    state.checkout.answer()
}

async fn returned() -> Response {
    page::page()
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    fn env(stage: &str, stand_in: &str) -> Env {
        let variables = [("STAGE", stage), (STAND_IN, stand_in)];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect()
    }

    fn policy(page: &Page) -> String {
        page.answer().headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn forms_go_to_payu_and_nowhere_else() {
        let hosts = "form-action https://checkout.payulatam.com https://sandbox.checkout.payulatam.com";
        for stage in ["staging", "production"] {
            let page = page(&env(stage, "http://127.0.0.1:4013/checkout/")).expect("a page");
            assert!(policy(&page).contains(&format!("{hosts};")), "{}", policy(&page));
            assert!(!page.html().contains("127.0.0.1"));
        }
        let local = page(&env("local", "http://127.0.0.1:4013/checkout/")).expect("a page");
        assert!(policy(&local).contains(&format!("{hosts} http://127.0.0.1:4013;")), "{}", policy(&local));
        assert!(local.html().contains(r#", "http://127.0.0.1:4013/checkout/"];"#));
        for wrong in ["http://127.0.0.1:4013", "javascript://x/", "http://a b/", "http://a;b/", "http:///"] {
            let refused = page(&env("local", wrong)).expect_err(wrong);
            assert_eq!(refused.variable, STAND_IN);
        }
    }

    #[test]
    fn the_allowed_checkouts_are_those_of_the_payu_client() {
        use payments::Mode;
        use payments::payu::Endpoints;
        let known = [Mode::Live, Mode::Test].map(|mode| Endpoints::of(mode).checkout.to_string());
        assert_eq!(known, CHECKOUTS);
    }

    #[test]
    fn the_page_runs_only_its_own_script_and_sends_no_referrer() {
        let page = page(&env("production", "")).expect("a page");
        let policy = policy(&page);
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("connect-src"), "{policy}");
        assert_eq!(page.answer().headers()[header::REFERRER_POLICY], "no-referrer");
        assert!(!page.html().contains("{{") && page.html().len() < 5000, "{}", page.html().len());
    }
}
