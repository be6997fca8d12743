//! The code in a ticket's QR: signed, so that a scanner can check it without the network, and
//! small, so that a cracked phone shows it well enough.
//!
//! The text is `TQ1:` and Base45 (RFC 9285) of
//!
//! | bytes | what |
//! |---|---|
//! | 2 | the first bytes of the public key that verifies it |
//! | 16 | event id |
//! | 16 | ticket id |
//! | 2 | serial, big-endian |
//! | 4 | the last bytes of the area id |
//! | 0 to 21 | the seat's label in UTF-8, nothing for general admission |
//! | 64 | Ed25519 signature over a fixed prefix and all bytes above |
//!
//! All characters belong to QR's alphanumeric mode: 161 of them make a version 7
//! symbol (45 modules wide) at error correction M. Area and seat are in it for
//! the people at the door, who need them without the network too.

mod keyboards;
mod reader;
mod voucher;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use uuid::Uuid;

use crate::seat::SeatLabel;
use crate::{AreaId, EventId, TicketId};

pub use voucher::{VariantTag, VoucherCode, sign_voucher, verify_voucher};

/// The format and its version, readable by people who look at a stray code.
const PREFIX: &str = "TQ1:";
/// Keeps a ticket's signature from meaning anything in another protocol that
/// signs with the same key.
const DOMAIN: &[u8] = b"taquilla ticket code 1\0";
const KEY_BYTES: usize = 2;
const FIXED_BYTES: usize = KEY_BYTES + 16 + 16 + 2 + 4;
/// Eight characters of a row (`Ñ` has two bytes), a hyphen and four digits.
const MAX_SEAT_BYTES: usize = 21;
const SIGNATURE_BYTES: usize = 64;
/// The longest text that is read: the longest code, which is a voucher's, and the characters that
/// readers add around it.
pub const MAX_CODE_INPUT_CHARS: usize = voucher::MAX_CHARS + 44;

/// The content of a ticket's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCode {
    /// The event of the ticket.
    pub event: EventId,
    /// The ticket's id.
    pub ticket: TicketId,
    /// The serial of the code: only the latest of a ticket admits.
    pub serial: u16,
    /// The area, as far as the code has it.
    pub area: AreaTag,
    /// The seat, if the ticket has one.
    pub seat: Option<SeatLabel>,
}

/// The last four bytes of an area's id: enough to tell the areas of one event
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AreaTag([u8; 4]);

impl AreaTag {
    /// The tag of an area.
    pub fn of(area: AreaId) -> Self {
        let [.., a, b, c, d] = *area.uuid().as_bytes();
        Self([a, b, c, d])
    }

    /// The tag as eight hexadecimal digits, as offline manifests hold it.
    pub fn to_hex(self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.0))
    }
}

/// The reason why a text is not a ticket's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefused {
    /// It is something else: another QR code, or half of one.
    #[error("this is not the code of a ticket or voucher")]
    Malformed,
    /// It looks like a ticket, but none of our keys signed it.
    #[error("the code's signature is not ours")]
    Forged,
}

/// The public keys whose signatures are accepted: the current one, and former ones that signed
/// tickets.
#[derive(Debug, Clone)]
pub struct TicketKeys(Vec<VerifyingKey>);

impl TicketKeys {
    /// Accepts signatures of `keys`; `None` if one is not an Ed25519 public key.
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Option<Self> {
        keys.into_iter().map(|key| VerifyingKey::from_bytes(&key).ok()).collect::<Option<_>>().map(Self)
    }
}

/// The signed text of a ticket's code.
pub fn sign(code: &TicketCode, key: &SigningKey) -> String {
    let mut bytes = Vec::with_capacity(FIXED_BYTES + MAX_SEAT_BYTES + SIGNATURE_BYTES);
    bytes.extend_from_slice(&key.verifying_key().as_bytes()[..KEY_BYTES]);
    bytes.extend_from_slice(code.event.uuid().as_bytes());
    bytes.extend_from_slice(code.ticket.uuid().as_bytes());
    bytes.extend_from_slice(&code.serial.to_be_bytes());
    bytes.extend_from_slice(&code.area.0);
    if let Some(seat) = &code.seat {
        bytes.extend_from_slice(seat.to_string().as_bytes());
    }
    written(PREFIX, DOMAIN, bytes, key)
}

