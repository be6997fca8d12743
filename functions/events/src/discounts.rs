//! The discounts that an event has for members: what the store counts, and how
//! it follows the event.

use store::allotment::Pool;

/// Over how many blocks the discounts of a new event are spread.
pub(crate) fn blocks(max_discounts: u32) -> u16 {
    if max_discounts == 0 { 0 } else { Pool::blocks_for(max_discounts) }
}
