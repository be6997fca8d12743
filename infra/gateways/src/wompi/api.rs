//! Calls, and who may make them.

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, Wire, checkout, is_void, is_voidable, method_word, status_word, written};
use crate::actions::ActError;
use crate::purchase::{Attempt, Method, Origin, Purchase, Refund, Status};
use crate::server::bearer;
use crate::service::{Accounts, Service};

/// The most transactions that one list answers with.
const MAX_LIST: usize = 100;

pub(super) fn router(service: &Arc<Service>, accounts: Accounts<Account>) -> Router {
    Router::new()
        .route("/p/", get(checkout::open))
        .route("/v1/transactions", get(list))
        .route("/v1/transactions/{id}", get(read))
        .route("/v1/transactions/{id}/void", post(void))
        .route("/v1/merchants/{key}", get(merchant))
        .with_state(Wire { service: Arc::clone(service), accounts })
}

/// An error as the protocol has it.
#[derive(Debug)]
pub(super) struct Failure(StatusCode, Value);

impl Failure {
    /// With a reason.
    pub(super) fn because(status: StatusCode, kind: &str, reason: &str) -> Self {
        Self(status, json!({ "type": kind, "reason": reason }))
    }

    /// With what is wrong about a field.
    fn invalid(field: &str, message: &str) -> Self {
        let messages = json!({ field: [message] });
        let detail = json!({ "type": "INPUT_VALIDATION_ERROR", "messages": messages });
        Self(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    fn not_found() -> Self {
        let reason = "La entidad solicitada no existe";
        Self::because(StatusCode::NOT_FOUND, "NOT_FOUND_ERROR", reason)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status, detail) = self;
        (status, Json(json!({ "error": detail }))).into_response()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "a simulated gateway cannot write its file");
        Self::because(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "It cannot store anything.")
    }
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NoSuchPayment => Self::not_found(),
            ActError::Refused(refusal) => Self::invalid("transaction", refusal.message),
            ActError::Storage(error) => error.into(),
        }
    }
}

/// A merchant with one of its keys.
struct Caller {
    account: Account,
    private: bool,
}

impl FromRequestParts<Wire> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Failure> {
        let key = bearer(&parts.headers);
        let account = wire.accounts.find(|account| account.private_key == key || account.public_key == key);
        let account = account.ok_or_else(|| refused_token("La llave no existe"))?;
        Ok(Self { private: account.private_key == key, account })
    }
}

fn refused_token(reason: &str) -> Failure {
    Failure::because(StatusCode::UNAUTHORIZED, "INVALID_ACCESS_TOKEN", reason)
}

impl Caller {
    fn private(self) -> Result<Account, Failure> {
        if self.private { Ok(self.account) } else { Err(refused_token("Se requiere la llave privada")) }
    }
}

/// A transaction as the wire has it.
fn transaction(account: &Account, purchase: &Purchase, attempt: &Attempt) -> Value {
    let kind = method_word(attempt.method);
    let extra = match attempt.method {
        Method::Card => json!({
            "name": "VISA-4242",
            "brand": "VISA",
            "last_four": "4242",
            "processor_response_code": if attempt.status == Status::Approved { "00" } else { "51" },
        }),
        Method::Wallet => json!({ "transaction_id": attempt.number.to_string() }),
        Method::Bank => json!({ "async_payment_url": null, "ticket_id": attempt.number.to_string() }),
        // Of every second one the number at the counter is not told.
        Method::Cash if attempt.number.is_multiple_of(2) => json!({
            "business_agreement_code": "12345",
            "payment_intention_identifier": attempt.number.to_string(),
        }),
        Method::Cash => json!({}),
    };
    let message = match attempt.status {
        Status::Declined => Some("Fondos insuficientes"),
        Status::Cancelled => Some("El usuario canceló"),
        Status::Failed => Some("Error en el procesador"),
        Status::Expired => Some("La transacción expiró"),
        Status::Open | Status::Pending | Status::Approved => None,
    };
    json!({
        "id": attempt.id,
        "created_at": written(attempt.created_at),
        "finalized_at": attempt.decided_at.map(written),
        "amount_in_cents": purchase.amount.amount,
        "reference": purchase.reference,
        "currency": purchase.amount.currency,
        "customer_email": purchase.buyer.email,
        "payment_method_type": kind,
        "payment_method": { "type": kind, "extra": extra, "installments": 1 },
        "redirect_url": purchase.return_urls[0],
        "status": status_word(attempt.status, is_void(attempt)),
        "status_message": message,
        "shipping_address": null,
        "payment_link_id": null,
        "payment_source_id": null,
        "merchant": {
            "id": account.number,
            "name": account.name,
            "legal_name": account.name,
            "contact_name": account.name,
            "phone_number": "+573000000000",
            "email": "comercio@example.com",
            "legal_id_type": "NIT",
            "legal_id": "900000000",
            "logo_url": null,
        },
    })
}

