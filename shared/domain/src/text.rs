//! Text that people enter: names, titles, cities, reasons, notes.
//!
//! One rule for the whole API. A [`Line`] is for names and titles, which appear in the subjects of
//! mails, on tickets and at gateways; a [`Paragraph`] may have line breaks. Requests have fields of
//! these two types, so an unchecked text cannot get past them, and the description of such a field
//! says what is checked.
//!
//! | what is entered | what becomes of it |
//! |---|---|
//! | letters in pieces, as some systems write `ñ` | composed (Unicode's form NFC) |
//! | blanks of all widths | plain spaces; in a line, one where there are several |
//! | space and line breaks around it | removed |
//! | line breaks of all sorts | one sort in a paragraph, refused in a line |
//! | tabs | a space in a paragraph, refused in a line |
//! | signs of no width that only part or join words, soft hyphens, direction marks | removed |
//! | joiners | kept between letters and pictures that need them, removed elsewhere |
//! | nothing that can be seen | counts as empty |
//! | control signs, U+FFFD, overrides of the direction, private and hidden signs | refused |
//! | more than [`MAX_MARKS`] accents on one letter | refused |
//!
//! Lengths are in Unicode scalar values, as JSON Schema counts them, of what was
//! sent and of what is kept: neither has more than `MAX`, and what is kept has at
//! least `MIN` that can be seen.

mod kinds;
mod pattern;
mod phone;
mod sign;

use std::fmt;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

pub use kinds::{Line, Paragraph};
pub use phone::{InvalidPhone, Phone};

use crate::Language;
use sign::CharClass;

/// The most accents and other marks on one letter: Hebrew and Tibetan need four.
pub const MAX_MARKS: usize = 4;

/// Whether a text may have line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// No line breaks.
    Line,
    /// Line breaks are allowed.
    Paragraph,
}

impl Form {
    /// The form that a schema's `format` names.
    pub fn named(format: &str) -> Option<Self> {
        [Self::Line, Self::Paragraph].into_iter().find(|form| form.name() == format)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Paragraph => "paragraph",
        }
    }

    /// Checks a text of this form; `min` and `max` are the fewest and the most characters.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn check(self, text: &str, min: usize, max: usize) -> Result<(), InvalidText> {
        read(text, self, min, max).map(drop)
    }
}

/// The reason why a text cannot be taken. Places are counted from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidText {
    /// It has more or fewer characters.
    Length {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// It has a line break.
    LineBreak(usize),
    /// It has a tab or another control sign.
    Control(usize, char),
    /// It has U+FFFD, which stands for a letter that was lost.
    Lost(usize),
    /// It has a sign that changes the direction of writing.
    Direction(usize, char),
    /// It has a sign without a meaning of its own: private, hidden or no character.
    Meaningless(usize, char),
    /// It has more than [`MAX_MARKS`] accents on one letter.
    Marks,
}

impl InvalidText {
    /// The reason as a sentence.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::Es => self.spanish(),
            Language::En => sentence(self),
        }
    }

    fn spanish(&self) -> String {
        let code = |sign: char| format!("U+{:04X}", u32::from(sign));
        match *self {
            Self::Length { min: 0, max } => format!("Debe tener a lo sumo {max} caracteres."),
            Self::Length { min, max } => format!("Debe tener entre {min} y {max} caracteres."),
            Self::LineBreak(at) => format!("Debe ser una sola línea; el carácter {at} es un salto de línea."),
            Self::Control(at, '\t') => {
                format!("No debe tener tabulaciones; el carácter {at} es una.")
            }
            Self::Control(at, sign) => {
                format!("No debe tener signos de control; el carácter {at} es {}.", code(sign))
            }
            Self::Lost(at) => format!(
                "Hay que escribirlo de nuevo; el carácter {at} es U+FFFD, que está en lugar de una letra que se \
                 perdió al guardar o copiar el texto."
            ),
            Self::Direction(at, sign) => format!(
                "No debe cambiar la dirección de la escritura; el carácter {at} es el invisible {}.",
                code(sign)
            ),
            Self::Meaningless(at, sign) => {
                format!("No debe tener signos que otros no pueden ver; el carácter {at} es {}.", code(sign))
            }
            Self::Marks => format!("No debe tener más de {MAX_MARKS} acentos en una letra."),
        }
    }
}

