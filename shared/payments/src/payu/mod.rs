//! Client of PayU Latam's WebCheckout.
//!
//! # Protocol
//!
//! The buyer's browser posts a signed form to the checkout: nothing has to be created
//! before. Everything else is one address to post JSON to, with the credentials in
//! the body.
//!
//! - `reports-api`: `PING`, `ORDER_DETAIL`, `ORDER_DETAIL_BY_REFERENCE_CODE`,
//!   `TRANSACTION_RESPONSE_DETAIL` → `{"code", "error", "result": {"payload"}}`
//! - `payments-api`: `SUBMIT_TRANSACTION` of type `REFUND` or `PARTIAL_REFUND` →
//!   `{"code", "error", "transactionResponse"}`; without any key against doing it twice
//!
//! A confirmation is a form that PayU posts once a transaction is decided; its
//! signature covers merchant, reference, amount, currency and state, but neither the
//! order's number nor the transaction's id, nor a time. The page that the buyer returns
//! to has a signature over the same, after another rounding, which mostly gives the same
//! text: **every buyer can make confirmations with any ids in them, for ever.** So they
//! are a reason to ask for the payments of the reference, and no more.
//!
//! A reference is one order at PayU, and each try to pay it is a transaction of that
//! order. Refunds need both, so a payment's id here is `<order>_<transaction>`.
//!
//! `TRANSACTION_RESPONSE_DETAIL` does not name the order of a transaction. A payment leads
//! to its purchase through orders alone: they have our reference, and list their
//! transactions.
//!
//! # Statuses
//!
//! The first row that fits counts.
//!
//! | `state` | Order's `status` | `responseCode` | Ours | Note |
//! |---|---|---|---|---|
//! | `APPROVED` | `REFUNDED` | any | `refunded` | `approved` as long as only parts of it were given back |
//! | `APPROVED` | `CANCELLED` | any | `refunded` | the transaction was voided |
//! | `APPROVED` | `CHARGEBACK` | any | `charged_back` | the dispute is lost |
//! | `APPROVED` | `AUTHORIZED` | any | `pending` | the card is good, the money not taken |
//! | `APPROVED` | `CAPTURED`, `NEW`, `IN_PROGRESS`, `DECLINED`, none | any | `approved` | a refund that is pending or declined makes the order so |
//! | `APPROVED` | any | any | `pending` | an error in the log |
//! | `PENDING`, `SUBMITTED` | any | any | `pending` | |
//! | `EXPIRED` | any | any | `expired` | |
//! | `DECLINED`, `ERROR` | any | `ABANDONED_TRANSACTION` | `cancelled` | |
//! | `DECLINED`, `ERROR` | any | `EXPIRED_TRANSACTION` | `expired` | |
//! | `DECLINED`, `ERROR` | any | any | `declined` | |
//! | any | any | any | `pending` | an error in the log |
//!
//! The order's status is that of its last transaction, whichever that is. So an approved
//! `AUTHORIZATION` in an order that is `NEW`, `IN_PROGRESS`, `DECLINED` or says nothing
//! counts as in one that is `AUTHORIZED`.

mod amount;
mod checkout;
mod confirmation;
mod order;
mod query;
mod refund;
mod return_page;
mod rules;
mod signature;
mod slip;
mod status;

use std::fmt;

use boot::Clock;
use http::{HeaderMap, HeaderValue, header};
use outbound::{Connections, HttpClient, Url};
use serde::{Deserialize, Serialize};

use crate::checkout::Checkout;
use crate::credentials::{BadCredential, CredentialCheck, Mode, plain};
use crate::untrusted::is_number;
use crate::{
    CreatePayment, GatewayError, GatewayName, Notification, PaymentGateway, PaymentHint, PaymentReport,
    RefundPayment, RefundReport, Reply, WebhookRefused, WebhookRequest,
};

pub use amount::{confirmation_value, response_value};
pub use confirmation::Confirmation;
pub use return_page::ReturnPage;
pub use rules::{RefundRules, refund_rules};
pub use signature::{Algorithm, SignatureKeys};
pub use status::{MappedStatus, map_status};

/// PayU's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Both APIs: `https://api.payulatam.com`.
    pub api: Url,
    /// The page that takes the form.
    pub checkout: Url,
}

impl Endpoints {
    /// PayU's own.
    pub fn of(mode: Mode) -> Self {
        let (api, checkout) = match mode {
            Mode::Test => (
                "https://sandbox.api.payulatam.com",
                "https://sandbox.checkout.payulatam.com/ppp-web-gateway-payu/",
            ),
            Mode::Live => {
                ("https://api.payulatam.com", "https://checkout.payulatam.com/ppp-web-gateway-payu/")
            }
        };
        let parse = |url: &str| url.parse().expect("an address that is written here");
        Self { api: parse(api), checkout: parse(checkout) }
    }
}

/// The credentials of an organiser's account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The shop's number.
    pub merchant_id: String,
    /// The number of the shop's account in a country.
    pub account_id: String,
    /// The API login.
    pub api_login: String,
    /// The API key, which also signs.
    pub api_key: String,
    /// The hash that signs the form.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The key of HMAC signatures, where PayU gave another than the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac_secret: Option<String>,
}

