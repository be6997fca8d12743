//! Their statuses in our words, all of them.

use payments::mercado_pago;
use payments::payu;

#[test]
fn every_status_of_mercado_pago_has_a_meaning() {
    let statuses = [
        ("pending", ""),
        ("pending", "pending_waiting_payment"),
        ("approved", "accredited"),
        ("approved", "partially_refunded"),
        ("authorized", "pending_capture"),
        ("in_process", "pending_review_manual"),
        ("in_mediation", "pending"),
        ("rejected", "cc_rejected_insufficient_amount"),
        ("rejected", "a_new_reason"),
        ("cancelled", "expired"),
        ("cancelled", "by_payer"),
        ("canceled", "expired"),
        ("canceled", "by_collector"),
        ("refunded", "refunded"),
        ("refunded", "by_admin"),
        ("charged_back", "in_process"),
        ("charged_back", "settled"),
        ("charged_back", "reimbursed"),
        ("charged_back", ""),
        ("Approved", "accredited"),
        ("something_new", "accredited"),
        ("", ""),
    ];
    let lines = statuses.map(|(status, detail)| {
        let mapped = mercado_pago::map_status(status, detail);
        let dispute = mapped.dispute.map(|dispute| format!(", dispute {dispute:?}")).unwrap_or_default();
        let unknown = if mapped.recognised { "" } else { ", unknown" };
        format!("{status}/{detail}: {:?}{dispute}{unknown}", mapped.status)
    });
    insta::assert_snapshot!(lines.join("\n"), @r"
    pending/: Pending
    pending/pending_waiting_payment: Pending
    approved/accredited: Approved
    approved/partially_refunded: Approved
    authorized/pending_capture: Pending
    in_process/pending_review_manual: Pending
    in_mediation/pending: Approved, dispute Open
    rejected/cc_rejected_insufficient_amount: Declined
    rejected/a_new_reason: Declined
    cancelled/expired: Expired
    cancelled/by_payer: Cancelled
    canceled/expired: Expired
    canceled/by_collector: Cancelled
    refunded/refunded: Refunded
    refunded/by_admin: Refunded
    charged_back/in_process: ChargedBack, dispute Open
    charged_back/settled: ChargedBack, dispute Lost
    charged_back/reimbursed: Approved, dispute Won
    charged_back/: ChargedBack, dispute Open
    Approved/accredited: Pending, unknown
    something_new/accredited: Pending, unknown
    /: Pending, unknown
    ");
}

/// Only these two statuses depend on the detail, so that a new detail changes nothing.
#[test]
fn no_detail_of_mercado_pago_changes_what_is_not_contested_or_cancelled() {
    let details = [
        "accredited",
        "partially_refunded",
        "pending_capture",
        "pending_review_manual",
        "pending_contingency",
        "pending_challenge",
        "pending_waiting_payment",
        "pending_waiting_transfer",
        "pending_waiting_for_remedy",
        "pending_provider_response",
        "in_process",
        "expired",
        "settled",
        "refunded",
        "offline_process",
        "rejected_by_bank",
        "rejected_by_regulations",
        "rejected_high_risk",
        "cc_rejected_bad_filled_card_number",
        "cc_rejected_bad_filled_date",
        "cc_rejected_bad_filled_other",
        "cc_rejected_bad_filled_security_code",
        "cc_rejected_blacklist",
        "cc_rejected_call_for_authorize",
        "cc_rejected_card_disabled",
        "cc_rejected_card_error",
        "cc_rejected_card_type_not_allowed",
        "cc_rejected_duplicated_payment",
        "cc_rejected_high_risk",
        "cc_rejected_insufficient_amount",
        "cc_rejected_invalid_installments",
        "cc_rejected_max_attempts",
        "cc_rejected_other_reason",
        "cc_rejected_time_out",
        "waiting_transfer",
    ];
    for status in
        ["pending", "approved", "authorized", "in_process", "in_mediation", "rejected", "refunded", "new"]
    {
        let plain = mercado_pago::map_status(status, "");
        for detail in details {
            assert_eq!(mercado_pago::map_status(status, detail), plain, "{status}/{detail}");
        }
    }
}

#[test]
fn every_state_of_payu_has_a_meaning() {
    let mut table = Vec::new();
    for state in ["APPROVED", "DECLINED", "ERROR", "EXPIRED", "PENDING", "SUBMITTED", "SOMETHING_NEW"] {
        // Orders with the same outcome are one line.
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for order in [
            "",
            "NEW",
            "IN_PROGRESS",
            "AUTHORIZED",
            "CAPTURED",
            "CANCELLED",
            "DECLINED",
            "REFUNDED",
            "CHARGEBACK",
            "NEWER",
        ] {
            let codes = ["", "INSUFFICIENT_FUNDS", "ABANDONED_TRANSACTION", "EXPIRED_TRANSACTION"];
            let outcomes = codes.map(|code| {
                let mapped = payu::map_status(order, state, code);
                format!("{:?}{}", mapped.status, if mapped.recognised { "" } else { "?" })
            });
            let outcome = if outcomes.iter().all(|outcome| *outcome == outcomes[0]) {
                outcomes[0].clone()
            } else {
                outcomes.join(" or ")
            };
            match lines.iter_mut().find(|(listed, _)| *listed == outcome) {
                Some((_, orders)) => orders.push(order),
                None => lines.push((outcome, vec![order])),
            }
        }
        table.extend(lines.iter().map(|(outcome, orders)| format!("{state} in {orders:?}: {outcome}")));
    }
    insta::assert_snapshot!(table.join("\n"), @r#"
    APPROVED in ["", "NEW", "IN_PROGRESS", "CAPTURED", "DECLINED"]: Approved
    APPROVED in ["AUTHORIZED"]: Pending
    APPROVED in ["CANCELLED", "REFUNDED"]: Refunded
    APPROVED in ["CHARGEBACK"]: ChargedBack
    APPROVED in ["NEWER"]: Pending?
    DECLINED in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"]: Declined or Declined or Cancelled or Expired
    DECLINED in ["NEWER"]: Declined? or Declined? or Cancelled? or Expired?
    ERROR in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"]: Declined or Declined or Cancelled or Expired
    ERROR in ["NEWER"]: Declined? or Declined? or Cancelled? or Expired?
    EXPIRED in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"]: Expired
    EXPIRED in ["NEWER"]: Expired?
    PENDING in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"]: Pending
    PENDING in ["NEWER"]: Pending?
    SUBMITTED in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"]: Pending
    SUBMITTED in ["NEWER"]: Pending?
    SOMETHING_NEW in ["", "NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK", "NEWER"]: Pending?
    "#);
}
