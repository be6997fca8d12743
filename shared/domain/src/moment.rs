//! Points in time as callers write them.

use jiff::Timestamp;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Fields;

/// A point in time in RFC 3339, as a caller writes it. The written offset is kept, because one that
/// contradicts a time zone is most likely a mistake of an hour.
///
/// With a time zone of its own (RFC 9557, `2026-09-26T21:00:00-03:00[America/Santiago]`) it is read
/// only if the two agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    time: Timestamp,
    /// `None` if it is written in UTC, which says nothing about local time.
    offset: Option<Offset>,
}

impl Moment {
    /// The point in time, without the written offset.
    pub fn time(self) -> Timestamp {
        self.time
    }
}

/// Notes each offset that the IANA time zone does not have at that time, at the offset's pointer.
pub fn check_zone(times: &[(&'static str, Option<Moment>)], time_zone: &str, fields: &mut Fields) {
    let Ok(zone) = TimeZone::get(time_zone) else { return };
    for (pointer, moment) in times {
        let Some(Moment { time, offset: Some(offset) }) = *moment else { continue };
        let actual = zone.to_offset(time);
        fields.rule(
            actual == offset,
            *pointer,
            format!(
                "The offset {} contradicts the time zone {time_zone}, which is at {} then. Correct one of \
                 them, or write the time in UTC.",
                shown(offset),
                shown(actual),
            ),
        );
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        moment.time
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time: Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
        let pieces = Pieces::parse(text).map_err(|error| error.to_string())?;
        let offset = match pieces.offset() {
            Some(PiecesOffset::Numeric(offset)) => {
                Some(offset.offset()).filter(|offset| *offset != Offset::UTC)
            }
            _ => None,
        };
        let moment = Self { time, offset };
        let Some(zone) = pieces.to_time_zone().map_err(|error| error.to_string())? else { return Ok(moment) };
        let actual = zone.to_offset(time);
        if pieces
            .offset()
            .is_some_and(|said| matches!(said, PiecesOffset::Numeric(n) if n.offset() != actual))
        {
            return Err(format!("its offset contradicts its time zone, which is at {} then", shown(actual)));
        }
        Ok(moment)
    }
}

/// The offset as RFC 3339 writes it, such as `-03:00`.
fn shown(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.time.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        Timestamp::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Timestamp::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Timestamp::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Result<String, String> {
        text.parse().map(|moment: Moment| moment.time().to_string())
    }

    #[test]
    fn an_offset_and_a_zone_that_contradict_each_other_are_refused() {
        let nine = Ok("2026-09-27T00:00:00Z".to_owned());
        for text in [
            "2026-09-27T00:00:00Z",
            "2026-09-26T21:00:00-03:00",
            "2026-09-26T21:00:00-03:00[America/Santiago]",
            "2026-09-26T21:00:00-03:00[-03:00]",
            "2026-09-27T00:00:00Z[America/Santiago]",
            "2026-09-27T00:00:00+00:00[Europe/London]",
        ] {
            let expected =
                if text.contains("London") { Err(()) } else { nine.clone().map_err(|_: String| ()) };
            assert_eq!(moment(text).map_err(drop), expected, "{text}");
        }
        let refused = moment("2026-09-26T21:00:00-04:00[America/Santiago]").expect_err("winter's offset");
        assert_eq!(refused, "its offset contradicts its time zone, which is at -03:00 then");
        for text in [
            "",
            "2026-09-26",
            "2026-09-26T21:00:00",
            "2026-09-26T21:00:00[America/Santiago]",
            "2026-09-26T21:00:00-03:00[America/Macondo]",
        ] {
            moment(text).expect_err(text);
        }
    }

    #[test]
    fn an_offset_that_the_venue_does_not_have_is_named() {
        let detail = |text: &str, zone: &str| {
            let mut fields = Fields::new();
            let moment = Some(text.parse().expect("a moment"));
            check_zone(&[("/starts_at", moment)], zone, &mut fields);
            fields.finish().err().map(|error| error.field_errors()[0].detail.clone())
        };
        for text in ["2026-09-27T00:00:00Z", "2026-09-27T00:00:00+00:00", "2026-09-26T21:00:00-03:00"] {
            assert_eq!(detail(text, "America/Santiago"), None, "{text}");
        }
        insta::assert_snapshot!(detail("2026-09-26T21:00:00-04:00", "America/Santiago").expect("refused"), @"The offset -04:00 contradicts the time zone America/Santiago, which is at -03:00 then. Correct one of them, or write the time in UTC.");
    }
}
