//! Client of Mercado Pago's Checkout Pro.
//!
//! # Protocol
//!
//! JSON over HTTP with `Authorization: Bearer <access token>`; amounts are decimal
//! numbers, without decimals in CLP and COP.
//!
//! - `POST /checkout/preferences` → 201 or 200, a page for the buyer, and no payment yet
//! - `PUT /checkout/preferences/{id}` → 200, the page with another end
//! - `GET /v1/payments/{id}` → 200, a payment; `PUT` with the status `cancelled`, if it is
//!   not decided
//! - `GET /v1/payments/search?external_reference=` → 200, `{"results": [..]}`
//! - `POST /v1/payments/{id}/refunds` with `X-Idempotency-Key` → 201, a refund
//! - `GET /v1/payments/{id}/refunds`, `GET /v1/payments/{id}/refunds/{id}`
//! - `GET /v1/payment_methods` → the ways to pay in the account's country
//! - `GET /merchant_orders/{id}`, `GET /v1/chargebacks/{id}` → which payments they are about
//! - errors: `{"message", "error", "status", "cause": [{"code", "description"}]}`
//!
//! Notifications carry `x-signature: ts=<digits>,v1=<hex>`, an HMAC-SHA-256 of the
//! resource's id, the request's id and the time, but not of the body.
//!
//! # Statuses
//!
//! The first row that fits counts.
//!
//! | `status` | `status_detail` | Ours | Dispute | Note |
//! |---|---|---|---|---|
//! | `pending`, `in_process` | any | `pending` | | |
//! | `authorized` | any | `pending` | | the card is good, the money not taken |
//! | `approved` | any | `approved` | | `partially_refunded` shows in the amount that was given back |
//! | `in_mediation` | any | `approved` | `open` | |
//! | `rejected` | any | `declined` | | |
//! | `cancelled`, `canceled` | `expired` | `expired` | | newer documentation has one l |
//! | `cancelled`, `canceled` | any | `cancelled` | | |
//! | `refunded` | any | `refunded` | | |
//! | `charged_back` | `reimbursed` | `approved` | `won` | |
//! | `charged_back` | `settled` | `charged_back` | `lost` | |
//! | `charged_back` | any | `charged_back` | `open` | |
//! | any | any | `pending` | | an error in the log |

mod close;
mod failure;
mod methods;
mod payment;
mod preference;
mod refund;
mod related;
mod signature;
mod status;
mod webhook;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use outbound::{Call, Connections, HttpClient, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Builder;

use crate::credentials::{BadCredential, CredentialCheck, Mode, plain};
use crate::{
    Checkout, CreatePayment, GatewayError, GatewayName, MethodOffer, MethodsAsked, Notification, OpenPayment,
    PaymentGateway, PaymentHint, PaymentReport, RefundPayment, RefundReport, Reply, Result, WebhookRefused,
    WebhookRequest,
};

pub use signature::{REQUEST_ID_HEADER, SIGNATURE_HEADER, manifest, sign};
pub use status::{MappedStatus, map_status};

/// Mercado Pago's address, in tests and for real money: the token decides.
pub const API: &str = "https://api.mercadopago.com";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// The credentials of an organiser's account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The application's access token: `APP_USR-…`, in older test accounts `TEST-…`.
    pub access_token: String,
    /// The key of the signatures of the application's notifications.
    pub webhook_secret: String,
}

impl fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Checks what can be seen without asking Mercado Pago.
    ///
    /// # Errors
    /// The first credential that is wrong.
    pub fn check(&self, mode: Mode) -> Result<(), BadCredential> {
        plain("access_token", &self.access_token, 16..=256)?;
        plain("webhook_secret", &self.webhook_secret, 8..=256)?;
        let (test, user) =
            (self.access_token.starts_with("TEST-"), self.access_token.starts_with("APP_USR-"));
        if !test && !user {
            return Err(BadCredential::new(
                "access_token",
                "An access token starts with APP_USR- or TEST-. Copy the access token, not the public key.",
            ));
        }
        if test && mode == Mode::Live {
            return Err(BadCredential::new(
                "access_token",
                "This is a test token. Enter the production token, or choose the test mode.",
            ));
        }
        Ok(())
    }
}

/// Client of one account at Mercado Pago.
pub struct MercadoPagoGateway {
    http: HttpClient,
    webhook_secret: String,
    mode: Mode,
    /// Older test tokens have a page of their own for the buyer.
    test_page: bool,
    methods: methods::KnownMethods,
}

