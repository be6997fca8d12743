//! The page and the plain text of a mail.

use minijinja::{Environment, Error as TemplateError, Value, context};

use super::Wording;
use crate::tenant::Tenant;
use crate::words::title;
use crate::{Error, Language, Result};

/// The page of every mail, as a template with the blocks `preheader` and `content`.
pub const LAYOUT: &str = include_str!("pages/layout.html");
/// The foot of every mail's page, which [`LAYOUT`] includes as `footer.html`.
pub const FOOTER_HTML: &str = include_str!("pages/footer.html");
/// The foot of every mail's plain text.
pub const FOOTER_TEXT: &str = include_str!("pages/footer.txt");

/// Characters of the preheader, the text that a mailbox shows beside the subject.
const PREHEADER: usize = 120;

/// A mail as it is sent: subject, HTML and plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The subject.
    pub subject: String,
    /// The body as an HTML page.
    pub html: String,
    /// The body as plain text.
    pub text: String,
}

/// The whole mail of a finished wording: its paragraphs with their links, in the layout of all
/// mails, with the organiser in its footer. Everything is escaped.
///
/// `public_url` is the address of the box office, without a slash at the end.
pub fn page(wording: &Wording, language: Language, tenant: &Tenant, public_url: &str) -> Result<Page> {
    let context = context! {
        lang => if language == Language::Es { "es" } else { "en" },
        title => &wording.subject,
        preheader => preheader(&wording.body),
        lead => lead(&tenant.name, language),
        paragraphs => Value::from_safe_string(paragraphs(&wording.body)),
        public_url => Value::from_safe_string(public_url.to_owned()),
        organiser => context! {
            name => title(&tenant.name),
            email => &tenant.email,
            legal => tenant.legal_info.as_ref().map(|legal| Value::from(minijinja::value::Serde(legal))),
        },
    };
    let (html, footer) = fill(&context).map_err(Error::internal)?;
    let text = format!("{}\n\n{}\n\n{}\n", lead(&tenant.name, language), wording.body.trim(), footer.trim());
    Ok(Page { subject: wording.subject.clone(), html, text })
}

fn fill(context: &Value) -> Result<(String, String), TemplateError> {
    let mut environment = Environment::new();
    let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    environment.add_template("layout.html", LAYOUT)?;
    environment.add_template("footer.html", FOOTER_HTML)?;
    environment.add_template("footer.txt", FOOTER_TEXT)?;
    environment.add_template("discount.html", include_str!("pages/discount.html"))?;
    Ok((
        environment.get_template("discount.html")?.render(context)?,
        environment.get_template("footer.txt")?.render(context)?,
    ))
}

/// The first line of a mail, which names the organiser as its author.
fn lead(organiser: &str, language: Language) -> String {
    let name = title(organiser);
    match language {
        Language::Es => format!("Un mensaje de {name}, por medio de Taquilla:"),
        Language::En => format!("A message from {name}, by way of Taquilla:"),
    }
}

/// The beginning of the text in one line.
fn preheader(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREHEADER) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Plain text as HTML: paragraphs, line breaks and links.
fn paragraphs(text: &str) -> String {
    text.replace("\r\n", "\n")
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| {
            let lines: Vec<String> = paragraph.lines().map(line).collect();
            format!("<p style=\"margin:0 0 16px;\">{}</p>\n", lines.join("<br>\n"))
        })
        .collect()
}

/// One line with its web addresses as links.
fn line(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let tail = &rest[start..];
        let end = tail.find(|c: char| c.is_whitespace() || "<>\"'`".contains(c)).unwrap_or(tail.len());
        // Punctuation at the end does not belong to the URL.
        let address = tail[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '»', '”']);
        escape(&rest[..start], &mut html);
        rest = &tail[address.len()..];
        if address.ends_with("//") {
            html.push_str(address);
            continue;
        }
        let mut escaped = String::new();
        escape(address, &mut escaped);
        html.push_str(&format!(
            "<a class=\"link\" style=\"color:#4338ca;\" href=\"{escaped}\">{escaped}</a>"
        ));
    }
    escape(rest, &mut html);
    html
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}
