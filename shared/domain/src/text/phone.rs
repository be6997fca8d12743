//! Telephone numbers as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{plain, sentence};
use crate::Language;

/// A telephone number as people write it: digits, spaces and `+ - ( ) .`; or empty.
///
/// What telephones and spreadsheets put around and into a number is removed:
/// direction signs, spaces and hyphens of other widths, white space around it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct Phone(String);

/// The text is not a telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {} digits, spaces and the signs + - ( ) .", Phone::MAX)]
pub struct InvalidPhone;

impl InvalidPhone {
    /// The reason as a sentence.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::Es => {
                format!("Debe tener a lo sumo {} dígitos, espacios y los signos + - ( ) .", Phone::MAX)
            }
            Language::En => sentence(self),
        }
    }
}

impl Phone {
    /// The most characters of a number.
    pub const MAX: usize = 32;

    /// The number; `None` if none was entered.
    pub fn some(self) -> Option<String> {
        Some(self.0).filter(|number| !number.is_empty())
    }
}

impl FromStr for Phone {
    type Err = InvalidPhone;

    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        if text.chars().nth(Self::MAX).is_some() {
            return Err(InvalidPhone);
        }
        let number = plain(text);
        let fits = number.chars().all(|sign| sign.is_ascii_digit() || "+-() .".contains(sign));
        let is_number = number.is_empty() || number.contains(|sign: char| sign.is_ascii_digit());
        if fits && is_number { Ok(Self(number)) } else { Err(InvalidPhone) }
    }
}

impl TryFrom<Cow<'_, str>> for Phone {
    type Error = InvalidPhone;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidPhone> {
        text.parse()
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl fmt::Debug for Phone {
    /// Keeps numbers out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(..)")
    }
}

/// The pattern of the schema: besides plain spaces and hyphens, it allows those of other widths, and
/// signs without any.
fn pattern() -> String {
    let blank = r" \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000";
    let unseen = r"\u00AD\u034F\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF";
    let between = format!(r"[+\-().{blank}{unseen}\u2010-\u2015\u2212]*");
    let around = format!(r"[\t-\r\u0085\u2028\u2029{blank}{unseen}]*");
    format!("^{around}(?:(?:{between}[0-9])+{between})?{around}$")
}

inline_schema!(Phone, {
    "type": "string",
    "maxLength": Self::MAX,
    "pattern": pattern(),
    "examples": ["+57 601 555 0100"],
});
