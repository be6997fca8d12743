use proptest::prelude::*;

use super::*;
use crate::event::RowLayout;
use crate::event::fixture::seated_area;
use crate::plan::{RowsLayout, Run, Seating, Sides, categories, generate};
use crate::seat::{SeatLabel, leaves_single};

/// A run: `.` a seat, `a` an accessible one, `p` one for a companion, `o` one behind a column.
pub(in crate::seat) fn run_of(seats: &str, row: usize) -> Run {
    let place = |(index, sign): (usize, char)| {
        let number = u16::try_from(index + 1).expect("few seats");
        let label = SeatLabel::new(&format!("R{row}"), number).expect("a label");
        let at = Point::hundredths(i64::from(number) * 100, i64::try_from(row).expect("few rows") * 100);
        let kind = match sign {
            'a' => SeatKind::Accessible,
            'p' => SeatKind::Companion,
            'o' => SeatKind::ObstructedView,
            _ => SeatKind::Standard,
        };
        Place { label, block: 0, at, kind }
    };
    Run { section: 0, row, seats: seats.chars().enumerate().map(place).collect() }
}

/// A run of so many seats for everybody.
pub(in crate::seat) fn free_row(seats: usize, row: usize) -> Run {
    run_of(&".".repeat(seats), row)
}

/// The rows of a small house: `x` is taken, the other signs as in [`run_of`].
#[derive(Debug)]
struct Rows(Vec<(Run, Vec<bool>)>);

impl Rows {
    fn new(rows: &[&str]) -> Self {
        let row = |(index, row): (usize, &&str)| {
            (run_of(row, index), row.chars().map(|sign| sign != 'x').collect())
        };
        Self(rows.iter().enumerate().map(row).collect())
    }

    fn states(&self) -> Vec<RunState<'_>> {
        self.0.iter().map(|(run, free)| RunState { run, free: free.clone() }).collect()
    }

    /// The choice, for the middle of the stage above the fourth seat.
    fn choose(&self, wanted: Wanted) -> String {
        match choose(&self.states(), Point::hundredths(400, -100), &wanted, 0) {
            Choice::Together(seats) => labels(&seats),
            Choice::AdjacentRows(seats) => format!("rows {}", labels(&seats)),
            Choice::Apart(seats) => format!("apart {}", labels(&seats)),
            Choice::None { largest } => format!("none, {largest}"),
        }
    }
}

fn labels(seats: &[&Place]) -> String {
    seats.iter().map(|place| place.label.to_string()).collect::<Vec<_>>().join(" ")
}

fn choice(rows: &[&str], count: u8) -> String {
    Rows::new(rows).choose(Wanted::together(count))
}

#[test]
fn the_nearest_neighbours_that_leave_none_alone_are_best() {
    assert_eq!(choice(&[".......", "......."], 3), "R0-3 R0-4 R0-5");
    assert_eq!(choice(&["..x.x..", "xxxxxxx"], 2), "R0-1 R0-2", "the first of equals");
    assert_eq!(choice(&["...x...", "......."], 2), "R1-3 R1-4", "in the first row one would be left");
    assert_eq!(choice(&["...x...", "xxxxxxx"], 2), "R0-2 R0-3", "as there is nothing else");
    assert_eq!(choice(&["oox.x..", "xxxxxxx"], 2), "R0-6 R0-7", "not behind a column");
}

#[test]
fn two_rows_go_before_seats_apart() {
    assert_eq!(choice(&["xx..xxx", "xx..xxx"], 4), "rows R0-3 R0-4 R1-3 R1-4");
    assert_eq!(choice(&["xx..xxx", "xxxxxx."], 3), "none, 2", "not one behind the other");
    assert_eq!(choice(&["..xx...", "xxxxx.."], 5), "rows R0-5 R0-6 R0-7 R1-6 R1-7");
    let apart = Wanted { together: false, ..Wanted::together(5) };
    assert_eq!(Rows::new(&["..xx...", "xxxxxxx"]).choose(apart), "apart R0-5 R0-6 R0-7 R0-1 R0-2");
    assert_eq!(Rows::new(&[".xx....", "xxxxxxx"]).choose(apart), "apart R0-4 R0-5 R0-6 R0-7 R0-1");
    assert_eq!(Rows::new(&["..xx...", "xxxxxxx"]).choose(Wanted { count: 6, ..apart }), "none, 3");
}

