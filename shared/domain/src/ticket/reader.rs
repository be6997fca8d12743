//! The texts that a reader may have made of a code.
//!
//! Most scanners are keyboards: they press the keys that give a text on a US keyboard, and a
//! computer with another layout writes something else. They may also put an identifier of the kind
//! of code in front (`]Q1`), end with a key such as Enter, or swap the case while Caps Lock is on.
//! Which of these happened cannot be told from the text, so each possible reading is a candidate,
//! and the signature decides among them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::keyboards::{KEYBOARDS, Keyboard, US, alone, composed};

/// The characters of Base45 in the order of their values.
const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/// The most characters in front of the code: an AIM identifier (`]Q1`), a maker's own, or a byte
/// order mark that was misread.
const MAX_LEAD: usize = 8;
/// The most candidates that are followed at the same time, the likeliest: each dead key may have
/// swallowed a space, and a marked letter may be one key or two.
const MAX_CANDIDATES: usize = 128;

/// The texts that a reader may have seen when it wrote `text`, the likeliest first. All of them begin
/// with `prefix`.
pub(super) fn candidates(text: &str, prefix: &'static str) -> impl Iterator<Item = String> {
    let text = cleaned(text);
    let plain = text.iter().collect::<String>();
    let typed = READINGS.iter().flat_map(move |reading| reading.undo(&text, prefix));
    std::iter::once_with(move || at_prefix(plain, prefix)).flatten().chain(typed)
}

/// The text from the code's beginning on, if it begins within the first [`MAX_LEAD`] characters.
fn at_prefix(text: String, prefix: &str) -> Option<String> {
    let lead = text.find(prefix)?;
    (text[..lead].chars().count() <= MAX_LEAD).then(|| text[lead..].to_owned())
}

/// The characters as capitals, without controls and marks of order and direction, and with plain
/// ones for full-width ones.
fn cleaned(text: &str) -> Vec<char> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let visible = text.chars().filter(|c| !is_invisible(*c));
    visible
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{3000}' | '\u{a0}' => ' ',
            // "Smart" punctuation of tablets.
            '‘' | '’' => '\'',
            '“' | '”' => '"',
            _ => c,
        })
        .map(capital)
        .collect()
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The capital of a letter, if that is one character; both forms of the sharp s give the same.
fn capital(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        _ if c == 'ẞ' => 'ß',
        (Some(upper), None) => upper,
        _ => c,
    }
}

/// The possible meanings of each written character, if scanner and computer have different layouts.
#[derive(Debug)]
struct Reading {
    meanings: BTreeMap<char, Vec<String>>,
    /// The characters that dead keys stand for. A dead key at the end of a text still waits for the
    /// next key, and is not written.
    waiting: Vec<char>,
}

/// The layouts of scanner and computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayoutPair {
    /// The scanner types on a US keyboard, the computer has this one.
    Computer(Keyboard),
    /// The same, and the computer's Caps Lock shifts all keys, as on Windows in
    /// Germany and France.
    ShiftLock(Keyboard),
    /// The scanner types on this keyboard, the computer has a US one.
    Scanner(Keyboard),
}

impl LayoutPair {
    /// Every way, the likelier ones first.
    fn all() -> impl Iterator<Item = Self> {
        let ways: [fn(Keyboard) -> Self; 3] = [Self::Computer, Self::Scanner, Self::ShiftLock];
        ways.into_iter().flat_map(|way| KEYBOARDS.into_iter().map(way))
    }

    /// The scanner's keyboard, the computer's, and whether Shift is inverted.
    fn keyboards(self) -> (Keyboard, Keyboard, bool) {
        match self {
            Self::Computer(keyboard) => (US, keyboard, false),
            Self::ShiftLock(keyboard) => (US, keyboard, true),
            Self::Scanner(keyboard) => (keyboard, US, false),
        }
    }
}

static READINGS: LazyLock<Vec<Reading>> =
    LazyLock::new(|| LayoutPair::all().filter_map(Reading::new).collect());