/// The text of a code with these bytes, signed for the protocol `domain`.
fn written(prefix: &str, domain: &[u8], mut bytes: Vec<u8>, key: &SigningKey) -> String {
    let signature = key.sign(&[domain, &bytes].concat());
    bytes.extend_from_slice(&signature.to_bytes());
    format!("{prefix}{}", base45::encode(bytes))
}

/// The content of a scanned text, if one of `keys` signed it.
///
/// Scanners, computers and people who type change a text: their known additions and swaps are
/// undone ([`reader`]), and the signature decides whether that was right. A space within the code
/// counts: it is one of Base45's 45 characters.
pub fn verify(text: &str, keys: &TicketKeys) -> Result<TicketCode, CodeRefused> {
    verify_as(text, PREFIX, |text| open(text, keys))
}

/// The first reading of a scanned text that `open` accepts.
fn verify_as<C>(
    text: &str,
    prefix: &'static str,
    open: impl Fn(&str) -> Result<C, CodeRefused>,
) -> Result<C, CodeRefused> {
    if text.chars().count() > MAX_CODE_INPUT_CHARS {
        return Err(CodeRefused::Malformed);
    }
    let mut refused = CodeRefused::Malformed;
    for candidate in reader::candidates(text, prefix) {
        match open(&candidate) {
            Ok(code) => return Ok(code),
            Err(CodeRefused::Forged) => refused = CodeRefused::Forged,
            Err(CodeRefused::Malformed) => {}
        }
    }
    Err(refused)
}

/// The content of exactly this text.
fn open(text: &str, keys: &TicketKeys) -> Result<TicketCode, CodeRefused> {
    open_as(text, PREFIX, DOMAIN, keys, read)
}

