//! PayU's rules for refunds, country by country.

use std::time::Duration;

use domain::{Currency, Money};

/// The rules for refunds in the country of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRules {
    /// The time after the approval before which PayU refuses a refund.
    pub earliest: Duration,
    /// The time after the approval until which a refund may be asked for.
    pub latest: Duration,
    /// The least amount, in minor units.
    pub least: i64,
    /// True if amounts must have no decimals.
    pub whole_units: bool,
    /// The most refunds of a part; `None` without a limit.
    pub parts: Option<u8>,
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

/// The rules of the country that has this currency. Others than those of Argentina,
/// Chile and Colombia are not written down anywhere, so nothing is forbidden there.
pub fn refund_rules(currency: Currency) -> RefundRules {
    let free = RefundRules {
        earliest: Duration::ZERO,
        latest: days(357),
        least: 1,
        whole_units: false,
        parts: None,
    };
    match currency.code() {
        "ARS" => RefundRules { whole_units: true, ..free },
        "CLP" => RefundRules { latest: days(327), whole_units: true, ..free },
        "COP" => {
            RefundRules { earliest: Duration::from_secs(10 * 60), least: 10_000, parts: Some(1), ..free }
        }
        _ => free,
    }
}

impl RefundRules {
    /// True if PayU can refund this amount, as a part or as all of a payment. `parts`
    /// says how many parts of it were refunded before.
    pub fn allow(&self, amount: Money, whole: bool, parts: u8) -> bool {
        let unit = 10_i64.pow(amount.currency.exponent());
        let fits_units = !self.whole_units || amount.amount % unit == 0;
        // All of a payment is refunded without telling an amount.
        amount.amount >= self.least && (whole || (fits_units && self.parts.is_none_or(|most| parts < most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_payu_would_decline_is_not_asked_for() {
        let allow = |amount, currency, whole, parts| {
            refund_rules(currency).allow(Money::new(amount, currency), whole, parts)
        };
        assert!(allow(1_050, Currency::ARS, true, 0), "all of it has no amount");
        assert!(!allow(1_050, Currency::ARS, false, 0), "centavos");
        assert!(allow(1_000, Currency::ARS, false, 3));
        assert!(allow(5, Currency::CLP, false, 0));
        assert!(!allow(9_999, Currency::COP, true, 0) && allow(10_000, Currency::COP, true, 0));
        assert!(allow(500_050, Currency::COP, false, 0) && !allow(500_050, Currency::COP, false, 1));
    }
}
