//! The templates of the mails about discounts: our defaults, and those of a tenant that replace
//! them.
//!
//! A template is plain text with a few variables, `{{ name }}`, and `if`, without HTML: [`page`]
//! makes the mail's page of the filled text and escapes all of it, for the preview and for the mail
//! alike.

mod date;
mod language;
mod page;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::words::{letter, title};
use crate::{Error, Language, Result, TenantId, UserId};

pub use date::date;
pub use language::VARIABLES;
pub use page::{FOOTER_HTML, FOOTER_TEXT, LAYOUT, Page, page};

/// The longest subject of a template, in characters.
pub const MAX_SUBJECT: usize = 150;
/// The longest body of a template, in characters.
pub const MAX_BODY: usize = 10_000;
/// The place of the code in the draft of an approval: the code itself exists only once the mail is
/// sent. See [`Wording::with_code`].
pub const CODE_PLACE: &str = "{{ code }}";

/// The mail that a template words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateName {
    /// A member gets the discount.
    DiscountApproved,
    /// A member does not get the discount.
    DiscountRejected,
    /// A member has to clarify something first.
    DiscountNeedsClarification,
}

impl TemplateName {
    /// Every template.
    pub const ALL: [Self; 3] =
        [Self::DiscountApproved, Self::DiscountRejected, Self::DiscountNeedsClarification];

    /// The name in JSON, such as `discount_approved`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscountApproved => "discount_approved",
            Self::DiscountRejected => "discount_rejected",
            Self::DiscountNeedsClarification => "discount_needs_clarification",
        }
    }
}

/// The wording of a mail in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailTemplate {
    /// The organiser whose mail it words.
    pub tenant_id: TenantId,
    /// The mail that it words.
    #[serde(rename = "template_name")]
    pub name: TemplateName,
    /// The language of the wording.
    pub language: Language,
    /// Counts the tenant's versions of this wording; 0 is our default.
    pub version: u32,
    /// The subject, with variables.
    pub subject: String,
    /// The body, plain text with variables.
    pub body: String,
    /// When the tenant first worded this mail.
    pub created_at: Timestamp,
    /// When this version was saved.
    pub updated_at: Timestamp,
    /// The user who saved it; none for our default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<UserId>,
}

impl MailTemplate {
    /// Our default wording, which is used until the tenant saves one.
    pub fn ours(tenant_id: TenantId, name: TemplateName, language: Language) -> Self {
        let (subject, body) = default(name, language);
        Self {
            tenant_id,
            name,
            language,
            version: 0,
            subject: subject.to_owned(),
            body: body.to_owned(),
            created_at: OURS_SINCE,
            updated_at: OURS_SINCE,
            updated_by: None,
        }
    }
}

/// When our default wordings were last changed: 2026-11-21.
const OURS_SINCE: Timestamp = Timestamp::constant(1_795_219_200, 0);

/// The values of a template's variables. An empty or missing one prints nothing and is false to
/// `if`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The member's name.
    pub name: String,
    /// The member's e-mail address.
    pub email: String,
    /// The show's title.
    pub show: String,
    /// The artist or band.
    pub artist: String,
    /// The name of the venue.
    pub venue: String,
    /// The venue's city.
    pub city: String,
    /// When the show starts, in words and on the venue's clocks; see [`date`].
    pub date: String,
    /// The organiser's name.
    pub organizer: String,
    /// The member's code, if the show is sold here. [`CODE_PLACE`] in a draft.
    pub code: Option<String>,
    /// The URL where the ticket is bought.
    pub link: Option<String>,
    /// The value of the discount in words: `20 %`.
    pub discount: Option<String>,
}

impl Facts {
    /// Invented facts, for previews.
    pub fn sample(name: TemplateName, language: Language) -> Self {
        let es = language == Language::Es;
        let approved = name == TemplateName::DiscountApproved;
        Self {
            name: "Ana Ríos".to_owned(),
            email: "ana@example.com".to_owned(),
            show: "Los Faroles".to_owned(),
            artist: "Los Faroles del Sur".to_owned(),
            venue: "Teatro Almendra".to_owned(),
            city: "Bogotá".to_owned(),
            date: if es {
                "viernes 20 de noviembre de 2026, 20:30 h"
            } else {
                "Friday, 20 November 2026, 20:30"
            }
            .to_owned(),
            organizer: "Producciones Almendra".to_owned(),
            code: approved.then(|| "FAROLES-7K2M9Q".to_owned()),
            link: approved.then(|| "https://boleteria.example/los-faroles".to_owned()),
            discount: approved.then(|| "20 %".to_owned()),
        }
    }
}

