//! The language of templates: `{{ variable }}`, and `if`, `elif`, `else` and `endif` with
//! variables, `and`, `or` and `not`. Comments are `{# #}`.
//!
//! This is a small part of what minijinja understands. Loops, assignments and operators are left
//! out on purpose: without them the cost of any text is bounded by its length.

use minijinja::value::Serde;
use minijinja::{Environment, Error as TemplateError, Value};

use super::Facts;
use crate::error::Fields;

/// The names of the variables, as [`Facts`] has them, in the order in which messages list them.
pub const VARIABLES: [&str; 11] =
    ["name", "email", "show", "artist", "venue", "city", "date", "organizer", "code", "link", "discount"];

/// The most tags in one text. A mail needs a dozen, and each can print a long link.
const MOST_TAGS: usize = 100;

/// The most instructions of minijinja to fill one text: a few for each tag.
const FUEL: u64 = 10_000;

/// One tag: its line, its opening braces, and its words; `None` if it has more than words.
struct Tag<'a> {
    line: usize,
    opening: &'static str,
    words: Option<Vec<&'a str>>,
}

/// The tags of a text, without comments. It finds every tag that minijinja finds: the two could
/// only disagree about the end of a tag with quotes or braces in it, and these are no words.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = text;
    while let Some((start, opening, closing)) = next_opening(rest) {
        let line = text[..text.len() - rest.len() + start].matches('\n').count() + 1;
        let inside = &rest[start + opening.len()..];
        let Some(end) = inside.find(closing) else {
            // The tag is not closed, which minijinja's message says better.
            break;
        };
        rest = &inside[end + closing.len()..];
        if opening != "{#" {
            tags.push(Tag { line, opening, words: words(&inside[..end]) });
        }
    }
    tags
}

/// The first tag or comment in `text`: its position, and the braces that open and close it.
fn next_opening(text: &str) -> Option<(usize, &'static str, &'static str)> {
    [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
        .into_iter()
        .filter_map(|(opening, closing)| Some((text.find(opening)?, opening, closing)))
        .min()
}

/// The words in a tag, without the signs that control the space around it.
fn words(inside: &str) -> Option<Vec<&str>> {
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside);
    let words: Vec<&str> = inside.split_whitespace().collect();
    let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    words.iter().all(plain).then_some(words)
}

/// Notes forbidden tags and unknown variables of a text at `pointer`; returns the variables that it
/// prints.
pub(super) fn check<'a>(text: &'a str, pointer: &str, fields: &mut Fields) -> Vec<&'a str> {
    let tags = tags(text);
    let many = format!("Must not have more than {MOST_TAGS} tags.");
    fields.rule(tags.len() <= MOST_TAGS, pointer, many);
    let (mut printed, mut unknown) = (Vec::new(), Vec::new());
    let mut understood = true;
    for Tag { line, opening, words } in tags {
        let words = words.as_deref();
        let names = match (opening, words) {
            ("{{", Some(words @ [_])) => {
                printed.extend(words);
                words
            }
            ("{%", Some(["if" | "elif", condition @ ..])) => condition,
            ("{%", Some(["else" | "endif"])) => &[],
            ("{{", _) => {
                let detail = format!(
                    "Line {line}: between {{{{ and }}}} stands one variable and nothing else: {{{{ name }}}}."
                );
                fields.rule(false, pointer, detail);
                understood = false;
                continue;
            }
            _ => {
                let detail = format!(
                    "Line {line}: between {{% and %}} stands `if` or `elif` with variables, `and`, `or` and `not`, \
                     or `else` or `endif`; nothing else is understood."
                );
                fields.rule(false, pointer, detail);
                understood = false;
                continue;
            }
        };
        for name in names {
            let known = VARIABLES.contains(name) || (opening == "{%" && ["and", "or", "not"].contains(name));
            if !known && !unknown.contains(name) {
                unknown.push(*name);
            }
        }
    }
    if !unknown.is_empty() {
        let detail =
            format!("There is no variable {}. The variables are {}.", quoted(&unknown), quoted(&VARIABLES),);
        fields.rule(false, pointer, detail);
    } else if understood && let Err(error) = environment().template_from_str(text) {
        let line = error.line().unwrap_or(1);
        let detail = error.detail().unwrap_or("this is not understood");
        fields.rule(false, pointer, format!("Line {line}: {detail}."));
    }
    printed
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Fills a text that passes [`check`].
pub(super) fn fill(text: &str, facts: &Facts) -> Result<String, TemplateError> {
    let facts = Value::from(Serde(facts));
    environment().render_str(&without_gaps(&without_tag_lines(text), &facts), &facts)
}

/// The text without the space before an empty variable, if a punctuation mark follows: for a member
/// without a name, `Hola {{ name }}:` prints `Hola:`.
fn without_gaps(text: &str, facts: &Value) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((start, opening, closing)) = next_opening(rest) {
        let Some(end) = rest[start..].find(closing).map(|end| start + end + closing.len()) else { break };
        let (before, after) = (&rest[..start], &rest[end..]);
        let prints_nothing = opening == "{{"
            && words(&rest[start + opening.len()..end - closing.len()])
                .is_some_and(|words| matches!(words[..], [name] if !is_said(facts, name)));
        kept.push_str(match before.strip_suffix(' ') {
            Some(shorter) if prints_nothing && after.starts_with([':', ',', '.', ';', '!', '?', ')']) => {
                shorter
            }
            _ => before,
        });
        kept.push_str(&rest[start..end]);
        rest = after;
    }
    kept + rest
}

fn is_said(facts: &Value, name: &str) -> bool {
    facts.get_attr(name).is_ok_and(|value| value.is_true())
}

/// The text with each line that holds only one tag joined to the next line, so that it leaves no
/// empty line. minijinja can do so too, but then also removes the line break after a tag that ends
/// a sentence.
fn without_tag_lines(text: &str) -> String {
    let only_a_tag =
        |line: &str| line.starts_with("{%") && line.ends_with("%}") && line.matches("{%").count() == 1;
    text.lines()
        .map(|line| match line.trim() {
            tag if only_a_tag(tag) => tag.to_owned(),
            _ => format!("{line}\n"),
        })
        .collect()
}

/// An environment that knows no filters, functions or other templates.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment
}
