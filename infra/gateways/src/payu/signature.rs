//! Signatures: hashes over values joined by tildes. And the two ways in which
//! amounts are written in them.

use domain::Money;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::Account;
use crate::hmac_hex;

/// The signature of `values` by the algorithm with this name; `None` if there is no
/// such algorithm.
pub(super) fn sign(account: &Account, algorithm: &str, values: &[&str]) -> Option<String> {
    let key = account.api_key.as_str();
    hash(key, account.hmac_secret.as_deref().unwrap_or(key), &account.merchant_id, algorithm, values)
}

fn hash(key: &str, hmac_key: &str, merchant: &str, algorithm: &str, values: &[&str]) -> Option<String> {
    let text = [&[key, merchant], values].concat().join("~");
    Some(match algorithm {
        "MD5" => hex::encode(Md5::digest(text)),
        "SHA" => hex::encode(Sha1::digest(text)),
        "SHA256" => hex::encode(Sha256::digest(text)),
        "HMAC-SHA256" => hmac_hex(hmac_key, &text),
        _ => return None,
    })
}

/// Hundredths, whatever decimals the currency has.
fn hundredths(amount: Money) -> i64 {
    if amount.currency.exponent() == 0 { amount.amount * 100 } else { amount.amount }
}

/// As confirmations sign it: one decimal if the second is zero, else both.
pub(super) fn in_confirmations(amount: Money) -> String {
    let cents = hundredths(amount);
    let (whole, cents) = (cents / 100, cents % 100);
    if cents % 10 == 0 { format!("{whole}.{}", cents / 10) } else { format!("{whole}.{cents:02}") }
}

/// As return pages sign it: one decimal, rounded half-even.
pub(super) fn on_return_pages(amount: Money) -> String {
    let cents = hundredths(amount);
    let (tenths, rest) = (cents / 10, cents % 10);
    let up = rest > 5 || (rest == 5 && tenths % 2 == 1);
    let tenths = tenths + i64::from(up);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    const KEY: &str = "4Vj8eK4rloUd272L48hsrarnUA";

    #[test]
    fn signatures_are_those_of_the_documented_vectors() {
        for (algorithm, hmac_key, expected) in [
            ("MD5", KEY, "7ee7cf808ce6a39b17481c54f2c57acc"),
            ("SHA", KEY, "fa890d3f94e12b5cdb62e8771453b99b78e7ccdc"),
            ("SHA256", KEY, "af3899a22336b79db46006491d15813158826f944599bf3bf601e2327f898022"),
            ("HMAC-SHA256", KEY, "eaf61598d5593b366086c9a00aa5746ccad1a6e9b209a1a242fce224202b2b36"),
            ("HMAC-SHA256", "secret123", "9b269405c01c725fcc5d1667a2e1166a810fd34b5a5ac82295d0f59fddf1c472"),
        ] {
            let signed = hash(KEY, hmac_key, "508029", algorithm, &["TestPayU", "20000", "COP"]);
            assert_eq!(signed.as_deref(), Some(expected), "{algorithm}");
        }
        assert_eq!(hash(KEY, KEY, "508029", "CRC32", &[]), None);
    }

    #[test]
    fn amounts_are_written_in_two_ways() {
        let usd = |cents| Money::new(cents, Currency::USD);
        for (cents, confirmed, returned) in [
            (15_000, "150.0", "150.0"),
            (15_020, "150.2", "150.2"),
            (15_025, "150.25", "150.2"),
            (15_034, "150.34", "150.3"),
            (15_035, "150.35", "150.4"),
            (9_995, "99.95", "100.0"),
            (5, "0.05", "0.0"),
            (50, "0.5", "0.5"),
        ] {
            assert_eq!(
                (&*in_confirmations(usd(cents)), &*on_return_pages(usd(cents))),
                (confirmed, returned)
            );
        }
        let pesos = Money::new(25_000, Currency::CLP);
        assert_eq!((&*in_confirmations(pesos), &*on_return_pages(pesos)), ("25000.0", "25000.0"));
    }
}