/// The subject and body of a mail, with the variables filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// The subject, one line.
    pub subject: String,
    /// The body as plain text; empty lines separate its paragraphs.
    pub body: String,
}

impl Wording {
    /// The wording with `code` in place of each [`CODE_PLACE`]. A body without the code then gets
    /// it as its last paragraph: no mail announces a discount that its reader can not use.
    #[must_use]
    pub fn with_code(self, code: &str) -> Self {
        let subject = self.subject.replace(CODE_PLACE, code);
        let body = said(self.body.replace(CODE_PLACE, code), code);
        Self { subject, body }
    }

    /// The wording for a reader who may not have asked for it: without links, except the words that
    /// it `keeps`.
    #[must_use]
    pub fn unlinked(self, keeps: impl Fn(&str) -> bool) -> Self {
        Self { subject: title(&self.subject), body: letter(&self.body, keeps) }
    }

    /// The wording with `link` as its last paragraph, unless the body has it.
    #[must_use]
    pub fn with_link(self, link: &str) -> Self {
        Self { body: said(self.body, link), ..self }
    }
}

/// `body` with `what` as its last paragraph, unless it contains it.
fn said(body: String, what: &str) -> String {
    if body.contains(what) { body } else { format!("{}\n\n{what}", body.trim_end()) }
}

/// Our default template of a mail: subject and body, with variables.
pub fn default(name: TemplateName, language: Language) -> (&'static str, &'static str) {
    macro_rules! ours {
        ($($name:ident, $file:literal;)*) => {
            match (name, language) {
                $((TemplateName::$name, Language::Es) => include_str!(concat!("defaults/", $file, ".es.txt")),
                (TemplateName::$name, Language::En) => include_str!(concat!("defaults/", $file, ".en.txt")),)*
            }
        };
    }
    let text = ours! {
        DiscountApproved, "discount_approved";
        DiscountRejected, "discount_rejected";
        DiscountNeedsClarification, "discount_needs_clarification";
    };
    let (subject, body) = text.split_once("\n\n").unwrap_or((text, ""));
    (subject, body.trim_end())
}

/// Fills a template's variables. A code of `facts`, or else a link, that the template forgot is
/// added to the body.
///
/// # Errors
/// If a tag or a variable is not allowed, as in [`check`]: in the fields `/subject` and `/body`.
pub fn render(subject: &str, body: &str, facts: &Facts) -> Result<Wording> {
    let mut fields = Fields::new();
    language::check(subject, "/subject", &mut fields);
    language::check(body, "/body", &mut fields);
    fields.finish()?;
    let subject = language::fill(subject, facts).map_err(Error::internal)?;
    let body = language::fill(body, facts).map_err(Error::internal)?;
    // A line break in a subject would end its header.
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let body = match (&facts.code, &facts.link) {
        (Some(code), _) => said(paragraphs(&body), code),
        (None, Some(link)) => said(paragraphs(&body), link),
        (None, None) => paragraphs(&body),
    };
    Ok(Wording { subject, body })
}

/// The text with one empty line between its paragraphs and none around them.
fn paragraphs(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n").trim().to_owned()
}

/// Notes the faults of a template at `/subject` and `/body`: unknown variables, bad syntax with its
/// line, and an approval that prints neither code nor link.
pub fn check(name: TemplateName, subject: &str, body: &str, fields: &mut Fields) {
    language::check(subject, "/subject", fields);
    let printed = language::check(body, "/body", fields);
    fields.rule(
        name != TemplateName::DiscountApproved || printed.iter().any(|name| ["code", "link"].contains(name)),
        "/body",
        "An approval must tell how to get the discount: use {{ code }} or {{ link }}.",
    );
}
