use jiff::tz::Offset;
use jiff::{ToSpan, civil};

use super::*;
use crate::pricing::fixture::event;

/// The moment at which the clocks of a zone show this; the first, if they show it twice.
fn at(zone: &TimeZone, clock: DateTime) -> Timestamp {
    zone.to_timestamp(clock).expect("in range")
}

fn is_plain(zone: &TimeZone, clock: DateTime) -> bool {
    matches!(zone.to_ambiguous_timestamp(clock).offset(), AmbiguousOffset::Unambiguous { .. })
}

/// A show from nine to two, with doors at eight.
fn show(name: &str, zone: &TimeZone, day: civil::Date) -> Event {
    Event {
        time_zone: name.to_owned(),
        starts_at: at(zone, day.at(21, 0, 0, 0)),
        doors_at: Some(at(zone, day.at(20, 0, 0, 0))),
        ends_at: at(zone, day.tomorrow().expect("in range").at(2, 0, 0, 0)),
        ..event()
    }
}

/// A change of a zone's clocks.
struct Change {
    name: String,
    zone: TimeZone,
    at: Timestamp,
    offsets: [Offset; 2],
}

/// Every change of the clocks from 2024 to 2029, in every zone.
fn changes() -> Vec<Change> {
    let [from, to] =
        ["2024-01-01T00:00:00Z", "2030-01-01T00:00:00Z"].map(|time| time.parse().expect("a time"));
    let mut changes = Vec::new();
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).expect("bundled");
        let moments = zone.following(from).map(|change| change.timestamp());
        let moments: Vec<Timestamp> = moments.take_while(|at| *at < to).collect();
        changes.extend(moments.into_iter().filter_map(|at| {
            let offsets = [zone.to_offset(at - 1.second()), zone.to_offset(at)];
            let name = name.as_str().to_owned();
            (offsets[0] != offsets[1]).then(|| Change { name, zone: zone.clone(), at, offsets })
        }));
    }
    changes
}

#[test]
fn every_time_keeps_its_clock_across_every_change_of_every_zone() {
    let changes = changes();
    let mut compared = 0;
    for Change { name, zone, at: change, .. } in &changes {
        let day = zone.to_datetime(*change).date();
        // One of the two presales begins on the other side of the change than its show.
        let [before, after] = [day - 10.days(), day + 3.days()];
        for (from, to) in [(before, after), (after, before)] {
            let show = show(name, zone, from);
            let starts_at = at(zone, to.at(21, 0, 0, 0));
            let moved = Move::new(&show, starts_at, name);
            // The moved times of the show and its presale, and their expected clocks on the new
            // day.
            let presale = |day: civil::Date| [day - 6.days(), day - 2.days()].map(|day| day.at(10, 0, 0, 0));
            let midnight = |day: civil::Date| day.at(0, 0, 0, 0);
            let [opens, closes] = presale(from).map(|clock| Some(at(zone, clock)));
            let last_day = Some(at(zone, midnight(from)));
            let closing = |time| Event { transfers_close_at: Some(at(zone, time)), ..show.clone() };
            let day_before = |day: civil::Date| closing((day - 1.days()).at(18, 0, 0, 0));
            let half_an_hour_before = |day: civil::Date| closing(day.at(20, 30, 0, 0));
            let (moved_opens, moved_closes) = moved.window(opens, closes);
            let results = [
                (moved.doors(&show, starts_at), to.at(20, 0, 0, 0)),
                (moved.transfers_close(&day_before(from), starts_at), (to - 1.days()).at(18, 0, 0, 0)),
                (moved.transfers_close(&half_an_hour_before(from), starts_at), to.at(20, 30, 0, 0)),
                (Some(moved.end(&show, starts_at)), to.tomorrow().expect("in range").at(2, 0, 0, 0)),
                (moved_opens, presale(to)[0]),
                (moved_closes, presale(to)[1]),
                (moved.window(None, last_day).1, midnight(to)),
                (moved.window(Some(show.starts_at), None).0, to.at(21, 0, 0, 0)),
            ];
            for (time, clock) in results {
                // Near another change of the zone, a clock may be missing or come twice.
                if is_plain(zone, clock) {
                    let seen = zone.to_datetime(time.expect("a time"));
                    assert_eq!(seen, clock, "{name} {change}");
                    compared += 1;
                }
            }
        }
    }
    assert!(changes.len() > 1000 && compared > 10 * changes.len(), "{} {compared}", changes.len());
}

