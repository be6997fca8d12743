//! The cells of a line as changes of a member.

use domain::member::{MAX_NAME, MAX_TEXT, Member, is_country};
use domain::national_id::{InvalidNationalId, NationalId};
use domain::text::{InvalidPhone, InvalidText, Line, Phone, plain};
use domain::user::Email;
use domain::{Language, Timestamp};

use super::ImportError;
use super::dates::{Order, moment};
use super::decode::ADVICE;
use super::reason::Reason;
use super::table::Row;
use crate::fields::{capitals, folded, is_past};

/// The most errors that are reported for one line.
const MAX_ERRORS: usize = 4;

const NO_EMAIL: Reason = Reason::of(
    "Must be an e-mail address such as ana@example.com.",
    "Debe ser un correo como ana@example.com.",
);
const EMAIL_MISSING: Reason =
    Reason::of("Every line needs an e-mail address.", "Cada línea necesita un correo.");
const NEITHER_YES_NOR_NO: Reason = Reason::of(
    "Must be sí, verdadero, yes, true, x or 1; or no, falso, false or 0.",
    "Debe ser sí, verdadero, yes, true, x o 1; o no, falso, false o 0.",
);
const NO_LANGUAGE: Reason = Reason::of("Must be es or en.", "Debe ser es o en.");
const NAME_MISSING: Reason = Reason::of("A new member needs a name.", "Un miembro nuevo necesita un nombre.");
const NO_COUNTRY: Reason = Reason::of(
    "Must be an ISO 3166-1 alpha-2 code such as CO.",
    "Debe ser un código ISO 3166-1 alfa-2 como CO.",
);
const NOT_PAST: Reason = Reason::of("Must be between 1970 and today.", "Debe estar entre 1970 y hoy.");

/// A line with a valid address, and the values that its cells have for the member.
#[derive(Debug)]
pub(super) struct LineValues {
    pub(super) line: u32,
    pub(super) email: Email,
    row: Row,
    registration_date: Option<Timestamp>,
    subscription_active: Option<bool>,
    monthly_fee_current: Option<bool>,
    language: Option<Language>,
}

impl LineValues {
    /// Reads the cells that can be checked without the member. `order` is that of the file's
    /// dates.
    pub(super) fn read(row: Row, order: Order) -> Result<Self, Vec<ImportError>> {
        let line = row.line;
        let mut errors = Vec::new();
        let email = match row.cells.get("email").map(|text| plain(text).parse::<Email>()) {
            Some(Ok(email)) => Some(email),
            Some(Err(_)) => {
                errors.push(ImportError::new(line, Some("email"), NO_EMAIL));
                None
            }
            None => {
                errors.push(ImportError::new(line, Some("email"), EMAIL_MISSING));
                None
            }
        };
        let mut is = |column: &str| {
            let text = row.cells.get(column)?;
            let is = yes_or_no(text);
            if is.is_none() {
                errors.push(ImportError::new(line, Some(column), NEITHER_YES_NOR_NO));
            }
            is
        };
        let (subscription_active, monthly_fee_current) =
            (is("subscription_active"), is("monthly_fee_current"));
        let registration_date = row.cells.get("registration_date").and_then(|text| {
            let read = moment(&plain(text), order);
            read.map_err(|reason| errors.push(ImportError::new(line, Some("registration_date"), reason))).ok()
        });
        let language = row.cells.get("language").and_then(|text| {
            let language = match folded(&plain(text)).as_str() {
                "es" | "espanol" | "spanish" => Some(Language::Es),
                "en" | "ingles" | "english" => Some(Language::En),
                _ => None,
            };
            if language.is_none() {
                errors.push(ImportError::new(line, Some("language"), NO_LANGUAGE));
            }
            language
        });
        match email {
            Some(email) if errors.is_empty() => Ok(Self {
                line,
                email,
                row,
                registration_date,
                subscription_active,
                monthly_fee_current,
                language,
            }),
            _ => {
                errors.truncate(MAX_ERRORS);
                Err(errors)
            }
        }
    }

