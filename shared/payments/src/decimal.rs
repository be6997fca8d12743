//! Amounts as gateways write them, decimal text, to and from our minor units.
//! Digit by digit: a float would already have lost the cent.

use domain::payable::fits;
use domain::payment::GatewayName;
use domain::{Amount, Currency, Money};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::{GatewayError, Result};

/// The longest number that is looked at. Amounts have ten characters or so.
const MAX_CHARS: usize = 64;

/// `amount` as decimal text with a point: `25000` if nothing follows the point,
/// else all decimals of the currency, as in `25000.50`. Both ways are understood
/// by gateways that want no decimals and by those that want two.
pub(super) fn text(amount: Money) -> String {
    Amount::of(amount.amount, amount.currency).to_string()
}

/// Checks that the gateway takes the decimals of an amount. Prices always fit; this is for
/// orders from before they did.
///
/// # Errors
/// `decimals`, before the gateway's page says so to the buyer.
pub(super) fn payable(gateway: GatewayName, amount: Money) -> Result<()> {
    if fits(gateway, amount) {
        return Ok(());
    }
    Err(GatewayError::Refused {
        code: "decimals".to_owned(),
        message: format!("{gateway} takes no {amount}: it has too many decimals."),
    })
}

/// Whole minor units of `currency` in a decimal number such as `100.5`, `100.500`
/// or `1.005E2`; `None` if it is no number, or no whole number of minor units.
pub(super) fn minor_units(text: &str, currency: Currency) -> Option<i64> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, exponent_of_ten(power)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The places that the point moves to the right until minor units stand before it.
    let places = i32::try_from(currency.exponent()).ok()? + power - i32::try_from(fraction.len()).ok()?;
    let digits = digits.trim_start_matches('0');
    let shift = usize::try_from(places.unsigned_abs()).ok()?;
    let units = if digits.is_empty() {
        0
    } else if places >= 0 {
        format!("{digits}{:0<shift$}", "").parse().ok()?
    } else {
        let (units, rest) = digits.split_at(digits.len().checked_sub(shift)?);
        if rest.bytes().any(|byte| byte != b'0') {
            return None;
        }
        if units.is_empty() { 0 } else { units.parse().ok()? }
    };
    Some(if negative { -units } else { units })
}

/// A power of ten, within what an amount of money could have.
fn exponent_of_ten(text: &str) -> Option<i32> {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.is_empty() || text.len() - digits.len() > 1 || digits.len() > 2 {
        return None;
    }
    text.parse().ok()
}

/// A number of a JSON document, as its characters stand there. Also taken where a
/// gateway puts it between quotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal(String);

impl Decimal {
    /// A number for a request.
    pub(super) fn new(amount: Money) -> Self {
        Self(text(amount))
    }

    /// The amount, if it is a whole number of minor units.
    pub(super) fn money(&self, currency: Currency) -> Option<Money> {
        Some(Money::new(minor_units(&self.0, currency)?, currency))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map(Self).map_err(de::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Self(text.to_owned())),
            _ => Err(de::Error::custom("not a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_amounts_have_no_point_and_others_all_decimals() {
        let cases = [
            (Money::new(25_000, Currency::CLP), "25000"),
            (Money::new(2_500_000, Currency::COP), "25000"),
            (Money::new(2_500_050, Currency::ARS), "25000.50"),
            (Money::new(5, Currency::ARS), "0.05"),
            (Money::new(0, Currency::ARS), "0"),
            (Money::new(-1, Currency::USD), "-0.01"),
        ];
        for (money, expected) in cases {
            assert_eq!(text(money), expected);
            assert_eq!(minor_units(expected, money.currency), Some(money.amount));
        }
    }

    #[test]
    fn every_way_to_write_a_number_is_read_and_no_fraction_of_a_cent() {
        for same in ["100.5", "100.50", "100.500", "1.005E2", "1005e-1", "0100.5", "10050E-2"] {
            assert_eq!(minor_units(same, Currency::ARS), Some(10_050), "{same}");
        }
        assert_eq!(minor_units("25000.00", Currency::CLP), Some(25_000));
        assert_eq!(minor_units("0e-9", Currency::CLP), Some(0));
        for wrong in [
            "",
            "-",
            "--1",
            "+1",
            ".5",
            "5.",
            "1,5",
            "1 ",
            "0x1",
            "1e",
            "1e+-1",
            "1e999",
            "NaN",
            "100.001",
            "0.30000000000000004",
            "99999999999999999999",
            "٣",
        ] {
            assert_eq!(minor_units(wrong, Currency::ARS), None, "{wrong}");
        }
        assert_eq!(minor_units("0.5", Currency::CLP), None);
        assert_eq!(minor_units(&"0".repeat(65), Currency::CLP), None);
    }

    #[test]
    fn json_numbers_keep_their_digits() {
        #[derive(Serialize, Deserialize)]
        struct Body {
            amount: Decimal,
        }
        // A float would make 9007199254740993.01 of it, or worse.
        let read: Body = serde_json::from_str(r#"{"amount": 9007199254740993.17}"#).expect("a number");
        let money = read.amount.money(Currency::ARS).expect("whole cents");
        assert_eq!(money.amount, 900_719_925_474_099_317);
        let written = serde_json::to_string(&Body { amount: Decimal::new(money) }).expect("JSON");
        assert_eq!(written, r#"{"amount":9007199254740993.17}"#);
        let quoted: Body = serde_json::from_str(r#"{"amount": "12.50"}"#).expect("a number");
        assert_eq!(quoted.amount.money(Currency::ARS), Some(Money::new(1250, Currency::ARS)));
        for wrong in [r#"{"amount": null}"#, r#"{"amount": true}"#, r#"{"amount": [1]}"#] {
            assert!(serde_json::from_str::<Body>(wrong).is_err(), "{wrong}");
        }
    }

    fn currency() -> impl Strategy<Value = Currency> {
        let codes = prop_oneof![Just("CLP"), Just("COP"), Just("ARS"), Just("USD")];
        codes.prop_map(|code| Currency::from_code(code).expect("a currency"))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(amount: i64, currency in currency()) {
            prop_assume!(amount != i64::MIN);
            let money = Money::new(amount, currency);
            prop_assert_eq!(minor_units(&text(money), currency), Some(amount));
            let fraction = text(money).split_once('.').map_or(0, |(_, fraction)| fraction.len());
            prop_assert!(fraction == 0 || fraction == currency.exponent() as usize);
        }

        #[test]
        fn moving_the_point_and_the_power_together_changes_nothing(
            amount in 0_i64..10_000_000_000, shift in 0_usize..8, currency in currency()
        ) {
            let digits = format!("{amount:020}");
            let (whole, fraction) = digits.split_at(20 - shift);
            let power = i32::try_from(shift).expect("small") - i32::try_from(currency.exponent()).expect("small");
            let point = if shift == 0 { "" } else { "." };
            let moved = format!("{whole}{point}{fraction}e{power}");
            prop_assert_eq!(minor_units(&moved, currency), Some(amount), "{}", moved);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.eE]{0,80}|\\PC{0,20}") {
            let _ = minor_units(&text, Currency::ARS);
        }
    }
}
