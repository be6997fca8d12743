//! Money and percentages in the notation of each language.

use crate::pricing::AdjustmentType;
use crate::{Amount, BasisPoints, Currency, Language, Money};

/// The separators of thousands and of decimals.
const fn separators(language: Language) -> (char, char) {
    match language {
        Language::Es => ('.', ','),
        Language::En => (',', '.'),
    }
}

/// An amount with the currency's code before it: `$` alone could mean three of the
/// currencies that Taquilla sells in. `COP 50.000`, `COP 87.830,50`.
pub fn money(money: Money, language: Language) -> String {
    let (group, decimal) = separators(language);
    let amount = Amount::of(money.amount, money.currency).to_string();
    let (whole, fraction) = amount.split_once('.').unwrap_or((&amount, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = format!("{} {sign}", money.currency);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(decimal);
        text.push_str(fraction);
    }
    text
}

/// A rate as a percentage: `12,5 %`.
pub fn percent(rate: BasisPoints, language: Language) -> String {
    let (_, decimal) = separators(language);
    let (whole, rest) = (rate.0.unsigned_abs() / 100, rate.0.unsigned_abs() % 100);
    let sign = if rate.0 < 0 { "-" } else { "" };
    let rest = format!("{rest:02}");
    match rest.trim_end_matches('0') {
        "" => format!("{sign}{whole} %"),
        rest => format!("{sign}{whole}{decimal}{rest} %"),
    }
}

/// The value of a discount or an adjustment as text: `value` is in basis points, or in minor units
/// of `currency`.
pub fn worth(value: i64, kind: AdjustmentType, currency: Currency, language: Language) -> String {
    match kind {
        AdjustmentType::Percentage => {
            let most = if value < 0 { i32::MIN } else { i32::MAX };
            percent(BasisPoints(i32::try_from(value).unwrap_or(most)), language)
        }
        AdjustmentType::Fixed => money(Money::new(value, currency), language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_separators_of_its_language() {
        let cop = Money::new(21_238_250, Currency::COP);
        assert_eq!(money(cop, Language::Es), "COP 212.382,50");
        assert_eq!(money(cop, Language::En), "COP 212,382.50");
        assert_eq!(money(Money::new(5_000_000, Currency::COP), Language::Es), "COP 50.000");
        assert_eq!(money(Money::new(1_009_900, Currency::CLP), Language::Es), "CLP 1.009.900");
        assert_eq!(money(Money::new(-5, Currency::ARS), Language::En), "ARS -0.05");
        assert_eq!(money(Money::new(0, Currency::CLP), Language::En), "CLP 0");
    }

    #[test]
    fn percentages_have_the_decimals_that_they_need() {
        let texts = [1900, -2000, 1250, 5, -5, 0].map(|rate| percent(BasisPoints(rate), Language::Es));
        assert_eq!(texts, ["19 %", "-20 %", "12,5 %", "0,05 %", "-0,05 %", "0 %"]);
        assert_eq!(percent(BasisPoints(1250), Language::En), "12.5 %");
    }
}
