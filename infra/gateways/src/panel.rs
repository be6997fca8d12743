//! The page of the merchant and of the people who look at refunds.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Language, Money};
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use crate::actions::ActError;
use crate::checkout::state;
use crate::page::{amount, html, language_code};
use crate::purchase::RefundState;
use crate::service::Service;

/// The most purchases, and the most refunds, that it shows.
const MOST: usize = 50;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new().route("/", get(show)).route("/review/{id}/{verdict}", post(review))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    lang: Language,
}

#[derive(Serialize)]
struct Row {
    id: String,
    reference: String,
    seller: String,
    description: String,
    amount: String,
    states: Vec<&'static str>,
}

#[derive(Serialize)]
struct Review {
    id: String,
    reference: String,
    amount: String,
    reason: Option<String>,
}

async fn show(State(service): State<Arc<Service>>, Query(asked): Query<Asked>) -> Response {
    let language = asked.lang;
    let collected = service.with_ledger(|ledger| {
        let row = |purchase: &super::Purchase| Row {
            id: purchase.id.clone(),
            reference: purchase.reference.clone(),
            seller: purchase.seller.clone(),
            description: purchase.description.clone(),
            amount: amount(purchase.amount, language),
            states: purchase
                .attempts
                .iter()
                .map(|attempt| state(attempt, purchase.amount.amount, language))
                .collect(),
        };
        let rows: Vec<_> = ledger.newest_first().take(MOST).map(row).collect();
        let mut reviews = Vec::new();
        for purchase in ledger.newest_first() {
            for refund in purchase.attempts.iter().flat_map(|attempt| &attempt.refunds) {
                if refund.state == RefundState::InReview && reviews.len() < MOST {
                    reviews.push(Review {
                        id: refund.id.clone(),
                        reference: purchase.reference.clone(),
                        amount: amount(Money::new(refund.amount, purchase.amount.currency), language),
                        reason: refund.reason.clone(),
                    });
                }
            }
        }
        Ok::<_, io::Error>((rows, reviews))
    });
    let (rows, reviews) = match collected {
        Ok(collected) => collected,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let page = service.templates.get_template("panel.html").and_then(|template| {
        template.render(context! {
            lang => language_code(language),
            es => language == Language::Es,
            title => service.protocol.title(),
            reviews => Serde(reviews),
            purchases => Serde(rows),
        })
    });
    html(StatusCode::OK, page)
}

async fn review(
    State(service): State<Arc<Service>>,
    Path((id, verdict)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Response {
    let approve = match verdict.as_str() {
        "approve" => true,
        "decline" => false,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match service.review(&id, approve) {
        // Somebody else was faster: the page says what is left.
        Ok(()) | Err(ActError::Refused(_)) => {
            Redirect::to(&format!("/?lang={}", language_code(asked.lang))).into_response()
        }
        Err(ActError::NoSuchPayment) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
