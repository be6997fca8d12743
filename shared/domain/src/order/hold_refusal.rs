//! Why the places of a quote cannot be held.

use crate::seat::{SeatLabel, Wanted};
use crate::{AreaId, Error, VariantId};

/// Why nothing was held for a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldRefusal {
    /// The event changed since the quote, so its price may not hold any more.
    QuoteOutdated,
    /// An area has fewer places than the quote needs.
    SoldOut {
        /// The area.
        area: AreaId,
        /// Its free places, at most what was asked for.
        left: u32,
    },
    /// A variant of a product has fewer units than the quote needs.
    ProductSoldOut {
        /// The variant.
        variant: VariantId,
        /// Its free units, at most what was asked for.
        left: u32,
    },
    /// Other buyers have these seats.
    SeatsTaken(Vec<SeatLabel>),
    /// The area has no such seats any more.
    SeatsNotFound(Vec<SeatLabel>),
    /// The choice would leave a single free seat between taken ones, without need.
    SingleSeatLeft,
    /// An area has no such seats together.
    NoAdjacentSeats {
        /// The area.
        area: AreaId,
        /// The most of its seats that are, at most what was asked for.
        largest: u8,
    },
    /// Others were faster at each choice of seats.
    SeatsContended,
    /// Other orders used the promotion as often as it may be used.
    PromotionUsedUp,
    /// The buyer used the promotion as often as one buyer may.
    PromotionUsedByBuyer,
}

impl HoldRefusal {
    /// Why an area has no seats for a wish: so many are `left`, of which at most `largest` are together
    /// as they are wanted.
    pub fn of_wish(area: AreaId, wanted: &Wanted, left: u32, largest: u8) -> Self {
        match left < u32::from(wanted.count) {
            true => Self::SoldOut { area, left },
            false => Self::NoAdjacentSeats { area, largest },
        }
    }
}

fn labels(seats: &[SeatLabel]) -> Vec<String> {
    seats.iter().map(SeatLabel::to_string).collect()
}

impl From<HoldRefusal> for Error {
    fn from(refusal: HoldRefusal) -> Self {
        match refusal {
            HoldRefusal::QuoteOutdated => {
                Self::conflict("quote_outdated", "The price has changed since this quote. Ask for a new one.")
            }
            HoldRefusal::SoldOut { area, left } => {
                let detail = match left {
                    0 => "This area is sold out.",
                    _ => "This area has fewer places left than you asked for.",
                };
                Self::conflict("sold_out", detail).with("area_id", area.to_string()).with("left", left)
            }
            HoldRefusal::ProductSoldOut { variant, left } => {
                let detail = match left {
                    0 => "This product is sold out.",
                    _ => "There are fewer units left of this product than you asked for.",
                };
                Self::conflict("product_sold_out", detail)
                    .with("variant_id", variant.to_string())
                    .with("left", left)
            }
            HoldRefusal::SeatsTaken(seats) => {
                Self::conflict("seats_taken", "Somebody else has some of these seats. Choose others.")
                    .with("seats", labels(&seats))
            }
            HoldRefusal::SeatsNotFound(seats) => {
                Self::conflict("seats_not_found", "This area has no such seats any more.")
                    .with("seats", labels(&seats))
            }
            HoldRefusal::SingleSeatLeft => Self::conflict(
                "single_seat_left",
                "This choice leaves a single seat alone. Move by one seat, or choose a place at the end of the row.",
            ),
            HoldRefusal::NoAdjacentSeats { area, largest } => Self::conflict(
                "no_adjacent_seats",
                format!(
                    "There are no such seats together; at most {largest} are. Ask for fewer, or for seats apart."
                ),
            )
            .with("area_id", area.to_string())
            .with("largest", largest),
            HoldRefusal::SeatsContended => Self::unavailable(
                "seats_contended",
                "Many buyers want these seats at this moment. Try again.",
            )
            .retry_after(1),
            HoldRefusal::PromotionUsedUp => Self::conflict(
                "promotion_used_up",
                "This promotion code has been used up. Ask for a new quote.",
            ),
            HoldRefusal::PromotionUsedByBuyer => Self::conflict(
                "promotion_used_by_buyer",
                "You have used this promotion code already. Ask for a new quote.",
            ),
        }
    }
}
