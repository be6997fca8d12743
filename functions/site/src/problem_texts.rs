//! The meaning of each problem code and what to do about it, in Spanish and English: one table for the
//! pages behind a problem's `type` and for the pages for people.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

const TABLE: &str = include_str!("../problems.json");

/// All problem codes with their texts.
pub(crate) static PROBLEMS: LazyLock<BTreeMap<&'static str, Words>> =
    LazyLock::new(|| serde_json::from_str(TABLE).expect("a test reads it"));

/// The texts of a problem code.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Words {
    pub(crate) status: u16,
    pub(crate) es: &'static str,
    pub(crate) en: &'static str,
    /// True if the pages for people show the Spanish text.
    #[serde(default)]
    page: bool,
}

/// The Spanish texts for the pages' script, as JSON by code.
pub(crate) fn spanish() -> String {
    let words = PROBLEMS.iter().filter(|(_, words)| words.page).map(|(code, words)| (*code, words.es));
    serde_json::to_string(&words.collect::<BTreeMap<_, _>>()).expect("texts are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_texts_are_short_sentences() {
        assert!(PROBLEMS.len() > 100);
        for (code, words) in PROBLEMS.iter() {
            for text in [words.es, words.en] {
                assert!(text.ends_with(['.', '?', '!']) && text.chars().count() < 180, "{code}: {text}");
                assert!(!text.contains(['<', '>', '&', '"']), "{code}: {text}");
            }
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        }
    }
}
