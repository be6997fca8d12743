//! Payments at gateways in words that all gateways share, and the reference that leads from a
//! payment to its order.

mod later;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{Money, OrderId, UserId};

pub use later::{Due, MethodKind, PayLater};

/// A payment gateway that Taquilla supports.
///
/// The lower-case name is what `/webhooks/{gateway}`, stored orders and queue
/// messages hold, so it must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayName {
    /// The simulated gateway of the local cloud: no real money.
    Sandbox,
    /// Mercado Pago: Argentina, Chile, Colombia and others.
    MercadoPago,
    /// Wompi: Colombia.
    Wompi,
    /// PayU Latam: Argentina, Chile, Colombia and others.
    Payu,
}

impl GatewayName {
    /// Every gateway.
    pub const ALL: [Self; 4] = [Self::Sandbox, Self::MercadoPago, Self::Wompi, Self::Payu];

    /// The name in paths, items and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::MercadoPago => "mercado_pago",
            Self::Wompi => "wompi",
            Self::Payu => "payu",
        }
    }

    /// How long after the hold's end a payment may still begin there: clocks differ, and a payment
    /// that was begun takes a moment to be found. PayU takes cards as long as its page is open,
    /// beyond any end that the form names.
    pub const fn grace(self) -> Duration {
        match self {
            Self::Payu => Duration::from_secs(3 * 3600),
            Self::Sandbox | Self::MercadoPago | Self::Wompi => Duration::from_secs(300),
        }
    }
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no gateway that Taquilla supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such payment gateway")]
pub struct UnknownGateway;

impl FromStr for GatewayName {
    type Err = UnknownGateway;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(UnknownGateway)
    }
}

/// The status of a payment, in words that all gateways share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Not paid yet. Only gateways at which a payment is made before its buyer pays report this,
    /// such as the sandbox.
    Open,
    /// The buyer has done all that a buyer can, and a bank, a reviewer or a counter has yet to
    /// decide.
    Pending,
    /// The organiser has the money. Parts of it may have been given back since: see
    /// [`PaymentReport::refunded`].
    Approved,
    /// The bank or the gateway declined it. Another try is another payment.
    Declined,
    /// The buyer cancelled it.
    Cancelled,
    /// The buyer did not pay in time. Some gateways still approve such a payment later, when the
    /// bank answers late.
    Expired,
    /// All of the money went back to the buyer.
    Refunded,
    /// The buyer's bank took the money back against the organiser's will.
    ChargedBack,
}

impl PaymentStatus {
    /// True as long as it may still be paid or decided.
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Open | Self::Pending)
    }
}

/// The state of a dispute: the buyer's bank wants the money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dispute {
    /// Not decided. Some gateways withhold the money meanwhile, others do not.
    Open,
    /// The organiser keeps the money.
    Won,
    /// The buyer has the money.
    Lost,
}

/// A gateway's report about a payment, from its own API: the only truth to settle by.
///
/// Notifications and return pages are hints to ask for this, never a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// The gateway's id of the payment, at most 64 characters.
    pub payment_id: String,
    /// The reference that Taquilla gave it; see [`PaymentReference`]. It is the gateway's text: a
    /// payment made elsewhere may carry anything.
    pub reference: String,
    /// The status of the payment.
    pub status: PaymentStatus,
    /// The amount that the buyer was to pay. It must equal the order's total before anything is
    /// settled.
    pub amount: Money,
    /// The part of `amount` that was given back so far.
    pub refunded: Money,
    /// The dispute, if the buyer's bank wants the money back.
    pub dispute: Option<Dispute>,
    /// The gateway's own reason for the status, for the log and the organiser.
    pub reason: Option<String>,
    /// When the money was approved.
    pub approved_at: Option<Timestamp>,
    /// The way to pay, if the gateway tells.
    pub method: Option<MethodKind>,
    /// The gateway's name of that way, such as `efecty`; at most 32 characters.
    pub method_name: Option<String>,
    /// What its buyer has yet to do, if it is pending for that.
    pub due: Option<Due>,
}

impl PaymentReport {
    /// A report that says no more than this.
    pub const fn new(payment_id: String, reference: String, status: PaymentStatus, amount: Money) -> Self {
        Self {
            payment_id,
            reference,
            status,
            amount,
            refunded: Money::new(0, amount.currency),
            dispute: None,
            reason: None,
            approved_at: None,
            method: None,
            method_name: None,
            due: None,
        }
    }
}

/// The thing about which a notification says to ask the gateway. Nothing in it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PaymentHint {
    /// Something about this payment changed.
    Payment {
        /// The gateway's id of the payment, at most 64 characters.
        payment_id: String,
        /// The signed reference, from gateways that do not sign the id. Then all payments with this
        /// reference are asked about, and the id is not trusted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<SignedReference>,
    },
    /// Something about this group of payments changed, as Mercado Pago calls it.
    MerchantOrder {
        /// The gateway's id of it, at most 64 characters.
        id: String,
    },
    /// Something about this dispute changed.
    Chargeback {
        /// The gateway's id of it, at most 64 characters.
        id: String,
    },
}

/// The signed part of a notification whose payment id is not signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReference {
    /// The payment's reference; at most 256 characters.
    pub text: String,
    /// True if the notification says that the payment was approved: a report without an approved
    /// one comes too early.
    pub approved: bool,
}

