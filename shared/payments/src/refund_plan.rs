//! Whether a refund still has to be asked for, by what the gateway knows already.

use domain::Money;

use crate::{GatewayError, RefundPayment, RefundReport, RefundStatus};

/// A refund that the gateway knows of, and has not declined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownRefund {
    /// The gateway's id of it.
    pub(super) id: String,
    /// How much, if the gateway says so.
    pub(super) amount: Option<Money>,
    /// True if it is of a part; one without an amount is of all of the payment else.
    pub(super) part: bool,
    /// How far it is.
    pub(super) status: RefundStatus,
}

/// What to do about a refund.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Ask for it.
    Submit,
    /// It was asked for before, and this is it.
    Is(RefundReport),
}

/// Decides by the refunds that the gateway knows, the newest first.
///
/// # Errors
/// [`GatewayError::Refused`] if somebody else gave money back meanwhile, so that a
/// person has to look.
pub(super) fn plan(refund: &RefundPayment, known: &[KnownRefund]) -> Result<Plan, GatewayError> {
    let amount = |known: &KnownRefund| match known.amount {
        Some(money) => money.amount,
        None if known.part => refund.amount.amount,
        None => refund.paid.amount,
    };
    let total = known.iter().map(amount).fold(0_i64, i64::saturating_add);
    let same = known.iter().find(|known| amount(known) == refund.amount.amount);
    let is =
        |known: &KnownRefund| Plan::Is(RefundReport { refund_id: known.id.clone(), status: known.status });
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

    fn known(id: &str, amount: Option<i64>, part: bool) -> KnownRefund {
        KnownRefund { id: id.to_owned(), amount: amount.map(ars), part, status: RefundStatus::Done }
    }

    #[test]
    fn a_refund_is_submitted_only_if_the_gateway_does_not_know_it() {
        let (whole, part) = (known("w", None, false), known("p", Some(300), true));
        let (silent, other) = (known("s", None, true), known("o", Some(200), true));
        let planned = |amount, before: i64, known: &[&KnownRefund]| {
            let known: Vec<_> = known.iter().map(|known| (*known).clone()).collect();
            let refund = RefundPayment {
                payment_id: "1_a".to_owned(),
                amount: ars(amount),
                paid: ars(1000),
                refunded_before: ars(before),
                idempotency_key: "k".to_owned(),
                may_have_been_asked: false,
            };
            match plan(&refund, &known) {
                Ok(Plan::Submit) => "submit".to_owned(),
                Ok(Plan::Is(report)) => report.refund_id,
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
