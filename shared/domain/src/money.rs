//! Money: an integer of minor units with its ISO 4217 currency. Never a float.
//!
//! Rules, the table and messages use it. The API counts in major units and per cent; [`decimal`]
//! has its numbers, and is the one place that converts.

mod decimal;

use std::borrow::Cow;
use std::fmt;

use iso_currency::IntoEnumIterator;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use decimal::{Amount, Percent, Worth, Written};

/// An ISO 4217 currency. Its exponent (decimals) comes from `iso_currency`:
/// 2 for ARS, COP and USD, 0 for CLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Argentine peso, two decimals.
    pub const ARS: Self = Self(iso_currency::Currency::ARS);
    /// Chilean peso, no decimals.
    pub const CLP: Self = Self(iso_currency::Currency::CLP);
    /// Colombian peso, two decimals.
    pub const COP: Self = Self(iso_currency::Currency::COP);
    /// US dollar, two decimals.
    pub const USD: Self = Self(iso_currency::Currency::USD);
    /// No currency: the code `XXX` of ISO 4217.
    pub const NONE: Self = Self(iso_currency::Currency::XXX);

    /// The currency with this three-letter code, if there is one.
    pub fn from_code(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(Self)
    }

    /// Every currency of ISO 4217.
    pub fn all() -> impl Iterator<Item = Self> {
        iso_currency::Currency::iter().map(Self)
    }

    /// The three-letter code of ISO 4217.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals; 2 if ISO 4217 has none for the currency.
    pub fn exponent(&self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": Self::all().map(|currency| currency.code()).collect::<Vec<_>>(),
            "description": "ISO 4217 code.",
            "examples": ["CLP", "COP", "ARS"],
        })
    }
}

/// An amount of money in minor units. No part of the API, which has [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Whole minor units: centavos for ARS and COP, pesos for CLP.
    pub amount: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Money {
    /// An amount of whole minor units of `currency`.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }
}

impl fmt::Display for Money {
    /// `COP 12500`, `COP 0.50`: for people and logs, in no particular locale.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, Amount::of(self.amount, self.currency))
    }
}

/// A hundredth of a percent: 1900 is 19 %. May be negative for discounts. No part of the
/// API, which has [`Percent`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(pub i32);

impl BasisPoints {
    /// 100 %.
    pub const WHOLE: Self = Self(10_000);
    /// The number of decimals of a rate as a percentage.
    pub const DECIMALS: u32 = 2;

    /// The part of a `gross` amount that is tax, when this rate is already contained in it:
    /// `gross * rate / (1 + rate)`, rounded half away from zero to a whole minor unit. The buyer
    /// does not pay it on top: prices are rounded by [`PriceUnit`](crate::payable::PriceUnit)
    /// alone, and its shares add up to the last unit.
    pub fn contained_in(self, gross: i64) -> i64 {
        round_div(i128::from(gross) * i128::from(self.0), i128::from(Self::WHOLE.0) + i128::from(self.0))
    }
}

/// Divides and rounds half away from zero; saturates outside of `i64`.
pub(crate) fn round_div(numerator: i128, denominator: i128) -> i64 {
    if denominator == 0 {
        return 0;
    }
    let (sign, n, d) =
        (numerator.signum() * denominator.signum(), numerator.unsigned_abs(), denominator.unsigned_abs());
    let rounded = sign * i128::try_from((n + d / 2) / d).unwrap_or(i128::MAX);
    i64::try_from(rounded).unwrap_or(if sign < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_exponent_of_the_currency_decides_the_text() {
        assert_eq!(Money::new(1_250_000, Currency::COP).to_string(), "COP 12500");
        assert_eq!(Money::new(50, Currency::COP).to_string(), "COP 0.50");
        assert_eq!(Money::new(9900, Currency::CLP).to_string(), "CLP 9900");
        assert_eq!(Money::new(-5, Currency::ARS).to_string(), "ARS -0.05");
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!((round_div(3, 2), round_div(-3, 2), round_div(1, 3)), (2, -2, 0));
        assert_eq!(BasisPoints(1900).contained_in(119), 19);
    }

    proptest! {
        #[test]
        fn a_contained_share_is_never_off_by_more_than_half_a_unit(gross in -1_000_000_000_000_i64..1_000_000_000_000, rate in 0_i32..=10_000) {
            let share = i128::from(BasisPoints(rate).contained_in(gross));
            let (exact, whole) = (i128::from(gross) * i128::from(rate), i128::from(10_000 + rate));
            prop_assert!((share * whole - exact).abs() * 2 <= whole);
        }
    }
}
