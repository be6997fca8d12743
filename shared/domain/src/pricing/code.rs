//! The codes of promotions.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// The code of a promotion, which the buyer types: 3 to 32 of `A-Z`, `0-9`, `_` and `-`. Small
/// letters and spaces around it are accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PromotionCode(String);

/// The text can not be a promotion code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a promotion code: 3 to 32 letters without accents, digits, hyphens and underscores")]
pub struct InvalidCode;

impl PromotionCode {
    /// The prefix of the codes of members' discounts, and of no others.
    pub const MEMBER_PREFIX: &str = "SOCIO-";

    /// The code, in capital letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of a member's discount, such as `SOCIO-7K3M-Q9TB-2X`: 10 characters without
    /// lookalikes for the first 50 bits of `bytes`; missing bytes count as zero. With `bytes`
    /// derived from a secret, the code can not be guessed.
    pub fn of_member(bytes: &[u8]) -> Self {
        let bits = (0..7)
            .fold(0_u64, |bits, index| (bits << 8) | u64::from(bytes.get(index).copied().unwrap_or(0)))
            >> 6;
        let mut code = Self::MEMBER_PREFIX.to_owned();
        for place in 0..10 {
            if matches!(place, 4 | 8) {
                code.push('-');
            }
            let digit = usize::try_from((bits >> (5 * (9 - place))) & 31).unwrap_or(0);
            code.push(char::from(CROCKFORD[digit]));
        }
        Self(code)
    }

    /// True for the code of a member's discount.
    pub fn is_of_member(&self) -> bool {
        self.0.starts_with(Self::MEMBER_PREFIX)
    }
}

/// The digits of Crockford's base 32: without I, L, O and U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl FromStr for PromotionCode {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let text = text.trim();
        let valid = (3..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !valid {
            return Err(InvalidCode);
        }
        let code = Self(text.to_ascii_uppercase());
        // A member who copies the code by hand may write a letter for a digit.
        Ok(match code.0.strip_prefix(Self::MEMBER_PREFIX) {
            Some(rest) => {
                Self(format!("{}{}", Self::MEMBER_PREFIX, rest.replace('O', "0").replace(['I', 'L'], "1")))
            }
            None => code,
        })
    }
}

impl fmt::Display for PromotionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PromotionCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

inline_schema!(PromotionCode, {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{3,32}$",
    "description": "A promotion code; capital and small letters are the same.",
    "examples": ["PREVENTA-10"],
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_have_one_spelling() {
        for text in ["preventa-10", " Preventa-10\n", "PREVENTA-10"] {
            assert_eq!(text.parse::<PromotionCode>().map(|code| code.to_string()), Ok("PREVENTA-10".into()));
        }
        for text in ["", "AB", "A B C", "ÑANDÚ", "A#C", &"A".repeat(33)] {
            assert_eq!(text.parse::<PromotionCode>(), Err(InvalidCode), "{text:?}");
        }
        let json: PromotionCode = serde_json::from_str("\"abc_1\"").expect("a code");
        assert_eq!(serde_json::to_string(&json).expect("json"), "\"ABC_1\"");
    }

    #[test]
    fn codes_of_members_are_apart_and_easy_to_read() {
        let code = PromotionCode::of_member(&[0xff; 32]);
        assert_eq!(code.as_str(), "SOCIO-ZZZZ-ZZZZ-ZZ");
        assert_eq!(PromotionCode::of_member(&[]).as_str(), "SOCIO-0000-0000-00");
        assert_eq!(PromotionCode::of_member(&[0b0000_1000, 0b0110_0000]).as_str(), "SOCIO-11G0-0000-00");
        assert!(code.is_of_member() && code.as_str().len() <= 32);
        assert!(!"SOCIOS-10".parse::<PromotionCode>().expect("a code").is_of_member());
        assert_eq!(" socio-zzzz-zzzz-zz".parse::<PromotionCode>(), Ok(code));
        let copied: PromotionCode = "SOCIO-iDGo-OOOO-0l".parse().expect("a code");
        assert_eq!(copied.as_str(), "SOCIO-1DG0-0000-01");
        assert_eq!("SOCIOL-O".parse::<PromotionCode>().expect("a code").as_str(), "SOCIOL-O");
    }

    proptest! {
        #[test]
        fn codes_of_members_are_codes_and_differ(one in any::<[u8; 32]>(), bit in 0_usize..50) {
            let code = PromotionCode::of_member(&one);
            prop_assert_eq!(code.as_str().parse::<PromotionCode>(), Ok(code.clone()));
            prop_assert!(!code.as_str()[6..].contains(['I', 'L', 'O', 'U']));
            prop_assert_eq!(&PromotionCode::of_member(&one[..7]), &code);
            let mut other = one;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            prop_assert_ne!(PromotionCode::of_member(&other), code);
        }
    }
}