#[test]
fn reserved_seats_are_for_who_asks_for_them() {
    let rows = Rows::new(&["..appa.", ".ap...."]);
    assert_eq!(rows.choose(Wanted::together(2)), "R1-4 R1-5");
    let wheelchair = |count, accessible, companions| Wanted { count, accessible, companions, together: true };
    assert_eq!(rows.choose(wheelchair(2, 1, 1)), "R0-3 R0-4");
    assert_eq!(rows.choose(wheelchair(2, 1, 0)), "R0-6 R0-7", "a companion takes another seat");
    assert_eq!(rows.choose(wheelchair(4, 2, 2)), "R0-3 R0-4 R0-5 R0-6");
    assert_eq!(rows.choose(wheelchair(3, 3, 0)), "none, 0");
}

#[test]
fn what_was_chosen_before_may_be_had_while_it_is_free_and_leaves_none_alone() {
    let may_have = |rows: &[&str], seats: &str, wanted: &Wanted| {
        let seats: Vec<SeatLabel> = seats.split(' ').map(|seat| seat.parse().expect("a seat")).collect();
        may_have(&Rows::new(rows).states(), &seats, wanted)
    };
    let two = Wanted::together(2);
    assert!(may_have(&["....", "...."], "R0-1 R0-2", &two));
    assert!(may_have(&["....", "...."], "R0-1 R1-1", &two), "in two rows");
    assert!(!may_have(&["x...", "...."], "R0-1 R0-2", &two), "one is taken");
    assert!(!may_have(&["....", "...."], "R0-2 R0-3", &two), "one would be left alone");
    assert!(!may_have(&["....", "...."], "R0-1 R0-9", &two), "one is not there any more");
    assert!(!may_have(&["....", "...."], "R0-1 R0-2", &Wanted::together(3)), "not enough");
    assert!(!may_have(&["ap..", "...."], "R0-1 R0-2", &two), "one is for wheelchairs by now");
    let wheelchair = Wanted { accessible: 1, companions: 1, ..two };
    assert!(may_have(&["ap..", "...."], "R0-1 R0-2", &wheelchair));
    assert!(!may_have(&["....", "...."], "R0-1 R0-2", &wheelchair), "none is any more");
}

