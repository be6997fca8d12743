//! Client of Wompi's web checkout, in Colombia.
//!
//! # Protocol
//!
//! The buyer's browser opens the checkout with everything in the address, signed:
//! nothing has to be created before. Amounts are whole cents of COP.
//!
//! - `GET /v1/transactions/{id}` → 200, `{"data": {..}}`
//! - `GET /v1/transactions?reference=` with the private key → 200, `{"data": [..]}`
//! - `POST /v1/transactions/{id}/void` with the private key → 201; cards only, all of
//!   the amount, until it is settled in the evening
//! - `GET /v1/merchants/{public key}` → 200, the account's holder
//! - errors: `{"error": {"type", "reason" or "messages"}}`
//!
//! There is no call for refunds: what cannot be voided any more the organiser pays
//! back by hand. Events carry a SHA-256 of the values that they list, the time and a
//! secret, in the body and in `X-Event-Checksum`.
//!
//! # Statuses
//!
//! The first row that fits counts.
//!
//! | `status` | Ours | Note |
//! |---|---|---|
//! | `PENDING` | `pending` | |
//! | `APPROVED` | `approved` | |
//! | `DECLINED`, `ERROR` | `declined` | |
//! | `VOIDED` | `refunded` | only approved card payments are voided |
//! | any | `pending` | an error in the log |

mod checkout;
mod event;
mod failure;
mod transaction;
mod void;

use std::fmt;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use outbound::{Answer, Connections, HttpClient, Url};
use serde::{Deserialize, Serialize};

use crate::credentials::{BadCredential, CredentialCheck, Mode, plain};
use crate::{
    Checkout, CreatePayment, GatewayName, Notification, PaymentGateway, PaymentReport, RefundPayment,
    RefundReport, Reply, Result, WebhookRefused, WebhookRequest,
};

pub use checkout::integrity_signature;
pub use event::{CHECKSUM_HEADER, event_checksum};
pub use transaction::status;

/// Wompi's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The API, with its version: `https://production.wompi.co/v1`.
    pub api: Url,
    /// The page for buyers: `https://checkout.wompi.co/p/`.
    pub checkout: Url,
}

impl Endpoints {
    /// Wompi's own.
    pub fn of(mode: Mode) -> Self {
        let api = match mode {
            Mode::Test => "https://sandbox.wompi.co/v1",
            Mode::Live => "https://production.wompi.co/v1",
        };
        // The public key tells the page whether money is real.
        let parse = |url: &str| url.parse().expect("an address that is written here");
        Self { api: parse(api), checkout: parse("https://checkout.wompi.co/p/") }
    }
}

/// The credentials of an organiser's account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `pub_prod_…` or `pub_test_…`; not a secret.
    pub public_key: String,
    /// `prv_prod_…` or `prv_test_…`.
    pub private_key: String,
    /// `prod_events_…` or `test_events_…`.
    pub events_secret: String,
    /// `prod_integrity_…` or `test_integrity_…`.
    pub integrity_secret: String,
}

impl fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Checks what can be seen without asking Wompi.
    ///
    /// # Errors
    /// The first credential that is wrong.
    pub fn check(&self, mode: Mode) -> Result<(), BadCredential> {
        let (live, test) = (
            ["pub_prod_", "prv_prod_", "prod_events_", "prod_integrity_"],
            ["pub_test_", "prv_test_", "test_events_", "test_integrity_"],
        );
        let (expected, other) = match mode {
            Mode::Live => (live, test),
            Mode::Test => (test, live),
        };
        let given = [
            ("public_key", &self.public_key),
            ("private_key", &self.private_key),
            ("events_secret", &self.events_secret),
            ("integrity_secret", &self.integrity_secret),
        ];
        for (index, (field, text)) in given.into_iter().enumerate() {
            plain(field, text, 12..=128)?;
            if text.starts_with(other[index]) {
                return Err(BadCredential::new(
                    field,
                    "This is of the other environment. Production has prod in its keys, sandbox has test.",
                ));
            }
            if !text.starts_with(expected[index]) {
                return Err(BadCredential::new(
                    field,
                    "This is another one of Wompi's keys and secrets. See which is which in the dashboard.",
                ));
            }
        }
        Ok(())
    }
}

/// Client of one account at Wompi.
pub struct WompiGateway {
    http: HttpClient,
    checkout: Url,
    credentials: Credentials,
}

