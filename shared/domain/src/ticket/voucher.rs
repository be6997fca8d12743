//! The code of a voucher: signed as a ticket's is, with a prefix and a signature of its own, so that
//! neither is ever taken for the other. A scanner that knows only tickets does not know it at all.
//!
//! The text is `TP1:` and Base45 of
//!
//! | bytes | what |
//! |---|---|
//! | 2 | the first bytes of the public key that verifies it |
//! | 16 | event id |
//! | 16 | voucher id |
//! | 4 | the last bytes of the variant id |
//! | 0 to 40 | what is handed out for it, in UTF-8 |
//! | 64 | Ed25519 signature over a fixed prefix and all bytes above |
//!
//! What is handed out is in it for the people at the bar, who need it without the network too, and
//! also if the product was renamed or deleted meanwhile.

use ed25519_dalek::SigningKey;
use uuid::Uuid;

use super::{CodeRefused, KEY_BYTES, SIGNATURE_BYTES, TicketKeys, open_as, verify_as, written};
use crate::{EventId, VariantId, VoucherId};

const PREFIX: &str = "TP1:";
/// Keeps a voucher's signature from meaning a ticket, or anything else.
const DOMAIN: &[u8] = b"taquilla voucher code 1\0";
/// The longest label.
const MAX_LABEL_BYTES: usize = 40;
/// The most characters of a code: Base45 makes three of two bytes.
pub(super) const MAX_CHARS: usize =
    PREFIX.len() + (KEY_BYTES + 16 + 16 + 4 + MAX_LABEL_BYTES + SIGNATURE_BYTES).div_ceil(2) * 3;

/// The content of a voucher's code. A voucher has only one, because it does not change hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoucherCode {
    /// The event of the voucher.
    pub event: EventId,
    /// The voucher's id.
    pub voucher: VoucherId,
    /// The variant, as far as the code has it.
    pub variant: VariantTag,
    /// What is handed out for it; a long name ends with `…`.
    pub label: String,
}

/// The last four bytes of a variant's id: enough to tell the variants of one event apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VariantTag([u8; 4]);

impl VariantTag {
    /// The tag of a variant.
    pub fn of(variant: VariantId) -> Self {
        let [.., a, b, c, d] = *variant.uuid().as_bytes();
        Self([a, b, c, d])
    }

    /// The tag as eight hexadecimal digits, as offline manifests hold it.
    pub fn to_hex(self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.0))
    }
}

impl VoucherCode {
    /// The code of a voucher for a unit of `variant`, which is called `name`.
    pub fn new(event: EventId, voucher: VoucherId, variant: VariantId, name: &str) -> Self {
        Self { event, voucher, variant: VariantTag::of(variant), label: label(name) }
    }
}

/// The name, cut to what fits into a code.
fn label(name: &str) -> String {
    if name.len() <= MAX_LABEL_BYTES {
        return name.to_owned();
    }
    const CUT: &str = "…";
    let end = (0..=MAX_LABEL_BYTES - CUT.len()).rev().find(|end| name.is_char_boundary(*end));
    format!("{}{CUT}", name[..end.unwrap_or(0)].trim_end())
}

/// The signed text of a voucher's code.
pub fn sign_voucher(code: &VoucherCode, key: &SigningKey) -> String {
    let mut bytes = key.verifying_key().as_bytes()[..KEY_BYTES].to_vec();
    bytes.extend_from_slice(code.event.uuid().as_bytes());
    bytes.extend_from_slice(code.voucher.uuid().as_bytes());
    bytes.extend_from_slice(&code.variant.0);
    bytes.extend_from_slice(code.label.as_bytes());
    written(PREFIX, DOMAIN, bytes, key)
}

/// The content of a scanned text, if one of `keys` signed it as a voucher: read as those of tickets
/// are.
pub fn verify_voucher(text: &str, keys: &TicketKeys) -> Result<VoucherCode, CodeRefused> {
    verify_as(text, PREFIX, |text| open_as(text, PREFIX, DOMAIN, keys, read))
}

