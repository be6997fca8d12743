//! The character set of a file without a byte order mark: Windows-1252, or one of the two
//! older sets, DOS's code page 850 and the old Mac's.
//!
//! Each set reads the same bytes as other letters, often plausible ones: the Mac's `Ángel`
//! is `çngel` in Windows-1252, and DOS's `GARCÍA` is `GARCÖA`. So a file is believed to be
//! Windows-1252 only if every sign makes sense as such, and if for each of the other two
//! sets at least one sign makes no sense.

use encoding_rs::{MACINTOSH, WINDOWS_1252};

/// The letters with accents of names in Spanish and Portuguese.
const SPANISH: &str = "áéíóúñü";
const PORTUGUESE: &str = "ãõçâêôà";

/// Code page 850 from 0x80 on, 16 bytes a line: these letters, the signs of sentences and ordinals, and
/// `·` where there is another sign.
const DOS: [&str; 7] = [
    "Çüéâ·à·çê·······", // 0x80
    "É··ô······Ü·····", // 0x90
    "áíóúñÑªº¿····¡··", // 0xA0
    "·····ÁÂÀ········", // 0xB0
    "······ãÃ········", // 0xC0
    "··Ê···Í·········", // 0xD0
    "Ó·Ô·õÕ···Ú······", // 0xE0
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CharacterSet {
    Windows,
    Dos,
    Mac,
}

/// The file read as Windows-1252, with U+FFFD for every byte whose letter is not certain.
pub(super) fn windows_1252(bytes: &[u8]) -> String {
    let places = || (0..bytes.len()).filter(|place| !bytes[*place].is_ascii());
    let excludes = |set: CharacterSet, place| {
        CharacterSet::Windows.makes_sense(bytes, place) && !set.makes_sense(bytes, place)
    };
    let is_open = |set: &CharacterSet| !places().any(|place| excludes(*set, place));
    let open: Vec<CharacterSet> =
        [CharacterSet::Dos, CharacterSet::Mac].into_iter().filter(is_open).collect();
    let is_sure = |place: usize| {
        CharacterSet::Windows.makes_sense(bytes, place)
            && !open.iter().any(|set| set.makes_sense(bytes, place))
    };
    let sign = |(place, byte): (usize, &u8)| match byte.is_ascii() || is_sure(place) {
        true => CharacterSet::Windows.sign(*byte),
        false => char::REPLACEMENT_CHARACTER,
    };
    bytes.iter().enumerate().map(sign).collect()
}

impl CharacterSet {
    /// The sign of a byte in this set; U+FFFD if it has none.
    fn sign(self, byte: u8) -> char {
        let decoded = |encoding: &'static encoding_rs::Encoding| {
            encoding.decode_without_bom_handling(&[byte]).0.chars().next()
        };
        let sign = match self {
            _ if byte.is_ascii() => Some(char::from(byte)),
            Self::Windows => decoded(WINDOWS_1252),
            Self::Mac => decoded(MACINTOSH),
            Self::Dos => {
                let row = DOS.get(usize::from(byte / 16 - 8));
                row.and_then(|row| row.chars().nth(usize::from(byte % 16))).filter(|sign| *sign != '·')
            }
        };
        sign.unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Whether the byte at this place, read in this set, is a sign that people write there.
    fn makes_sense(self, bytes: &[u8], place: usize) -> bool {
        // Before and after the file counts as the end of a line.
        let at = |place: Option<usize>| {
            place.and_then(|place| bytes.get(place)).map_or('\n', |byte| self.sign(*byte))
        };
        let (before, after) = (at(place.checked_sub(1)), at(Some(place + 1)));
        let is_closed_by = |sign: u8| {
            let line = bytes[place..].iter().take_while(|byte| !matches!(**byte, b'\n' | b'\r'));
            line.into_iter().any(|byte| *byte == sign)
        };
        let begins = !before.is_alphanumeric() && (after.is_alphanumeric() || matches!(after, '¿' | '¡'));
        match self.sign(bytes[place]) {
            '¿' => begins && is_closed_by(b'?'),
            '¡' => begins && is_closed_by(b'!'),
            'º' | 'ª' | '°' => before.is_ascii_digit() || before == '.',
            '’' => before.is_alphabetic() && after.is_alphabetic(),
            '“' => begins,
            '”' => !matches!(before, ' ' | '\n') && !after.is_alphanumeric(),
            '–' => before == ' ' && after == ' ',
            letter if self.has_letter(letter) => {
                let is_second = !at(place.checked_sub(2)).is_alphabetic();
                is_followed(letter, before, after) && has_its_case(letter, (before, is_second), after)
            }
            _ => false,
        }
    }

    /// True for letters that names in this set may have. For Windows-1252 these are all of
    /// western Europe; for the other sets only Spanish and Portuguese, or more files would be
    /// in doubt.
    fn has_letter(self, letter: char) -> bool {
        let small = letter.to_lowercase().next().unwrap_or(letter);
        let is_ours = SPANISH.contains(small) || PORTUGUESE.contains(small);
        is_ours || self == Self::Windows && matches!(letter, 'À'..='ÿ') && !matches!(letter, '×' | '÷')
    }
}

/// True if a letter of Portuguese stands where its spelling allows; true for other letters.
fn is_followed(letter: char, before: char, after: char) -> bool {
    match letter {
        'ã' | 'Ã' => matches!(after, 'o' | 'e' | 's' | 'O' | 'E' | 'S') || !after.is_alphabetic(),
        'õ' | 'Õ' => matches!(after, 'e' | 'E'),
        'ç' | 'Ç' => {
            let is_hard = matches!(after, 'a' | 'o' | 'u' | 'A' | 'O' | 'U') || !after.is_ascii_alphabetic();
            before.is_alphabetic() && is_hard
        }
        _ => true,
    }
}

/// True if the letter's case fits its neighbours: no capital after a small letter, and no
/// small letter amid or after capitals. Words begin with a small letter only if it is one
/// of Spanish.
fn has_its_case(letter: char, (before, is_second): (char, bool), after: char) -> bool {
    if letter.is_uppercase() {
        !(before.is_lowercase() || before.is_uppercase() && after.is_lowercase())
    } else if after.is_uppercase() {
        false
    } else if before.is_alphabetic() {
        before.is_lowercase() || is_second
    } else if after.is_alphabetic() {
        SPANISH.contains(letter)
    } else {
        matches!(letter, 'à' | 'é' | 'ó')
    }
}
