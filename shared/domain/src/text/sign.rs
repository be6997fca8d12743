//! The classes of characters in a text.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The class of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CharClass {
    /// It ends a line.
    Break,
    /// A tab.
    Tab,
    /// A control sign, which steers machines.
    Control,
    /// U+FFFD, which stands for a letter that was lost.
    Lost,
    /// It changes the direction of writing.
    Direction,
    /// It is private, hidden or no character.
    Meaningless,
    /// A space of any width.
    Blank,
    /// It has no width and, in a name or a note, no meaning.
    Nothing,
    /// It joins pictures, or separates letters that would be joined.
    Joiner,
    /// A letter, a digit, a mark, a picture.
    Other,
}

impl CharClass {
    pub(super) fn of(sign: char) -> Self {
        match sign {
            ' '..='~' if sign != ' ' => Self::Other,
            '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Self::Break,
            '\t' => Self::Tab,
            _ if sign.is_control() => Self::Control,
            '\u{FFFD}' => Self::Lost,
            // Embeddings, overrides and isolates, and their ends.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Self::Direction,
            // Private use, annotations and places of objects, no characters; from U+E0000 on tags, which carry
            // words that only machines read, and more private use.
            '\u{E000}'..='\u{F8FF}'
            | '\u{FDD0}'..='\u{FDEF}'
            | '\u{FFF9}'..='\u{FFFC}'
            | '\u{E0000}'..='\u{10FFFF}' => Self::Meaningless,
            _ if u32::from(sign) & 0xFFFE == 0xFFFE => Self::Meaningless,
            _ if sign.is_whitespace() => Self::Blank,
            // Soft hyphen, grapheme joiner, direction marks, vowel separator, spaces and
            // operators without width, shaping controls, byte order mark.
            '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{FEFF}' => Self::Nothing,
            '\u{200C}' | '\u{200D}' => Self::Joiner,
            _ => Self::Other,
        }
    }
}

/// True if a reader of the text can see the character.
pub(super) fn is_visible(sign: char) -> bool {
    if sign.is_ascii_graphic() {
        return true;
    }
    // The blank of Braille counts as a symbol for Unicode.
    CharClass::of(sign) == CharClass::Other
        && !is_mark(sign)
        && sign != '\u{2800}'
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(sign)
}

/// True for a mark over, under or around the letter before it.
pub(super) fn is_mark(sign: char) -> bool {
    !sign.is_ascii()
        && matches!(
            CodePointMapData::<GeneralCategory>::new().get(sign),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
}

/// True if a joiner between these has an effect: scripts and pictures that need one come after the
/// Latin letters.
pub(super) fn joins(before: &[char], after: &[char]) -> bool {
    let needs = |sign: Option<&char>| {
        sign.is_some_and(|sign| {
            *sign > '\u{2FF}' && CharClass::of(*sign) == CharClass::Other && !is_mark(*sign)
        })
    };
    needs(before.iter().rev().find(|sign| !is_mark(**sign))) && needs(after.first())
}
