//! Seats that are chosen when they are held, for the lines of a quote that name none.
//!
//! Chosen is from what this process lately saw of the area. Before the choice is claimed, its rows are read
//! again; what is wrong then corrects what was seen, and another choice is made. That an area has no
//! such seats, or none beside each other, is only said after one consistent look at all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::Timestamp;
use domain::event::{Area, AreaKind};
use domain::order::HoldRefusal;
use domain::plan::{Place, Run, Seating};
use domain::pricing::QuoteLine;
use domain::seat::{Choice, RunState, SeatLabel, SeatState, Wanted, choose, may_have};
use futures::future::try_join_all;

use super::holding::{HoldError, HoldRequest, Result, seats_by_row};
use crate::allotment::{Claimant, FreeClaim, RowKey, RowState, Rows, SeenRow, replace};
use crate::{Failure, Store};

/// How many choices a request tries to claim.
const TRIES: u32 = 12;
/// After so many that failed, the whole area is looked at again.
const TRUSTED: u32 = 3;

/// The seats that were chosen and claimed for a line.
#[derive(Debug)]
pub(super) struct ChosenLine {
    /// The seats, in order.
    pub(super) seats: Vec<SeatLabel>,
    /// Their row blocks, each with their numbers.
    pub(super) blocks: Vec<(u16, Vec<u16>)>,
    /// The seats that other requests of the same quote had, living or dead, as far as they were met.
    pub(super) beside: Vec<(u16, Vec<u16>)>,
}

impl Store {
    /// Chooses and claims the seats of a line that names none.
    ///
    /// # Errors
    /// `sold_out`, `no_adjacent_seats`, `seats_contended`, `quote_outdated` and
    /// [`HoldError::BesideAnother`]: then nothing is claimed.
    pub(super) async fn hold_best(
        &self,
        request: &HoldRequest<'_>,
        line: &QuoteLine,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<ChosenLine> {
        let area = request.sheet.area(line.area_id).filter(|area| area.kind == AreaKind::Seated);
        let area = area.ok_or(HoldRefusal::QuoteOutdated)?;
        let seating = request.seatings.of(area.id).ok_or(HoldRefusal::QuoteOutdated)?;
        let order = Claimant::new(request.token(), request.until, now);
        let mut chooser = Chooser {
            store: self,
            area,
            seating,
            wanted,
            spread: request.quote.spread(),
            order,
            now,
            rows: Rows::new(),
            seen: Look::Earlier,
            is_beside_another: false,
            beside: BTreeMap::new(),
        };
        match self.recent_rows.get(area.id, now) {
            Some(rows) => chooser.rows = rows,
            None => chooser.look_at_area().await?,
        }
        let Claimed { seats, blocks } = chooser.claim_best(&line.seats).await?;
        let beside = chooser.beside.into_iter().filter(|(_, seats)| !seats.is_empty());
        let beside = beside.map(|(block, seats)| (block, seats.into_iter().collect())).collect();
        Ok(ChosenLine { seats, blocks, beside })
    }
}

/// Seats that were claimed, in order, and their row blocks.
#[derive(Debug)]
struct Claimed {
    seats: Vec<SeatLabel>,
    blocks: Vec<(u16, Vec<u16>)>,
}

/// When the rows from which is chosen were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// By an earlier request, at least in part.
    Earlier,
    /// By this one; single rows again since.
    Own,
    /// By this one, all at once, and nothing is known that came later.
    Just,
}

/// What a request finds to claim, the seats in order.
#[derive(Debug)]
enum Found {
    /// Neighbours.
    Together(Vec<SeatLabel>),
    /// Seats in two rows or apart.
    InParts(Vec<SeatLabel>),
    /// There are no such seats.
    Nothing {
        /// The most that are together.
        largest: u8,
    },
}

/// Chooses seats of an area for one line of a quote.
struct Chooser<'a> {
    store: &'a Store,
    area: &'a Area,
    seating: &'a Seating,
    wanted: Wanted,
    spread: u64,
    order: Claimant,
    now: Timestamp,
    /// The area as it is known.
    rows: Rows,
    seen: Look,
    /// Whether one of the seats is another request's of the same quote that may go on.
    is_beside_another: bool,
    /// The seats that other requests of the same quote had when they were met, by row block.
    beside: BTreeMap<u16, BTreeSet<u16>>,
}

