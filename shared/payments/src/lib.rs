//! Payment gateways behind one trait.
//!
//! The trait asks for what all gateways that Taquilla uses have in common (the sandbox,
//! Mercado Pago, Wompi and PayU):
//!
//! - The buyer pays on the gateway's own page and comes back; what the browser then
//!   says is not believed. Taquilla never sees a card.
//! - Signed notifications arrive late, twice, out of order or not at all. They are
//!   hints: the truth is what [`PaymentGateway::payment`] answers, and what never
//!   arrived is found through [`PaymentGateway::payments_of`].
//! - One reference may have several payments: hosted pages let a buyer try again.
//! - Some ways to pay have no refund by API ([`GatewayError::Unsupported`]), and
//!   some refunds take days ([`RefundStatus::Pending`]).

#![warn(missing_docs)]

mod checkout;
mod credential_form;
mod credentials;
mod decimal;
#[cfg(test)]
mod documented;
mod error;
mod gateways;
pub mod mercado_pago;
mod methods;
pub mod payu;
mod refund_plan;
pub mod sandbox;
mod signed_time;
mod untrusted;
pub mod wompi;

use std::fmt::Debug;

use domain::{Language, Money, Timestamp};
use futures::future::BoxFuture;
use http::HeaderMap;

pub use checkout::{BuyerStep, Checkout};
pub use credential_form::{CredentialField, credential_fields};
pub use credentials::{BadCredential, CredentialCheck, Mode};
pub use domain::payment::{
    Dispute, Due, GatewayName, MethodKind, PaymentHint, PaymentReference, PaymentReport, PaymentStatus,
    SignedReference,
};
pub(crate) use error::Result;
pub use error::{GatewayError, WebhookRefused};
pub use gateways::{PaymentGateways, credentials_name};
pub use methods::{MethodOffer, MethodsAsked, leaves_cash_out, method_kind};
pub use signed_time::{MAX_CLOCK_DIFFERENCE, MAX_SIGNATURE_AGE};

/// The key that payment references are signed with, from `REFERENCE_SECRET`.
///
/// # Errors
/// If the secret is missing or too short.
pub fn reference_key(env: &boot::Env) -> Result<[u8; 32], boot::ConfigError> {
    Ok(boot::Secret::from_env(env, "REFERENCE_SECRET")?.derive("payment reference"))
}

/// The largest notification that is looked at, in bytes. Those of all known
/// gateways are under 8 KB.
pub const MAX_WEBHOOK_BYTES: usize = 64 * 1024;

/// The most payments that [`PaymentGateway::payments_of`] answers with. A
/// reference is one attempt to pay, so more than a few are an attack or a fault.
pub const MAX_PAYMENTS_OF_REFERENCE: usize = 50;

/// The answer of a gateway, once it comes. Boxed, because the trait is used as
/// `Arc<dyn PaymentGateway>`; next to a network call the allocation is nothing.
pub type Reply<'a, T> = BoxFuture<'a, Result<T>>;

/// A payment that the buyer is about to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePayment {
    /// [`PaymentReference::encode`]: how the payment leads back to its order. Must
    /// not have been used for another payment.
    pub reference: String,
    /// The price to pay; more than zero.
    pub amount: Money,
    /// The organiser's name, as the buyer should read it on the gateway's page.
    pub seller: String,
    /// The purchase in the buyer's language. Gateways with shorter fields cut it.
    pub description: String,
    /// The buyer's e-mail address.
    pub buyer_email: String,
    /// The buyer's name.
    pub buyer_name: String,
    /// The end of the payment. Must come before the end of the hold, or the seats are
    /// gone when the money arrives.
    pub expires_at: Timestamp,
    /// Until when a slip of it may be paid in cash; `None` if the page is to offer no cash, where
    /// that can be said. Later than `expires_at`, which is when the page ends.
    pub cash_until: Option<Timestamp>,
    /// The most instalments, where the gateway can be told; `None` for as many as it offers.
    pub max_installments: Option<u8>,
    /// The part of `amount` that the gateway is to keep for the operator, if its application may; less than
    /// `amount`. A gateway that does not is no error: see [`Checkout::keeps_fee`].
    pub marketplace_fee: Option<Money>,
    /// The page that the browser opens after the payment.
    pub return_url: String,
    /// The address for notifications: `/api/v1/webhooks/{gateway}` of this installation.
    pub notification_url: String,
    /// The same key makes the same payment, however often it is sent. At most 128
    /// visible ASCII characters.
    pub idempotency_key: String,
    /// The language of the gateway's page.
    pub language: Language,
}

/// A payment that waits for its buyer, or for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPayment {
    /// [`CreatePayment::reference`].
    pub reference: String,
    /// The gateway's id of it, if it has one.
    pub payment_id: Option<String>,
    /// The page that the buyer was sent to, if its address was kept.
    pub checkout_url: Option<String>,
    /// The time of closing.
    pub now: Timestamp,
}

/// A notification as it came over the wire, before anything is believed.
#[derive(Debug, Clone, Copy)]
pub struct WebhookRequest<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The query string without `?`, still encoded: some gateways sign parts of it.
    pub query: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// The time of arrival, by our clock.
    pub received_at: Timestamp,
}