#[test]
fn skipped_and_repeated_hours_of_the_new_day_have_one_meaning() {
    let (mut gaps, mut overlaps) = (0, 0);
    for Change { name, zone, at: change, offsets: [before, after] } in changes() {
        let length = SignedDuration::from_secs(i64::from((after.seconds() - before.seconds()).abs()));
        let half = length / 2;
        // The middle of the time that the clocks skip or repeat.
        let first = if after > before { before } else { after };
        let clock = first.to_datetime(change).checked_add(half).expect("in range");
        // A change with another one a week later is not tested.
        let week = |clock: DateTime| clock.checked_add(7.days()).expect("in range");
        if !is_plain(&zone, week(clock)) {
            continue;
        }
        let day = clock.date() + 3.days();
        let show = show(&name, &zone, day + 7.days());
        let moved = Move::new(&show, at(&zone, day.at(21, 0, 0, 0)), &name);
        let source = at(&zone, week(clock));
        let expected = if after > before { change + half } else { change - half };
        assert_eq!(moved.window(Some(source), None).0, Some(expected), "{name} {change}");
        // A window that begins or ends there still ends after it begins.
        for minutes in [1, 29, 31, 61, 121] {
            let other = source + SignedDuration::from_mins(minutes);
            let earlier = source - SignedDuration::from_mins(minutes);
            for (start, end) in [(source, other), (earlier, source)] {
                let (start, end) = moved.window(Some(start), Some(end));
                assert!(start < end, "{name} {change} {minutes}");
            }
        }
        if after > before {
            gaps += 1;
        } else {
            overlaps += 1;
            // On its own day, the second pass of the hour stays the second.
            let second = change + half;
            let same = Event { starts_at: at(&zone, day.at(21, 0, 0, 0)), ..show };
            let stays = Move::new(&same, same.starts_at, &name);
            assert_eq!(stays.window(Some(second), None).0, Some(second), "{name} {change}");
        }
    }
    assert!(gaps > 500 && overlaps > 500, "{gaps} {overlaps}");
}

#[test]
fn a_later_start_moves_the_evening_by_hours_and_a_presale_by_days() {
    let zone = TimeZone::get("America/Santiago").expect("bundled");
    let [from, to] = [civil::date(2026, 8, 29), civil::date(2026, 9, 26)];
    let show = show("America/Santiago", &zone, from);
    let starts_at = at(&zone, to.at(22, 30, 0, 0));
    let moved = Move::new(&show, starts_at, "America/Santiago");
    let clock = |time: Option<Timestamp>| zone.to_datetime(time.expect("a time")).to_string();
    assert_eq!(clock(moved.doors(&show, starts_at)), "2026-09-26T21:30:00");
    assert_eq!(clock(Some(moved.end(&show, starts_at))), "2026-09-27T03:30:00");
    let (presale, at_the_door) = (at(&zone, (from - 5.days()).at(10, 0, 0, 0)), show.doors_at);
    let (opens, closes) = moved.window(Some(presale), at_the_door);
    assert_eq!(
        (clock(opens), clock(closes)),
        ("2026-09-21T10:00:00".to_owned(), "2026-09-26T21:30:00".to_owned())
    );
}

#[test]
fn transfers_never_close_after_an_earlier_start() {
    let zone = TimeZone::get("America/Bogota").expect("bundled");
    let [from, to] = [civil::date(2026, 8, 29), civil::date(2026, 8, 30)];
    let show = Event { doors_at: None, ..show("America/Bogota", &zone, from) };
    let noon = at(&zone, to.at(12, 0, 0, 0));
    let moved = Move::new(&show, noon, "America/Bogota");
    assert_eq!(moved.transfers_close(&show, noon), None, "they close at the start, wherever that is");
    for (closes_at, expected) in
        [(from.at(9, 0, 0, 0), to.at(9, 0, 0, 0)), (from.at(20, 0, 0, 0), to.at(11, 0, 0, 0))]
    {
        let show = Event { transfers_close_at: Some(at(&zone, closes_at)), ..show.clone() };
        assert_eq!(moved.transfers_close(&show, noon), Some(at(&zone, expected)), "{closes_at}");
    }
}

#[test]
fn a_show_keeps_its_clock_in_another_zone() {
    let [bogota, santiago] =
        ["America/Bogota", "America/Santiago"].map(|name| TimeZone::get(name).expect("bundled"));
    let (from, to) = (civil::date(2026, 8, 29), civil::date(2026, 12, 5));
    let show = show("America/Bogota", &bogota, from);
    let starts_at = at(&santiago, to.at(21, 0, 0, 0));
    let moved = Move::new(&show, starts_at, "America/Santiago");
    assert_eq!(moved.doors(&show, starts_at), Some(at(&santiago, to.at(20, 0, 0, 0))));
}