fn read(bytes: &[u8]) -> Option<VoucherCode> {
    let (_, rest) = bytes.split_first_chunk::<KEY_BYTES>()?;
    let (event, rest) = rest.split_first_chunk::<16>()?;
    let (voucher, rest) = rest.split_first_chunk::<16>()?;
    let (variant, label) = rest.split_first_chunk::<4>()?;
    Some(VoucherCode {
        event: EventId::from_uuid(Uuid::from_bytes(*event)),
        voucher: VoucherId::from_uuid(Uuid::from_bytes(*voucher)),
        variant: VariantTag(*variant),
        label: std::str::from_utf8(label).ok()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{AreaTag, TicketCode, sign, verify};
    use super::*;
    use crate::{AreaId, OrderId};

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    fn keys() -> TicketKeys {
        TicketKeys::new([key().verifying_key().to_bytes()]).expect("a key")
    }

    fn code(name: &str) -> VoucherCode {
        let uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0200);
        let order = OrderId::from_uuid(uuid);
        VoucherCode::new(EventId::from_uuid(uuid), order.voucher(1), VariantId::from_uuid(uuid), name)
    }

    #[test]
    fn the_text_is_locked_because_it_is_printed_on_paper() {
        let text = sign_voucher(&code("Cerveza, 500 ml"), &key());
        insta::assert_snapshot!(text, @"TP1:4NH+8000000077E88G000000HB0+8000000077E88G000000CE0000HB0IN87LED$C CCA34646L441XDKMR:J5C2AJ:V/GO.SU97AHA32$E--HQUJ-9SI*BI8F3-VJ8D+EDLS4.VOE.U+Q93RE:AK--06U1:YH4ODMV8F1O4S8T73F0");
        assert_eq!(verify_voucher(&text, &keys()), Ok(code("Cerveza, 500 ml")));
    }

    #[test]
    fn a_voucher_is_no_ticket_and_a_ticket_no_voucher() {
        let drink = sign_voucher(&code("Cerveza"), &key());
        assert_eq!(verify(&drink, &keys()), Err(CodeRefused::Malformed), "a door admits nobody on it");
        let uuid = code("").event.uuid();
        let ticket = TicketCode {
            event: code("").event,
            ticket: OrderId::from_uuid(uuid).ticket(0),
            serial: 0,
            area: AreaTag::of(AreaId::from_uuid(uuid)),
            seat: None,
        };
        let ticket = sign(&ticket, &key());
        assert_eq!(verify_voucher(&ticket, &keys()), Err(CodeRefused::Malformed));
        // Nor does the other prefix help: each signature is for its own kind.
        let renamed = drink.replacen("TP1:", "TQ1:", 1);
        assert!(verify(&renamed, &keys()).is_err());
        let renamed = ticket.replacen("TQ1:", "TP1:", 1);
        assert_eq!(verify_voucher(&renamed, &keys()), Err(CodeRefused::Forged));
    }

    #[test]
    fn every_changed_character_is_refused() {
        let text = sign_voucher(&code("Parqueadero"), &key());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(verify_voucher(&changed, &keys()).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(code(&"ñ".repeat(20)).label, "ñ".repeat(20));
        assert_eq!(code(&"ñ".repeat(21)).label, format!("{}…", "ñ".repeat(18)));
        assert_eq!(
            code(&format!("{} {}", "a".repeat(36), "b".repeat(9))).label,
            format!("{}…", "a".repeat(36))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_code_round_trips_in_alphanumeric_mode(event: u128, voucher: u128, variant: u128, name in "\\PC{0,60}") {
            let code = VoucherCode::new(
                EventId::from_uuid(Uuid::from_u128(event)),
                VoucherId::from_uuid(Uuid::from_u128(voucher)),
                VariantId::from_uuid(Uuid::from_u128(variant)),
                &name,
            );
            let text = sign_voucher(&code, &key());
            prop_assert!(text.len() <= MAX_CHARS);
            prop_assert!(text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || b" $%*+-./:".contains(&c)));
            prop_assert_eq!(verify_voucher(&text, &keys()), Ok(code));
        }

        #[test]
        fn no_text_makes_verify_panic(text in "(TP1:)?\\PC{0,200}") {
            prop_assert!(verify_voucher(&text, &keys()).is_err());
        }
    }
}