impl Reading {
    /// The reading for this way; `None` if the scanner cannot type every code, or nothing changes
    /// on the way.
    fn new(way: LayoutPair) -> Option<Self> {
        let (scanner, computer, is_locked) = way.keyboards();
        let mut keys: Vec<(char, char)> = vec![(' ', ' ')];
        for code in ALPHABET.chars().filter(|code| *code != ' ') {
            let (place, is_shifted) = press(&scanner, code)?;
            let levels = [computer.plain, computer.shifted].map(|level| level.chars().nth(place));
            let [plain, shifted] = [levels[0]?, levels[1]?];
            if code.is_ascii_alphabetic() {
                keys.extend([(plain, code), (shifted, code)]);
            } else {
                keys.push((if is_shifted == is_locked { plain } else { shifted }, code));
            }
        }
        if keys.iter().all(|(key, code)| capital(*key) == *code) {
            return None;
        }
        let mut meanings: BTreeMap<char, Vec<String>> = BTreeMap::new();
        let waiting = keys.iter().filter(|(key, _)| alone(*key).is_some()).map(|(_, code)| *code).collect();
        let mut add = |written, meaning: String| {
            let of_written: &mut Vec<String> = meanings.entry(written).or_default();
            if !of_written.contains(&meaning) {
                of_written.push(meaning);
            }
        };
        for (key, code) in &keys {
            let Some(alone) = alone(*key) else {
                add(capital(*key), code.to_string());
                continue;
            };
            // A dead key waits for the next one: it swallows a space, and marks letters.
            add(alone, code.to_string());
            add(alone, format!("{code} "));
            for (letter, marked) in composed(*key) {
                let next = keys.iter().filter(|(key, _)| capital(*key) == letter);
                next.for_each(|(_, next)| add(marked, format!("{code}{next}")));
            }
        }
        Some(Self { meanings, waiting })
    }

    /// The texts that are written as `text` this way, if they may be codes.
    fn undo(&self, text: &[char], prefix: &str) -> Vec<String> {
        let starts = 0..=MAX_LEAD.min(text.len());
        starts.flat_map(|lead| self.undo_all(&text[lead..], prefix)).collect()
    }

    fn undo_all(&self, text: &[char], prefix: &str) -> Vec<String> {
        let mut candidates = vec![Candidate::default()];
        for written in text {
            let meanings = self.meanings.get(written).map_or(&[][..], Vec::as_slice);
            let longer = candidates
                .iter()
                .flat_map(|candidate| meanings.iter().map(|meaning| candidate.with(meaning)));
            candidates = longer.filter(|candidate| is_begun(&candidate.text, prefix)).collect();
            candidates.sort_by_key(|candidate| candidate.unseen);
            candidates.truncate(MAX_CANDIDATES);
            if candidates.is_empty() {
                break;
            }
        }
        let seen: Vec<String> = candidates.into_iter().map(|candidate| candidate.text).collect();
        let waiting =
            seen.iter().flat_map(|seen| self.waiting.iter().map(move |code| format!("{seen}{code}")));
        let waiting: Vec<String> = waiting.filter(|candidate| is_begun(candidate, prefix)).collect();
        seen.into_iter().chain(waiting).collect()
    }
}

/// A possible beginning of a code.
#[derive(Debug, Default)]
struct Candidate {
    text: String,
    /// Characters that were not written by themselves: each is right by a chance of one in 45.
    unseen: usize,
}

impl Candidate {
    fn with(&self, meaning: &str) -> Self {
        Self { text: format!("{}{meaning}", self.text), unseen: self.unseen + meaning.len() - 1 }
    }
}

/// The key with which a keyboard gives `code`, and whether with Shift.
fn press(keyboard: &Keyboard, code: char) -> Option<(usize, bool)> {
    let place = |level: &str| level.chars().position(|key| key == code);
    place(keyboard.plain).map(|place| (place, false)).or_else(|| Some((place(keyboard.shifted)?, true)))
}

/// True if a code can begin like this: its prefix, and groups of three characters that
/// stand for two bytes.
fn is_begun(text: &str, prefix: &str) -> bool {
    let Some(encoded) = text.strip_prefix(prefix) else { return prefix.starts_with(text) };
    // The groups before the last one were checked when they were written.
    let whole = encoded.len() / 3 * 3;
    let group = &encoded.as_bytes()[whole.saturating_sub(3)..whole];
    let value = |c: &u8| ALPHABET.bytes().position(|known| known == *c).unwrap_or(ALPHABET.len());
    group.iter().rev().fold(0, |sum, c| sum * 45 + value(c)) <= usize::from(u16::MAX)
}

#[cfg(test)]
mod tests;
