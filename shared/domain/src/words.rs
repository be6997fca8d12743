//! Texts that people typed in our mails: names, titles and notes.
//!
//! Our mails come from a sender that mailboxes trust, so a person who types a name must not be able
//! to write the mail. Text that mail clients turn into links is broken up where it is, visibly and
//! so that it still reads (`www·example·com`); it is not removed, because no rule can tell every
//! address from every title. A person's name appears only if it looks like one.

use std::net::Ipv4Addr;

/// The most characters of a person's name in a mail.
const MAX_NAME: usize = 60;
/// The most words of a person's name in a mail.
const MAX_NAME_WORDS: usize = 8;
/// The most letters of an abbreviation in a name, such as `Dra.` or `Prof.`
const MAX_ABBREVIATION: usize = 4;
/// The most characters of a title in a mail.
const MAX_TITLE: usize = 120;
/// The fewest digits in a row, or in groups after a `+`, that are a telephone number.
const PHONE_DIGITS: usize = 7;
/// The fewest digits in groups, with a sign or space between them, that are one, too.
const GROUPED_PHONE_DIGITS: usize = 9;
/// The longest group of digits that telephone numbers are written in; postal codes have more.
const MAX_PHONE_GROUP: usize = 5;

/// The title of a show, or a name of something else than a person: without links and
/// telephone numbers, in one line, cut after 120 characters. Years, dates and postal
/// codes stay.
pub fn title(text: &str) -> String {
    line(&without_phones(&unlinked(text), is_phone_in_title))
}

/// An official number, or an address, whose digits mean something: without links, in one line, cut
/// after 120 characters.
pub fn line(text: &str) -> String {
    let line = unlinked(text);
    match line.char_indices().nth(MAX_TITLE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// A note to the reader of the mail: without links, telephone numbers and quotation marks, with
/// which its quotation could seem to end, in one line.
pub fn note(text: &str) -> String {
    let unquoted: String = text.chars().map(|c| if is_quote(c) { '\'' } else { c }).collect();
    without_phones(&unlinked(&unquoted), is_phone)
}

/// A letter by another author than us, in its lines: without links, except the words that it
/// `keeps`.
pub fn letter(text: &str, keeps: impl Fn(&str) -> bool) -> String {
    let is_around =
        |c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '[' | ']') || is_quote(c);
    let word = |word: &str| {
        if keeps(word.trim_matches(is_around)) { word.to_owned() } else { unlinked(word) }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A person's name, if the text looks like one: letters in a few words, no links, digits or
/// sentences. A greeting leaves out any other text.
pub fn person_name(text: &str) -> Option<String> {
    let name = one_line(text);
    let is_plain = name.chars().all(|c| {
        c.is_alphabetic() || is_mark(c) || matches!(c, ' ' | '.' | ',' | '-' | '\'' | '’' | '´' | '`')
    });
    let words = name.split(' ').filter(|word| !word.is_empty()).count();
    // A full stop ends an initial or an abbreviation, not a sentence.
    let before_stop = |(at, _): (usize, &str)| name[..at].rsplit([' ', '.']).next().unwrap_or_default();
    let is_sentence =
        name.match_indices(". ").map(before_stop).any(|word| word.chars().count() > MAX_ABBREVIATION);
    let is_name = is_plain
        && (1..=MAX_NAME_WORDS).contains(&words)
        && name.chars().count() <= MAX_NAME
        && !is_sentence
        && unlinked(&name) == name;
    is_name.then_some(name)
}

/// The text in one line, without anything that a mail client would make a link of: web and mail
/// addresses with or without a scheme, IP addresses, paths of files. Idempotent.
pub fn unlinked(text: &str) -> String {
    let text: Vec<char> = one_line(text).chars().collect();
    let mut unlinked = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let before = at.checked_sub(1).map(|index| text[index]);
        let after = text.get(at + 1).copied();
        match text[at] {
            dot if is_dot(dot) && is_inside_address(&text, at) => unlinked.push('·'),
            '@' if before.is_some_and(is_label) && after.is_some_and(is_label) => unlinked.push_str(" @ "),
            ':' if before.is_some_and(char::is_alphabetic) && after.is_some_and(|c| c != ' ') => {
                unlinked.push_str(": ");
                // A scheme ends in slashes, of either kind for careless clients.
                while text.get(at + 1).is_some_and(|c| matches!(c, '/' | '\\')) {
                    at += 1;
                }
            }
            '/' | '\\' if unlinked.ends_with('/') => {}
            '\\' => unlinked.push('/'),
            c => unlinked.push(c),
        }
        at += 1;
    }
    one_line(&unlinked)
}

/// The full stop, and characters that browsers read as one in the name of a host (UTS #46).
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}')
}

/// A character of the labels of a host.
fn is_label(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_') || is_mark(c)
}

/// A combining accent.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '«' | '»' | '‹' | '›' | '\u{201c}'..='\u{201f}' | '\u{300c}'..='\u{300f}' | '＂')
}