fn sentence(reason: &dyn fmt::Display) -> String {
    let mut sentence = format!("{reason}.");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = |sign: &char| u32::from(*sign);
        match self {
            Self::Length { min: 0, max } => write!(f, "must have at most {max} characters"),
            Self::Length { min, max } => write!(f, "must have between {min} and {max} characters"),
            Self::LineBreak(at) => write!(f, "must be a single line; character {at} is a line break"),
            Self::Control(at, '\t') => write!(f, "must not have tabs; character {at} is one"),
            Self::Control(at, sign) => {
                write!(f, "must not have control signs; character {at} is U+{:04X}", code(sign))
            }
            Self::Lost(at) => write!(
                f,
                "must be written anew; character {at} is U+FFFD, which stands for a letter that was lost when the \
                 text was saved or copied"
            ),
            Self::Direction(at, sign) => write!(
                f,
                "must not turn the direction of writing; character {at} is the invisible U+{:04X}",
                code(sign)
            ),
            Self::Meaningless(at, sign) => write!(
                f,
                "must not have signs that others cannot see; character {at} is U+{:04X}",
                code(sign)
            ),
            Self::Marks => write!(f, "must not have more than {MAX_MARKS} accents on one letter"),
        }
    }
}

impl std::error::Error for InvalidText {}

/// A number, code or date as people and spreadsheets write it, without signs of no width, with
/// plain spaces and hyphens, and no white space around it.
pub fn plain(text: &str) -> String {
    let seen = text
        .chars()
        .filter(|sign| !matches!(CharClass::of(*sign), CharClass::Nothing | CharClass::Direction));
    let plain: String = seen
        .map(|sign| match sign {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            sign if CharClass::of(sign) == CharClass::Blank => ' ',
            sign => sign,
        })
        .collect();
    plain.trim().to_owned()
}

/// The text without the accents on its letters, which people often leave out.
pub fn without_accents(text: &str) -> String {
    let letters = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    letters.chars().filter(|sign| !sign::is_mark(*sign)).collect()
}

/// The text as it is kept, if it is allowed.
fn read(text: &str, form: Form, min: usize, max: usize) -> Result<String, InvalidText> {
    let length = InvalidText::Length { min, max };
    // Counted first: a text that is too long is not processed.
    if text.chars().nth(max).is_some() {
        return Err(length);
    }
    refuse(text, form)?;
    let text = tidied(text, form);
    let mut marks = 0;
    for sign in text.chars() {
        marks = if sign::is_mark(sign) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(InvalidText::Marks);
        }
    }
    let visible = text.chars().filter(|sign| sign::is_visible(*sign)).take(min.max(1)).count();
    if visible < min || text.chars().nth(max).is_some() {
        return Err(length);
    }
    Ok(if visible == 0 { String::new() } else { text })
}

/// Refuses a text with a sign that it may not have, and names the first one.
fn refuse(text: &str, form: Form) -> Result<(), InvalidText> {
    let start = text.chars().take_while(|sign| sign.is_whitespace()).count();
    for (place, sign) in text.trim().chars().enumerate() {
        let at = start + place + 1;
        match (CharClass::of(sign), form) {
            (CharClass::Break, Form::Line) => return Err(InvalidText::LineBreak(at)),
            (CharClass::Tab, Form::Line) | (CharClass::Control, _) => {
                return Err(InvalidText::Control(at, sign));
            }
            (CharClass::Lost, _) => return Err(InvalidText::Lost(at)),
            (CharClass::Direction, _) => return Err(InvalidText::Direction(at, sign)),
            (CharClass::Meaningless, _) => return Err(InvalidText::Meaningless(at, sign)),
            (CharClass::Break | CharClass::Tab, Form::Paragraph)
            | (CharClass::Blank | CharClass::Nothing | CharClass::Joiner | CharClass::Other, _) => {}
        }
    }
    Ok(())
}

/// The text without signs that mean nothing, in one spelling.
fn tidied(text: &str, form: Form) -> String {
    let composer = ComposingNormalizerBorrowed::new_nfc();
    let composed = composer.normalize(text.trim());
    let signs: Vec<char> =
        composed.chars().filter(|sign| CharClass::of(*sign) != CharClass::Nothing).collect();
    let mut kept = String::with_capacity(composed.len());
    for (place, &sign) in signs.iter().enumerate() {
        match CharClass::of(sign) {
            CharClass::Blank | CharClass::Tab => {
                if form == Form::Paragraph || !kept.ends_with(' ') {
                    kept.push(' ');
                }
            }
            // On some systems, a line break has two signs.
            CharClass::Break => {
                if !(sign == '\n' && place > 0 && signs[place - 1] == '\r') {
                    kept.push('\n');
                }
            }
            CharClass::Joiner => {
                if sign::joins(&signs[..place], &signs[place + 1..]) {
                    kept.push(sign);
                }
            }
            _ => kept.push(sign),
        }
    }
    composer.normalize(kept.trim()).into_owned()
}

#[cfg(test)]
mod tests;