/// A notification that the gateway signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The same for every delivery of the same notification, and for no other; at
    /// most 128 characters.
    pub id: String,
    /// The payments that it announces.
    pub subject: Subject,
}

/// The subject of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Something about payments changed: ask.
    Payments(PaymentHint),
    /// Something that Taquilla does not need to know: acknowledge and log it, or
    /// the gateway sends it again and again.
    Unknown {
        /// The gateway's word for it, at most 64 characters.
        kind: String,
    },
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPayment {
    /// The gateway's id of the payment.
    pub payment_id: String,
    /// The amount; at most what is left of `paid`.
    pub amount: Money,
    /// The payment's amount. Gateways have different calls for all of it and a part.
    pub paid: Money,
    /// The sum of earlier refunds, by our records. A gateway that has more of them shows
    /// that this one is a repetition, and not the next refund of the same amount.
    pub refunded_before: Money,
    /// The same key gives the money back once, however often it is sent. At most
    /// 128 visible ASCII characters.
    pub idempotency_key: String,
    /// True if a worker may have asked for it before and died without noting the answer.
    /// A gateway without a key, which would do it twice, is then not asked.
    pub may_have_been_asked: bool,
}

impl RefundPayment {
    /// True if the buyer gets back all of the payment in one refund.
    pub fn is_whole(&self) -> bool {
        self.amount == self.paid
    }
}

/// A refund as the gateway reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReport {
    /// The gateway's id of the refund, at most 64 characters.
    pub refund_id: String,
    /// The gateway's decision.
    pub status: RefundStatus,
}

/// A refund's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundStatus {
    /// The money is on its way back to the buyer.
    Done,
    /// The gateway accepted it and decides later; [`PaymentReport::refunded`] will tell.
    Pending,
    /// The gateway or the bank said no after all.
    Declined,
}

/// A service that takes buyers' money for an organiser.
pub trait PaymentGateway: Debug + Send + Sync {
    /// The name under which orders note it.
    fn name(&self) -> GatewayName;

    /// Makes a payment, and says how the buyer gets to the page where it is completed.
    /// Idempotent by its key, unless [`Checkout::is_repeatable`] says otherwise.
    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout>;

    /// The ways to pay that its page offers, in its order. What it does not tell is taken from what is
    /// known of it.
    fn methods<'a>(&'a self, asked: &'a MethodsAsked) -> Reply<'a, Vec<MethodOffer>> {
        Box::pin(async { Ok(asked.usual(self.name())) })
    }

    /// Checks that the gateway sent this, over the raw body and in constant time.
    /// Makes no call, so that a webhook can be answered in milliseconds.
    ///
    /// # Errors
    /// If it is not signed as the gateway signs, or not recently.
    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused>;

    /// The payment as the gateway has it now.
    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport>;

    /// All payments with this reference, at most [`MAX_PAYMENTS_OF_REFERENCE`], the
    /// newest first; none is not an error.
    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>>;

    /// The payments that a notification is about, as they are now. Where its signature
    /// leaves the payment's id out, those of the reference that it covers.
    ///
    /// # Errors
    /// [`GatewayError::NotFound`] if the gateway knows nothing of it yet.
    fn payments_behind<'a>(&'a self, hint: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(async move {
            match hint {
                PaymentHint::Payment { payment_id, reference: None } => {
                    Ok(vec![self.payment(payment_id).await?])
                }
                _ => Err(GatewayError::Unsupported),
            }
        })
    }

    /// Gives money back, all or a part. Idempotent by its key and by what the gateway
    /// knows; two at the same moment for the same payment may still be done twice, so
    /// that a caller must see to it that there are none.
    ///
    /// # Errors
    /// [`GatewayError::Uncertain`] if it may be done, and asking again might do it twice.
    /// After any other error that is not final, asking again is harmless.
    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport>;

    /// The progress of a refund that was [`RefundStatus::Pending`].
    ///
    /// # Errors
    /// [`GatewayError::Unsupported`] if [`PaymentReport::refunded`] is all there is.
    fn refund_report<'a>(&'a self, _payment_id: &'a str, _refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(async { Err(GatewayError::Unsupported) })
    }

    /// Keeps the buyer from paying a payment that was replaced or cancelled, and cancels
    /// what is undecided of it. Idempotent.
    ///
    /// # Errors
    /// [`GatewayError::Unsupported`] if the gateway has no call for it, and
    /// [`GatewayError::Refused`] if it is paid already; then, as after any other error, it
    /// may be, or become, approved.
    fn close<'a>(&'a self, _payment: &'a OpenPayment) -> Reply<'a, ()> {
        Box::pin(async { Err(GatewayError::Unsupported) })
    }

    /// Asks whether the gateway takes the credentials, by a call that costs nothing
    /// and changes nothing.
    ///
    /// # Errors
    /// [`GatewayError::Unsupported`] if it has no such call.
    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(async { Err(GatewayError::Unsupported) })
    }
}
