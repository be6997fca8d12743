//! The best seats that are free, for buyers who do not choose themselves.
//!
//! Seats together go before seats in two rows one behind the other, and these before seats apart; within
//! each, what leaves no seat alone goes first, then what is nearest to the focal point. The hold checks a
//! choice by the same rule ([`leaves_single`](super::leaves_single)), so it never refuses what is chosen here for that.

use super::SeatLabel;
use super::run::{Reserved, RunState, strands, windows};
use super::single::leaves_single;
use crate::MAX_TICKETS_PER_ORDER;
use crate::error::Fields;
use crate::plan::{Place, Point, SeatKind};

/// What a buyer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The number of seats, accessible and companion ones included.
    pub count: u8,
    /// How many of them are for wheelchairs.
    pub accessible: u8,
    /// How many people come along with these, and may take companion seats.
    pub companions: u8,
    /// True if the buyer takes no seats apart.
    pub together: bool,
}

impl Wanted {
    /// So many seats for everybody, together.
    pub const fn together(count: u8) -> Self {
        Self { count, accessible: 0, companions: 0, together: true }
    }

    /// Notes below `pointer` what cannot be of the wish, apart from the number of seats.
    pub fn check(&self, pointer: &str, fields: &mut Fields) {
        let most = MAX_TICKETS_PER_ORDER;
        for (number, name) in [(self.accessible, "accessible"), (self.companions, "companions")] {
            fields.check(number <= most, format!("{pointer}/{name}"), format!("Must be 0 to {most}."));
        }
        let companions = format!("{pointer}/companions");
        fields.rule(
            u16::from(self.accessible) + u16::from(self.companions) <= u16::from(self.count),
            companions.clone(),
            "`quantity` counts accessible seats and companions, too.",
        );
        fields.rule(
            self.accessible > 0 || self.companions == 0,
            companions,
            "Companion seats are for who comes along with a person on an accessible seat.",
        );
    }

    fn reserved(&self) -> Reserved {
        Reserved { accessible: self.accessible.into(), companions: self.companions.into() }
    }
}

/// The seats for a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Neighbours.
    Together(Vec<&'a Place>),
    /// Neighbours in two rows, one behind the other.
    AdjacentRows(Vec<&'a Place>),
    /// Seats apart, in as large groups as there are.
    Apart(Vec<&'a Place>),
    /// There are no such seats.
    None {
        /// The most neighbours that are free.
        largest: u8,
    },
}

/// How many choices that are about as good as the best are told apart, so that buyers who come at the
/// same moment do not all want the same.
const ALTERNATIVES: usize = 32;
/// How much farther, as a share of the distance, an alternative to the best may be: a twentieth.
const AS_GOOD: i64 = 20;
/// How much farther away, as a share, a seat with an obstructed view seems to be: a quarter.
const OBSTRUCTED: i64 = 4;

/// A window of neighbours.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// The sum of its seats' distances.
    cost: i64,
    run: usize,
    start: usize,
    count: usize,
}

/// The best free seats of an area for a buyer. `spread` picks among those that are about equally good:
/// the same number gives the same seats.
///
/// Who needs accessible seats is never separated from who comes along.
pub fn choose<'a>(runs: &[RunState<'a>], focal: Point, wanted: &Wanted, spread: u64) -> Choice<'a> {
    let count = usize::from(wanted.count);
    let wishes = wanted.reserved();
    let house = House { costs: runs.iter().map(|run| costs(run, focal)).collect(), runs };
    if let Some(window) = house.best(count, wishes, spread) {
        return Choice::Together(house.places(window));
    }
    if !wishes.any() {
        if let Some((front, back)) = house.one_behind_the_other(count) {
            let mut places = house.places(front);
            places.extend(house.places(back));
            return Choice::AdjacentRows(places);
        }
        if !wanted.together
            && let Some(windows) = house.apart(count)
        {
            return Choice::Apart(windows.into_iter().flat_map(|window| house.places(window)).collect());
        }
    }
    Choice::None { largest: u8::try_from(house.largest(wishes, count)).unwrap_or(u8::MAX) }
}