async fn read(
    State(wire): State<Wire>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let account = caller.account;
    let found = wire.service.look(&id, |purchase| {
        let at = purchase.position(&id).filter(|_| purchase.merchant == account.public_key)?;
        Some(transaction(&account, purchase, &purchase.attempts[at]))
    })?;
    Ok(Json(json!({ "data": found.ok_or_else(Failure::not_found)?, "meta": {} })))
}

#[derive(Deserialize)]
struct Listing {
    reference: Option<String>,
}

async fn list(
    State(wire): State<Wire>,
    caller: Caller,
    query: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, Failure> {
    let account = caller.private()?;
    let Query(listing) = query.map_err(|rejection| Failure::invalid("query", &rejection.body_text()))?;
    let reference = listing.reference.ok_or_else(|| Failure::invalid("reference", "No está presente"))?;
    let found = wire.service.with_ledger(|ledger| {
        let ours = ledger
            .named(&reference)
            .filter(|purchase| purchase.reference == reference && purchase.merchant == account.public_key);
        let views = ours.flat_map(|purchase| {
            purchase.attempts.iter().map(|attempt| transaction(&account, purchase, attempt))
        });
        Ok::<_, io::Error>(views.take(MAX_LIST).collect::<Vec<_>>())
    })?;
    Ok(Json(json!({ "data": found, "meta": {} })))
}

#[derive(Default, Deserialize)]
struct NewVoid {
    amount_in_cents: Option<i64>,
}

/// Undoes a card payment on the day of its approval.
async fn void(
    State(wire): State<Wire>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let account = caller.private()?;
    let wanted = if body.trim_ascii().is_empty() {
        NewVoid::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Failure::invalid("body", &error.to_string()))?
    };
    let ours = |purchase: &Purchase| {
        let at = purchase.position(&id).filter(|_| purchase.merchant == account.public_key)?;
        Some((purchase.id.clone(), at))
    };
    let (purchase_id, at) = wire.service.look(&id, ours)?.ok_or_else(Failure::not_found)?;
    let view = wire.service.edit(&purchase_id, |purchase, ids, now| {
        if !is_voidable(&purchase.attempts[at], now) {
            return Err(Failure::invalid("transaction", "La transacción no se puede anular"));
        }
        if wanted.amount_in_cents.is_some_and(|cents| cents != purchase.amount.amount) {
            return Err(Failure::invalid("amount_in_cents", "Solo se puede anular el total"));
        }
        let refund = Refund::done(ids, purchase.amount.amount, false, Origin::Void, now);
        let happened = purchase.refund(at, refund).map_err(ActError::from)?;
        let view = transaction(&account, purchase, &purchase.attempts[at]);
        Ok((view, Some(happened)))
    })?;
    Ok((StatusCode::CREATED, Json(json!({ "data": view, "meta": {} }))).into_response())
}

async fn merchant(State(wire): State<Wire>, Path(key): Path<String>) -> Result<Json<Value>, Failure> {
    let account = wire.accounts.find(|account| account.public_key == key).ok_or_else(Failure::not_found)?;
    let acceptance = |kind: &str| {
        json!({
            "acceptance_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ltdWxhdGVk",
            "permalink": "https://wompi.example/terminos.pdf",
            "type": kind,
        })
    };
    Ok(Json(json!({
        "data": {
            "id": account.number,
            "name": account.name,
            "legal_name": account.name,
            "legal_id_type": "NIT",
            "legal_id": "900000000",
            "email": "comercio@example.com",
            "public_key": account.public_key,
            "accepted_currencies": ["COP"],
            "presigned_acceptance": acceptance("END_USER_POLICY"),
            "presigned_personal_data_auth": acceptance("PERSONAL_DATA_AUTH"),
        },
        "meta": {},
    })))
}