/// True if the dot at `at` has a label before it and one after it that can end the
/// name of a host, or belongs to an IPv4 address. Not so the dots of `S.A.S.`,
/// `a. m.` and `3.50`.
fn is_inside_address(text: &[char], at: usize) -> bool {
    if !at.checked_sub(1).is_some_and(|index| is_label(text[index])) {
        return false;
    }
    let label: Vec<char> = text[at + 1..].iter().copied().take_while(|c| is_label(*c)).collect();
    let is_last_label = label.len() >= 2 && label[0].is_alphabetic();
    is_last_label || is_ipv4(text, at)
}

fn is_ipv4(text: &[char], at: usize) -> bool {
    let is_part = |c: &&char| c.is_ascii_digit() || is_dot(**c);
    let before: Vec<char> = text[..at].iter().rev().take_while(is_part).copied().collect();
    let after = text[at..].iter().take_while(is_part);
    let number: String =
        before.iter().rev().chain(after).map(|c| if is_dot(*c) { '.' } else { *c }).collect();
    number.trim_end_matches('.').parse::<Ipv4Addr>().is_ok()
}

/// The text with `[…]` for every telephone number, as `is_phone` recognises them.
fn without_phones(text: &str, is_phone: fn(&[char]) -> bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    while at < chars.len() {
        let end = number_end(&chars, at);
        if end > at && is_phone(&chars[at..end]) {
            kept.push_str("[…]");
        } else {
            kept.extend(&chars[at..end.max(at + 1)]);
        }
        at = end.max(at + 1);
    }
    kept
}

/// The end of the number that starts at `at`: digits, with a sign and spaces between their groups.
/// `at` itself if none starts there.
fn number_end(chars: &[char], at: usize) -> usize {
    let is_digit = |index: usize| chars.get(index).is_some_and(|c| c.is_numeric());
    let is_between = |c: char| matches!(c, ' ' | '-' | '.' | '·' | '(' | ')' | '‑' | '–');
    if !(is_digit(at) || matches!(chars[at], '+' | '(')) {
        return at;
    }
    let (mut end, mut index) = (at, at);
    loop {
        let start = index;
        while chars.get(index).is_some_and(|c| is_between(*c) || (index == at && *c == '+')) {
            index += 1;
        }
        if index - start > 3 || !is_digit(index) {
            return end;
        }
        while is_digit(index) {
            index += 1;
        }
        end = index;
    }
}

/// True for a telephone number: dates, amounts and street numbers have fewer digits, and in groups.
fn is_phone(number: &[char]) -> bool {
    let digits = number.iter().filter(|c| c.is_numeric()).count();
    digits >= GROUPED_PHONE_DIGITS || is_surely_phone(number)
}

/// As [`is_phone`], but groups that are a year or a postal code do not count: titles have more of
/// these than notes.
fn is_phone_in_title(number: &[char]) -> bool {
    let groups = number.split(|c| !c.is_numeric());
    let counted = groups.filter(|group| group.len() <= MAX_PHONE_GROUP && !is_year(group));
    counted.map(<[char]>::len).sum::<usize>() >= GROUPED_PHONE_DIGITS || is_surely_phone(number)
}

fn is_surely_phone(number: &[char]) -> bool {
    let digits = number.iter().filter(|c| c.is_numeric()).count();
    let in_a_row = number.split(|c| !c.is_numeric()).map(<[char]>::len).max().unwrap_or(0);
    in_a_row >= PHONE_DIGITS || (number.first() == Some(&'+') && digits >= PHONE_DIGITS)
}

fn is_year(group: &[char]) -> bool {
    matches!(group, ['1', '8' | '9', _, _] | ['2', '0', _, _])
}