impl fmt::Debug for MercadoPagoGateway {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MercadoPagoGateway").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl MercadoPagoGateway {
    /// Mercado Pago at `url`, which is [`API`] unless something stands in for it.
    ///
    /// # Errors
    /// If the credentials cannot be any.
    pub fn new(
        url: Url,
        credentials: &Credentials,
        mode: Mode,
        connections: &Connections,
    ) -> Result<Self, BadCredential> {
        credentials.check(mode)?;
        let unsendable = |_| BadCredential::new("access_token", "This cannot be sent. Copy it again.");
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", credentials.access_token)).map_err(unsendable)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        Ok(Self {
            http: HttpClient::new(url, headers, connections),
            webhook_secret: credentials.webhook_secret.clone(),
            mode,
            test_page: credentials.access_token.starts_with("TEST-"),
            methods: methods::KnownMethods::default(),
        })
    }

    async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let answer = self.http.send(call).await?;
        if answer.status.is_success() {
            return answer.json().map_err(|error| GatewayError::Protocol(error.to_string()));
        }
        Err(failure::gateway_error(&answer))
    }

    async fn check(&self) -> Result<CredentialCheck> {
        // Every account may search its payments, and the answer is bounded.
        let answer = self.http.send(&payment::search("taquilla-credential-check", 1)).await?;
        match answer.status {
            status if status.is_success() => Ok(CredentialCheck::Accepted { account: None }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Ok(CredentialCheck::Refused(BadCredential::new(
                    "access_token",
                    "Mercado Pago does not accept this access token. Copy it again from your application's credentials.",
                )))
            }
            _ => Err(failure::gateway_error(&answer)),
        }
    }
}

impl PaymentGateway for MercadoPagoGateway {
    fn name(&self) -> GatewayName {
        GatewayName::MercadoPago
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        Box::pin(self.create_preference(payment))
    }

    fn methods<'a>(&'a self, asked: &'a MethodsAsked) -> Reply<'a, Vec<MethodOffer>> {
        Box::pin(async { Ok(self.offered_methods(asked).await) })
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        self.notification(request)
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(self.payment_report(payment_id))
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.payments_of_reference(reference))
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.refund_once(refund))
    }

    fn refund_report<'a>(&'a self, payment_id: &'a str, refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(self.report_of_refund(payment_id, refund_id))
    }

    fn close<'a>(&'a self, payment: &'a OpenPayment) -> Reply<'a, ()> {
        Box::pin(self.close_preference(payment))
    }

    fn payments_behind<'a>(&'a self, hint: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.reports_behind(hint))
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(self.check())
    }
}

/// An idempotency key as Mercado Pago documents it, a version 4 UUID: the same for
/// the same key of ours.
fn idempotency_key(key: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_uuids_that_never_change() {
        insta::assert_snapshot!(idempotency_key("ord_1-0-refund-0-100"), @"ce1bad72-90ec-497b-bfcf-4c3013c18956");
        assert_eq!(idempotency_key("a"), idempotency_key("a"));
        assert_ne!(idempotency_key("a"), idempotency_key("b"));
    }

    #[test]
    fn credentials_are_checked_before_they_are_used() {
        let field = |token: &str, secret: &str, mode| {
            let credentials =
                Credentials { access_token: token.to_owned(), webhook_secret: secret.to_owned() };
            MercadoPagoGateway::new(API.parse().expect("a URL"), &credentials, mode, &Connections::default())
                .err()
                .map(|bad| bad.field)
        };
        let (live, test) = ("APP_USR-1234567890-abc", "TEST-1234567890-abcdef");
        assert_eq!(field(live, "secret-4711", Mode::Live), None);
        assert_eq!(field(live, "secret-4711", Mode::Test), None);
        assert_eq!(field(test, "secret-4711", Mode::Test), None);
        assert_eq!(field(test, "secret-4711", Mode::Live), Some("access_token"));
        assert_eq!(field("1234567890-abcdef", "secret-4711", Mode::Test), Some("access_token"));
        assert_eq!(field(live, "", Mode::Live), Some("webhook_secret"));
        assert_eq!(field(live, "two words", Mode::Live), Some("webhook_secret"));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let credentials = Credentials {
            access_token: "APP_USR-4711-4711-4711".to_owned(),
            webhook_secret: "secret-4711".to_owned(),
        };
        let url = API.parse().expect("a URL");
        let gateway = MercadoPagoGateway::new(url, &credentials, Mode::Live, &Connections::default());
        let gateway = gateway.expect("credentials");
        assert!(!format!("{credentials:?}{gateway:?}{:?}", gateway.http).contains("4711"));
    }
}