    /// Sets the line's values on a member. Values without a cell stay as they are.
    pub(super) fn apply(&self, member: &mut Member, now: Timestamp) -> Result<(), Vec<ImportError>> {
        let mut errors = Vec::new();
        let cell = |column: &str| self.row.cells.get(column).map(String::as_str);
        let mut bad =
            |column: &str, reason: Reason| errors.push(ImportError::new(self.line, Some(column), reason));
        match cell("name").map(str::parse::<Line<1, MAX_NAME>>) {
            Some(Ok(name)) => member.name = name.into(),
            Some(Err(problem)) => bad("name", advised(problem)),
            None if member.name.is_empty() => bad("name", NAME_MISSING),
            None => {}
        }
        match cell("phone").map(phone) {
            Some(Ok(phone)) => member.phone = phone.some(),
            Some(Err(reason)) => bad("phone", reason),
            None => {}
        }
        for (text, column) in [
            (&mut member.city, "city"),
            (&mut member.how_did_you_find_us, "how_did_you_find_us"),
            (&mut member.favorite_music_genre, "favorite_music_genre"),
        ] {
            match cell(column).map(str::parse::<Line<0, MAX_TEXT>>) {
                Some(Ok(said)) => *text = said.some(),
                Some(Err(problem)) => bad(column, advised(problem)),
                None => {}
            }
        }
        let country = cell("country").map(|country| capitals(&plain(country)));
        let is_moved = country.as_ref().is_some_and(|country| *country != member.country);
        member.country = country.unwrap_or(std::mem::take(&mut member.country));
        let number = member.dni.as_ref().map(|id| id.number());
        if let Some(written) = cell("dni").or(number.filter(|_| is_moved)) {
            match NationalId::parse(&member.country, written) {
                Ok(id) => member.dni = Some(id),
                Err(problem) => bad("dni", Reason::said(|language| problem.sentence(language))),
            }
        }
        member.registration_date = self.registration_date.unwrap_or(member.registration_date);
        member.subscription_active = self.subscription_active.unwrap_or(member.subscription_active);
        member.monthly_fee_current = self.monthly_fee_current.unwrap_or(member.monthly_fee_current);
        member.language = self.language.unwrap_or(member.language);
        if !is_country(&member.country) {
            bad("country", NO_COUNTRY);
        }
        if !is_past(member.registration_date, now) {
            bad("registration_date", NOT_PAST);
        }
        errors.truncate(MAX_ERRORS);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The reason for a bad text, with advice about the whole file if letters are lost.
fn advised(problem: InvalidText) -> Reason {
    let reason = Reason::said(|language| problem.sentence(language));
    match problem {
        InvalidText::Lost(_) => reason.and(&ADVICE),
        _ => reason,
    }
}

/// A telephone number. Refuses one that a spreadsheet turned into a decimal or a power of ten.
fn phone(text: &str) -> Result<Phone, Reason> {
    let number = plain(text);
    let has_decimals = number.rsplit_once(['.', ',']).is_some_and(|(whole, decimals)| {
        whole.len() > 5 && whole.bytes().all(|byte| byte.is_ascii_digit()) && decimals.len() < 3
    });
    if has_decimals || number.to_lowercase().contains("e+") {
        return Err(Reason::said(|language| InvalidNationalId::Number.sentence(language)));
    }
    text.parse().map_err(|problem: InvalidPhone| Reason::said(|language| problem.sentence(language)))
}

/// True for yes, false for no, as spreadsheets and people write them; `None` for other texts.
fn yes_or_no(text: &str) -> Option<bool> {
    match folded(&plain(text)).as_str() {
        "si" | "s" | "yes" | "y" | "true" | "verdadero" | "1" | "x" => Some(true),
        "no" | "n" | "false" | "falso" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::{MemberId, TenantId};
    use serde_json::json;

    use domain::testing::at;

    use super::*;

    fn row(cells: &[(&'static str, &str)]) -> Row {
        let email = ("email", "ana@example.com".to_owned());
        let cells = cells.iter().map(|(column, text)| (*column, (*text).to_owned()));
        Row { line: 7, cells: std::iter::once(email).chain(cells).collect() }
    }

    fn applied(country: &str, cells: &[(&'static str, &str)]) -> Result<Member, Vec<ImportError>> {
        let mut member: Member = serde_json::from_value(json!({
            "id": MemberId::generate(at(0)), "tenant_id": TenantId::generate(at(0)), "name": "Ana",
            "email": "ana@example.com", "country": country, "city": "Bogotá", "registration_date": at(0),
            "created_at": at(0), "updated_at": at(0), "subscription_active": true, "monthly_fee_current": false,
            "version": 4,
        }))
        .expect("a member");
        LineValues::read(row(cells), Order::DayFirst)?.apply(&mut member, at(0)).map(|()| member)
    }

    fn wrong(country: &str, cells: &[(&'static str, &str)]) -> Vec<String> {
        let errors = applied(country, cells).expect_err("bad");
        assert!(errors.iter().all(|error| error.line == 7));
        errors.into_iter().filter_map(|error| error.field).collect()
    }

    #[test]
    fn the_cells_of_a_line_change_the_member() {
        let same = applied("CO", &[]).expect("good");
        assert_eq!((same.city.as_deref(), same.subscription_active), (Some("Bogotá"), true));
        let member = applied(
            "CO",
            &[
                ("name", "Ana Farola"),
                ("dni", "1.020.304.050"),
                ("subscription_active", "No"),
                ("monthly_fee_current", "SÍ"),
                ("registration_date", "21/11/2025"),
                ("language", "EN"),
            ],
        )
        .expect("good");
        assert_eq!(member.identity().as_deref(), Some("CO:cc:1020304050"));
        assert_eq!((member.subscription_active, member.monthly_fee_current), (false, true));
        assert_eq!(
            (member.registration_date.to_string().as_str(), member.language),
            ("2025-11-21T12:00:00Z", Language::En)
        );
        let moved = applied("CO", &[("country", "ar"), ("dni", "20123456")]).expect("good");
        assert_eq!(moved.identity().as_deref(), Some("AR:dni:20123456"));
    }

    #[test]
    fn numbers_changed_by_spreadsheets_are_refused() {
        for (column, text) in [
            ("dni", "52123456.0"),
            ("dni", "2012345.0"),
            ("dni", "5,2123456E+07"),
            ("phone", "5,73001E+11"),
            ("phone", "573001234567.0"),
        ] {
            let errors = applied("CO", &[(column, text)]).expect_err("no number");
            assert!(errors[0].reason.contains("cells as text"), "{column} {text}: {}", errors[0].reason);
        }
        let kept = applied(
            "CO",
            &[
                ("dni", "2.012.345"),
                ("phone", "\u{202a}+57\u{a0}300\u{202c}"),
                ("subscription_active", "VERDADERO"),
            ],
        );
        let kept = kept.expect("good");
        assert_eq!(
            (kept.identity().as_deref(), kept.phone.as_deref()),
            (Some("CO:cc:2012345"), Some("+57 300"))
        );
        assert_eq!(yes_or_no("X\u{200b}"), Some(true));
    }

    #[test]
    fn texts_with_lost_letters_are_refused() {
        let errors = applied("CO", &[("name", "Jos\u{fffd} P\u{fffd}rez")]).expect_err("lost");
        assert!(errors[0].reason.contains("character 4") && errors[0].reason_es.contains("carácter 4"));
        assert_eq!(wrong("CO", &[("city", "Cali\nBcc: eva@example.com")]), ["city"]);
    }

    #[test]
    fn every_bad_cell_is_named() {
        assert_eq!(
            wrong(
                "CO",
                &[("subscription_active", "quizás"), ("registration_date", "ayer"), ("language", "fr")]
            ),
            ["subscription_active", "registration_date", "language"]
        );
        assert_eq!(
            wrong("CL", &[("dni", "12531909-3"), ("phone", "llámame"), ("registration_date", "2090-01-01")]),
            ["phone", "dni", "registration_date"]
        );
        let long = "x".repeat(121);
        let cells: [(&'static str, &str); 5] = [
            ("name", &long),
            ("city", &long),
            ("country", "XXX"),
            ("phone", "x"),
            ("how_did_you_find_us", &long),
        ];
        assert_eq!(wrong("CO", &cells).len(), MAX_ERRORS);
        let mut nobody = row(&[]);
        nobody.cells.insert("email", "ana".to_owned());
        assert_eq!(
            LineValues::read(nobody, Order::DayFirst).expect_err("bad")[0].field.as_deref(),
            Some("email")
        );
    }
}
