//! Confirmations that a guest is mailed before anything is erased: who asks must read the mail, too.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use uuid::Uuid;

use crate::{Error, Result, UserId};

/// How long a confirmation is good: a day.
pub const CONFIRMED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The content of a confirmation: whose orders are erased, until when it is good, and our signature.
///
/// The text is 56 characters of base64url: 16 bytes user, 8 bytes seconds, and the first 18 bytes of
/// an HMAC-SHA-256 over them. It erases nothing without a link to one of the orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureConfirmation {
    /// The user id that the guest orders of the address have.
    pub user: UserId,
    /// The end of its time, in whole seconds.
    pub until: Timestamp,
}

const SIGNED_BYTES: usize = 24;
const ALL_BYTES: usize = SIGNED_BYTES + 18;

impl ErasureConfirmation {
    /// The length of the text in characters.
    pub const LENGTH: usize = ALL_BYTES / 3 * 4;

    /// A confirmation that is asked for at `now`.
    pub fn new(user: UserId, now: Timestamp) -> Self {
        let until = now.as_second().saturating_add(CONFIRMED_WITHIN.as_secs());
        Self { user, until: Timestamp::from_second(until).unwrap_or(Timestamp::MAX) }
    }

    /// The text, signed with the key of order links.
    pub fn encode(&self, key: &[u8; 32]) -> String {
        let mut bytes = [0; ALL_BYTES];
        bytes[..16].copy_from_slice(self.user.uuid().as_bytes());
        bytes[16..SIGNED_BYTES].copy_from_slice(&self.until.as_second().to_be_bytes());
        let mac = mac(key, &bytes[..SIGNED_BYTES]).finalize().into_bytes();
        bytes[SIGNED_BYTES..].copy_from_slice(&mac[..ALL_BYTES - SIGNED_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Checks that `text` is a confirmation of `user` that is good at `now`.
    ///
    /// # Errors
    /// `confirmation_invalid`.
    pub fn check(text: &str, key: &[u8; 32], user: UserId, now: Timestamp) -> Result<()> {
        Self::decode(text, key)
            .filter(|confirmation| confirmation.user == user && now < confirmation.until)
            .map(drop)
            .ok_or_else(confirmation_invalid)
    }

    fn decode(text: &str, key: &[u8; 32]) -> Option<Self> {
        let mut bytes = [0; ALL_BYTES];
        if text.len() != Self::LENGTH || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != ALL_BYTES {
            return None;
        }
        let (signed, signature) = bytes.split_at(SIGNED_BYTES);
        mac(key, signed).verify_truncated_left(signature).ok()?;
        let (user, seconds) = signed.split_first_chunk::<16>()?;
        let until = Timestamp::from_second(i64::from_be_bytes(seconds.try_into().ok()?)).ok()?;
        Some(Self { user: UserId::from_uuid(Uuid::from_bytes(*user)), until })
    }
}

fn confirmation_invalid() -> Error {
    Error::forbidden(
        "confirmation_invalid",
        "This confirmation is not of this order's address, or its day is over. Have another one mailed.",
    )
}

fn mac(key: &[u8; 32], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    // Another text than that of links: neither is ever taken for the other.
    mac.update(b"taquilla guest erasure\0");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_link::OrderLink;
    use crate::testing::at;

    const KEY: [u8; 32] = [7; 32];

    fn check(text: &str, user: UserId, second: i64) -> &'static str {
        ErasureConfirmation::check(text, &KEY, user, at(second))
            .map_or_else(|error| error.code(), |()| "good")
    }

    #[test]
    fn a_confirmation_is_good_for_a_day_and_for_its_guest() {
        let [ana, eva] = [1, 2].map(|second| UserId::generate(at(second)));
        let text = ErasureConfirmation::new(ana, at(0)).encode(&KEY);
        assert_eq!(text.len(), ErasureConfirmation::LENGTH);
        assert_eq!(check(&text, ana, 86_399), "good");
        for (user, second) in [(ana, 86_400), (eva, 0)] {
            assert_eq!(check(&text, user, second), "confirmation_invalid");
        }
    }

    #[test]
    fn what_is_forged_confirms_nothing() {
        let ana = UserId::generate(at(1));
        let text = ErasureConfirmation::new(ana, at(0)).encode(&KEY);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(check(&changed, ana, 0), "confirmation_invalid", "{place}");
        }
        let link = OrderLink { user: ana, order: crate::OrderId::from_uuid(Uuid::nil()), epoch: 0 };
        let other_key = ErasureConfirmation::new(ana, at(0)).encode(&[8; 32]);
        for wrong in ["", "AAAA", &text[1..], &format!("{text}A"), &link.encode(&KEY), &other_key] {
            assert_eq!(check(wrong, ana, 0), "confirmation_invalid", "{wrong}");
        }
    }
}