/// Whether a buyer may have just these seats, which were chosen before: each is there, free and of a kind
/// that is wanted, and together they leave no single seat without need.
pub fn may_have(runs: &[RunState<'_>], seats: &[SeatLabel], wanted: &Wanted) -> bool {
    let (mut places, mut is_allowed) = (Vec::with_capacity(seats.len()), true);
    for state in runs {
        let of_run = state.run.seats.iter().enumerate();
        let chosen: Vec<usize> =
            of_run.filter(|(_, place)| seats.contains(&place.label)).map(|(index, _)| index).collect();
        is_allowed &= chosen.iter().all(|index| state.free.get(*index) == Some(&true));
        is_allowed &= !leaves_single(state, &chosen);
        places.extend(chosen.into_iter().filter_map(|index| state.place(index)));
    }
    is_allowed
        && places.len() == usize::from(wanted.count)
        && places.len() == seats.len()
        && wanted.reserved().allows(places.into_iter())
}

/// Running sums of the distances of a run's seats, one more than there are seats.
fn costs(state: &RunState<'_>, focal: Point) -> Vec<i64> {
    let cost = |place: &Place| {
        let distance = place.at.distance(focal);
        match place.kind {
            SeatKind::ObstructedView => distance + distance / OBSTRUCTED,
            _ => distance,
        }
    };
    let mut sum = 0;
    let sums = state.run.seats.iter().map(|place| {
        sum += cost(place);
        sum
    });
    std::iter::once(0).chain(sums).collect()
}

/// All runs of an area, with the costs of their seats.
struct House<'r, 'a> {
    runs: &'r [RunState<'a>],
    costs: Vec<Vec<i64>>,
}

