//! What the cells of a line mean.

use domain::Timestamp;
use domain::error::Fields;
use domain::event::Language;
use domain::member::Member;
use domain::national_id::NationalId;
use domain::user::Email;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::ImportError;
use super::table::Row;
use crate::fields::{capitals, check_past};

/// The most that is said about one line.
const MAX_ERRORS: usize = 4;

/// A line with a good address, and what it says about the member.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) line: u32,
    pub(super) email: Email,
    row: Row,
    registration_date: Option<Timestamp>,
    subscription_active: Option<bool>,
    monthly_fee_current: Option<bool>,
    language: Option<Language>,
}

impl Given {
    /// Reads what needs no member to make sense.
    pub(super) fn read(row: Row) -> Result<Self, Vec<ImportError>> {
        let line = row.line;
        let mut errors = Vec::new();
        let email = match row.cells.get("email").map(|text| text.parse::<Email>()) {
            Some(Ok(email)) => Some(email),
            Some(Err(_)) => {
                let reason = "Must be an e-mail address such as ana@example.com.";
                errors.push(ImportError::new(line, Some("email"), reason));
                None
            }
            None => {
                errors.push(ImportError::new(line, Some("email"), "Every line needs an e-mail address."));
                None
            }
        };
        let mut is = |column: &str| {
            let text = row.cells.get(column)?;
            let is = yes_or_no(text);
            if is.is_none() {
                errors.push(ImportError::new(
                    line,
                    Some(column),
                    "Must be si, yes, true or 1; or no, false or 0.",
                ));
            }
            is
        };
        let (subscription_active, monthly_fee_current) =
            (is("subscription_active"), is("monthly_fee_current"));
        let registration_date = row.cells.get("registration_date").and_then(|text| {
            let time = day(text);
            if time.is_none() {
                let reason = "Must be a date such as 2026-11-21 or 21/11/2026, or a time such as 2026-11-21T20:00:00Z.";
                errors.push(ImportError::new(line, Some("registration_date"), reason));
            }
            time
        });
        let language = row.cells.get("language").and_then(|text| {
            let language = match text.to_lowercase().as_str() {
                "es" => Some(Language::Es),
                "en" => Some(Language::En),
                _ => None,
            };
            if language.is_none() {
                errors.push(ImportError::new(line, Some("language"), "Must be es or en."));
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

    /// Puts what the line says onto a member; what it does not say stays.
    pub(super) fn apply(&self, member: &mut Member, now: Timestamp) -> Result<(), Vec<ImportError>> {
        let mut fields = Fields::new();
        let cell = |column: &str| self.row.cells.get(column).cloned();
        if let Some(name) = cell("name") {
            member.name = name;
        }
        let country = cell("country").map(|country| capitals(&country));
        let is_moved = country.as_ref().is_some_and(|country| *country != member.country);
        member.country = country.unwrap_or(std::mem::take(&mut member.country));
        let number = member.dni.as_ref().map(|id| id.number().to_owned());
        if let Some(written) = cell("dni").or(number.filter(|_| is_moved)) {
            match NationalId::parse(&member.country, &written) {
                Ok(id) => member.dni = Some(id),
                Err(problem) => {
                    fields.check(false, "/dni", problem.to_string());
                }
            }
        }
        for (text, column) in [
            (&mut member.phone, "phone"),
            (&mut member.city, "city"),
            (&mut member.how_did_you_find_us, "how_did_you_find_us"),
            (&mut member.favorite_music_genre, "favorite_music_genre"),
        ] {
            if let Some(said) = cell(column) {
                *text = Some(said);
            }
        }
        member.registration_date = self.registration_date.unwrap_or(member.registration_date);
        member.subscription_active = self.subscription_active.unwrap_or(member.subscription_active);
        member.monthly_fee_current = self.monthly_fee_current.unwrap_or(member.monthly_fee_current);
        member.language = self.language.unwrap_or(member.language);
        member.check(&mut fields);
        check_past("/registration_date", member.registration_date, now, &mut fields);
        fields.finish().map_err(|error| {
            let wrong = error.field_errors().iter().take(MAX_ERRORS);
            let line = |field: &domain::FieldError| {
                ImportError::new(
                    self.line,
                    Some(field.pointer.trim_start_matches('/')),
                    field.detail.as_str(),
                )
            };
            wrong.map(line).collect()
        })
    }
}

/// Yes or no, as spreadsheets and people write it.
fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "si" | "sí" | "s" | "yes" | "y" | "true" | "verdadero" | "1" => Some(true),
        "no" | "n" | "false" | "falso" | "0" => Some(false),
        _ => None,
    }
}

/// A moment, or a day: then its noon in UTC, which is the same day everywhere
/// in the Americas.
fn day(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let dates = ["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"].into_iter();
    let date = dates.filter_map(|format| Date::strptime(format, text).ok()).next();
    let times = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M"].into_iter();
    let time = match date {
        Some(date) => Some(date.at(12, 0, 0, 0)),
        None => times.filter_map(|format| DateTime::strptime(format, text).ok()).next(),
    };
    Some(time?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use domain::{MemberId, TenantId};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_000_000, 0);

    fn row(cells: &[(&'static str, &str)]) -> Row {
        let email = ("email", "ana@example.com".to_owned());
        let cells = cells.iter().map(|(column, text)| (*column, (*text).to_owned()));
        Row { line: 7, cells: std::iter::once(email).chain(cells).collect() }
    }

    fn applied(country: &str, cells: &[(&'static str, &str)]) -> Result<Member, Vec<ImportError>> {
        let mut member: Member = serde_json::from_value(json!({
            "id": MemberId::generate(NOW), "tenant_id": TenantId::generate(NOW), "name": "Ana",
            "email": "ana@example.com", "country": country, "city": "Bogotá", "registration_date": NOW,
            "created_at": NOW, "updated_at": NOW, "subscription_active": true, "monthly_fee_current": false,
            "version": 4,
        }))
        .expect("a member");
        Given::read(row(cells))?.apply(&mut member, NOW).map(|()| member)
    }

    fn wrong(country: &str, cells: &[(&'static str, &str)]) -> Vec<String> {
        let errors = applied(country, cells).expect_err("bad");
        assert!(errors.iter().all(|error| error.line == 7));
        errors.into_iter().filter_map(|error| error.field).collect()
    }

    #[test]
    fn a_line_says_what_its_cells_say() {
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
    fn dates_are_read_as_people_write_them() {
        for (text, time) in [
            ("2024-05-31", "2024-05-31T12:00:00Z"),
            ("31/05/2024", "2024-05-31T12:00:00Z"),
            ("1-6-2024", "2024-06-01T12:00:00Z"),
            ("2024-05-31 23:59:59", "2024-05-31T23:59:59Z"),
            ("2024-05-31T20:00:00-05:00", "2024-06-01T01:00:00Z"),
        ] {
            assert_eq!(day(text).map(|time| time.to_string()).as_deref(), Some(time), "{text}");
        }
        for text in ["31/31/2024", "ayer", "2024", "05/2024", "2024-02-30"] {
            assert_eq!(day(text), None, "{text}");
        }
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
            ["dni", "phone", "registration_date"]
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
        assert_eq!(Given::read(nobody).expect_err("bad")[0].field.as_deref(), Some("email"));
    }
}