/// The content of exactly this text, as `read` reads its bytes, if it was signed for the protocol
/// `domain`.
fn open_as<C>(
    text: &str,
    prefix: &str,
    domain: &[u8],
    keys: &TicketKeys,
    read: impl Fn(&[u8]) -> Option<C>,
) -> Result<C, CodeRefused> {
    let encoded = text.strip_prefix(prefix).ok_or(CodeRefused::Malformed)?;
    let bytes = base45::decode(encoded).map_err(|_| CodeRefused::Malformed)?;
    // Some overlong groups decode to the same bytes; a code has one text only.
    if base45::encode(&bytes) != encoded {
        return Err(CodeRefused::Malformed);
    }
    let (signed, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(CodeRefused::Malformed)?;
    let code = read(signed).ok_or(CodeRefused::Malformed)?;
    let (message, signature) = ([domain, signed].concat(), Signature::from_bytes(signature));
    keys.0
        .iter()
        .filter(|key| key.as_bytes()[..KEY_BYTES] == signed[..KEY_BYTES])
        .any(|key| key.verify_strict(&message, &signature).is_ok())
        .then_some(code)
        .ok_or(CodeRefused::Forged)
}

fn read(bytes: &[u8]) -> Option<TicketCode> {
    let (_, rest) = bytes.split_first_chunk::<KEY_BYTES>()?;
    let (event, rest) = rest.split_first_chunk::<16>()?;
    let (ticket, rest) = rest.split_first_chunk::<16>()?;
    let (serial, rest) = rest.split_first_chunk::<2>()?;
    let (area, seat) = rest.split_first_chunk::<4>()?;
    let seat = match seat {
        [] => None,
        seat => Some(std::str::from_utf8(seat).ok()?.parse().ok()?),
    };
    Some(TicketCode {
        event: EventId::from_uuid(Uuid::from_bytes(*event)),
        ticket: TicketId::from_uuid(Uuid::from_bytes(*ticket)),
        serial: u16::from_be_bytes(*serial),
        area: AreaTag(*area),
        seat,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The most characters of a code: Base45 makes three of two bytes.
    const MAX_CHARS: usize = PREFIX.len() + (FIXED_BYTES + MAX_SEAT_BYTES + SIGNATURE_BYTES).div_ceil(2) * 3;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn keys(keys: &[SigningKey]) -> TicketKeys {
        TicketKeys::new(keys.iter().map(|key| key.verifying_key().to_bytes())).expect("keys")
    }

    fn signed_message(bytes: &[u8]) -> Vec<u8> {
        [DOMAIN, bytes].concat()
    }

    fn code(seat: Option<&str>) -> TicketCode {
        TicketCode {
            event: EventId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
            ticket: TicketId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0201)),
            serial: 3,
            area: AreaTag([1, 2, 3, 4]),
            seat: seat.map(|seat| seat.parse().expect("a seat")),
        }
    }

    #[test]
    fn the_text_is_locked_because_it_is_printed_on_paper() {
        let text = sign(&code(Some("A-12")), &key(1));
        insta::assert_snapshot!(text, @"TQ1:4NH+8000000077E88G000000100+8000000077E88G000000IB0300X507H0ZA8*96WV5LFM-34OGP6ZIAI4TL2XBHP7W9OIVCQ4QI+40PEHFDO3$1RH7 -LRCH8B6TCL:6LA6OZ*TFSOLNVL2T$19 TA%SP6.UU:K");
        assert_eq!(verify(&text, &keys(&[key(1)])), Ok(code(Some("A-12"))));
    }

    #[test]
    fn case_and_white_space_around_do_not_matter() {
        let (plain, keys) = (sign(&code(Some("AA-7")), &key(1)), keys(&[key(1)]));
        let (first, second) = plain.split_at(80);
        for text in [plain.to_lowercase(), format!("  {plain} \r\n"), format!("{first}\r\n{second}")] {
            assert_eq!(verify(&text, &keys), Ok(code(Some("AA-7"))), "{text:?}");
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        let (text, keys) = (sign(&code(Some("B-3")), &key(1)), keys(&[key(1)]));
        for at in 0..text.len() {
            for step in 1..ALPHABET.len() {
                let mut changed = text.clone().into_bytes();
                let place = ALPHABET.iter().position(|c| *c == changed[at]).expect("in the alphabet");
                changed[at] = ALPHABET[(place + step) % ALPHABET.len()];
                let changed = String::from_utf8(changed).expect("ASCII");
                assert!(verify(&changed, &keys).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn only_known_keys_count() {
        let text = sign(&code(None), &key(1));
        assert_eq!(verify(&text, &keys(&[key(2)])), Err(CodeRefused::Forged));
        assert_eq!(verify(&text, &keys(&[])), Err(CodeRefused::Forged));
        assert_eq!(verify(&text, &keys(&[key(2), key(1)])), Ok(code(None)), "a retired key still counts");
        // The same key id in front does not help.
        let bytes = base45::decode(text.trim_start_matches(PREFIX)).expect("Base45");
        let foreign = key(2).sign(&signed_message(&bytes[..FIXED_BYTES])).to_bytes();
        let forged = base45::encode([&bytes[..FIXED_BYTES], &foreign].concat());
        assert_eq!(verify(&format!("{PREFIX}{forged}"), &keys(&[key(1)])), Err(CodeRefused::Forged));
    }

    #[test]
    fn a_signature_of_the_bare_bytes_is_not_a_ticket() {
        let text = sign(&code(None), &key(1));
        let mut bytes = base45::decode(text.trim_start_matches(PREFIX)).expect("Base45");
        bytes.truncate(FIXED_BYTES);
        let bare = key(1).sign(&bytes).to_bytes();
        let text = format!("{PREFIX}{}", base45::encode([&bytes[..], &bare].concat()));
        assert_eq!(verify(&text, &keys(&[key(1)])), Err(CodeRefused::Forged));
    }

    #[test]
    fn other_texts_are_malformed() {
        let keys = keys(&[key(1)]);
        let whole = sign(&code(None), &key(1));
        let long = "TQ1:".to_owned() + &"A".repeat(5000);
        for text in ["", "TQ1:", "https://example.com/", "TQ2:ABC", "TQ1::::", &whole[..150], &long, "TQ1:Ñ"]
        {
            assert_eq!(verify(text, &keys), Err(CodeRefused::Malformed), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_code_round_trips_in_alphanumeric_mode(
            event: u128, ticket: u128, serial: u16, area: [u8; 4],
            seat in proptest::option::of(("[A-ZÑ0-9]{1,8}", 1_u16..=9999)),
        ) {
            let code = TicketCode {
                event: EventId::from_uuid(Uuid::from_u128(event)),
                ticket: TicketId::from_uuid(Uuid::from_u128(ticket)),
                serial,
                area: AreaTag(area),
                seat: seat.map(|(row, number)| SeatLabel::new(&row, number).expect("a seat")),
            };
            let text = sign(&code, &key(1));
            prop_assert!(text.len() <= MAX_CHARS);
            prop_assert!(text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || b" $%*+-./:".contains(&c)));
            prop_assert_eq!(verify(&text, &keys(&[key(1)])), Ok(code));
        }

        #[test]
        fn no_text_makes_verify_panic(text in "(TQ1:)?\\PC{0,200}") {
            prop_assert!(verify(&text, &keys(&[key(1)])).is_err());
        }
    }
}
