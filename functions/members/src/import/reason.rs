//! Errors in a cell or line, as sentences in the languages of supervisors.

use std::borrow::Cow;

use domain::Language;

/// An error in a cell or line and what to do about it, in English and Spanish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) en: Cow<'static, str>,
    pub(super) es: Cow<'static, str>,
}

impl Reason {
    pub(super) const fn of(en: &'static str, es: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), es: Cow::Borrowed(es) }
    }

    pub(super) fn new(en: String, es: String) -> Self {
        Self { en: en.into(), es: es.into() }
    }

    /// The reason from a sentence of the domain, which exists in both languages.
    pub(super) fn said<Text: Into<Cow<'static, str>>>(sentence: impl Fn(Language) -> Text) -> Self {
        Self { en: sentence(Language::En).into(), es: sentence(Language::Es).into() }
    }

    /// This reason, with advice about the whole file behind it.
    pub(super) fn and(self, advice: &Self) -> Self {
        Self::new(format!("{} {}", self.en, advice.en), format!("{} {}", self.es, advice.es))
    }
}
