//! Colours, as organisers choose them for their pages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A colour of screens (sRGB), written `#0b6b4f`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Colour([u8; 3]);

/// The text is not a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour such as #0b6b4f")]
pub struct InvalidColour;

impl Colour {
    /// The ground of the pages that buyers see by day.
    pub const PAPER: Self = Self([255; 3]);

    /// The contrast with another colour by WCAG 2: from 1, which nobody sees, to 21, black on white.
    /// Texts need 4.5.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn luminance(self) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(channel);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl FromStr for Colour {
    type Err = InvalidColour;

    fn from_str(text: &str) -> Result<Self, InvalidColour> {
        let digits = text
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let digits = digits.ok_or(InvalidColour)?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| InvalidColour);
        Ok(Self([channel(0)?, channel(2)?, channel(4)?]))
    }
}

impl TryFrom<String> for Colour {
    type Error = InvalidColour;

    fn try_from(text: String) -> Result<Self, InvalidColour> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

inline_schema!(Colour, {
    "type": "string",
    "pattern": "^#[0-9a-fA-F]{6}$",
    "x-must": "Must be a colour such as #0b6b4f.",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().expect("a colour")
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("#0B6b4F").to_string(), "#0b6b4f");
        for text in ["", "#", "#fff", "0b6b4f", "#0b6b4g", "#0b6b4f0", "#ñb6b4", "red"] {
            assert_eq!(text.parse::<Colour>(), Err(InvalidColour), "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        for (text, contrast) in [("#000000", 21.0), ("#ffffff", 1.0), ("#767676", 4.54), ("#777777", 4.48)] {
            let measured = colour(text).contrast(Colour::PAPER);
            assert!((measured - contrast).abs() < 0.01, "{text}: {measured}");
        }
    }
}
