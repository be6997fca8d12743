use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::Service;
use super::api::{Answer, ApiError, PaymentView, parse};
use super::payment::{Action, Method, Status};
use crate::faults::Faults;

/// The most payments that one list answers with.
const MAX_LIST: usize = 500;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/control/payments", get(list))
        .route("/control/payments/{id}/{action}", post(act))
        .route("/control/faults", get(faults).post(set_faults))
        .route("/control/idle", get(idle))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    status: Option<Status>,
    limit: Option<usize>,
}

async fn list(
    State(service): State<Arc<Service>>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Answer<Response> {
    let Query(listing) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let limit = listing.limit.unwrap_or(MAX_LIST).clamp(1, MAX_LIST);
    let payments: Vec<_> = service.with_ledger(|ledger| {
        let wanted = ledger
            .newest_first()
            .filter(|payment| listing.status.is_none_or(|status| payment.status == status));
        Ok::<_, ApiError>(wanted.take(limit).cloned().collect())
    })?;
    let views: Vec<_> = payments.iter().map(|payment| PaymentView::new(&service, payment)).collect();
    Ok(axum::Json(json!({ "payments": views })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionDetails {
    /// `cash` makes the payment one that the API cannot refund.
    method: Option<Method>,
    /// Approves not now, but so many seconds from now.
    after_seconds: Option<u32>,
}

async fn act(
    State(service): State<Arc<Service>>,
    Path((id, action)): Path<(String, String)>,
    query: Result<Query<ActionDetails>, QueryRejection>,
) -> Answer<Response> {
    let Query(details) = query.map_err(|error| ApiError::invalid(error.body_text()))?;
    let action = match (action.as_str(), details.after_seconds) {
        ("approve", None) => Action::Approve(details.method.unwrap_or(Method::Card)),
        ("approve", Some(seconds)) => Action::ApproveAt(service.later(seconds)),
        ("decline", None) => Action::Decline,
        ("cancel", None) => Action::Cancel,
        ("expire", None) => Action::Expire,
        ("chargeback", None) => Action::Chargeback,
        _ => {
            return Err(ApiError::invalid(
                "the action must be approve, decline, cancel, expire or chargeback",
            ));
        }
    };
    let payment = service.act(&id, action)?;
    Ok(axum::Json(PaymentView::new(&service, &payment)).into_response())
}

async fn faults(State(service): State<Arc<Service>>) -> axum::Json<Faults> {
    axum::Json(service.faults())
}

async fn set_faults(State(service): State<Arc<Service>>, body: Bytes) -> Answer<axum::Json<Faults>> {
    service.set_faults(parse(&body)?).map_err(ApiError::invalid)?;
    Ok(axum::Json(service.faults()))
}

/// Answers once no notification is pending, so that a script need not guess.
async fn idle(State(service): State<Arc<Service>>) -> Answer<StatusCode> {
    tokio::time::timeout(Duration::from_secs(30), service.idle())
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|_| ApiError::new(StatusCode::CONFLICT, "busy", "Notifications are still pending."))
}