/// Rows of an area as [`choose`] sees them.
fn house() -> impl Strategy<Value = Rows> {
    let seat = prop_oneof![8 => Just('.'), 6 => Just('x'), 1 => Just('a'), 1 => Just('p'), 1 => Just('o')];
    let row = proptest::collection::vec(seat, 1..14).prop_map(String::from_iter);
    proptest::collection::vec(row, 1..6)
        .prop_map(|rows| Rows::new(&rows.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (1_u8..8, 0_u8..3, 0_u8..3, any::<bool>()).prop_map(|(count, accessible, companions, together)| {
        let accessible = accessible.saturating_sub(1).min(count);
        let companions = if accessible == 0 { 0 } else { companions.min(count - accessible) };
        Wanted { count, accessible, companions, together }
    })
}

proptest! {
    #[test]
    fn neighbours_are_found_wherever_they_are_free(rows in house(), count in 1_u8..8) {
        let states = rows.states();
        let fits = |state: &RunState<'_>| {
            let ordinary = |index: usize| state.free[index] && !state.run.seats[index].kind.is_reserved();
            (0..state.free.len()).any(|start| {
                (start..start + usize::from(count)).all(|index| index < state.free.len() && ordinary(index))
            })
        };
        let choice = choose(&states, Point::default(), &Wanted::together(count), 7);
        prop_assert_eq!(matches!(choice, Choice::Together(_)), states.iter().any(fits));
    }

    #[test]
    fn a_choice_is_free_wanted_and_allowed(rows in house(), wanted in wanted(), spread in any::<u64>()) {
        let states = rows.states();
        let choice = choose(&states, Point::hundredths(500, 0), &wanted, spread);
        prop_assert_eq!(&choice, &choose(&states, Point::hundredths(500, 0), &wanted, spread), "the same again");
        let seats = match choice {
            Choice::Together(seats) | Choice::AdjacentRows(seats) => seats,
            Choice::Apart(seats) => {
                prop_assert!(!wanted.together);
                seats
            }
            Choice::None { largest } => {
                prop_assert!(largest < wanted.count);
                return Ok(());
            }
        };
        prop_assert_eq!(seats.len(), usize::from(wanted.count));
        let kinds = |kind| seats.iter().filter(|seat| seat.kind == kind).count();
        prop_assert_eq!(kinds(SeatKind::Accessible), usize::from(wanted.accessible));
        prop_assert!(kinds(SeatKind::Companion) <= usize::from(wanted.companions));
        let mut found = 0;
        for state in &states {
            let chosen: Vec<usize> = state.run.seats.iter().enumerate()
                .filter(|(_, place)| seats.contains(place)).map(|(index, _)| index).collect();
            prop_assert!(chosen.iter().all(|index| state.free[*index]), "taken");
            prop_assert!(!leaves_single(state, &chosen), "{chosen:?} of {:?}", state.free);
            found += chosen.len();
        }
        prop_assert_eq!(found, seats.len(), "no seat twice");
        let labels: Vec<SeatLabel> = seats.iter().map(|seat| seat.label.clone()).collect();
        prop_assert!(may_have(&states, &labels, &wanted), "what is chosen may be had");
    }

    #[test]
    fn buyers_who_come_at_once_are_spread(first in 1_u64..1000) {
        let row = ".".repeat(40);
        let rows = Rows::new(&[row.as_str(); 12]);
        let states = rows.states();
        let choices: std::collections::HashSet<String> = (first..first + 16)
            .filter_map(|spread| {
                let wanted = Wanted::together(2);
                match choose(&states, Point::hundredths(2000, -2000), &wanted, spread) {
                    Choice::Together(seats) => Some(labels(&seats)),
                    _ => None,
                }
            })
            .collect();
        prop_assert!(choices.len() >= 6, "{choices:?}");
    }
}

/// Who picks the seats of a group.
type Picker = fn(&[RunState<'_>], Point, u8, u64) -> Option<Vec<SeatLabel>>;

fn best(runs: &[RunState<'_>], focal: Point, count: u8, spread: u64) -> Option<Vec<SeatLabel>> {
    match choose(runs, focal, &Wanted::together(count), spread) {
        Choice::Together(seats) => Some(seats.into_iter().map(|place| place.label.clone()).collect()),
        _ => None,
    }
}

/// The first neighbours in the order of rows and seats.
fn first_fit(runs: &[RunState<'_>], _: Point, count: u8, _: u64) -> Option<Vec<SeatLabel>> {
    let count = usize::from(count);
    runs.iter().find_map(|state| {
        let (first, _) = state.stretches(false).into_iter().find(|(first, end)| end - first >= count)?;
        Some(state.run.seats[first..first + count].iter().map(|place| place.label.clone()).collect())
    })
}

/// Sells a house to groups of two to six who sit together, until not even two fit. Returns the seats
/// without a free neighbour that are left, of how many.
fn sell_out(seating: &Seating, seed: u64, pick: Picker) -> (usize, usize) {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut states: Vec<RunState<'_>> = seating.runs.iter().map(|run| RunState::new(run, |_| true)).collect();
    while pick(&states, seating.focal, 2, 0).is_some() {
        let group = u8::try_from(2 + next() % 5).expect("a small group");
        let Some(seats) = pick(&states, seating.focal, group, next()) else { continue };
        for state in &mut states {
            for (index, place) in state.run.seats.iter().enumerate() {
                if seats.contains(&place.label) {
                    state.free[index] = false;
                }
            }
        }
    }
    let left = states.iter().flat_map(|state| &state.free).filter(|free| **free).count();
    (left, seating.runs.iter().map(|run| run.seats.len()).sum())
}

fn theatre(rows: u16, seats: u16, layout: RowsLayout) -> Seating {
    let rows = (0..rows).map(|row| RowLayout::new(format!("R{row}"), 1, seats + row % 3)).collect();
    let mut area = seated_area("Platea", rows);
    area.layout = Some(layout);
    let areas = [area];
    Seating::new(&generate(&areas), &categories(&areas)[0].1, &areas[0])
}

/// Two houses: one with two aisles, and one with odd and even sides and an aisle between them.
fn theatres() -> [Seating; 2] {
    let bent = RowsLayout { bend: 60, aisles_after: vec![10, 30], ..RowsLayout::default() };
    let sides =
        RowsLayout { bend: 30, aisles_after: vec![0], sides: Sides::OddEven, ..RowsLayout::default() };
    [theatre(20, 40, bent), theatre(24, 34, sides)]
}

#[test]
fn a_house_sells_out_with_at_most_one_seat_in_a_hundred_stranded() {
    for (number, seating) in theatres().iter().enumerate() {
        for seed in 1..=3 {
            let (left, of) = sell_out(seating, seed, best);
            assert!(left * 100 <= of, "house {number}, seed {seed}: {left} of {of} seats are stranded");
            let (control, _) = sell_out(seating, seed, first_fit);
            assert!(
                control * 100 > of,
                "house {number}, seed {seed}: first-fit strands only {control} of {of}"
            );
        }
    }
}
