//! Exact decimal numbers of the API: integers that an answer writes as decimals, and decimals of a
//! request, read digit by digit. No float is ever between the two.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{BasisPoints, Currency};
use crate::error::Fields;
use crate::pricing::AdjustmentType;

/// The most digits that a number may have, so that it fits in `i64`.
const MAX_DIGITS: usize = 18;
/// Decimals that are kept of a number with too many: more than any currency or percentage has.
const MAX_DECIMALS: usize = 5;
/// The most digits of a text before its point and after it, as the schema says.
const MAX_TEXT: (usize, usize) = (13, 5);

/// A decimal number: `units` of ten to the minus `decimals`, such as hundredths for 2.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    units: i64,
    decimals: u32,
}

/// The reason why a text is no number of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotDecimal {
    NotPlain,
    TooLong,
    TextTooLong,
}

impl fmt::Display for NotDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPlain => f.write_str(
                "must be a number such as 50000 or 87830.50, or the same as text, without an exponent",
            ),
            Self::TooLong => write!(f, "must be a number of at most {MAX_DIGITS} digits"),
            Self::TextTooLong => {
                let (whole, fraction) = MAX_TEXT;
                write!(
                    f,
                    "must have, as text, at most {whole} digits before the point and {fraction} after it"
                )
            }
        }
    }
}

impl Decimal {
    /// Reads JSON: a number, perhaps with an exponent, or a text with a plain number in it.
    fn parse_json(json: &str) -> Result<Self, NotDecimal> {
        if !json.starts_with('"') {
            return Self::parse(&without_exponent(json)?);
        }
        let text: String = serde_json::from_str(json).map_err(|_| NotDecimal::NotPlain)?;
        let number = Self::parse(&text).map_err(|error| match error {
            NotDecimal::TooLong => NotDecimal::TextTooLong,
            other => other,
        })?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.strip_prefix('-').unwrap_or(whole);
        let fits = whole.len() <= MAX_TEXT.0 && fraction.len() <= MAX_TEXT.1;
        fits.then_some(number).ok_or(NotDecimal::TextTooLong)
    }

    fn parse(text: &str) -> Result<Self, NotDecimal> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let has_zeros_before = whole.len() > 1 && whole.starts_with('0');
        if !is_number(whole) || has_zeros_before || !fraction.is_none_or(is_number) {
            return Err(NotDecimal::NotPlain);
        }
        let mut fraction = Cow::from(fraction.unwrap_or_default().trim_end_matches('0'));
        if whole.len() + fraction.len() > MAX_DIGITS {
            if whole.len() + MAX_DECIMALS >= MAX_DIGITS {
                return Err(NotDecimal::TooLong);
            }
            // It has too many decimals for any unit; a last digit that is not zero keeps it so.
            fraction = format!("{}1", &fraction[..MAX_DECIMALS]).into();
        }
        let units: i64 = format!("{whole}{fraction}").parse().map_err(|_| NotDecimal::TooLong)?;
        let decimals = u32::try_from(fraction.len()).map_err(|_| NotDecimal::TooLong)?;
        Ok(Self { units: if text.starts_with('-') { -units } else { units }, decimals })
    }

    /// The number in units of ten to the minus `decimals`. `Err` has the number without its further
    /// decimals, if there are any but zeros. Saturates outside of `i64`.
    fn in_units(self, decimals: u32) -> Result<i64, i64> {
        let power = |exponent| 10_i128.checked_pow(exponent).unwrap_or(i128::MAX);
        if self.decimals <= decimals {
            let units = i128::from(self.units).saturating_mul(power(decimals - self.decimals));
            return Ok(i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX }));
        }
        let divisor = power(self.decimals - decimals);
        let units = i128::from(self.units);
        let whole = i64::try_from(units / divisor).unwrap_or(i64::MAX);
        if units % divisor == 0 { Ok(whole) } else { Err(whole) }
    }
}

