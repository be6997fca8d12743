//! Payment differences: where a gateway and an order do not agree, for the organiser's daily
//! report.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::OrderId;

/// A difference between a gateway and an order that does not settle by itself and that a person
/// must look at. An organiser's list should be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentDifference {
    /// The order that the payment names.
    pub order: OrderId,
    /// The gateway's id of the payment, if it has one; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The figures for a person, as text in English; at most 300 characters.
    pub detail: String,
    /// When it was noted.
    pub at: Timestamp,
}

/// The kind of a payment difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The gateway has another amount or currency than was asked for.
    AmountDiffers,
    /// The gateway has not decided about the payment for a day.
    Undecided,
    /// The payment names an order that does not exist.
    OrderNotFound,
    /// The payment was made with another account than the order is paid with.
    ForeignAccount,
    /// The order has a payment that the gateway does not know, or says is not paid.
    PaymentMissing,
    /// The gateway has a payment that pays for nothing in the order.
    PaymentUnexpected,
    /// More or less money went back at the gateway than the order says.
    RefundDiffers,
    /// Tickets are valid although the money for them is not kept.
    Uncovered,
}

impl DifferenceKind {
    /// Every kind.
    #[cfg(any(test, feature = "testing"))]
    pub const ALL: [Self; 8] = [
        Self::AmountDiffers,
        Self::Undecided,
        Self::OrderNotFound,
        Self::ForeignAccount,
        Self::PaymentMissing,
        Self::PaymentUnexpected,
        Self::RefundDiffers,
        Self::Uncovered,
    ];

    /// The name in keys and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmountDiffers => "amount_differs",
            Self::Undecided => "undecided",
            Self::OrderNotFound => "order_not_found",
            Self::ForeignAccount => "foreign_account",
            Self::PaymentMissing => "payment_missing",
            Self::PaymentUnexpected => "payment_unexpected",
            Self::RefundDiffers => "refund_differs",
            Self::Uncovered => "uncovered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for kind in DifferenceKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.as_str());
        }
    }
}
