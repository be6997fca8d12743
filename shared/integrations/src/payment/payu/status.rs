//! PayU's states and codes in our words.

use super::super::PaymentStatus;

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
pub fn standing(order: &str, state: &str, response_code: &str) -> Standing {
    let known = matches!(
        order,
        // Missing in some answers.
        "NEW" | "IN_PROGRESS" | "AUTHORIZED" | "CAPTURED" | "CANCELLED" | "DECLINED" | "REFUNDED" | ""
    );
    let status = match (state, order, response_code) {
        ("APPROVED", _, _) if !known => PaymentStatus::Pending,
        ("APPROVED", "REFUNDED" | "CANCELLED", _) => PaymentStatus::Refunded,
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

/// What `state_pol`, `transactionState` and `polTransactionState` mean; `None` for a
/// number that Taquilla does not know.
pub fn of_state(number: &str) -> Option<PaymentStatus> {
    match number {
        "4" => Some(PaymentStatus::Approved),
        "5" => Some(PaymentStatus::Expired),
        "6" | "104" => Some(PaymentStatus::Declined),
        "7" | "10" | "12" | "14" | "15" | "18" => Some(PaymentStatus::Pending),
        _ => None,
    }
}

/// The numbers of `response_code_pol` with PayU's words for them.
pub const RESPONSE_CODES: [(&str, &str); 26] = [
    ("1", "APPROVED"),
    ("4", "PAYMENT_NETWORK_REJECTED"),
    ("5", "ENTITY_DECLINED"),
    ("6", "INSUFFICIENT_FUNDS"),
    ("7", "INVALID_CARD"),
    ("8", "CONTACT_THE_ENTITY or BANK_ACCOUNT_*"),
    ("9", "EXPIRED_CARD"),
    ("10", "RESTRICTED_CARD"),
    ("12", "INVALID_EXPIRATION_DATE_OR_SECURITY_CODE"),
    ("13", "REPEAT_TRANSACTION"),
    ("14", "INVALID_TRANSACTION"),
    ("15", "pending"),
    ("17", "EXCEEDED_AMOUNT"),
    ("19", "ABANDONED_TRANSACTION"),
    ("20", "EXPIRED_TRANSACTION"),
    ("22", "CREDIT_CARD_NOT_AUTHORIZED_FOR_INTERNET_TRANSACTIONS"),
    ("23", "ANTIFRAUD_REJECTED or BANK_FRAUD_REJECTED"),
    ("25", "pending"),
    ("26", "pending"),
    ("29", "pending"),
    ("9994", "PENDING PSE"),
    ("9995", "DIGITAL_CERTIFICATE_NOT_FOUND"),
    ("9996", "BANK_UNREACHABLE or PAYMENT_NETWORK_NO_*"),
    ("9997", "ENTITY_MESSAGING_ERROR"),
    ("9998", "NOT_ACCEPTED_TRANSACTION"),
    ("9999", "internal"),
];

/// What `response_code_pol` means; `None` for a number that Taquilla does not know.
pub fn of_response_code(number: &str) -> Option<PaymentStatus> {
    let (_, word) = RESPONSE_CODES.iter().find(|(code, _)| *code == number)?;
    Some(match *word {
        "APPROVED" => PaymentStatus::Approved,
        "ABANDONED_TRANSACTION" => PaymentStatus::Cancelled,
        "EXPIRED_TRANSACTION" => PaymentStatus::Expired,
        "pending" | "PENDING PSE" => PaymentStatus::Pending,
        _ => PaymentStatus::Declined,
    })
}
