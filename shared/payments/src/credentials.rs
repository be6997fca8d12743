//! Credentials that organisers enter to use their account at a gateway.

use std::borrow::Cow;

pub use domain::gateway_account::Mode;

/// A credential that cannot be one, found without asking the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCredential {
    /// Its name in the credentials' JSON; empty if it is all of them, or none of the
    /// gateway's.
    pub field: &'static str,
    /// The fault, for the organiser. Quotes nothing that was entered.
    pub detail: Cow<'static, str>,
}

impl BadCredential {
    pub(super) fn new(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field, detail: detail.into() }
    }
}

/// The gateway's answer to credentials, by a call that costs nothing and changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialCheck {
    /// It takes them.
    Accepted {
        /// The account's holder, in the gateway's words, if it says so; at most 100
        /// characters.
        account: Option<String>,
    },
    /// It does not.
    Refused(BadCredential),
}

/// Checks a text that goes into a header, a signature or an address as it is.
pub(super) fn plain(
    field: &'static str,
    text: &str,
    length: std::ops::RangeInclusive<usize>,
) -> Result<(), BadCredential> {
    if !length.contains(&text.len()) {
        return Err(BadCredential::new(field, "This is not as long as the gateway's are. Copy all of it."));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadCredential::new(
            field,
            "This has blanks or letters that the gateway's do not have. Copy it again.",
        ));
    }
    // Long enough to pass for a secret, and public to every reader of the template.
    if text.starts_with("arn:") {
        return Err(BadCredential::new(field, "This is where a secret is kept, not the secret."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_visible_ascii_of_the_right_length() {
        assert_eq!(plain("key", "abc-DEF_1", 4..=20), Ok(()));
        for wrong in ["", "abc", "abc def", "abcdé", "abc\n123", &"a".repeat(21), "arn:aws:x"] {
            assert_eq!(plain("key", wrong, 4..=20).expect_err(wrong).field, "key");
        }
    }
}
