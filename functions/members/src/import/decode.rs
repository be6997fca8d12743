//! The bytes of a file as text.

use encoding_rs::{UTF_16BE, UTF_16LE};

use super::code_page::windows_1252;
use super::reason::Reason;

/// The advice for a file that cannot be read.
pub(super) static ADVICE: Reason = Reason::of(
    "Save the file again as UTF-8: in Excel as \"CSV UTF-8\", in LibreOffice with the character set \"Unicode \
     (UTF-8)\"; Google EventCache downloads it so.",
    "Guarda el archivo de nuevo en UTF-8: en Excel como \"CSV UTF-8\", en LibreOffice con el juego de caracteres \
     \"Unicode (UTF-8)\"; Google EventCache lo descarga así.",
);

/// The text of a file, and whether its letters are certain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// False if some letters are only guessed. These are U+FFFD in `text`, and nothing of the
    /// file may be carried out.
    pub(super) is_certain: bool,
}

/// Reads a file as spreadsheets write them: UTF-8, UTF-16 with its mark, or
/// Windows-1252, which has no mark and is believed only if the file makes no sense in
/// DOS's and the old Mac's code pages.
///
/// # Errors
/// For a workbook or a damaged file: the kind of file, and what to do.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Reason> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(Reason::of(
            "This is a workbook, not a CSV file.",
            "Es un libro de cálculo, no un archivo CSV.",
        )
        .and(&ADVICE));
    }
    let utf_16 = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some(UTF_16LE.decode_without_bom_handling_and_without_replacement(rest)),
        [0xFE, 0xFF, rest @ ..] => Some(UTF_16BE.decode_without_bom_handling_and_without_replacement(rest)),
        _ => None,
    };
    if let Some(text) = utf_16 {
        let damaged = || {
            Reason::of("The file is cut off or damaged.", "El archivo está cortado o dañado.").and(&ADVICE)
        };
        let text = text.ok_or_else(damaged)?;
        return Ok(Decoded { text: text.into_owned(), is_certain: true });
    }
    if bytes.contains(&0) {
        let unmarked = Reason::of(
            "This is no CSV file, or one without the mark of its character set.",
            "No es un archivo CSV, o le falta la marca de su juego de caracteres.",
        );
        return Err(unmarked.and(&ADVICE));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: text.to_owned(), is_certain: true }),
        Err(_) => {
            let text = windows_1252(bytes);
            Ok(Decoded { is_certain: !text.contains(char::REPLACEMENT_CHARACTER), text })
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, bool)> {
        decode(bytes).ok().map(|decoded| (decoded.text, decoded.is_certain))
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(order).collect()
    }

    #[test]
    fn files_of_spreadsheets_are_read() {
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
    fn guessed_letters_are_not_certain() {
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

    /// `text` in the character set of the old Mac or of DOS (code page 850).
    fn written(text: &str, set: &[(char, u8)]) -> Vec<u8> {
        let byte = |letter: char| match set.iter().find(|(other, _)| *other == letter) {
            Some((_, byte)) => *byte,
            None => u8::try_from(letter).expect("ASCII"),
        };
        text.chars().map(byte).collect()
    }

    const MAC: [(char, u8); 24] = [
        ('á', 0x87),
        ('é', 0x8E),
        ('í', 0x92),
        ('ó', 0x97),
        ('ú', 0x9C),
        ('ñ', 0x96),
        ('ü', 0x9F),
        ('Ñ', 0x84),
        ('Á', 0xE7),
        ('É', 0x83),
        ('Í', 0xEA),
        ('Ó', 0xEE),
        ('Ú', 0xF2),
        ('Ü', 0x86),
        ('¿', 0xC0),
        ('¡', 0xC1),
        ('ã', 0x8B),
        ('õ', 0x9B),
        ('ç', 0x8D),
        ('Â', 0xE5),
        ('Ê', 0xE6),
        ('Ô', 0xEF),
        ('Ã', 0xCC),
        ('Õ', 0xCD),
    ];
    const DOS: [(char, u8); 24] = [
        ('á', 0xA0),
        ('é', 0x82),
        ('í', 0xA1),
        ('ó', 0xA2),
        ('ú', 0xA3),
        ('ñ', 0xA4),
        ('ü', 0x81),
        ('Ñ', 0xA5),
        ('Á', 0xB5),
        ('É', 0x90),
        ('Í', 0xD6),
        ('Ó', 0xE0),
        ('Ú', 0xE9),
        ('Ü', 0x9A),
        ('¿', 0xA8),
        ('¡', 0xAD),
        ('ã', 0xC6),
        ('õ', 0xE4),
        ('ç', 0x87),
        ('Â', 0xB6),
        ('Ê', 0xD2),
        ('Ô', 0xE2),
        ('Ã', 0xC7),
        ('Õ', 0xE5),
    ];

    #[test]
    fn letters_of_the_old_mac_and_dos_are_never_certain() {
        for name in [
            "Ángel",
            "Óscar",
            "Úrsula",
            "Íngrid",
            "Ángel,Óscar,Úrsula",
            "GARCÍA",
            "JESÚS",
            "PERÚ",
            "JOSÉ",
            "LÓPEZ",
            "Úrsula López",
            "TOMÁS",
            "MUÑOZ",
            "Peña",
            "Müller",
            "São Paulo",
            "Ângela",
            "Conceição",
            "CONCEIÇÃO",
            "CAMÕES",
            "SIMÕES",
            "Simões",
            "¿Quién?",
            "¡Hola!",
            "MARÍA JOSÉ",
            "Antônio",
            "él",
            "última vez",
        ] {
            for (set, name_of_set) in [(MAC, "Mac"), (DOS, "DOS")] {
                let is_written =
                    |letter: char| letter.is_ascii() || set.iter().any(|(other, _)| *other == letter);
                if !name.chars().all(is_written) {
                    continue;
                }
                let file = [b"email,name\r\na@example.com,".to_vec(), written(name, &set)].concat();
                let (text, is_certain) = read(&file).expect("some text");
                assert!(!is_certain && text.contains('\u{fffd}'), "{name} by {name_of_set}: {text}");
            }
        }
    }

    #[test]
    fn names_in_windows_1252_are_read() {
        for name in [
            "Ángel",
            "Óscar Peña",
            "Íñigo",
            "GARCÍA",
            "JESÚS",
            "PERÚ",
            "JOSÉ",
            "José",
            "LÓPEZ",
            "TOMÁS",
            "MUÑOZ",
            "María",
            "Conceição",
            "João",
            "Simões",
            "São Paulo, Ângela, mãe",
            "JOÃO CONCEIÇÃO",
            "Antônio Júnior",
            "Müller",
            "Guimarães",
            "Luís Lourenço",
            "Vicenç",
            "Noël Peña",
            "¡Hola! ¿Quién?",
            "él y ella, última vez",
            "n.º 1º, 2ª",
            "Sofía O\u{2019}Neill",
            "la \u{201c}Peña\u{201d}",
            "Schäfer Muñoz",
            "Núñez \u{2013} Díaz",
        ] {
            let file = WINDOWS_1252.encode(name).0;
            assert_eq!(read(&file), Some((name.to_owned(), true)), "{name}");
        }
        // Alone, these could also be of another set.
        for name in ["érica", "D\u{2019}angelo", "KÖHLER"] {
            let (text, is_certain) = read(&WINDOWS_1252.encode(name).0).expect("some text");
            assert!(!is_certain, "{text}");
        }
    }

    #[test]
    fn files_that_are_no_text_are_refused_with_advice() {
        for bytes in [
            &b"PK\x03\x04\x14\0"[..],
            b"\xD0\xCF\x11\xE0\xA1",
            b"n\0o\0",
            b"\xFF\xFEn\0\x00\xD8",
            b"\xFF\xFEn",
        ] {
            assert!(decode(bytes).expect_err("no text").es.contains("CSV UTF-8"), "{bytes:?}");
        }
    }
}
