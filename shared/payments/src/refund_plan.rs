//! The decision whether a refund still has to be asked for, by those that the gateway
//! lists already.

use domain::Money;

use crate::{GatewayError, RefundPayment, RefundReport, RefundStatus, Result};

/// A refund that the gateway lists, and has not declined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EarlierRefund {
    /// The gateway's id of it.
    pub(super) id: String,
    /// The amount, if the gateway says so.
    pub(super) amount: Option<Money>,
    /// True if it is of a part; one without an amount is of all of the payment else.
    pub(super) part: bool,
    /// The gateway's decision.
    pub(super) status: RefundStatus,
}

/// The next step of a refund.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Ask for it.
    Submit,
    /// It was asked for before, and this is it.
    Existing(RefundReport),
}

/// Decides by the refunds that the gateway lists, the newest first.
///
/// # Errors
/// [`GatewayError::Refused`] if money was given back without us meanwhile, so that a
/// person has to look.
pub(super) fn plan(refund: &RefundPayment, earlier: &[EarlierRefund]) -> Result<Plan> {
    let amount = |earlier: &EarlierRefund| match earlier.amount {
        Some(money) => money.amount,
        None if earlier.part => refund.amount.amount,
        None => refund.paid.amount,
    };
    let total = earlier.iter().map(amount).fold(0_i64, i64::saturating_add);
    let same = earlier.iter().find(|earlier| amount(earlier) == refund.amount.amount);
    let is = |earlier: &EarlierRefund| {
        Plan::Existing(RefundReport { refund_id: earlier.id.clone(), status: earlier.status })
    };
    let before = refund.refunded_before.amount;
    match same {
        _ if total == before => Ok(Plan::Submit),
        Some(same) if total == before.saturating_add(refund.amount.amount) => Ok(is(same)),
        _ => Err(GatewayError::Refused {
            code: "refunds_differ".to_owned(),
            message: "The gateway knows of other refunds of this payment.".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    fn ars(amount: i64) -> Money {
        Money::new(amount, Currency::ARS)
    }

    fn earlier(id: &str, amount: Option<i64>, part: bool) -> EarlierRefund {
        EarlierRefund { id: id.to_owned(), amount: amount.map(ars), part, status: RefundStatus::Done }
    }

    #[test]
    fn a_refund_is_submitted_only_if_the_gateway_does_not_know_it() {
        let (whole, part) = (earlier("w", None, false), earlier("p", Some(300), true));
        let (silent, other) = (earlier("s", None, true), earlier("o", Some(200), true));
        let planned = |amount, before: i64, earlier: &[&EarlierRefund]| {
            let earlier: Vec<_> = earlier.iter().map(|earlier| (*earlier).clone()).collect();
            let refund = RefundPayment {
                payment_id: "1_a".to_owned(),
                amount: ars(amount),
                paid: ars(1000),
                refunded_before: ars(before),
                idempotency_key: "k".to_owned(),
                may_have_been_asked: false,
            };
            match plan(&refund, &earlier) {
                Ok(Plan::Submit) => "submit".to_owned(),
                Ok(Plan::Existing(report)) => report.refund_id,
                Err(_) => "differ".to_owned(),
            }
        };
        // All of it.
        assert_eq!(planned(1000, 0, &[]), "submit");
        assert_eq!(planned(1000, 0, &[&whole]), "w");
        assert_eq!(planned(1000, 0, &[&part]), "differ");
        // Parts.
        assert_eq!(planned(300, 0, &[]), "submit");
        assert_eq!(planned(300, 0, &[&part]), "p");
        assert_eq!(planned(300, 300, &[&part]), "submit");
        assert_eq!(planned(300, 300, &[&part, &part]), "p");
        assert_eq!(planned(300, 200, &[&part, &other]), "p");
        assert_eq!(planned(300, 200, &[&other]), "submit");
        assert_eq!(planned(300, 0, &[&other]), "differ");
        assert_eq!(planned(300, 300, &[]), "differ", "the gateway forgot one");
        assert_eq!(planned(300, 0, &[&whole]), "differ");
        assert_eq!(planned(300, 0, &[&silent]), "s");
    }
}