impl fmt::Debug for WompiGateway {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WompiGateway").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct MerchantAnswer {
    data: Merchant,
}

#[derive(Deserialize)]
struct Merchant {
    name: Option<String>,
    legal_name: Option<String>,
}

impl WompiGateway {
    /// Wompi at `endpoints`, which are [`Endpoints::of`] unless something stands in.
    ///
    /// # Errors
    /// If the credentials cannot be any.
    pub fn new(
        endpoints: Endpoints,
        credentials: Credentials,
        mode: Mode,
        connections: &Connections,
    ) -> Result<Self, BadCredential> {
        credentials.check(mode)?;
        let unsendable = |_| BadCredential::new("private_key", "This cannot be sent. Copy it again.");
        // The documentation contradicts itself about the key that some calls want; the
        // private one may do everything.
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", credentials.private_key)).map_err(unsendable)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        Ok(Self {
            http: HttpClient::new(endpoints.api, headers, connections),
            checkout: endpoints.checkout,
            credentials,
        })
    }

    async fn check(&self) -> Result<CredentialCheck> {
        let refused = |field, detail| CredentialCheck::Refused(BadCredential::new(field, detail));
        let merchant = self.http.send(&transaction::merchant(&self.credentials.public_key)).await?;
        if is_refusal(&merchant) {
            return Ok(refused("public_key", "Wompi does not know this public key. Copy it again."));
        }
        if !merchant.status.is_success() {
            return Err(failure::gateway_error(&merchant));
        }
        let list = self.http.send(&transaction::search("taquilla-credential-check")).await?;
        if is_refusal(&list) {
            return Ok(refused("private_key", "Wompi does not accept this private key. Copy it again."));
        }
        if !list.status.is_success() {
            return Err(failure::gateway_error(&list));
        }
        // An answer in another form is still an answer to good keys.
        let merchant = merchant.json::<MerchantAnswer>().ok().map(|answer| answer.data);
        let name = merchant.and_then(|merchant| merchant.name.or(merchant.legal_name));
        Ok(CredentialCheck::Accepted { account: name.map(|name| crate::untrusted::clip(&name, 100)) })
    }
}

/// True if the keys are the reason of the answer.
fn is_refusal(answer: &Answer) -> bool {
    matches!(
        answer.status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

impl PaymentGateway for WompiGateway {
    fn name(&self) -> GatewayName {
        GatewayName::Wompi
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        Box::pin(async { self.checkout_page(payment) })
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        event::verify(&self.credentials.events_secret, request)
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(async { self.transaction(payment_id).await?.report() })
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.transactions_of(reference))
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.void(refund))
    }

    fn refund_report<'a>(&'a self, payment_id: &'a str, _refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(self.report_of_void(payment_id))
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(self.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            public_key: "pub_test_4711".to_owned(),
            private_key: "prv_test_secret4711".to_owned(),
            events_secret: "test_events_secret4711".to_owned(),
            integrity_secret: "test_integrity_secret4711".to_owned(),
        }
    }

    #[test]
    fn keys_of_another_environment_and_swapped_keys_are_found() {
        assert_eq!(credentials().check(Mode::Test), Ok(()));
        assert_eq!(credentials().check(Mode::Live).expect_err("test keys").field, "public_key");
        let mut swapped = credentials();
        std::mem::swap(&mut swapped.events_secret, &mut swapped.integrity_secret);
        assert_eq!(swapped.check(Mode::Test).expect_err("swapped").field, "events_secret");
        let mut mixed = credentials();
        mixed.private_key = "prv_prod_secret4711".to_owned();
        let error = mixed.check(Mode::Test).expect_err("mixed");
        assert!(error.field == "private_key" && error.detail.contains("environment"));
    }

    #[test]
    fn wompis_own_addresses_are_addresses() {
        assert_eq!(Endpoints::of(Mode::Test).api.as_str(), "https://sandbox.wompi.co/v1");
        assert_eq!(Endpoints::of(Mode::Live).api.as_str(), "https://production.wompi.co/v1");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let gateway =
            WompiGateway::new(Endpoints::of(Mode::Test), credentials(), Mode::Test, &Connections::default());
        let gateway = gateway.expect("credentials");
        assert!(!format!("{:?}{gateway:?}{:?}", credentials(), gateway.http).contains("secret4711"));
    }
}
