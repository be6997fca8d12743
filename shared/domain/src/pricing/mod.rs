//! Prices of tickets: sale stages, promotions, fees, VAT, quotes.
//!
//! A pure engine: the same event, stages, counts, request and time give the same
//! [`Quote`]. How a price comes about, for each ticket in this order:
//!
//! 1. the **base** price of the area;
//! 2. the adjustment of the one **sale stage** that applies ([`SaleStage`]), up
//!    or down, never below zero;
//! 3. the ticket's part of the order's **promotion** ([`Promotion`]), never below
//!    zero;
//! 4. the convenience **fee** on what is left; a ticket that costs nothing has none;
//! 5. **VAT** on price and fee, contained in them or added to them.
//!
//! Every rounding happens once, on one ticket, to whole [`PriceUnit`]s; an order is the
//! plain sum of its tickets. So what the storefront shows for one ticket
//! ([`current_price`]) is what each of several costs, and lines always add up to
//! the total.
//!
//! Amounts are minor units of the event's currency. What is paid is a whole number of the
//! smallest amount that gateways take, which for COP is a peso.
//!
//! [`PriceUnit`]: crate::payable::PriceUnit

mod area_price;
mod charge;
mod code;
mod promotion;
mod quote;
mod request;
mod stage;
mod token;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BasisPoints, Currency};

pub use area_price::{AreaPrice, NextPrice, current_price, price_from};
pub use code::{InvalidCode, PromotionCode};
pub(crate) use promotion::check_discount;
pub use promotion::{AppliesTo, Promotion, PromotionOffer, PromotionReason, PromotionVerdict};
pub use quote::{Quote, QuoteInput, QuoteLine, Totals, quote};
pub use request::{MAX_LINES, QuoteRequest, QuoteRequestLine};
pub use stage::{MAX_STAGES_PER_EVENT, OutgrownStage, SaleStage, StageOffer, StageReason, StageVerdict};
pub use token::{MAX_TOKEN_CHARS, open, seal};

/// The highest price of one ticket, and the highest fixed fee, adjustment or
/// discount, in minor units. With at most 20 tickets in an order, sums stay far
/// inside of `i64` and of the 2^53 that JavaScript can count.
pub const MAX_PRICE: i64 = 1_000_000_000_000;

/// The unit of the value of an adjustment or a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentType {
    /// A percentage of the price.
    Percentage,
    /// An amount in the event's currency.
    Fixed,
}

impl AdjustmentType {
    /// Decimals of such a value in the API. Inside, it is in basis points or minor units.
    pub fn decimals(self, currency: Currency) -> u32 {
        match self {
            Self::Percentage => BasisPoints::DECIMALS,
            Self::Fixed => currency.exponent(),
        }
    }
}