impl Chooser<'_> {
    /// Claims the seats that the quote suggested if they still may be had, else the best.
    async fn claim_best(&mut self, suggested: &[SeatLabel]) -> Result<Claimed> {
        // Their rows are read whatever was seen before: they also show what an earlier request of the same
        // quote left there.
        if self.may_have_still(suggested).await?
            && let Some(claimed) = self.claim_choice(suggested).await?
        {
            return Ok(claimed);
        }
        let mut failed = 0;
        for _ in 1..TRIES {
            if failed == TRUSTED {
                self.look_at_area().await?;
                failed = 0;
            }
            let seats = self.next_choice().await?;
            if self.may_have_still(&seats).await?
                && let Some(claimed) = self.claim_choice(&seats).await?
            {
                return Ok(claimed);
            }
            failed += 1;
        }
        Err(HoldRefusal::SeatsContended.into())
    }

    /// The seats to claim, in order.
    async fn next_choice(&mut self) -> Result<Vec<SeatLabel>> {
        let mut found = self.find_seats();
        // Less than the buyer wants is not decided by what was seen before.
        if !matches!(found, Found::Together(_)) && self.seen != Look::Just {
            self.look_at_area().await?;
            found = self.find_seats();
        }
        match found {
            Found::Together(seats) | Found::InParts(seats) => Ok(seats),
            Found::Nothing { largest } => Err(self.no_seats(largest)),
        }
    }

    fn find_seats(&self) -> Found {
        let states = self.states(self.seating.runs.iter());
        let labels = |places: Vec<&Place>| {
            let mut seats: Vec<SeatLabel> = places.into_iter().map(|place| place.label.clone()).collect();
            seats.sort();
            seats
        };
        match choose(&states, self.seating.focal, &self.wanted, self.spread) {
            Choice::Together(places) => Found::Together(labels(places)),
            Choice::AdjacentRows(places) | Choice::Apart(places) => Found::InParts(labels(places)),
            Choice::None { largest } => Found::Nothing { largest },
        }
    }

    fn states<'r>(&self, runs: impl Iterator<Item = &'r Run>) -> Vec<RunState<'r>> {
        let is_free = |place: &Place| self.state(place) == Some(SeatState::Available);
        runs.map(|run| RunState::new(run, is_free)).collect()
    }

    fn state(&self, place: &Place) -> Option<SeatState> {
        let row = self.rows.binary_search_by_key(&place.block, |row| row.index).ok()?;
        self.rows[row].seat(place.label.number())
    }

    /// Whether the buyer may have just these seats. The rows on which that depends are read again, unless
    /// this request has read the whole area: then they are a moment old, and the claim's condition is
    /// enough.
    async fn may_have_still(&mut self, seats: &[SeatLabel]) -> Result<bool> {
        if seats.is_empty() {
            return Ok(false);
        }
        let runs: Vec<&Run> = self.seating.runs_of(seats).collect();
        if self.seen == Look::Earlier {
            let places = runs.iter().flat_map(|run| &run.seats);
            let blocks: BTreeSet<u16> = places.map(|place| place.block).collect();
            let (store, area, order) = (self.store, self.area, self.order);
            let reads = blocks.into_iter().map(|block| async move {
                let row = store.seen_row(RowKey::of(area, block), order).await?;
                Ok::<_, Failure>((block, row))
            });
            for (block, row) in try_join_all(reads).await? {
                self.note_row(block, row);
            }
        }
        Ok(may_have(&self.states(runs.into_iter()), seats, &self.wanted))
    }

    /// Looks at all rows of the area at once.
    async fn look_at_area(&mut self) -> Result<()> {
        let blocks = u16::try_from(self.area.rows.len()).unwrap_or(u16::MAX);
        let mut rows = self.store.seen_rows((self.area.event_id, self.area.id), blocks, self.order).await?;
        // Blocks beyond those of the area are about to be created, or were given up.
        rows.retain(|row| row.state.index < blocks);
        (self.rows, self.is_beside_another) = (Rows::with_capacity(rows.len()), false);
        for row in rows {
            self.meet_others(&row);
            self.rows.push(Arc::new(row.state));
        }
        self.store.recent_rows.keep(self.area.id, self.rows.clone(), self.now);
        self.seen = Look::Just;
        Ok(())
    }

    /// Takes down what a row has become; one that is not there has no seats.
    fn note_row(&mut self, block: u16, row: Option<SeenRow>) {
        let state = match row {
            None => RowState { index: block, first: 1, step: 1, seats: Vec::new() },
            Some(row) => {
                self.meet_others(&row);
                row.state
            }
        };
        self.keep_row(state);
        if self.seen == Look::Just {
            self.seen = Look::Own;
        }
    }

    fn meet_others(&mut self, row: &SeenRow) {
        self.is_beside_another |= !row.beside.is_empty();
        let seats = row.beside.iter().chain(&row.left_behind).copied();
        self.beside.entry(row.state.index).or_default().extend(seats);
    }

    fn keep_row(&mut self, row: RowState) {
        let row = Arc::new(row);
        replace(&mut self.rows, &row);
        self.store.recent_rows.note(self.area.id, &row);
    }

    /// Claims seats; `None`, and nothing claimed, if some are taken.
    async fn claim_choice(&mut self, seats: &[SeatLabel]) -> Result<Option<Claimed>> {
        let blocks = seats_by_row(self.area, seats)?;
        for (done, (block, seats)) in blocks.iter().enumerate() {
            let row = RowKey::of(self.area, *block);
            match self.store.claim_free_seats(row, seats, self.order).await? {
                FreeClaim::Made => {}
                FreeClaim::Refused(row) => {
                    for (block, seats) in &blocks[..done] {
                        let row = RowKey::of(self.area, *block);
                        self.store.release_seats(row, seats, self.order.token()).await?;
                    }
                    self.note_row(*block, row);
                    return Ok(None);
                }
            }
        }
        for (block, seats) in &blocks {
            let row = self.rows.binary_search_by_key(block, |row| row.index).ok();
            if let Some(held) = row.map(|row| self.rows[row].with_held(seats)) {
                self.keep_row(held);
            }
        }
        Ok(Some(Claimed { seats: seats.to_vec(), blocks }))
    }

    /// Why there are no such seats, after a look at the whole area.
    fn no_seats(&self, largest: u8) -> HoldError {
        if self.is_beside_another {
            return HoldError::BesideAnother;
        }
        let seats = self.rows.iter().flat_map(|row| row.states());
        let left = seats.filter(|seat| *seat == SeatState::Available).count();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        HoldRefusal::of_wish(self.area.id, &self.wanted, left, largest).into()
    }
}

#[cfg(test)]
mod tests;
