//! Places and distances in a plan, to a hundredth of its unit.

use std::ops::{Add, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest distance, and the largest coordinate on both sides of the origin.
pub const MOST_LENGTH: i32 = 1_000_000;

/// A distance, a coordinate or an angle: hundredths of a unit, which the API writes as a number with
/// at most two decimals. Further decimals of a request are rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(i32);

impl Length {
    /// So many whole units.
    pub fn units(units: i64) -> Self {
        Self::hundredths(units.saturating_mul(100))
    }

    /// So many hundredths of a unit, within the bounds.
    pub fn hundredths(hundredths: i64) -> Self {
        let most = i64::from(MOST_LENGTH) * 100;
        Self(i32::try_from(hundredths.clamp(-most, most)).unwrap_or(0))
    }

    /// The length in hundredths of a unit.
    pub const fn in_hundredths(self) -> i32 {
        self.0
    }

    /// True for 0.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The length of a number of units; `None` beyond the bounds.
    pub fn of_number(number: f64) -> Option<Self> {
        let hundredths = (number * 100.0).round();
        let is_in_bounds = hundredths.is_finite() && hundredths.abs() <= f64::from(MOST_LENGTH) * 100.0;
        // Through text, because no conversion from a float refuses what does not fit.
        is_in_bounds.then(|| format!("{hundredths:.0}").parse().ok().map(Self)).flatten()
    }

    /// The number of units.
    pub fn number(self) -> serde_json::Number {
        if self.0 % 100 == 0 {
            return (self.0 / 100).into();
        }
        serde_json::Number::from_f64(f64::from(self.0) / 100.0).unwrap_or_else(|| 0.into())
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.number().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::of_number(number).ok_or_else(|| {
            serde::de::Error::custom(format!("expected a number from -{MOST_LENGTH} to {MOST_LENGTH}"))
        })
    }
}

inline_schema!(Length, {
    "type": "number",
    "minimum": -1_000_000,
    "maximum": 1_000_000,
});

/// A place in a plan: `x` to the right, `y` downwards, away from the stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// To the right.
    pub x: Length,
    /// Downwards.
    pub y: Length,
}

impl Point {
    /// A place, in hundredths of a unit.
    pub fn hundredths(x: i64, y: i64) -> Self {
        Self { x: Length::hundredths(x), y: Length::hundredths(y) }
    }

    /// The distance to another place, in hundredths of a unit.
    pub fn distance(self, other: Self) -> i64 {
        let [x, y] = [(self.x, other.x), (self.y, other.y)].map(|(a, b)| i64::from(a.0) - i64::from(b.0));
        (x * x + y * y).isqrt()
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = |a: Length, b: Length| Length::hundredths(i64::from(a.0) + i64::from(b.0));
        Self { x: sum(self.x, other.x), y: sum(self.y, other.y) }
    }
}

impl Sub for Point {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let rest = |a: Length, b: Length| Length::hundredths(i64::from(a.0) - i64::from(b.0));
        Self { x: rest(self.x, other.x), y: rest(self.y, other.y) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_decimals() {
        let read = |text: &str| serde_json::from_str::<Length>(text).map_err(|error| error.to_string());
        for (text, written) in [("12", "12"), ("12.5", "12.5"), ("-0.014", "-0.01"), ("1e3", "1000")] {
            let length = read(text).expect("a length");
            assert_eq!(serde_json::to_string(&length).expect("json"), written, "{text}");
        }
        assert!(read("1000000.01").is_err() && read("1e300").is_err());
        assert_eq!(read("1000000"), Ok(Length::units(1_000_000)));
    }

    #[test]
    fn distances_are_straight() {
        assert_eq!(Point::hundredths(0, 0).distance(Point::hundredths(300, -400)), 500);
    }
}