/// The reference of a payment: a try to pay an order, signed into the gateway's own reference
/// field, so that a notification finds its order without an index.
///
/// The text is 60 characters of `[A-Za-z0-9_-]`, which every gateway takes (the tightest known
/// limit is 64): base64url without padding of 16 bytes user, 16 bytes order, 1 byte attempt, and
/// the first 12 bytes of an HMAC-SHA-256 over them. The signature keeps the holder of another
/// account at the same gateway from making payments that point at our orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentReference {
    /// The buyer.
    pub user: UserId,
    /// The order that is paid.
    pub order: OrderId,
    /// Tells the payments of one order apart: gateways refuse a reference that
    /// they have seen before.
    pub attempt: u8,
}

const SIGNED_BYTES: usize = 33;
const MAC_BYTES: usize = 12;
const REFERENCE_BYTES: usize = SIGNED_BYTES + MAC_BYTES;

impl PaymentReference {
    /// The length of the text in characters.
    pub const LENGTH: usize = REFERENCE_BYTES / 3 * 4;

    /// The signed text for the gateway's reference field.
    pub fn encode(&self, key: &[u8; 32]) -> String {
        let mut bytes = [0; REFERENCE_BYTES];
        bytes[..16].copy_from_slice(self.user.uuid().as_bytes());
        bytes[16..32].copy_from_slice(self.order.uuid().as_bytes());
        bytes[32] = self.attempt;
        let mac = mac(key, &bytes[..SIGNED_BYTES]).finalize().into_bytes();
        bytes[SIGNED_BYTES..].copy_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`PaymentReference::encode`] wrote with the same key; `None` for
    /// any other text, which is then not a payment of ours. The signature is
    /// compared in constant time.
    pub fn decode(text: &str, key: &[u8; 32]) -> Option<Self> {
        let mut bytes = [0; REFERENCE_BYTES];
        if text.len() != Self::LENGTH
            || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != REFERENCE_BYTES
        {
            return None;
        }
        let (signed, signature) = bytes.split_at(SIGNED_BYTES);
        mac(key, signed).verify_truncated_left(signature).ok()?;
        let uuid = |at: usize| Uuid::from_slice(&signed[at..at + 16]).ok();
        Some(Self {
            user: UserId::from_uuid(uuid(0)?),
            order: OrderId::from_uuid(uuid(16)?),
            attempt: signed[32],
        })
    }
}

fn mac(key: &[u8; 32], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(signed);
    mac
}

/// The reason why a person has to make a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManualReason {
    /// The gateway has no call for it, such as for money paid in cash.
    Unsupported,
    /// The gateway or the bank declined it.
    Declined,
    /// It is unknown whether the gateway made the refund: check there first.
    Uncertain,
    /// The buyer's bank wants the money back, too: check at the gateway which of the two gives it.
    Disputed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn reference(user: u128, order: u128, attempt: u8) -> PaymentReference {
        PaymentReference {
            user: UserId::from_uuid(Uuid::from_u128(user)),
            order: OrderId::from_uuid(Uuid::from_u128(order)),
            attempt,
        }
    }

    #[test]
    fn the_text_is_locked_because_gateways_keep_it_for_months() {
        let text = reference(
            0x0190_0000_0000_7000_8000_0000_0000_0001,
            0x0190_0000_0000_7000_8000_0000_0000_0002,
            3,
        )
        .encode(&KEY);
        insta::assert_snapshot!(text, @"AZAAAAAAcACAAAAAAAAAAQGQAAAAAHAAgAAAAAAAAAID30gzZF6jbdurFr5Q");
    }

    #[test]
    fn every_flipped_character_is_refused() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let text = reference(1, u128::MAX, 255).encode(&KEY);
        for at in 0..text.len() {
            for other in ALPHABET.iter().chain(b"=+/ ").filter(|other| **other != text.as_bytes()[at]) {
                let mut flipped = text.clone().into_bytes();
                flipped[at] = *other;
                let flipped = String::from_utf8(flipped).expect("ASCII");
                assert_eq!(PaymentReference::decode(&flipped, &KEY), None, "{flipped}");
            }
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        let text = reference(1, 2, 1).encode(&KEY);
        assert_eq!(PaymentReference::decode(&text, &[8; 32]), None, "another key");
        assert_eq!(PaymentReference::decode(&text[1..], &KEY), None);
        assert_eq!(PaymentReference::decode(&format!("{text}A"), &KEY), None);
        assert_eq!(PaymentReference::decode(&format!("{text}===="), &KEY), None);
        assert_eq!(PaymentReference::decode("", &KEY), None);
        assert_eq!(PaymentReference::decode(&"ñ".repeat(30), &KEY), None);
        assert_eq!(PaymentReference::decode(&"A".repeat(60), &KEY), None);
    }

    #[test]
    fn gateway_names_round_trip() {
        for name in GatewayName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(serde_json::to_value(name).expect("JSON"), name.as_str());
        }
        assert_eq!("Sandbox".parse::<GatewayName>(), Err(UnknownGateway));
    }

    proptest! {
        #[test]
        fn any_reference_round_trips_in_the_gateways_alphabet(user: u128, order: u128, attempt: u8, key: [u8; 32]) {
            let reference = reference(user, order, attempt);
            let text = reference.encode(&key);
            prop_assert_eq!(text.len(), PaymentReference::LENGTH);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(PaymentReference::decode(&text, &key), Some(reference));
        }

        #[test]
        fn no_text_makes_decode_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(PaymentReference::decode(&text, &KEY), None);
        }
    }
}
