//! Mercado Pago's statuses in our words.

use crate::{Dispute, PaymentStatus};

/// A payment's status in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedStatus {
    /// The payment's progress.
    pub status: PaymentStatus,
    /// The dispute, if the buyer contests the payment.
    pub dispute: Option<Dispute>,
    /// False if Mercado Pago used a word that Taquilla does not know. The payment is
    /// then taken for undecided: guessing would be guessing about money.
    pub recognised: bool,
}

/// Maps `status` and `status_detail` of a payment to our words.
pub fn map_status(status: &str, detail: &str) -> MappedStatus {
    let plain = |status| MappedStatus { status, dispute: None, recognised: true };
    let disputed = |status, dispute| MappedStatus { status, dispute: Some(dispute), recognised: true };
    match (status, detail) {
        ("pending" | "in_process" | "authorized", _) => plain(PaymentStatus::Pending),
        ("approved", _) => plain(PaymentStatus::Approved),
        ("in_mediation", _) => disputed(PaymentStatus::Approved, Dispute::Open),
        ("rejected", _) => plain(PaymentStatus::Declined),
        // Newer documentation spells it with one l.
        ("cancelled" | "canceled", "expired") => plain(PaymentStatus::Expired),
        ("cancelled" | "canceled", _) => plain(PaymentStatus::Cancelled),
        ("refunded", _) => plain(PaymentStatus::Refunded),
        ("charged_back", "reimbursed") => disputed(PaymentStatus::Approved, Dispute::Won),
        ("charged_back", "settled") => disputed(PaymentStatus::ChargedBack, Dispute::Lost),
        ("charged_back", _) => disputed(PaymentStatus::ChargedBack, Dispute::Open),
        _ => MappedStatus { status: PaymentStatus::Pending, dispute: None, recognised: false },
    }
}
