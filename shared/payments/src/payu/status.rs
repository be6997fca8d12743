//! PayU's states and codes in our words.

use crate::PaymentStatus;

/// A transaction's state in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedStatus {
    /// The payment's progress.
    pub status: PaymentStatus,
    /// False if PayU used a word that Taquilla does not know. What would be good news
    /// is then taken for undecided: guessing would be guessing about money.
    pub recognised: bool,
}

/// Maps a payment's transaction to our words: its `state` and `responseCode`, and the
/// `status` of its order. An order is `REFUNDED` for a part too, so that is for the
/// caller to tell apart.
///
/// The order must list the transaction. Then its state says whether the money came in,
/// and the order's status only what came after: PayU documents it as that of the order's
/// last transaction, so that a refund that is declined makes a paid order `DECLINED`.
pub fn map_status(order: &str, state: &str, response_code: &str) -> MappedStatus {
    let recognised = matches!(
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
        ("APPROVED", _, _) if !recognised => PaymentStatus::Pending,
        ("APPROVED", "REFUNDED" | "CANCELLED", _) => PaymentStatus::Refunded,
        ("APPROVED", "CHARGEBACK", _) => PaymentStatus::ChargedBack,
        ("APPROVED", "AUTHORIZED", _) => PaymentStatus::Pending,
        ("APPROVED", _, _) => PaymentStatus::Approved,
        ("PENDING" | "SUBMITTED", _, _) => PaymentStatus::Pending,
        ("EXPIRED", _, _) | ("DECLINED" | "ERROR", _, "EXPIRED_TRANSACTION") => PaymentStatus::Expired,
        ("DECLINED" | "ERROR", _, "ABANDONED_TRANSACTION") => PaymentStatus::Cancelled,
        ("DECLINED" | "ERROR", _, _) => PaymentStatus::Declined,
        _ => return MappedStatus { status: PaymentStatus::Pending, recognised: false },
    };
    MappedStatus { status, recognised }
}
