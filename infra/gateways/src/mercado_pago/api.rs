//! Calls, and who may make them.

use std::io;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::views::{chargeback, merchant_order, payment};
use super::{Account, Wire};
use crate::actions::{ActError, Action};
use crate::purchase::{Purchase, Status};
use crate::server::bearer;

/// The most payments that one search answers with, and how many if nobody says.
const MAX_FOUND: usize = 100;
const FOUND: usize = 30;

/// An error as the protocol has it.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    error: &'static str,
    message: String,
    cause: Option<(u16, String)>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, message: message.into(), cause: None }
    }

    /// A refusal with a code.
    pub(super) fn because(code: u16, description: impl Into<String>) -> Self {
        let description = description.into();
        let failure = Self::new(StatusCode::BAD_REQUEST, "bad_request", description.clone());
        Self { cause: Some((code, description)), ..failure }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn not_found(code: u16, what: &str) -> Self {
        let failure = Self::because(code, format!("{what} not found"));
        Self { status: StatusCode::NOT_FOUND, error: "not_found", ..failure }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, error, message, cause } = self;
        let cause: Vec<Value> = cause
            .iter()
            .map(|(code, text)| json!({ "code": code, "description": text, "data": null }))
            .collect();
        let body = json!({ "message": message, "error": error, "status": status.as_u16(), "cause": cause });
        (status, Json(body)).into_response()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "a simulated gateway cannot write its file");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "It cannot store anything.")
    }
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NoSuchPayment => Self::not_found(2000, "Payment"),
            ActError::Refused(refusal) => Self::because(2063, refusal.message),
            ActError::Storage(error) => error.into(),
        }
    }
}

/// Whoever has the access token.
impl FromRequestParts<Wire> for Account {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Failure> {
        let token = bearer(&parts.headers);
        let account = wire.accounts.find(|account| account.access_token == token);
        account.ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "invalid access token"))
    }
}

#[derive(Deserialize)]
pub(super) struct Page {
    pref_id: String,
}

/// The address that buyers are sent to.
pub(super) async fn open(Query(page): Query<Page>) -> Redirect {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    Redirect::to(&format!("/pay/{}", page.pref_id.chars().filter(plain).collect::<String>()))
}

/// What is called `name` and belongs to the merchant.
pub(super) fn look<T>(
    wire: &Wire,
    account: &Account,
    name: &str,
    pick: impl Fn(&Purchase) -> Option<T>,
) -> Result<Option<T>, Failure> {
    let ours = |purchase: &Purchase| if purchase.merchant == account.key() { pick(purchase) } else { None };
    Ok(wire.service.look(name, ours)?)
}

pub(super) async fn read(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::invalid("the id must be a number"));
    }
    let found = look(&wire, &account, &id, |purchase| {
        purchase.position(&id).map(|at| Json(payment(&account, purchase, &purchase.attempts[at])))
    })?;
    found.map(IntoResponse::into_response).ok_or_else(|| Failure::not_found(2000, "Payment"))
}

/// The ways to pay in the account's country.
pub(super) async fn methods(account: Account) -> Json<Value> {
    let counter = super::views::counter(&account);
    let method = |id: &str, name: &str, kind: &str, status: &str| json!({ "id": id, "name": name, "payment_type_id": kind, "status": status });
    Json(json!([
        method("visa", "Visa", "credit_card", "active"),
        method("master", "Mastercard", "credit_card", "active"),
        method("debvisa", "Visa Débito", "debit_card", "active"),
        method("account_money", "Dinero en cuenta", "account_money", "active"),
        method(
            "pse",
            "PSE",
            "bank_transfer",
            if account.currency.code() == "COP" { "active" } else { "deactive" }
        ),
        method(counter, counter, "ticket", "active"),
        method("redlink", "Red Link", "atm", "active"),
    ]))
}

#[derive(Deserialize)]
pub(super) struct Update {
    status: Option<String>,
}

/// Cancels a payment that is not decided.
pub(super) async fn cancel(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
    Json(update): Json<Update>,
) -> Result<Response, Failure> {
    if update.status.as_deref() != Some("cancelled") {
        return Err(Failure::because(2016, "Invalid status for update"));
    }
    let found = look(&wire, &account, &id, |purchase| {
        purchase.position(&id).map(|at| (purchase.attempts[at].method, purchase.attempts[at].status))
    })?;
    let (method, status) = found.ok_or_else(|| Failure::not_found(2000, "Payment"))?;
    match status {
        Status::Cancelled => {}
        Status::Pending => {
            wire.service.act(&id, Action::Decide(method, Status::Cancelled))?;
        }
        _ => {
            let why = "The action requested is not valid for the current payment state";
            return Err(Failure::because(2018, why));
        }
    }
    read(State(wire), account, Path(id)).await
}

#[derive(Deserialize)]
pub(super) struct Search {
    sort: Option<String>,
    criteria: Option<String>,
    external_reference: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

pub(super) async fn search(
    State(wire): State<Wire>,
    account: Account,
    query: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(search) = query.map_err(|rejection| Failure::invalid(rejection.body_text()))?;
    let descending = match search.criteria.as_deref() {
        Some("desc") => true,
        Some("asc") => false,
        _ => return Err(Failure::invalid("criteria must be asc or desc")),
    };
    if search.sort.as_deref() != Some("date_created") {
        return Err(Failure::invalid("sort must be date_created"));
    }
    let reference = search.external_reference.unwrap_or_default();
    let (limit, offset) = (search.limit.unwrap_or(FOUND).min(MAX_FOUND), search.offset.unwrap_or_default());
    let mut found = wire.service.with_ledger(|ledger| {
        let ours = ledger
            .named(&reference)
            .filter(|purchase| purchase.reference == reference && purchase.merchant == account.key());
        let payments = ours.flat_map(|purchase| {
            let view = |attempt| (attempt, payment(&account, purchase, attempt));
            purchase.attempts.iter().map(view)
        });
        let payments: Vec<_> =
            payments.map(|(attempt, view)| (attempt.created_at, attempt.number, view)).collect();
        Ok::<_, io::Error>(payments)
    })?;
    found.sort_by_key(|(at, number, _)| (*at, *number));
    if descending {
        found.reverse();
    }
    let total = found.len();
    let results: Vec<_> = found.into_iter().map(|(_, _, view)| view).skip(offset).take(limit).collect();
    let answer = Found { paging: json!({ "total": total, "limit": limit, "offset": offset }), results };
    Ok(Json(answer).into_response())
}

#[derive(serde::Serialize)]
struct Found<T> {
    paging: Value,
    results: Vec<T>,
}

pub(super) async fn order(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let found = look(&wire, &account, &id, |purchase| {
        let known = purchase.number.to_string() == id && !purchase.attempts.is_empty();
        known.then(|| Json(merchant_order(&account, purchase)))
    })?;
    found.map(IntoResponse::into_response).ok_or_else(|| Failure::not_found(404, "Merchant order"))
}

pub(super) async fn dispute(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let found = look(&wire, &account, &id, |purchase| {
        let attempt = purchase.attempts.iter().find(|attempt| {
            attempt.dispute.as_ref().is_some_and(|dispute| dispute.number.to_string() == id)
        })?;
        Some(Json(chargeback(&account, purchase, attempt)))
    })?;
    found.map(IntoResponse::into_response).ok_or_else(|| Failure::not_found(404, "Chargeback"))
}
