//! Runs of neighbours and which of their seats are free.

use crate::plan::{Place, Run};

/// A run of neighbours, with which of its seats are free to the buyer.
#[derive(Debug, Clone)]
pub struct RunState<'a> {
    /// The run.
    pub run: &'a Run,
    /// Whether each of its seats is free. Those that the buyer holds count as free.
    pub free: Vec<bool>,
}

impl<'a> RunState<'a> {
    /// The run, of which `is_free` tells the free seats.
    pub fn new(run: &'a Run, is_free: impl FnMut(&Place) -> bool) -> Self {
        Self { run, free: run.seats.iter().map(is_free).collect() }
    }

    /// The seat at `index`.
    pub(super) fn place(&self, index: usize) -> Option<&'a Place> {
        self.run.seats.get(index)
    }

    /// The free stretches of neighbours that a buyer may take, each from its first seat to the one
    /// after its last. Without `reserved`, accessible and companion seats are as a wall.
    pub(super) fn stretches(&self, reserved: bool) -> Vec<(usize, usize)> {
        let usable = |index: usize| {
            let is_free = self.free.get(index).copied().unwrap_or(false);
            is_free && self.place(index).is_some_and(|place| reserved || !place.kind.is_reserved())
        };
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for index in (0..self.run.seats.len()).filter(|index| usable(*index)) {
            match stretches.last_mut() {
                Some((_, end)) if *end == index => *end += 1,
                _ => stretches.push((index, index + 1)),
            }
        }
        stretches
    }
}

/// Whether taking `count` seats from `start` on leaves a seat of the stretch without a free neighbour.
pub(super) fn strands((first, end): (usize, usize), start: usize, count: usize) -> bool {
    start - first == 1 || end - (start + count) == 1
}

/// The number of accessible and of companion seats that a buyer takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) accessible: usize,
    pub(super) companions: usize,
}

impl Reserved {
    /// Whether the buyer takes any.
    pub(super) fn any(self) -> bool {
        self != Self::default()
    }

    /// The number among these seats.
    pub(super) fn among<'a>(places: impl Iterator<Item = &'a Place>) -> Self {
        use crate::plan::SeatKind::{Accessible, Companion};
        let mut reserved = Self::default();
        for place in places {
            reserved.accessible += usize::from(place.kind == Accessible);
            reserved.companions += usize::from(place.kind == Companion);
        }
        reserved
    }

    /// Whether a buyer who wants these seats takes `places`: each accessible seat has somebody for it;
    /// who comes along may also sit on another seat.
    pub(super) fn allows<'a>(self, places: impl Iterator<Item = &'a Place>) -> bool {
        let among = Self::among(places);
        among.accessible == self.accessible && among.companions <= self.companions
    }
}

/// The windows of `count` neighbours of a run that a buyer with these wishes may take, each with
/// whether it strands a seat.
pub(super) fn windows<'r>(
    state: &'r RunState<'_>,
    count: usize,
    wishes: Reserved,
) -> impl Iterator<Item = (usize, bool)> + 'r {
    let stretches =
        state.stretches(wishes.any()).into_iter().filter(move |(first, end)| end - first >= count);
    stretches.flat_map(move |(first, end)| {
        let starts = first..=end - count;
        starts.filter_map(move |start| {
            let window = state.run.seats.get(start..start + count)?;
            let fits = !wishes.any() || wishes.allows(window.iter());
            fits.then(|| (start, strands((first, end), start, count)))
        })
    })
}
