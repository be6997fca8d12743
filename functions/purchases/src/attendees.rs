//! Who will use the tickets, where the event asks for it.

use domain::error::Fields;
use domain::event::{AttendeeField, Event};
use domain::order::Attendee;
use domain::{Result, Timestamp};
use jiff::tz::TimeZone;

/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The most characters of a national id.
const MAX_ID: usize = 20;

/// Checks what was sent, so far as it was: none at all, or one for each ticket.
pub(crate) fn check(attendees: &[Attendee], tickets: u8, now: Timestamp) -> Result<()> {
    let mut fields = Fields::new();
    fields.check(
        attendees.is_empty() || attendees.len() == usize::from(tickets),
        "/attendees",
        format!("Must name one attendee for each of the {tickets} tickets, in the order of the lines."),
    );
    let today = now.to_zoned(TimeZone::UTC).date();
    for (index, attendee) in attendees.iter().enumerate() {
        let at = |field: &str| format!("/attendees/{index}/{field}");
        if let Some(name) = &attendee.nombre {
            fields.text(&at("nombre"), name, 1, MAX_NAME);
        }
        if let Some(id) = &attendee.rut {
            fields.text(&at("rut"), id, 3, MAX_ID);
        }
        if let Some(born) = attendee.fecha_nacimiento {
            let plausible = born <= today && born.year() > 1900;
            fields.check(
                plausible,
                at("fecha_nacimiento"),
                "Must be a date of birth between 1901 and today.",
            );
        }
    }
    fields.finish()
}

/// Checks that everything is there that the event asks for.
pub(crate) fn check_complete(event: &Event, attendees: &[Attendee], tickets: u8) -> Result<()> {
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
            fields.check(given, pointer, "This event asks for it for every ticket.");
        }
    }
    fields.finish()
}
