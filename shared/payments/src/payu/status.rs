//! PayU's states and codes in our words.

use crate::PaymentStatus;

/// What the state of a transaction means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How far the payment is.
    pub status: PaymentStatus,
    /// False if PayU used a word that Taquilla does not know. What would be good news
    /// is then taken for undecided: guessing would be guessing about money.
    pub known: bool,
}

/// What a payment's transaction means: its `state` and `responseCode`, and the
/// `status` of its order. An order is `REFUNDED` for a part too, so that is for the
/// caller to tell apart.
///
/// The order must list the transaction. Then its state says whether the money came in,
/// and the order's status only what came after: PayU documents it as that of the order's
/// last transaction, so that a refund that is declined makes a paid order `DECLINED`.
pub fn standing(order: &str, state: &str, response_code: &str) -> Standing {
    let known = matches!(
        order,
        // Missing in some answers.
        "NEW"
            | "IN_PROGRESS"
            | "AUTHORIZED"
            | "CAPTURED"
            | "CANCELLED"
            | "DECLINED"
            | "REFUNDED"
            | "CHARGEBACK"
            | ""
    );
    let status = match (state, order, response_code) {
        ("APPROVED", _, _) if !known => PaymentStatus::Pending,
        ("APPROVED", "REFUNDED" | "CANCELLED", _) => PaymentStatus::Refunded,
        ("APPROVED", "CHARGEBACK", _) => PaymentStatus::ChargedBack,
        ("APPROVED", "AUTHORIZED", _) => PaymentStatus::Pending,
        ("APPROVED", _, _) => PaymentStatus::Approved,
        ("PENDING" | "SUBMITTED", _, _) => PaymentStatus::Pending,
        ("EXPIRED", _, _) | ("DECLINED" | "ERROR", _, "EXPIRED_TRANSACTION") => PaymentStatus::Expired,
        ("DECLINED" | "ERROR", _, "ABANDONED_TRANSACTION") => PaymentStatus::Cancelled,
        ("DECLINED" | "ERROR", _, _) => PaymentStatus::Declined,
        _ => return Standing { status: PaymentStatus::Pending, known: false },
    };
    Standing { status, known }
}
