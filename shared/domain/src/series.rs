//! Series: several dates of one show, with a page of their own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::event::{Event, EventStatus};
use crate::plan::PinnedPlan;
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
    /// The published version of the event's seating plan; `None` as long as its plan is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PinnedPlan>,
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
            plan: event.plan,
        }
    }
}

/// The seating plan that the dates of a series share, in the latest version that one of them published.
/// `except` is the date that asks.
///
/// # Errors
/// `plan_not_found` if no other date has a plan; `plans_differ` if they have several.
pub fn shared_plan(dates: &[SeriesDate], except: EventId) -> Result<PinnedPlan> {
    let others = || dates.iter().filter(|date| date.event_id != except && date.plan.is_some());
    let latest = others().filter_map(|date| date.plan).max_by_key(|plan| plan.version).ok_or_else(|| {
        Error::not_found("plan_not_found", "No other date of this series has a published plan of its own.")
    })?;
    if others().all(|date| date.plan.is_some_and(|plan| plan.id == latest.id)) {
        return Ok(latest);
    }
    let detail = "The dates of this series have different plans: see `events`. Name the one to take it from.";
    let events: Vec<String> = others().map(|date| date.event_id.to_string()).collect();
    Err(Error::conflict("plans_differ", detail).with("events", events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlanId;
    use crate::pricing::fixture::event;
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

    #[test]
    fn the_plan_of_a_series_is_the_one_that_its_dates_share() {
        let [one, other] = [1, 2].map(|second| PlanId::generate(at(second)));
        let [first, second, third] = [1, 2, 3].map(|second| EventId::generate(at(second)));
        let date = |event_id, plan: Option<(PlanId, u32)>| SeriesDate {
            plan: plan.map(|(id, version)| PinnedPlan { id, version }),
            ..SeriesDate::new(&Event { id: event_id, ..event() })
        };
        let shared = |dates: &[SeriesDate], except| shared_plan(dates, except).map_err(|error| error.code());
        let plan = |id, version| Ok(PinnedPlan { id, version });
        let same = [date(first, Some((one, 3))), date(second, Some((one, 5))), date(third, None)];
        assert_eq!(shared(&same, third), plan(one, 5));
        assert_eq!(shared(&same, second), plan(one, 3), "what it has itself does not count");
        assert_eq!(shared(&same[2..], first), Err("plan_not_found"));
        let mixed = [date(first, Some((one, 3))), date(second, Some((other, 5)))];
        assert_eq!(shared(&mixed, third), Err("plans_differ"));
        assert_eq!(shared(&mixed, second), plan(one, 3));
        let told = shared_plan(&mixed, third).expect_err("refused").members()["events"].clone();
        assert_eq!(told, serde_json::json!([first, second]));
    }
}
