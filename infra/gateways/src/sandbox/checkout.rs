use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::{Language, Money};
use minijinja::value::Serde;
use minijinja::{Environment, context};
use reqwest::Url;
use serde::Deserialize;

use super::Service;
use super::api::ApiError;
use super::payment::{Action, Method, Payment, Status};
use crate::actions::ActError;
use crate::page::{self, amount, html, language_code};

/// How long after the expiry "pay after the deadline" pays: longer than a merchant
/// whose hold ends shortly after the payment's expiry keeps the goods.
const LATE_SECONDS: u32 = 120;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new().route("/pay/{id}", get(show)).route("/pay/{id}/{choice}", post(choose))
}

/// The templates of the page that a buyer sees.
pub(super) fn templates() -> Environment<'static> {
    page::templates(&[("checkout.html", include_str!("checkout.html"))])
}

async fn show(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let payment = service.payment(&id)?;
    let status = if payment.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    Ok(html(status, render(&service.templates, payment.as_ref())))
}

fn render(templates: &Environment<'_>, payment: Option<&Payment>) -> Result<String, minijinja::Error> {
    let language = payment.map(|payment| payment.language).unwrap_or_default();
    templates.get_template("checkout.html")?.render(context! {
        lang => language_code(language),
        es => language == Language::Es,
        payment => payment.map(Serde),
        amount => payment.map(|payment| amount(Money::new(payment.amount, payment.currency), language)),
        back => payment.map(return_url),
    })
}

#[derive(Deserialize)]
struct Choice {
    /// For `later`: how many seconds.
    seconds: Option<u32>,
}

/// Does what the buyer chose and sends the browser back to the shop.
async fn choose(
    State(service): State<Arc<Service>>,
    Path((id, choice)): Path<(String, String)>,
    Query(details): Query<Choice>,
) -> Result<Response, ApiError> {
    let payment = service.payment(&id)?.ok_or_else(ApiError::not_found)?;
    let action = match choice.as_str() {
        "approve" => Action::Approve(Method::Card),
        "cash" => Action::Approve(Method::Cash),
        "decline" => Action::Decline,
        "cancel" => Action::Cancel,
        "later" => Action::ApproveAt(service.later(details.seconds.unwrap_or(15))),
        "after-expiry" => {
            Action::ApproveAt(payment.expires_at + jiff::SignedDuration::from_secs(LATE_SECONDS.into()))
        }
        _ => return Err(ApiError::not_found()),
    };
    let location = match service.act(&id, action) {
        Ok(payment) => return_url(&payment),
        // Somebody else was faster, or the time is over: the page says how it stands.
        Err(ActError::Refused(_)) => format!("/pay/{id}"),
        Err(error) => return Err(error.into()),
    };
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// The shop's address with what the browser claims about the payment. A shop that
/// believes it gives away tickets to everybody who can type.
fn return_url(payment: &Payment) -> String {
    let status = match payment.status {
        Status::Approved | Status::Refunded | Status::ChargedBack => "approved",
        Status::Declined => "declined",
        Status::Cancelled => "cancelled",
        Status::Expired => "expired",
        Status::Pending => "pending",
    };
    let pairs = [("payment_id", payment.id.as_str()), ("reference", &payment.reference), ("status", status)];
    match Url::parse_with_params(&payment.return_url, pairs) {
        Ok(url) => url.into(),
        // Checked when the payment was created.
        Err(_) => payment.return_url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::payment_for_tests;
    use super::*;

    #[test]
    fn every_state_has_a_page_in_both_languages_and_nothing_is_injected() {
        let templates = templates();
        for status in [
            Status::Pending,
            Status::Approved,
            Status::Declined,
            Status::Cancelled,
            Status::Expired,
            Status::Refunded,
            Status::ChargedBack,
        ] {
            for (language, word) in [(Language::Es, "Total"), (Language::En, "Total to pay")] {
                let description = "<script>alert(1)</script>".to_owned();
                let payment = Payment { status, language, description, ..payment_for_tests() };
                let page = render(&templates, Some(&payment)).expect("a page");
                assert!(page.contains(word) && page.contains("CLP 1") && !page.contains("<script"), "{page}");
                let can_pay = matches!(status, Status::Pending | Status::Expired);
                assert_eq!(page.contains("formaction=\"/pay/pay_1/approve\""), can_pay, "{status:?}");
            }
        }
        assert!(render(&templates, None).expect("a page").contains("no existe"));
    }

    #[test]
    fn the_shops_own_parameters_survive() {
        let payment =
            Payment { return_url: "http://shop.example/o/1?a=b#x".to_owned(), ..payment_for_tests() };
        assert_eq!(
            return_url(&payment),
            "http://shop.example/o/1?a=b&payment_id=pay_1&reference=r&status=pending#x"
        );
    }
}
