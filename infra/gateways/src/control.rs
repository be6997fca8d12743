//! What scripts do with a simulated gateway; see [`super`] for the addresses.

use std::io;
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

use crate::actions::{ActError, Action};
use crate::faults::Faults;
use crate::purchase::{Method, Purchase, Status};
use crate::service::Service;

/// The most purchases that one list answers with.
const MAX_LIST: usize = 500;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/control/purchases", get(list))
        .route("/control/payments/{about}/{action}", post(act))
        .route("/control/refunds/{id}/{verdict}", post(review))
        .route("/control/faults", get(faults).post(set_faults))
        .route("/control/idle", get(idle))
}

/// Why something is not done.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({ "error": { "message": self.1 } }))).into_response()
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        let status = match &error {
            ActError::NoSuchPayment => StatusCode::NOT_FOUND,
            ActError::Refused(_) => StatusCode::CONFLICT,
            ActError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Only those with this name, or with something in them that has it.
    about: Option<String>,
    /// Only those that somebody tried to pay with this outcome.
    status: Option<Status>,
    limit: Option<usize>,
}

async fn list(
    State(service): State<Arc<Service>>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(listing) = query?;
    let limit = listing.limit.unwrap_or(MAX_LIST).clamp(1, MAX_LIST);
    let purchases = service.with_ledger(|ledger| {
        let has =
            |purchase: &&Purchase| listing.status.is_none_or(|status| purchase.newest(status).is_some());
        let purchases: Vec<_> = match &listing.about {
            Some(about) => ledger.named(about).filter(has).take(limit).cloned().collect(),
            None => ledger.newest_first().filter(has).take(limit).cloned().collect(),
        };
        Ok::<_, io::Error>(purchases)
    });
    let purchases = purchases.map_err(ActError::from)?;
    Ok(axum::Json(json!({ "purchases": purchases })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    method: Option<Method>,
    /// Pending now, and decided by itself so many seconds from now.
    after_seconds: Option<u32>,
    /// Minor units to refund; all that is left if missing.
    amount: Option<i64>,
}

async fn act(
    State(service): State<Arc<Service>>,
    Path((about, action)): Path<(String, String)>,
    query: Result<Query<Details>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Details { method, after_seconds, amount }) = query?;
    let method = method.unwrap_or(Method::Card);
    let status = match action.as_str() {
        "approve" => Some(Status::Approved),
        "decline" => Some(Status::Declined),
        "fail" => Some(Status::Failed),
        "cancel" => Some(Status::Cancelled),
        "expire" => Some(Status::Expired),
        _ => None,
    };
    let action = match (status, after_seconds, action.as_str()) {
        (Some(status), None, _) => Action::Decide(method, status),
        (Some(status), Some(seconds), _) => {
            let seconds = i64::from(seconds.min(30 * 24 * 3600));
            let at = service.clock.now() + jiff::SignedDuration::from_secs(seconds);
            Action::BeginThen(method, status, at)
        }
        (None, None, "begin") => Action::Begin(method),
        (None, None, "mediate") => Action::Mediate,
        (None, None, "charge-back") => Action::ChargeBack,
        (None, None, "win") => Action::CloseDispute { won: true },
        (None, None, "lose") => Action::CloseDispute { won: false },
        (None, None, "refund") => Action::Refund(amount),
        _ => {
            let actions =
                "approve, decline, fail, cancel, expire, begin, mediate, charge-back, win, lose, refund";
            return Err(Problem(StatusCode::BAD_REQUEST, format!("the action must be one of {actions}")));
        }
    };
    let (_, attempt) = service.act(&about, action)?;
    Ok(axum::Json(attempt).into_response())
}

async fn review(
    State(service): State<Arc<Service>>,
    Path((id, verdict)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let approve = match verdict.as_str() {
        "approve" => true,
        "decline" => false,
        _ => return Err(Problem(StatusCode::BAD_REQUEST, "approve or decline it".to_owned())),
    };
    service.review(&id, approve)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(State(service): State<Arc<Service>>) -> axum::Json<Faults> {
    axum::Json(service.faults())
}

async fn set_faults(State(service): State<Arc<Service>>, body: Bytes) -> Result<axum::Json<Faults>, Problem> {
    let wrong = |why: String| Problem(StatusCode::BAD_REQUEST, why);
    let wanted = serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    service.set_faults(wanted).map_err(|why| wrong(why.to_owned()))?;
    Ok(axum::Json(service.faults()))
}

/// Answers once nothing is due or on the wire, so that a script need not guess.
async fn idle(State(service): State<Arc<Service>>) -> Result<StatusCode, Problem> {
    tokio::time::timeout(Duration::from_secs(30), service.idle())
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|_| Problem(StatusCode::CONFLICT, "Notifications are still pending.".to_owned()))
}
