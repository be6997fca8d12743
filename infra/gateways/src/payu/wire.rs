//! The two APIs: who asks, in which form, and how answers look.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Currency;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Account;
use crate::actions::ActError;
use crate::service::{Accounts, Service};

pub(super) const FORM: &str = "/ppp-web-gateway-payu/";
pub(super) const REPORTS: &str = "/reports-api/4.0/service.cgi";
pub(super) const PAYMENTS: &str = "/payments-api/4.0/service.cgi";

/// What handlers share.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) service: Arc<Service>,
    pub(super) accounts: Accounts<Account>,
    /// Counts the orders that were made.
    pub(super) made: Arc<AtomicU64>,
}

/// What every request of the APIs has.
#[derive(Deserialize)]
pub(super) struct Asked<T> {
    pub(super) command: String,
    merchant: Merchant,
    #[serde(alias = "transaction")]
    pub(super) details: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merchant {
    api_login: String,
    api_key: String,
}

/// Why there is nothing to answer with. The status is 200 all the same.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

impl Refused {
    pub(super) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "a simulated gateway cannot write its file");
        Self::new("Internal error")
    }
}

impl From<ActError> for Refused {
    fn from(error: ActError) -> Self {
        Self(error.to_string())
    }
}

/// The merchant that has login and key. One merchant may have accounts in several
/// countries.
pub(super) struct Caller {
    pub(super) merchant_id: String,
}

impl Wire {
    /// Reads a request and finds out whose it is.
    pub(super) fn read<T: for<'de> Deserialize<'de>>(
        &self,
        body: &Bytes,
    ) -> Result<(Caller, Asked<T>), Refused> {
        let asked: Asked<T> = serde_json::from_slice(body)
            .map_err(|error| Refused(format!("Invalid request format: {error}")))?;
        let Merchant { api_login, api_key } = &asked.merchant;
        let fits = |account: &Account| account.api_login == *api_login && account.api_key == *api_key;
        let account = self.accounts.find(fits).ok_or_else(|| Refused::new("Invalid credentials"))?;
        Ok((Caller { merchant_id: account.merchant_id }, asked))
    }

    /// The account that an order belongs to, if it is the caller's.
    pub(super) fn account(&self, caller: &Caller, merchant: &str) -> Option<Account> {
        let ours = |account: &Account| account.merchant_id == caller.merchant_id && account.key() == merchant;
        self.accounts.find(ours)
    }
}

/// An answer of either API; `place` is what it calls the thing that was asked for.
pub(super) fn outcome<T: Serialize>(
    headers: &HeaderMap,
    place: &'static str,
    result: Result<Option<T>, Refused>,
) -> Response {
    #[derive(Serialize)]
    struct Outcome<'a> {
        code: &'static str,
        error: Option<&'a str>,
        #[serde(flatten)]
        found: std::collections::BTreeMap<&'static str, Option<Box<RawValue>>>,
    }
    let (code, error, found) = match result {
        Ok(found) => ("SUCCESS", None, found),
        Err(Refused(why)) => ("ERROR", Some(why), None),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("application/json") {
        let body = format!("<response><code>{code}</code></response>");
        return ([(header::CONTENT_TYPE, "application/xml")], body).into_response();
    }
    let found = found.map(|found| serde_json::value::to_raw_value(&found)).transpose();
    let body = found.and_then(|found| {
        let found = std::collections::BTreeMap::from([(place, found)]);
        serde_json::to_string(&Outcome { code, error: error.as_deref(), found })
    });
    match body {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer has no JSON form");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The zone of a currency's country, on whose clock times without an offset are.
pub(super) fn zone(currency: Currency) -> jiff::tz::TimeZone {
    let name = match currency.code() {
        "ARS" => "America/Argentina/Buenos_Aires",
        "BRL" => "America/Sao_Paulo",
        "CLP" => "America/Santiago",
        "MXN" => "America/Mexico_City",
        "PEN" => "America/Lima",
        _ => "America/Bogota",
    };
    jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
}