impl<'a> House<'_, 'a> {
    fn places(&self, window: Window) -> Vec<&'a Place> {
        let run: &'a crate::plan::Run = self.runs[window.run].run;
        run.seats[window.start..window.start + window.count].iter().collect()
    }

    fn window(&self, run: usize, start: usize, count: usize) -> Window {
        let sums = &self.costs[run];
        Window { cost: sums[start + count] - sums[start], run, start, count }
    }

    /// The windows of `count` seats in one run, each with whether it strands a seat.
    fn windows_in(&self, run: usize, count: usize, wishes: Reserved) -> impl Iterator<Item = (Window, bool)> {
        windows(&self.runs[run], count, wishes)
            .map(move |(start, strands)| (self.window(run, start, count), strands))
    }

    /// The windows of `count` seats in one run that the rule of single seats lets a buyer take.
    fn allowed_in(&self, run: usize, count: usize) -> Vec<Window> {
        let all: Vec<(Window, bool)> = self.windows_in(run, count, Reserved::default()).collect();
        let needs_one = all.iter().all(|(_, strands)| *strands);
        all.into_iter().filter(|(_, strands)| needs_one || !strands).map(|(window, _)| window).collect()
    }

    /// One of the best windows of `count` seats.
    fn best(&self, count: usize, wishes: Reserved, spread: u64) -> Option<Window> {
        if count == 0 {
            return None;
        }
        let all = || (0..self.runs.len()).flat_map(|run| self.windows_in(run, count, wishes));
        let strands = all().all(|(_, strands)| strands);
        let fitting = || all().filter(|(_, stranding)| *stranding == strands).map(|(window, _)| window);
        let least = fitting().map(|window| window.cost).min()?;
        let mut good: Vec<Window> =
            fitting().filter(|window| window.cost <= least + least / AS_GOOD).collect();
        good.sort_by_key(|window| (window.cost, window.run, window.start));
        // Windows that share seats are no alternatives for buyers who come at once.
        let mut apart: Vec<Window> = Vec::new();
        for window in good {
            let is_apart = |other: &Window| {
                other.run != window.run || other.start.abs_diff(window.start) >= window.count
            };
            if apart.iter().all(is_apart) {
                apart.push(window);
                if apart.len() == ALTERNATIVES {
                    break;
                }
            }
        }
        let alternatives = u64::try_from(apart.len()).unwrap_or(1);
        apart.get(usize::try_from(spread % alternatives).unwrap_or(0)).copied()
    }

    /// The best windows in two rows one behind the other that have `count` seats in all, as even as
    /// there are.
    fn one_behind_the_other(&self, count: usize) -> Option<(Window, Window)> {
        let pairs = self.rows_behind();
        for larger in count.div_ceil(2)..count {
            let sizes = [(larger, count - larger), (count - larger, larger)];
            let best = pairs.iter().flat_map(|(front, back)| {
                sizes.iter().filter_map(|(a, b)| self.best_pair((*front, *a), (*back, *b)))
            });
            if let Some((_, front, back)) =
                best.min_by_key(|(cost, front, back)| (*cost, front.run, front.start, back.run, back.start))
            {
                return Some((front, back));
            }
        }
        None
    }

    /// The indexes of runs in rows that follow each other.
    fn rows_behind(&self) -> Vec<(usize, usize)> {
        let row = |run: &RunState<'_>| (run.run.section, run.run.row);
        let mut pairs = Vec::new();
        for (front, run) in self.runs.iter().enumerate() {
            let (section, behind) = (run.run.section, run.run.row + 1);
            // Runs are in the order of their rows.
            let from = self.runs.partition_point(|other| row(other) < (section, behind));
            let to = self.runs.partition_point(|other| row(other) <= (section, behind));
            pairs.extend((from..to).map(|back| (front, back)));
        }
        pairs
    }

    /// The best windows of these sizes of which one stands behind the other.
    fn best_pair(
        &self,
        (front, front_count): (usize, usize),
        (back, back_count): (usize, usize),
    ) -> Option<(i64, Window, Window)> {
        let backs = self.allowed_in(back, back_count);
        let mut best: Option<(i64, Window, Window)> = None;
        for front in self.allowed_in(front, front_count) {
            let (left, right) = self.sides(front);
            for back in &backs {
                let (others_left, others_right) = self.sides(*back);
                if others_right < left || right < others_left {
                    continue;
                }
                let aside = ((left + right) - (others_left + others_right)).abs();
                let cost = front.cost + back.cost + aside;
                if best.is_none_or(|(least, ..)| cost < least) {
                    best = Some((cost, front, *back));
                }
            }
        }
        best
    }

    /// Where a window begins and ends.
    fn sides(&self, window: Window) -> (i64, i64) {
        let x = |index: usize| i64::from(self.runs[window.run].run.seats[index].at.x.in_hundredths());
        let (one, other) = (x(window.start), x(window.start + window.count - 1));
        (one.min(other), one.max(other))
    }

    /// Windows with `count` seats in all, in as large groups as there are. Whole stretches are taken
    /// as long as none is longer than what is still wanted, so that only the last group can leave a
    /// seat alone.
    fn apart(&self, count: usize) -> Option<Vec<Window>> {
        let of_run =
            |run: usize| self.runs[run].stretches(false).into_iter().map(move |stretch| (run, stretch));
        let mut stretches: Vec<(usize, (usize, usize))> = (0..self.runs.len()).flat_map(of_run).collect();
        let (mut windows, mut wanted) = (Vec::new(), count);
        while wanted > 0 {
            let longest = stretches.iter().map(|(_, (first, end))| end - first).max()?;
            let size = longest.min(wanted);
            let fitting = stretches.iter().flat_map(|(run, (first, end))| {
                let starts = *first..=end.saturating_sub(size).max(*first);
                let fits = end - first >= size;
                starts
                    .filter(move |_| fits)
                    .map(move |start| (strands((*first, *end), start, size), self.window(*run, start, size)))
            });
            let (_, window) =
                fitting.min_by_key(|(strands, window)| (*strands, window.cost, window.run, window.start))?;
            stretches
                .retain(|(run, (first, end))| *run != window.run || !(*first..*end).contains(&window.start));
            windows.push(window);
            wanted -= size;
        }
        Some(windows)
    }

    /// The most neighbours, at most `count`, that a buyer with these wishes can have.
    fn largest(&self, wishes: Reserved, count: usize) -> usize {
        let fits = |size: &usize| {
            (0..self.runs.len()).any(|run| self.windows_in(run, *size, wishes).next().is_some())
        };
        (1..=count).rev().find(fits).unwrap_or(0)
    }
}

#[cfg(test)]
pub(super) mod tests;
