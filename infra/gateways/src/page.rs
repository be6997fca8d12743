//! What the pages of all gateways have in common.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Language, Money};
use minijinja::Environment;

/// The templates of these pages, and of the shell around each.
pub(crate) fn templates(pages: &[(&'static str, &'static str)]) -> Environment<'static> {
    let shell = [("shell.html", include_str!("shell.html")), ("page.css", include_str!("page.css"))];
    let mut templates = Environment::new();
    for (name, text) in shell.iter().chain(pages) {
        templates
            .add_template(name, text)
            .expect("the templates are part of the program and tests render them");
    }
    templates
}

/// A page, or 500 if it cannot be rendered. Nothing on it may run or load anything.
pub(crate) fn html(status: StatusCode, page: Result<String, minijinja::Error>) -> Response {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(%error, "a page of a gateway cannot be rendered");
            return (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.").into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    (status, headers, page).into_response()
}

/// The language as pages and templates have it.
pub(crate) fn language_code(language: Language) -> &'static str {
    say(language, "es", "en")
}

/// The text in this language.
pub(crate) fn say(language: Language, es: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Es => es,
        Language::En => en,
    }
}

/// The amount as people of the language write it: `COP 12.500,00`, `COP 12,500.00`.
pub(crate) fn amount(money: Money, language: Language) -> String {
    let (thousands, decimals) = match language {
        Language::Es => ('.', ','),
        Language::En => (',', '.'),
    };
    let plain = money.to_string();
    let (code, number) = plain.split_once(' ').unwrap_or(("", &plain));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(thousands);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(decimals);
        text.push_str(fraction);
    }
    format!("{code} {text}")
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    #[test]
    fn amounts_are_written_as_people_write_them() {
        let check =
            |amount_in_minor, currency, language| amount(Money::new(amount_in_minor, currency), language);
        assert_eq!(check(1_250_000, Currency::COP, Language::Es), "COP 12.500");
        assert_eq!(check(123_456_789, Currency::ARS, Language::En), "ARS 1,234,567.89");
        assert_eq!(check(9_900, Currency::CLP, Language::Es), "CLP 9.900");
        assert_eq!(check(999, Currency::CLP, Language::Es), "CLP 999");
        assert_eq!(check(5, Currency::COP, Language::En), "COP 0.05");
    }
}