/// A JSON number without its exponent: `1.5e3` becomes `1500`.
fn without_exponent(json: &str) -> Result<Cow<'_, str>, NotDecimal> {
    let Some((mantissa, power)) = json.split_once(['e', 'E']) else { return Ok(json.into()) };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|digit| digit == b'0') {
        return Ok("0".into());
    }
    // More zeros would change nothing: the number is far too large or far too fine already.
    let most = mantissa.len() + MAX_DIGITS;
    let shift = power.trim_start_matches(['+', '-']).parse().unwrap_or(most).min(most);
    let zeros = |moved: &str| "0".repeat(shift - moved.len());
    let (whole, fraction) = if power.starts_with('-') {
        let (rest, moved) = whole.split_at(whole.len().saturating_sub(shift));
        (rest.to_owned(), format!("{}{moved}{fraction}", zeros(moved)))
    } else {
        let (moved, rest) = fraction.split_at(shift.min(fraction.len()));
        (format!("{whole}{moved}{}", zeros(moved)), rest.to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{fraction}").into())
}

impl PartialEq for Decimal {
    /// Whether it is the same number; zeros at its end do not count.
    fn eq(&self, other: &Self) -> bool {
        let decimals = self.decimals.max(other.decimals);
        self.in_units(decimals) == other.in_units(decimals)
    }
}

impl fmt::Display for Decimal {
    /// `105680`, or `87830.50`: either no decimals or all of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(self.decimals);
        let (whole, fraction) = (self.units.unsigned_abs() / unit, self.units.unsigned_abs() % unit);
        if self.units < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        match fraction {
            0 => Ok(()),
            _ => write!(f, ".{fraction:0width$}", width = self.decimals as usize),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.in_units(0) {
            Ok(whole) => serializer.serialize_i64(whole),
            // Only JSON can hold digits as they are; these types are written to nothing else.
            Err(_) => {
                let json = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
                json.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse_json(json.get()).map_err(D::Error::custom)
    }
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident { $($schema:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Decimal);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        inline_schema!($name, { $($schema)* });
    )*};
}

numbers! {
    /// An amount in an answer: in major units, with the decimals of its currency if it
    /// is not whole (`105680`, `87830.50`).
    Amount {
        "type": "number",
        "format": "decimal",
        "description": "An amount in major units of its currency.",
        "examples": [50000, 87830.50],
    }

    /// A percentage in an answer: `19` is 19 %, `-2.50` is 2.5 % off.
    Percent {
        "type": "number",
        "description": "A percentage: 19 is 19 %.",
        "examples": [19, 2.5],
    }

    /// The value of a discount or an adjustment in an answer: a percentage, or an amount in major
    /// units, as the type beside it says.
    Worth {
        "type": "number",
        "format": "decimal",
        "description": "A percentage, or an amount in major units, as the type beside it says.",
        "examples": [-20, 5000],
    }

    /// A number of a request, before its unit is known: the currency of an amount is in another
    /// field, or the event's. Texts are accepted as well, for clients whose own numbers are floats.
    Written {
        "type": ["number", "string"],
        "pattern": "^-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,5})?$",
        "description": "A decimal number, or the same as text without an exponent.",
        "examples": [50000, 87830.50, "87830.50"],
    }
}

impl Amount {
    /// The amount of `minor` units of `currency`.
    pub fn of(minor: i64, currency: Currency) -> Self {
        Self(Decimal { units: minor, decimals: currency.exponent() })
    }
}

impl Percent {
    /// A rate as a percentage.
    pub fn of(rate: BasisPoints) -> Self {
        Self(Decimal { units: rate.0.into(), decimals: BasisPoints::DECIMALS })
    }
}

impl Worth {
    /// The value in an answer; `value` is in basis points or in minor units of `currency`, as
    /// `kind` says.
    pub fn of(value: i64, kind: AdjustmentType, currency: Currency) -> Self {
        Self(Decimal { units: value, decimals: kind.decimals(currency) })
    }
}

impl Default for Written {
    /// Zero.
    fn default() -> Self {
        Self(Decimal { units: 0, decimals: 0 })
    }
}

impl Written {
    /// The amount in minor units of `currency`. More decimals than the currency has are noted at
    /// `pointer`.
    pub fn amount(self, currency: Currency, pointer: &str, fields: &mut Fields) -> i64 {
        self.0.in_units(currency.exponent()).unwrap_or_else(|most| {
            let detail = match currency.exponent() {
                0 => format!("{currency} has no decimals. Send a whole number."),
                decimals => format!("{currency} has {decimals} decimals. Send no more than these."),
            };
            fields.too_many_decimals(pointer, detail);
            most
        })
    }

    /// The percentage as a rate. More than two decimals are noted at `pointer`.
    pub fn percent(self, pointer: &str, fields: &mut Fields) -> BasisPoints {
        let rate = self.0.in_units(BasisPoints::DECIMALS).unwrap_or_else(|most| {
            fields.too_many_decimals(pointer, "A percentage has at most two decimals.");
            most
        });
        BasisPoints(i32::try_from(rate).unwrap_or(if rate < 0 { i32::MIN } else { i32::MAX }))
    }

    /// The value of a discount or an adjustment of this kind, in basis points or in minor units of
    /// `currency`; see [`Self::percent`] and [`Self::amount`].
    pub fn worth(self, kind: AdjustmentType, currency: Currency, pointer: &str, fields: &mut Fields) -> i64 {
        match kind {
            AdjustmentType::Percentage => self.percent(pointer, fields).0.into(),
            AdjustmentType::Fixed => self.amount(currency, pointer, fields),
        }
    }
}

/// A number of an answer as a request would write it, for fields that a change leaves as they are.
macro_rules! written_again {
    ($($name:ident),*) => {$(
        impl From<$name> for Written {
            fn from(number: $name) -> Self {
                Self(number.0)
            }
        }
    )*};
}

written_again!(Amount, Worth);

#[cfg(test)]
mod tests;