impl fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("merchant_id", &self.merchant_id)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Checks what can be seen without asking PayU.
    ///
    /// # Errors
    /// The first credential that is wrong.
    pub fn check(&self) -> Result<(), BadCredential> {
        for (field, text) in [("merchant_id", &self.merchant_id), ("account_id", &self.account_id)] {
            if !is_number(text) || text.len() > 12 {
                return Err(BadCredential::new(field, "This is a number of at most 12 digits."));
            }
        }
        plain("api_login", &self.api_login, 4..=64)?;
        plain("api_key", &self.api_key, 6..=64)?;
        if self.api_key.contains('~') {
            return Err(BadCredential::new("api_key", "An API key has no tilde. Copy it again."));
        }
        if let Some(secret) = &self.hmac_secret {
            plain("hmac_secret", secret, 4..=256)?;
        }
        Ok(())
    }
}

/// Client of one account at PayU.
pub struct PayuGateway {
    http: HttpClient,
    checkout: Url,
    credentials: Credentials,
    mode: Mode,
    clock: Clock,
}

impl fmt::Debug for PayuGateway {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayuGateway")
            .field("credentials", &self.credentials)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl PayuGateway {
    /// PayU at `endpoints`, which are [`Endpoints::of`] unless something stands in.
    /// The clock tells from when on PayU refunds a payment.
    ///
    /// # Errors
    /// If the credentials cannot be any.
    pub fn new(
        endpoints: Endpoints,
        credentials: Credentials,
        mode: Mode,
        connections: &Connections,
        clock: &Clock,
    ) -> Result<Self, BadCredential> {
        credentials.check()?;
        // Without this header PayU answers in XML.
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        let http = HttpClient::new(endpoints.api, headers, connections);
        Ok(Self { http, checkout: endpoints.checkout, credentials, mode, clock: clock.clone() })
    }

    fn keys(&self) -> SignatureKeys<'_> {
        SignatureKeys {
            api_key: &self.credentials.api_key,
            hmac_secret: self.credentials.hmac_secret.as_deref(),
            merchant_id: &self.credentials.merchant_id,
        }
    }
}

impl PaymentGateway for PayuGateway {
    fn name(&self) -> GatewayName {
        GatewayName::Payu
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        Box::pin(async { self.form(payment) })
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        self.confirmation(request).map(Confirmation::notification)
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(self.payment_report(payment_id))
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.payments_of_reference(reference))
    }

    fn payments_behind<'a>(&'a self, hint: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(async move {
            match hint {
                PaymentHint::Payment { payment_id: _, reference: Some(reference) } => {
                    self.payments_confirmed(reference).await
                }
                _ => Err(GatewayError::Unsupported),
            }
        })
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.refund_once(refund))
    }

    fn refund_report<'a>(&'a self, payment_id: &'a str, refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(self.report_of_refund(payment_id, refund_id))
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(self.ping())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            merchant_id: "508029".to_owned(),
            account_id: "512321".to_owned(),
            api_login: "login-secret4711".to_owned(),
            api_key: "key-secret4711".to_owned(),
            algorithm: Algorithm::HmacSha256,
            hmac_secret: Some("hmac-secret4711".to_owned()),
        }
    }

    #[test]
    fn credentials_are_checked_before_they_are_used() {
        assert_eq!(credentials().check(), Ok(()));
        let wrong = |change: fn(&mut Credentials)| {
            let mut credentials = credentials();
            change(&mut credentials);
            credentials.check().expect_err("wrong").field
        };
        assert_eq!(wrong(|credentials| credentials.merchant_id = "50 8029".to_owned()), "merchant_id");
        assert_eq!(wrong(|credentials| credentials.account_id = "1".repeat(13)), "account_id");
        assert_eq!(wrong(|credentials| credentials.api_login = String::new()), "api_login");
        assert_eq!(wrong(|credentials| credentials.api_key = "key~4711".to_owned()), "api_key");
        assert_eq!(wrong(|credentials| credentials.hmac_secret = Some(String::new())), "hmac_secret");
    }

    #[test]
    fn algorithms_are_stored_by_payus_names() {
        let json =
            serde_json::json!({"merchant_id": "1", "account_id": "2", "api_login": "l", "api_key": "k"});
        let read: Credentials = serde_json::from_value(json).expect("credentials");
        assert_eq!(read.algorithm, Algorithm::Md5);
        assert_eq!(serde_json::to_value(credentials().algorithm).expect("JSON"), "HMAC-SHA256");
    }

    #[test]
    fn payus_own_addresses_are_addresses() {
        for mode in [Mode::Test, Mode::Live] {
            let endpoints = Endpoints::of(mode);
            let sandbox = endpoints.api.as_str().contains("sandbox");
            assert_eq!(sandbox, mode == Mode::Test);
            assert_eq!(endpoints.checkout.as_str().contains("sandbox"), sandbox);
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let gateway = PayuGateway::new(
            Endpoints::of(Mode::Test),
            credentials(),
            Mode::Test,
            &Connections::default(),
            &Clock::system(),
        );
        let gateway = gateway.expect("credentials");
        let shown = format!("{:?}{gateway:?}{:?}{:?}", credentials(), gateway.http, gateway.keys());
        assert!(!shown.contains("secret4711"), "{shown}");
    }
}
