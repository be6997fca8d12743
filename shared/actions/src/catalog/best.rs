//! The best seats that are free in an area, for buyers who do not choose themselves.

use domain::event::AreaKind;
use domain::order::HoldRefusal;
use domain::plan::{Place, Point};
use domain::pricing::Quote;
use domain::seat::{Choice, RunState, SeatState, Wanted, choose};
use domain::{AreaId, Error, Kind, Result, Timestamp};
use store::StoredEvent;

use super::Catalog;
use super::areas::available;

/// What a buyer wants of an area, and where.
#[derive(Debug, Clone, Copy)]
pub struct SeatWish {
    /// The seats.
    pub wanted: Wanted,
    /// The point to be near to, if not the plan's own.
    pub near: Option<Point>,
    /// What picks among seats that are about equally good.
    pub spread: u64,
}

/// Seats for a buyer. Nothing is held: who gets them is decided when they are reserved.
#[derive(Debug, PartialEq, Eq)]
pub struct BestSeats {
    /// The seats.
    pub seats: Vec<Place>,
    /// Whether they are neighbours, in two rows or apart.
    pub together: Togetherness,
    /// The number of seats that the area has left.
    pub left: u32,
}

/// How near to each other seats are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Togetherness {
    /// They are neighbours.
    Together,
    /// They are in two rows, one behind the other.
    AdjacentRows,
    /// They are apart.
    Apart,
}

impl Catalog {
    /// The best seats of an area that were free some moments ago.
    ///
    /// # Errors
    /// `area_not_found`, `area_not_seated`, `sold_out` and `no_adjacent_seats`.
    pub async fn best_seats(
        &self,
        event: &StoredEvent,
        area: AreaId,
        wish: &SeatWish,
        now: Timestamp,
    ) -> Result<BestSeats> {
        let area = event.area(area);
        let area = area.ok_or_else(|| Error::not_found("area_not_found", "The event has no such area."))?;
        if area.kind != AreaKind::Seated {
            let detail = "The places of this area have no numbers. Ask for a quote with a `quantity`.";
            return Err(Error::conflict("area_not_seated", detail));
        }
        let seatings = self.seatings(event, now).await?;
        let seating = seatings.of(area.id).ok_or_else(|| Error::internal("a seated area has a seating"))?;
        let rows = self.rows(area, now).await?;
        let left = available(&rows);
        let is_free = |place: &Place| {
            let row = rows.binary_search_by_key(&place.block, |row| row.index).ok();
            let seat = row.and_then(|row| rows.get(row)?.seat(place.label.number()));
            seat == Some(SeatState::Available)
        };
        let runs: Vec<RunState<'_>> = seating.runs.iter().map(|run| RunState::new(run, is_free)).collect();
        let focal = wish.near.unwrap_or(seating.focal);
        let (together, seats) = match choose(&runs, focal, &wish.wanted, wish.spread) {
            Choice::Together(seats) => (Togetherness::Together, seats),
            Choice::AdjacentRows(seats) => (Togetherness::AdjacentRows, seats),
            Choice::Apart(seats) => (Togetherness::Apart, seats),
            Choice::None { largest } => {
                return Err(HoldRefusal::of_wish(area.id, &wish.wanted, left, largest).into());
            }
        };
        Ok(BestSeats { seats: seats.into_iter().cloned().collect(), together, left })
    }

    /// Names in a quote the seats that its buyer is likely to have, for the lines whose seats are chosen
    /// when they are held: the best that were free some moments ago. None where there are none; whether
    /// some are left, the hold decides.
    pub(crate) async fn suggest_seats(
        &self,
        event: &StoredEvent,
        quote: &mut Quote,
        now: Timestamp,
    ) -> Result<()> {
        let spread = quote.spread();
        for line in &mut quote.lines {
            let Some(wanted) = line.wanted else { continue };
            let wish = SeatWish { wanted, near: None, spread };
            line.seats = match self.best_seats(event, line.area_id, &wish, now).await {
                Ok(best) => best.seats.into_iter().map(|place| place.label).collect(),
                Err(error) if error.kind() == Kind::Conflict => Vec::new(),
                Err(error) => return Err(error),
            };
            line.seats.sort();
        }
        Ok(())
    }
}
