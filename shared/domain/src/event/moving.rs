//! Moves a show to another day: its other times keep their time on the venue's clocks, also if the
//! clocks change between the two days.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

use super::Event;

/// The IANA time zone with this name; UTC for an unknown name, which no stored event has.
fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A show's move from one start to another.
///
/// Times of the evening itself (doors, end) move as far as the start does on the clock. Earlier
/// times, such as a presale that opens at ten or ends at midnight, move by whole days. An hour that
/// the new day skips is read as the one after it; of an hour that comes twice, the first is taken.
#[derive(Debug, Clone)]
pub struct Move {
    zones: [TimeZone; 2],
    starts: [DateTime; 2],
    /// The earlier one of the old doors and start; earlier times move by whole days.
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

    /// The new time of the doors, never after the start.
    pub fn doors(&self, show: &Event, starts_at: Timestamp) -> Option<Timestamp> {
        let before = show.starts_at.duration_since(show.doors_at?);
        Some(not_after(starts_at, self.with_the_start(show.doors_at?), before))
    }

    /// The new time at which tickets stop changing hands, never after the start; `None` if that is the
    /// start itself.
    pub fn transfers_close(&self, show: &Event, starts_at: Timestamp) -> Option<Timestamp> {
        let closes_at = show.transfers_close_at?;
        let before = show.starts_at.duration_since(closes_at);
        Some(not_after(starts_at, self.time(closes_at), before))
    }

    /// The new end of the show, always after its start.
    pub fn end(&self, show: &Event, starts_at: Timestamp) -> Timestamp {
        later(starts_at, self.with_the_start(show.ends_at), show.ends_at.duration_since(show.starts_at))
    }

    /// A moved window of time, such as a sale stage's; its end stays after its start.
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

    /// `time`, as far from the new start on the clock as from the old one.
    fn with_the_start(&self, time: Timestamp) -> Timestamp {
        let by = self.starts[1].duration_since(self.starts[0]);
        self.moved(time, |clock| clock.checked_add(by).ok())
    }

    /// `time` at the same time of day, moved by the days between the two starts.
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
            // A time in the second pass of a repeated hour stays there if its clock does not
            // change.
            AmbiguousOffset::Fold { after, .. } if clock == old_clock && after == from.to_offset(time) => {
                after
            }
            AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.to_timestamp(clock).unwrap_or(time)
    }
}

/// `time`, or `before` subtracted from `start` if `time` is later than `start`.
fn not_after(start: Timestamp, time: Timestamp, before: SignedDuration) -> Timestamp {
    if time <= start { time } else { start.checked_sub(before).unwrap_or(start) }
}

/// `end`, or `start` plus `length` if `end` is not later than `start`.
fn later(start: Timestamp, end: Timestamp, length: SignedDuration) -> Timestamp {
    if end > start { end } else { start.checked_add(length).unwrap_or(end) }
}

#[cfg(test)]
mod tests;
