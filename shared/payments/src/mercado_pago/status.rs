//! Mercado Pago's statuses in our words.

use crate::{Dispute, PaymentStatus};

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How far the payment is.
    pub status: PaymentStatus,
    /// Whether the buyer contests it.
    pub dispute: Option<Dispute>,
    /// False if Mercado Pago used a word that Taquilla does not know. The payment is
    /// then taken for undecided: guessing would be guessing about money.
    pub known: bool,
}

/// What `status` and `status_detail` of a payment mean.
pub fn standing(status: &str, detail: &str) -> Standing {
    let known = |status| Standing { status, dispute: None, known: true };
    let disputed = |status, dispute| Standing { status, dispute: Some(dispute), known: true };
    match (status, detail) {
        ("pending" | "in_process" | "authorized", _) => known(PaymentStatus::Pending),
        ("approved", _) => known(PaymentStatus::Approved),
        ("in_mediation", _) => disputed(PaymentStatus::Approved, Dispute::Open),
        ("rejected", _) => known(PaymentStatus::Declined),
        // Newer documentation spells it with one l.
        ("cancelled" | "canceled", "expired") => known(PaymentStatus::Expired),
        ("cancelled" | "canceled", _) => known(PaymentStatus::Cancelled),
        ("refunded", _) => known(PaymentStatus::Refunded),
        ("charged_back", "reimbursed") => disputed(PaymentStatus::Approved, Dispute::Won),
        ("charged_back", "settled") => disputed(PaymentStatus::ChargedBack, Dispute::Lost),
        ("charged_back", _) => disputed(PaymentStatus::ChargedBack, Dispute::Open),
        _ => Standing { status: PaymentStatus::Pending, dispute: None, known: false },
    }
}
