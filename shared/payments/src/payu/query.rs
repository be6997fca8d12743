//! Queries to PayU.

use outbound::{Answer, Call};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::PayuGateway;
use crate::credentials::{BadCredential, CredentialCheck};
use crate::untrusted::{clip, protocol};
use crate::{GatewayError, Result};

/// The login that every query carries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Merchant<'a> {
    pub(super) api_login: &'a str,
    pub(super) api_key: &'a str,
}

#[derive(Serialize)]
struct Query<'a> {
    test: bool,
    language: &'static str,
    command: &'static str,
    merchant: Merchant<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// The subject of a query.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Details<'a> {
    OrderId(u64),
    ReferenceCode(&'a str),
    TransactionId(&'a str),
}

impl Details<'_> {
    fn command(&self) -> &'static str {
        match self {
            Self::OrderId(_) => "ORDER_DETAIL",
            Self::ReferenceCode(_) => "ORDER_DETAIL_BY_REFERENCE_CODE",
            Self::TransactionId(_) => "TRANSACTION_RESPONSE_DETAIL",
        }
    }
}

#[derive(Deserialize)]
struct Outcome<T> {
    code: String,
    error: Option<String>,
    result: Option<Payload<T>>,
}

#[derive(Deserialize)]
struct Payload<T> {
    payload: Option<T>,
}

/// The error behind an answer without the expected form: the API answers 200 to
/// everything that it understands.
pub(super) fn not_understood(answer: &Answer) -> GatewayError {
    match answer.status.as_u16() {
        401 | 403 => protocol("it does not accept the API login and key"),
        404 => GatewayError::NotFound,
        _ if answer.is_transient_failure() => GatewayError::unavailable(answer),
        status => GatewayError::Protocol(format!("it answered with status {status} in another form")),
    }
}

/// The gateway understood and will not do it.
pub(super) fn refusal(code: &str, error: Option<&str>) -> GatewayError {
    GatewayError::Refused { code: clip(code, 64), message: clip(error.unwrap_or_default(), 300) }
}

impl PayuGateway {
    pub(super) fn merchant(&self) -> Merchant<'_> {
        Merchant { api_login: &self.credentials.api_login, api_key: &self.credentials.api_key }
    }

    async fn send(&self, command: &'static str, details: Option<Details<'_>>) -> Result<Answer> {
        let query = Query { test: false, language: "en", command, merchant: self.merchant(), details };
        let call = Call::post(["reports-api", "4.0", "service.cgi"], &query)?.only_reads();
        Ok(self.http.send(&call).await?)
    }

    /// Asks, and answers with the payload; `None` if PayU found nothing.
    pub(super) async fn ask<T: DeserializeOwned>(&self, details: Details<'_>) -> Result<Option<T>> {
        let answer = self.send(details.command(), Some(details)).await?;
        if !answer.status.is_success() {
            return Err(not_understood(&answer));
        }
        let outcome: Outcome<T> = answer.json().map_err(|error| GatewayError::Protocol(error.to_string()))?;
        if outcome.code != "SUCCESS" {
            return Err(refusal(&outcome.code, outcome.error.as_deref()));
        }
        Ok(outcome.result.and_then(|result| result.payload))
    }

    /// Checks login and key. No call shows that merchant, account and key belong
    /// together; only PayU's page does.
    pub(super) async fn ping(&self) -> Result<CredentialCheck> {
        /// `PING` has no payload, or a text.
        #[derive(Deserialize)]
        struct Pong {
            code: String,
        }
        let answer = self.send("PING", None).await?;
        let wrong = CredentialCheck::Refused(BadCredential::new(
            "api_key",
            "PayU does not accept this API login and key. Copy both again from the technical information.",
        ));
        match answer.status.as_u16() {
            401 | 403 => Ok(wrong),
            200..=299 => match answer.json::<Pong>() {
                Ok(pong) if pong.code == "SUCCESS" => Ok(CredentialCheck::Accepted { account: None }),
                Ok(_) => Ok(wrong),
                Err(error) => Err(GatewayError::Protocol(error.to_string())),
            },
            _ => Err(not_understood(&answer)),
        }
    }
}
