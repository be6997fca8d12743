//! The bytes of a file as text.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

/// What to do about a file that cannot be read.
pub(super) const ADVICE: &str = "Save the file again as UTF-8: in Excel as \"CSV UTF-8\", in LibreOffice with the character set \"Unicode (UTF-8)\"; \
     Google Sheets downloads it so.";

/// A file as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// False if some letters are only guessed. They are U+FFFD then, and nothing of
    /// the file may be carried out.
    pub(super) is_certain: bool,
}

/// Reads a file as spreadsheets write them: UTF-8, UTF-16 with its mark, or
/// Windows-1252, which has no mark and is believed only where DOS's and the old
/// Mac's code pages would make nonsense.
///
/// # Errors
/// What the file is, and what to do.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(format!("This is a workbook, not a CSV file. {ADVICE}"));
    }
    let utf_16 = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some(UTF_16LE.decode_without_bom_handling_and_without_replacement(rest)),
        [0xFE, 0xFF, rest @ ..] => Some(UTF_16BE.decode_without_bom_handling_and_without_replacement(rest)),
        _ => None,
    };
    if let Some(text) = utf_16 {
        let text = text.ok_or_else(|| format!("The file is cut off or damaged. {ADVICE}"))?;
        return Ok(Decoded { text: text.into_owned(), is_certain: true });
    }
    if bytes.contains(&0) {
        return Err(format!("This is no CSV file, or one without the mark of its character set. {ADVICE}"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: text.to_owned(), is_certain: true }),
        Err(_) => Ok(windows_1252(bytes)),
    }
}

/// Letters that may be another character set's are U+FFFD: signs of this one, and small
/// letters amid capitals, for `LàPEZ` is how `LÓPEZ` looks that DOS wrote.
fn windows_1252(bytes: &[u8]) -> Decoded {
    let mut text = String::with_capacity(bytes.len());
    let mut is_certain = true;
    for (place, byte) in bytes.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| bytes.get(place));
        let is_amid_capitals =
            [before, bytes.get(place + 1)].iter().all(|beside| beside.is_some_and(u8::is_ascii_uppercase));
        if byte.is_ascii() || is_letter(*byte) && !(is_amid_capitals && *byte >= 0xDF) {
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(&[*byte]).0);
        } else {
            text.push(char::REPLACEMENT_CHARACTER);
            is_certain = false;
        }
    }
    Decoded { text, is_certain }
}

/// Letters of Windows-1252, and `¿`. Most of those of code page 850 and of the old Mac stand
/// below, where this one has signs.
fn is_letter(byte: u8) -> bool {
    matches!(byte, 0xAA | 0xB0 | 0xB7 | 0xBA | 0xBF | 0xC0..=0xD6 | 0xD8..=0xF6 | 0xF8..=0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, bool)> {
        decode(bytes).ok().map(|decoded| (decoded.text, decoded.is_certain))
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(order).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let certain = |text: &str| Some((text.to_owned(), true));
        let text = "correo\tnombre\r\nñandu@example.com\tÑandú 🎸";
        assert_eq!(read(text.as_bytes()), certain(text));
        assert_eq!(read(&utf_16(text, u16::to_le_bytes)), certain(text));
        assert_eq!(read(&utf_16(text, u16::to_be_bytes)), certain(text));
        assert_eq!(
            read(b"\xBFMar\xEDa P\xE9rez, \xD1u\xF1oa, L\xD3PEZ, 1\xBA?"),
            certain("¿María Pérez, Ñuñoa, LÓPEZ, 1º?")
        );
    }

    #[test]
    fn what_is_only_guessed_is_not_certain() {
        // Of the old Mac: á, é, ñ. Of DOS: é, ñ, Ñ, and LÓPEZ, PÉREZ in capitals.
        for bytes in [
            &b"Mar\x92a"[..],
            b"Jos\x8E",
            b"Mu\x96oz",
            b"Jos\x82",
            b"Mu\xA4oz",
            b"MU\xA5OZ",
            b"L\xE0PEZ",
            b"P\x90REZ",
        ] {
            let (text, is_certain) = read(bytes).expect("some text");
            assert!(!is_certain && text.contains('\u{fffd}'), "{text}");
        }
    }

    #[test]
    fn what_is_no_text_says_what_to_do() {
        for bytes in [
            &b"PK\x03\x04\x14\0"[..],
            b"\xD0\xCF\x11\xE0\xA1",
            b"n\0o\0",
            b"\xFF\xFEn\0\x00\xD8",
            b"\xFF\xFEn",
        ] {
            assert!(decode(bytes).expect_err("no text").contains("CSV UTF-8"), "{bytes:?}");
        }
    }
}
