//! Amounts as gateways write them: decimal text. Digit by digit, because a float has
//! no cents.

use domain::{Currency, Money};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// With two decimals, whatever the currency has: `25000.00`, `25000.50`.
pub(super) fn two_decimals(amount: Money) -> String {
    let (whole, cents) = match amount.currency.exponent() {
        0 => (amount.amount, 0),
        _ => (amount.amount / 100, amount.amount % 100),
    };
    format!("{whole}.{cents:02}")
}

/// As short as it can be: `25000`, `25000.5`.
pub(super) fn shortest(amount: Money) -> String {
    two_decimals(amount).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Minor units of `currency` in a text such as `25000`, `25000.5` or `25000.50`;
/// `None` if it is no such text, or no whole number of minor units.
pub(super) fn minor_units(text: &str, currency: Currency) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 2 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let cents: i64 = format!("{whole}{fraction:0<2}").parse().ok()?;
    match currency.exponent() {
        0 => (cents % 100 == 0).then_some(cents / 100),
        _ => Some(cents),
    }
}

/// A number in a JSON document, with these digits.
#[derive(Debug, Clone)]
pub(super) struct Number(pub(super) String);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_two_decimals_or_as_few_as_possible() {
        for (amount, currency, two, short) in [
            (25_000, Currency::CLP, "25000.00", "25000"),
            (2_500_000, Currency::COP, "25000.00", "25000"),
            (2_500_050, Currency::ARS, "25000.50", "25000.5"),
            (5, Currency::ARS, "0.05", "0.05"),
            (0, Currency::ARS, "0.00", "0"),
            (100_000, Currency::CLP, "100000.00", "100000"),
        ] {
            let money = Money::new(amount, currency);
            assert_eq!((&*two_decimals(money), &*shortest(money)), (two, short));
            assert_eq!(minor_units(two, currency), Some(amount));
            assert_eq!(minor_units(short, currency), Some(amount));
        }
    }

    #[test]
    fn no_other_text_is_an_amount() {
        for wrong in ["", ".", "5.", ".5", "-1", "+1", "1e2", "1,5", "1.005", " 1", "9999999999999"] {
            assert_eq!(minor_units(wrong, Currency::ARS), None, "{wrong}");
        }
        assert_eq!(minor_units("0.5", Currency::CLP), None);
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(serde_json::to_string(&[Number("95000.00".to_owned())]).expect("JSON"), "[95000.00]");
    }
}
