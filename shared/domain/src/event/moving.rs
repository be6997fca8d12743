//! Moving a show to another day: what belongs to it keeps its time on the venue's
//! clocks, whatever these do between the two days.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

use super::Event;

/// The time zone of the database (IANA) with this name; UTC if there is none, which
/// no stored event has.
fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A show's move from one start to another.
///
/// Times of the evening itself (doors, end) move as far as the start does on the
/// clock. All that comes before, such as a presale that opens at ten or ends at
/// midnight, moves by whole days. An hour that the new day does not have is read as
/// the one after it; of an hour that it has twice, the first is taken.
#[derive(Debug, Clone)]
pub struct Move {
    zones: [TimeZone; 2],
    starts: [DateTime; 2],
    /// When the evening begins to which the start belongs.
    evening: Timestamp,
}

impl Move {
    /// The move of `show` to a start at `starts_at` in the time zone `time_zone`.
    pub fn new(show: &Event, starts_at: Timestamp, time_zone: &str) -> Self {
        let zones = [zone(&show.time_zone), zone(time_zone)];
        let starts = [zones[0].to_datetime(show.starts_at), zones[1].to_datetime(starts_at)];
        let evening = show.doors_at.unwrap_or(show.starts_at).min(show.starts_at);
        Self { zones, starts, evening }
    }

    /// The doors of the show, never after its start.
    pub fn doors(&self, show: &Event, starts_at: Timestamp) -> Option<Timestamp> {
        let before = show.starts_at.duration_since(show.doors_at?);
        let moved = self.with_the_start(show.doors_at?);
        Some(if moved <= starts_at { moved } else { starts_at.checked_sub(before).unwrap_or(starts_at) })
    }

    /// The end of the show, always after its start.
    pub fn end(&self, show: &Event, starts_at: Timestamp) -> Timestamp {
        later(starts_at, self.with_the_start(show.ends_at), show.ends_at.duration_since(show.starts_at))
    }

    /// A window of time, such as a stage's, which stays one.
    pub fn window(
        &self,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let (moved_start, moved_end) = (start.map(|time| self.time(time)), end.map(|time| self.time(time)));
        match (start.zip(end), moved_start.zip(moved_end)) {
            (Some((start, end)), Some((moved_start, moved_end))) => {
                let end = later(moved_start, moved_end, end.duration_since(start));
                (Some(moved_start), Some(end))
            }
            _ => (moved_start, moved_end),
        }
    }

    fn time(&self, time: Timestamp) -> Timestamp {
        if time >= self.evening { self.with_the_start(time) } else { self.by_days(time) }
    }

    /// As long before or after the start on the clock as before.
    fn with_the_start(&self, time: Timestamp) -> Timestamp {
        let by = self.starts[1].duration_since(self.starts[0]);
        self.moved(time, |clock| clock.checked_add(by).ok())
    }

    /// At the same time of another day.
    fn by_days(&self, time: Timestamp) -> Timestamp {
        let days = self.starts[1].date().duration_since(self.starts[0].date()).as_hours() / 24;
        self.moved(time, |clock| clock.checked_add(Span::new().try_days(days).ok()?).ok())
    }

    fn moved(&self, time: Timestamp, change: impl FnOnce(DateTime) -> Option<DateTime>) -> Timestamp {
        let [from, to] = &self.zones;
        let old_clock = from.to_datetime(time);
        let Some(clock) = change(old_clock) else { return time };
        let offset = match to.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            // The second pass of an hour stays the second, if it does not move.
            AmbiguousOffset::Fold { after, .. } if clock == old_clock && after == from.to_offset(time) => {
                after
            }
            AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.to_timestamp(clock).unwrap_or(time)
    }
}

/// `end`, or if that is not later than `start`, as long after it as `length`.
fn later(start: Timestamp, end: Timestamp, length: SignedDuration) -> Timestamp {
    if end > start { end } else { start.checked_add(length).unwrap_or(end) }
}

#[cfg(test)]
mod tests;