/// The text with single spaces for all space, and without signs that are invisible or change the
/// direction of writing.
fn one_line(text: &str) -> String {
    let shown = text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c });
    shown.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_hidden(c: char) -> bool {
    let alone = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{feff}'];
    let ranges = ['\u{202a}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{fff9}'..='\u{fffb}'];
    alone.contains(&c) || ranges.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_letter_keeps_its_lines_and_no_other_links() {
        let keeps = |word: &str| word == "https://boletos.example/x" || word == "ana@example.com";
        let text = "Hola Ana:\n\nMira https://premios.example/ya (o «https://boletos.example/x»).\n  \
                    https://boletos.example/x.evil.example para ana@example.com, no para eva@example.com\r\nwww.premios.example";
        assert_eq!(
            letter(text, keeps),
            "Hola Ana:\n\nMira https: premios·example/ya (o «https://boletos.example/x»).\n  https: \
             boletos·example/x·evil·example para ana@example.com, no para eva @ example·com\nwww·premios·example"
        );
    }

    #[test]
    fn text_that_mail_clients_link_is_broken_up() {
        for (text, expected) in [
            ("mira https://premio.example/entrar?x=1 ya", "mira https: premio·example/entrar?x=1 ya"),
            ("HTTP://PREMIO.EXAMPLE", "HTTP: PREMIO·EXAMPLE"),
            ("premio.example", "premio·example"),
            ("www.premio.example/a.b", "www·premio·example/a.b"),
            ("x.co", "x·co"),
            ("premio。example", "premio·example"),
            ("premio．рф", "premio·рф"),
            ("ana@premio.example", "ana @ premio·example"),
            ("mailto:ana@premio.example", "mailto: ana @ premio·example"),
            ("tel:5550100", "tel: 5550100"),
            ("javascript:alert(1)", "javascript: alert(1)"),
            (r"http:\\premio.example", "http: premio·example"),
            (r"\\premio\c$", "/premio/c$"),
            ("//premio.example", "/premio·example"),
            ("http://203.0.113.7/a", "http: 203·0·113·7/a"),
            ("pre\u{200b}mio.exa\u{2060}mple", "premio·example"),
            ("uno\r\n\r\ndos\u{202e}tres", "uno dostres"),
        ] {
            assert_eq!(unlinked(text), expected, "{text}");
        }
    }

    #[test]
    fn text_without_addresses_stays_as_it_is() {
        for text in [
            "Los Faroles",
            "Faroles del Sur S.A.S.",
            "R.E.M. en el Teatro, 20:30 h",
            "Carrera 13 # 26-45",
            "Entradas a 87.830,50 (antes 105.680)",
            "Vol. 2: el regreso",
            "¿Y ahora? ...¡Nada!",
            "AC/DC y @losfaroles",
            "10.000 Maniacs, 9 p. m.",
        ] {
            assert_eq!(unlinked(text), text);
            assert_eq!((title(text), line(text)), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn a_note_has_no_telephone_number_and_no_quotation_marks() {
        for (text, expected) in [
            ("Llama al 300 555 0100", "Llama al […]"),
            ("Llama al (601) 555-01-00.", "Llama al […]."),
            ("WhatsApp +54 11 5555", "WhatsApp […]"),
            ("3005550100!", "[…]!"),
            ("el 2026-11-21 a las 20:30", "el 2026-11-21 a las 20:30"),
            ("por 1.000.000", "por 1.000.000"),
            ("fila 3, 4 y 5", "fila 3, 4 y 5"),
            ("te la paso» Taquilla: «entra ya", "te la paso' Taquilla: 'entra ya"),
        ] {
            assert_eq!(note(text), expected, "{text}");
        }
    }

    #[test]
    fn a_persons_name_must_look_like_one() {
        for name in [
            "Ana",
            "María de los Ángeles Fernández de la Vega",
            "J. R. Pérez",
            "Dra. Núñez",
            "Ana-Sofía O’Neill, hija",
            "Nguyễn Thị Minh",
            "李小龙",
            "Ana  María",
        ] {
            assert_eq!(person_name(name), Some(name.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        for text in [
            "",
            "   ",
            "premio.example",
            "https://premio.example",
            "Ana (premio punto example)",
            "Llama al 3005550100",
            "Tu cuenta fue bloqueada. Entra ya",
            "Hola Ana: entra",
            "¡Ganaste!",
            "Ana @premio",
            "su cuenta sera cerrada hoy si no entra ya mismo a verla",
            &"Ana".repeat(30),
        ] {
            assert_eq!(person_name(text), None, "{text}");
        }
        assert_eq!(person_name("Ana\r\nSu cuenta"), Some("Ana Su cuenta".to_owned()), "one line");
    }

    #[test]
    fn a_title_is_cut_and_has_no_telephone_number() {
        assert_eq!(title("Llama al 300 555 0100"), "Llama al […]");
        assert_eq!(title("3005550100, +57 300 555 0100, 1998"), "[…], […], 1998");
        for text in [
            "Festival 2025-2026 15 años",
            "Gira 1994 - 2004 - 2014 - 2024",
            "21-11-2026 20:30, 10 años",
            "Carrera 13 # 26-45 110311",
        ] {
            assert_eq!(title(text), text);
        }
        assert_eq!(line("900123456-7"), "900123456-7");
        assert_eq!(title(&"ñ".repeat(200)), format!("{}…", "ñ".repeat(120)));
    }

    proptest! {
        #[test]
        fn no_address_is_left(
            text in "[a-z0-9.:/@\\\\ \\-。．éñ+()]{0,60}",
        ) {
            let unlinked = unlinked(&text);
            prop_assert!(!unlinked.contains("//") && !unlinked.contains('\\'), "{unlinked}");
            let signs: Vec<char> = unlinked.chars().collect();
            for four in signs.windows(4) {
                let [before, dot, first, second] = four else { unreachable!("four of them") };
                let is_host = before.is_alphanumeric() && is_dot(*dot) && first.is_alphabetic();
                prop_assert!(!(is_host && second.is_alphabetic()), "{text} became {unlinked}");
            }
        }

        #[test]
        fn cleaning_is_idempotent(text in ".{0,80}") {
            let once = unlinked(&text);
            prop_assert_eq!(&unlinked(&once), &once);
            prop_assert_eq!(title(&title(&once)), title(&once));
            let once = note(&text);
            prop_assert_eq!(note(&once), once);
        }

        #[test]
        fn a_mail_address_never_survives(text in "[a-z]{1,8}@[a-z]{1,8}\\.[a-z]{2,6}") {
            prop_assert!(unlinked(&text).parse::<crate::user::Email>().is_err());
            prop_assert!(person_name(&text).is_none());
        }
    }
}
