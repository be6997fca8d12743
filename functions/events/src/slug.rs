//! Slugs: the readable part of an event's or a series' address.

use deunicode::deunicode;
use domain::Error;
use domain::error::Fields;

/// The most characters of a slug.
const MAX_CHARS: usize = 80;

/// The most characters that come from the name.
const FROM_NAME: usize = 60;

/// True for 3 to 80 characters: lower-case words of ASCII letters and digits, with single
/// hyphens between them.
fn is_slug(text: &str) -> bool {
    (3..=MAX_CHARS).contains(&text.len())
        && text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Notes a `slug` that is none, at `/slug`.
pub(crate) fn check(fields: &mut Fields, slug: &str) {
    let detail =
        format!("Must have 3 to {MAX_CHARS} small letters and digits, with single hyphens between them.");
    fields.check(is_slug(slug), "/slug", detail);
}

/// Another event or series has the slug.
pub(crate) fn slug_taken() -> Error {
    Error::conflict("slug_taken", "This slug is taken. Choose another or leave it out.")
}

/// The slugs to try for what has this name, best first. The later ones end in random
/// characters of its id, whose text is `suffix`, so that one of them is free.
pub(crate) fn candidates(name: &str, suffix: &str) -> [String; 3] {
    let words = from_name(name);
    let with = |random: usize| format!("{words}-{}", &suffix[suffix.len() - random..]);
    [words.clone(), with(4), with(10)]
}

fn from_name(name: &str) -> String {
    let mut slug = String::new();
    for c in deunicode(name).to_ascii_lowercase().chars() {
        if slug.len() >= FROM_NAME {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') && c != '\'' {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    // A name without letters or digits leaves nothing.
    if slug.len() < 3 { format!("event-{slug}").trim_end_matches('-').to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use domain::{EventId, Timestamp};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Los Faroles: ¡última función!", "los-faroles-ultima-funcion"),
            ("  Ñandú & Cía.  ", "nandu-cia"),
            ("Rock 'n' Sur 2027", "rock-n-sur-2027"),
            ("東京の夜", "dong-jing-noye"),
            ("¿?", "event"),
            ("B", "event-b"),
        ] {
            assert_eq!(from_name(name), slug);
        }
        assert_eq!(from_name(&"ab ".repeat(100)).len(), 59);
    }

    #[test]
    fn a_taken_slug_gets_a_suffix_of_the_id() {
        let id = EventId::generate(Timestamp::UNIX_EPOCH);
        let [plain, short, long] = candidates("Noche", &id.suffix());
        assert_eq!(plain, "noche");
        assert_eq!((short.len(), long.len()), (10, 16));
        assert!(id.suffix().ends_with(&long[6..]) && long.ends_with(&short[6..]));
    }

    #[test]
    fn invalid_slugs_are_refused() {
        for bad in ["", "ab", "-abc", "abc-", "a--b", "Abc", "ñandu", "a b", "a/b", &"a".repeat(81)] {
            assert!(!is_slug(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_candidate_is_a_slug(name in "\\PC{0,150}") {
            for slug in candidates(&name, &EventId::generate(Timestamp::UNIX_EPOCH).suffix()) {
                prop_assert!(is_slug(&slug), "{slug:?}");
            }
        }
    }
}
