//! The rule that keeps rows sellable: no choice leaves a seat alone without need.

use super::run::{Reserved, RunState, windows};

/// Whether taking the seats of a run at the indexes `chosen` leaves a free seat without a free
/// neighbour that another choice of that size in this run would not.
///
/// A wall, an aisle and a seat that is not free are the same to the rule; so are accessible and companion
/// seats, unless the buyer takes one. A seat that was alone before does not count. Seats together are
/// compared with seats together in this run; seats apart with others in the same stretch of free
/// neighbours. So nobody is refused who can not take anything else, and every seat stays for sale.
///
/// Indexes of seats that are not free are ignored: the hold decides whether a seat is free.
pub fn leaves_single(run: &RunState<'_>, chosen: &[usize]) -> bool {
    let mut taken: Vec<usize> =
        chosen.iter().copied().filter(|index| run.free.get(*index) == Some(&true)).collect();
    taken.sort_unstable();
    taken.dedup();
    let wishes = Reserved::among(taken.iter().filter_map(|index| run.place(*index)));
    let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return false };
    let stretches = run.stretches(wishes.any());
    let is_window = last - first + 1 == taken.len();
    if is_window {
        let strands = windows(run, taken.len(), wishes).any(|(start, strands)| start == *first && strands);
        return strands && windows(run, taken.len(), wishes).any(|(_, strands)| !strands);
    }
    // Which other choices a buyer of seats apart has next to reserved ones is not for the rule to say.
    !wishes.any() && stretches.into_iter().any(|stretch| strands_without_need(stretch, &taken))
}

/// Whether a seat of the stretch is left alone although more than one is left.
fn strands_without_need((first, end): (usize, usize), taken: &[usize]) -> bool {
    let left: Vec<usize> = (first..end).filter(|seat| taken.binary_search(seat).is_err()).collect();
    if left.len() == end - first || left.len() < 2 {
        return false;
    }
    left.iter().enumerate().any(|(index, seat)| {
        let follows = index > 0 && left[index - 1] + 1 == *seat;
        let is_followed = left.get(index + 1) == Some(&(seat + 1));
        !follows && !is_followed
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seat::best::tests::{free_row, run_of};

    /// `.` free, `x` taken, `c` chosen, `a` a free accessible seat, `A` a chosen one.
    fn refuses(row: &str) -> bool {
        let run = run_of(&row.replace(['c', 'x'], ".").replace('A', "a"), 0);
        let free = row.chars().map(|sign| sign != 'x').collect();
        let chosen: Vec<usize> =
            row.chars().enumerate().filter(|(_, sign)| matches!(sign, 'c' | 'A')).map(|(i, _)| i).collect();
        leaves_single(&RunState { run: &run, free }, &chosen)
    }

    #[test]
    fn a_single_seat_is_left_alone_only_when_nothing_else_is_possible() {
        for row in
            ["cc..", "..cc", "....", "cccc", "x.x..cc", "xccx", "c..c", ".x..", "xcc..x", "..cc..", "c"]
        {
            assert!(!refuses(row), "{row} leaves no new single seat");
        }
        for row in ["c.", ".c", ".cc", "c.c", "xcc.x", "x.cx", "x.ccc", "cc.xcc"] {
            assert!(!refuses(row), "{row} can not be avoided");
        }
        for row in [".c..", ".cc.", "c.c.", "..c.", "x.cc..", "xc.c..x", "..xcc...c.x", "c.c.c"] {
            assert!(refuses(row), "{row} leaves a single seat without need");
        }
    }

    #[test]
    fn the_same_size_elsewhere_in_the_run_is_another_choice() {
        assert!(refuses("cc.x.."), "two seats beyond leave none alone");
        assert!(refuses("cc.x...."));
        assert!(!refuses("cc.x..."), "there, too, one would be left");
        assert!(!refuses("cc.x."));
    }

    #[test]
    fn reserved_seats_are_a_wall_to_who_takes_none() {
        assert!(!refuses("cca"), "the accessible seat is not left to this buyer");
        assert!(refuses(".cc.a"), "two seats are, each alone");
        assert!(!refuses("cA."), "one of three stays alone with any choice");
        assert!(refuses(".Ac.."));
    }

    fn states() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(prop_oneof![3 => Just(true), 2 => Just(false)], 1..40)
    }

    proptest! {
        #[test]
        fn of_each_size_that_fits_some_window_is_taken(free in states(), size in 1_usize..8) {
            let run = free_row(free.len(), 0);
            let state = RunState { run: &run, free };
            let windows: Vec<usize> = windows(&state, size, Reserved::default()).map(|(start, _)| start).collect();
            let allowed = |start: &usize| !leaves_single(&state, &(*start..start + size).collect::<Vec<_>>());
            prop_assert_eq!(windows.iter().any(allowed), !windows.is_empty());
        }

        #[test]
        fn a_row_sells_to_its_last_seat(
            mut free in states(),
            wishes in proptest::collection::vec((1_usize..6, 0_usize..40), 200),
        ) {
            let run = free_row(free.len(), 0);
            for (size, offset) in wishes {
                let state = RunState { run: &run, free: free.clone() };
                let longest = state.stretches(false).into_iter().map(|(first, end)| end - first).max();
                let Some(longest) = longest else { break };
                let size = size.min(longest);
                let all: Vec<usize> = windows(&state, size, Reserved::default()).map(|(start, _)| start).collect();
                let allowed = |start: &&usize| {
                    !leaves_single(&state, &(**start..**start + size).collect::<Vec<_>>())
                };
                let wanted = all[offset % all.len()];
                let start = Some(&wanted).filter(allowed).or_else(|| all.iter().find(allowed));
                let start = *start.expect("some window is allowed");
                free[start..start + size].fill(false);
            }
            prop_assert!(!free.contains(&true), "200 buyers, but some of 40 seats are left");
        }

        #[test]
        fn an_accepted_choice_leaves_no_new_single_seat_unless_one_seat_is_left(
            free in states(),
            picks in proptest::collection::btree_set(0_usize..40, 2..6),
        ) {
            let chosen: Vec<usize> = picks.into_iter().filter(|seat| free.get(*seat) == Some(&true)).collect();
            let is_window = chosen.last().zip(chosen.first()).is_some_and(|(l, f)| l - f + 1 == chosen.len());
            prop_assume!(!is_window);
            let run = free_row(free.len(), 0);
            let before = RunState { run: &run, free };
            let mut after = before.clone();
            for seat in &chosen {
                after.free[*seat] = false;
            }
            let avoidable = after.stretches(false).into_iter().any(|(first, end)| {
                let had = before.stretches(false).into_iter().find(|(f, e)| (*f..*e).contains(&first));
                let had = had.expect("was free before");
                let left = (had.0..had.1).filter(|seat| after.free[*seat]).count();
                end - first == 1 && had != (first, end) && left > 1
            });
            prop_assert_eq!(leaves_single(&before, &chosen), avoidable);
        }
    }
}
