//! serde's messages as sentences for readers that do not write Rust.

use std::borrow::Cow;

/// serde's message without its position, which means nothing beside a pointer.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned()
}

/// Beyond this many characters a list of values is not worth reading.
const MAX_VALUES: usize = 240;

/// A message of serde's as a sentence for readers that do not write Rust.
pub(crate) fn sentence(message: &str) -> String {
    let mut sentence = match whole(message) {
        Some(plain) => plain.to_owned(),
        None => reworded(without_long_list(message).chars().take(300).collect()),
    };
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence
}

/// The sentence in place of a message about the way a value is read.
fn whole(message: &str) -> Option<&'static str> {
    // Those about dates and times are jiff's.
    let about_times = [
        "failed to parse ",
        "failed to convert ",
        "expected four digit year",
        "parsed ",
        "cannot parse civil",
    ];
    Some(match message {
        "invalid digit found in string" => "must be a whole number that is not negative",
        "number too large to fit in target type" => "the number is too large",
        "number too small to fit in target type" => "the number is too small",
        _ if message.contains("expected struct ") => "must be an object with members",
        _ if message.contains("for parsing a timestamp") => {
            "must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z"
        }
        _ if about_times.iter().any(|start| message.starts_with(start)) => {
            "must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one, with four digits for the year"
        }
        _ => return None,
    })
}

/// The message without a list that is too long to read.
fn without_long_list(message: &str) -> Cow<'_, str> {
    match message.rsplit_once(", expected one of ") {
        Some((before, values)) if values.chars().count() > MAX_VALUES => {
            let described = match before.starts_with("unknown variant") {
                true => "values that it can have",
                false => "fields that there are",
            };
            format!("{before}; the API's description has the {described}").into()
        }
        _ => message.into(),
    }
}

fn reworded(mut message: String) -> String {
    for (rust, plain) in [
        ("unknown variant ", "unknown value "),
        ("floating point ", "number "),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
    ] {
        message = message.replacen(rust, plain, 1);
    }
    for (rust, plain) in [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number that is not negative"),
        ("expected i32", "expected a whole number"),
        ("expected i64", "expected a whole number"),
    ] {
        if let Some(before) = message.strip_suffix(rust) {
            return format!("{before}{plain}");
        }
    }
    message
}

/// The parameter that a message about a query is about, and the message. serde
/// names it before a colon, or in the message itself.
pub(crate) fn parameter(message: &str) -> (&str, &str) {
    let named = message.split_once(": ").filter(|(name, _)| !name.contains(' '));
    named.unwrap_or_else(|| (part(message).unwrap_or_default(), message))
}

/// The part that is missing or there twice, by a message about the whole.
pub(crate) fn part(message: &str) -> Option<&str> {
    let named = ["missing field `", "duplicate field `"].iter().find_map(|start| message.strip_prefix(start));
    named?.strip_suffix('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_for_people() {
        let times = "Must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one, with four digits for the year.";
        for (message, expected) in [
            ("failed to parse four digit integer as year: invalid digit, expected 0-9 but got t", times),
            (
                "parsed date is not valid: parameter 'day' for `2026-02` is invalid, must be in range `1..=28`",
                times,
            ),
            (
                "failed to find time component, which is required for parsing a timestamp",
                "Must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z.",
            ),
            ("invalid length 0, expected struct Outer with 4 elements", "Must be an object with members."),
            ("invalid type: null, expected a string", "Invalid type: null, expected a string."),
            (
                "invalid type: floating point `0.5`, expected i64",
                "Invalid type: number `0.5`, expected a whole number.",
            ),
            ("unknown variant `fr`, expected `es` or `en`", "Unknown value `fr`, expected `es` or `en`."),
        ] {
            assert_eq!(sentence(message), expected);
        }
        let many = format!("unknown variant `x`, expected one of {}", "`abc`, ".repeat(40));
        assert_eq!(
            sentence(&many),
            "Unknown value `x`; the API's description has the values that it can have."
        );
        let many = format!("unknown field `x`, expected one of {}", "`abc`, ".repeat(40));
        assert_eq!(
            sentence(&many),
            "Unknown field `x`; the API's description has the fields that there are."
        );
    }
}
