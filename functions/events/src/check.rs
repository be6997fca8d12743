//! The bounds of what organisers write, and the refusals that routes share.

use domain::Error;
use domain::error::Fields;
use jiff::tz::TimeZone;

/// Notes a `country` that is not two capital letters (ISO 3166-1 alpha-2).
pub(crate) fn country(fields: &mut Fields, pointer: &str, country: &str) {
    let valid = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    fields.check(valid, pointer, "Must be the two capital letters of a country, such as CO, CL or AR.");
}

/// The name under which the time zone database (IANA) knows `name`, whatever
/// its spelling.
pub(crate) fn time_zone(name: &str) -> Option<String> {
    let zone = TimeZone::get(name).ok()?;
    zone.iana_name().map(str::to_owned)
}

/// The text without space around it. `None` if it is empty.
pub(crate) fn some_text(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What a time zone must be.
pub(crate) const NO_ZONE: &str = "Must be a time zone of the IANA database, such as America/Bogota.";

pub(crate) fn area_not_found() -> Error {
    Error::not_found("area_not_found", "The event has no such area.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(time_zone("America/Bogota").as_deref(), Some("America/Bogota"));
        assert_eq!(time_zone("america/santiago").as_deref(), Some("America/Santiago"));
        for name in ["", "America/Macondo", "-05:00", "../etc/passwd", "Z"] {
            assert_eq!(time_zone(name), None, "{name:?}");
        }
    }

    #[test]
    fn countries_are_two_capital_letters() {
        for (code, expected) in
            [("CO", true), ("co", false), ("COL", false), ("", false), ("C1", false), ("Ñ", false)]
        {
            let mut fields = Fields::new();
            country(&mut fields, "/country", code);
            assert_eq!(fields.finish().is_ok(), expected, "{code:?}");
        }
    }
}
