//! Series: several dates of one show, with a page of their own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::event::{Event, EventStatus};
use crate::{Error, EventId, Result, SeriesId, TenantId};

/// The most events that are dates of one series.
pub const MAX_DATES: u16 = 100;

/// No series has the id or slug, or none that the caller may see.
pub fn series_not_found() -> Error {
    Error::not_found("series_not_found", "There is no such series.")
}

/// What the dates of a show have in common. What is sold, and where and when, is each date's own.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The series' id.
    pub id: SeriesId,
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The readable part of its page's address; unique among all events and series.
    pub slug: String,
    /// The title of its page.
    pub name: String,
    /// The artist or band; possibly empty.
    #[serde(default)]
    pub artist: String,
    /// The description for buyers, as plain text.
    #[serde(default)]
    pub description: String,
    /// The URL of a picture that is kept elsewhere.
    pub img: Option<String>,
    /// How many events are dates of it, drafts included; counted by their own writes.
    pub dates: u16,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its page was last changed.
    pub updated_at: Timestamp,
    /// Counts changes of the page, and events that come and go.
    pub version: u32,
}

impl Series {
    /// Checks that it can be deleted: an event must not lose its series unasked.
    ///
    /// # Errors
    /// `series_has_events`.
    pub fn deletable(&self) -> Result<()> {
        if self.dates == 0 {
            return Ok(());
        }
        Err(Error::conflict("series_has_events", "Take its events out of this series before you delete it.")
            .with("dates", self.dates))
    }

    /// Notes at `pointer` that no further event can be a date of it.
    pub fn check_room(&self, pointer: &str, fields: &mut Fields) {
        fields.rule(
            self.dates < MAX_DATES,
            pointer,
            format!("This series has {MAX_DATES} events already. Start another one."),
        );
    }
}

/// A date of a series, as the series lists it: written with its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDate {
    /// The event.
    pub event_id: EventId,
    /// The readable part of the event's address.
    pub slug: String,
    /// The event's title.
    pub name: String,
    /// When the event starts.
    pub starts_at: Timestamp,
    /// When the event ends.
    pub ends_at: Timestamp,
    /// The event's state.
    pub status: EventStatus,
    /// True if everybody may see it in lists.
    pub listed: bool,
}

impl SeriesDate {
    /// The entry of an event.
    pub fn new(event: &Event) -> Self {
        Self {
            event_id: event.id,
            slug: event.slug.clone(),
            name: event.name.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            status: event.status,
            listed: event.is_listed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn series(dates: u16) -> Series {
        Series {
            id: SeriesId::generate(at(0)),
            tenant_id: TenantId::generate(at(0)),
            slug: "temporada-de-faroles".to_owned(),
            name: "Temporada de faroles".to_owned(),
            artist: String::new(),
            description: String::new(),
            img: None,
            dates,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn a_series_is_deleted_without_events_and_takes_a_hundred() {
        series(0).deletable().expect("empty");
        let refused = series(3).deletable().expect_err("refused");
        assert_eq!((refused.code(), refused.members()["dates"].as_u64()), ("series_has_events", Some(3)));
        for (dates, room) in [(0, true), (MAX_DATES - 1, true), (MAX_DATES, false)] {
            let mut fields = Fields::new();
            series(dates).check_room("/series_id", &mut fields);
            assert_eq!(fields.finish().is_ok(), room, "{dates}");
        }
    }
}
