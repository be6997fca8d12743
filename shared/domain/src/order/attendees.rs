//! The persons for whom tickets are, where the event asks for them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attendee;
use crate::Result;
use crate::birth_date::BirthDate;
use crate::error::Fields;
use crate::event::{AttendeeField, Event};
use crate::national_id::has_wrong_check_digit;
use crate::text::Line;

/// The person for whom a ticket is, as the buyer says.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttendee {
    /// The full name, at most 100 characters, such as `Ana Ríos`.
    nombre: Option<Line<1, 100>>,
    /// The number of the national id, 3 to 20 characters. A check digit after a hyphen must be
    /// right for Chile, or for the event's country.
    rut: Option<Line<3, 20>>,
    /// The date of birth, `YYYY-MM-DD`, such as `1990-04-30`.
    fecha_nacimiento: Option<BirthDate>,
}

/// Checks the attendees of a request: none, or one for each ticket; single fields may be missing.
pub fn read(
    attendees: Vec<NewAttendee>,
    tickets: u8,
    event: &Event,
    now: Timestamp,
) -> Result<Vec<Attendee>> {
    let mut fields = Fields::new();
    fields.rule(
        attendees.is_empty() || attendees.len() == usize::from(tickets),
        "/attendees",
        format!("Must name one attendee for each of the {tickets} tickets, in the order of the lines."),
    );
    // In the easternmost time zones tomorrow has begun.
    let today = now.to_zoned(TimeZone::UTC).date().tomorrow();
    for (index, attendee) in attendees.iter().enumerate() {
        let at = |field: &str| format!("/attendees/{index}/{field}");
        fields.rule(
            !attendee.rut.as_ref().is_some_and(|id| has_wrong_check_digit(&event.country, id)),
            at("rut"),
            "The check digit does not fit the other digits; look for a typo, or write the country before it if \
             it is another's document, such as US 123456789.",
        );
        let is_born = |born: &BirthDate| today.as_ref().is_ok_and(|today| born.date() <= *today);
        fields.rule(
            attendee.fecha_nacimiento.as_ref().is_none_or(is_born),
            at("fecha_nacimiento"),
            "Must be a date of birth between 1901 and today.",
        );
    }
    fields.finish()?;
    Ok(attendees.into_iter().map(Attendee::from).collect())
}

impl From<NewAttendee> for Attendee {
    fn from(attendee: NewAttendee) -> Self {
        Self {
            nombre: attendee.nombre.map(String::from),
            rut: attendee.rut.map(String::from),
            fecha_nacimiento: attendee.fecha_nacimiento.map(BirthDate::date),
        }
    }
}

/// Checks that all attendees have the fields that the event asks for.
pub fn check_complete(event: &Event, attendees: &[Attendee], tickets: u8) -> Result<()> {
    let mut fields = Fields::new();
    for index in 0..usize::from(tickets) {
        let attendee = attendees.get(index);
        for field in &event.attendee_fields {
            let (name, given) = match field {
                AttendeeField::Nombre => ("nombre", attendee.is_some_and(|a| a.nombre.is_some())),
                AttendeeField::Rut => ("rut", attendee.is_some_and(|a| a.rut.is_some())),
                AttendeeField::FechaNacimiento => {
                    ("fecha_nacimiento", attendee.is_some_and(|a| a.fecha_nacimiento.is_some()))
                }
            };
            let pointer = format!("/attendees/{index}/{name}");
            fields.rule(given, pointer, "This event asks for it for every ticket.");
        }
    }
    fields.finish()
}
