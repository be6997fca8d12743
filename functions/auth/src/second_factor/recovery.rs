//! Recovery codes: ten random texts that stand in for a lost factor, each once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::second_factor::RECOVERY_CODES;
use domain::{Error, Result, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Crockford's digits: none looks like another.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a code, without its hyphen: 60 bits, which nobody guesses within the limits.
const CHARS: usize = 12;

/// The key under which codes are hashed. Sixty bits could be searched by a reader of the table, but
/// not without the key.
#[derive(Clone)]
pub(crate) struct RecoveryKey(pub(crate) [u8; 32]);

impl RecoveryKey {
    /// The hash of a user's code, however it was typed.
    pub(crate) fn hash(&self, user: UserId, code: &str) -> String {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(user.uuid().as_bytes());
        mac.update(plain(code).as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// New codes, as they are shown once.
pub(crate) fn new_codes() -> Result<Vec<String>> {
    (0..RECOVERY_CODES).map(|_| new_code()).collect()
}

fn new_code() -> Result<String> {
    let mut bytes = [0; CHARS];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    let text: String = bytes.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect();
    let (start, end) = text.split_at(CHARS / 2);
    Ok(format!("{start}-{end}"))
}

/// A code without hyphens and spaces, in small letters, with the digits that people read for others.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let digit = |c| match c {
        'o' => '0',
        'i' | 'l' => '1',
        c => c,
    };
    letters.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::testing::at;

    use super::*;

    #[test]
    fn codes_differ_and_are_read_however_they_are_typed() {
        let codes = new_codes().expect("randomness");
        let different: BTreeSet<_> = codes.iter().collect();
        assert_eq!((different.len(), codes[0].len()), (RECOVERY_CODES, CHARS + 1));
        let (key, user) = (RecoveryKey([7; 32]), UserId::generate(at(0)));
        let hash = key.hash(user, "0a1b1c-defghj");
        for typed in ["0A1B1C DEFGHJ", "oaIblc-defghj", " 0a1b1cdefghj "] {
            assert_eq!(key.hash(user, typed), hash, "{typed}");
        }
        assert_ne!(key.hash(user, "0a1b1c-defghk"), hash);
        assert_ne!(key.hash(UserId::generate(at(1)), "0a1b1c-defghj"), hash, "another's");
        assert_ne!(RecoveryKey([8; 32]).hash(user, "0a1b1c-defghj"), hash, "another key");
    }
}
