//! Prices of tickets and products: sale stages, promotions, fees, VAT, quotes.
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
//! A unit of a product is priced as a ticket is: its variant has the base price, stages and
//! promotions that name it apply, and the fee only if the product has it.
//!
//! Amounts are minor units of the event's currency. What is paid is a whole number of the
//! smallest amount that gateways take, which for COP is a peso.
//!
//! [`PriceUnit`]: crate::payable::PriceUnit

mod charge;
mod code;
mod current_price;
mod draft;
mod extras;
mod promotion;
mod quote;
mod request;
mod sellable;
mod stage;
mod token;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AreaId, BasisPoints, Currency, VariantId};

pub use code::{InvalidCode, PromotionCode};
pub use current_price::{CurrentPrice, NextPrice, current_price, current_product_price, price_from};
pub use extras::{ExtraRequest, MAX_EXTRA_UNITS};
pub(crate) use promotion::check_discount;
pub use promotion::{AppliesTo, Promotion, PromotionOffer, PromotionReason, PromotionVerdict};
pub use quote::{LineAmounts, Quote, QuoteExtra, QuoteInput, QuoteLine, Totals, quote};
pub use request::{MAX_LINES, QuoteRequest, QuoteRequestLine};
pub use stage::{MAX_STAGES_PER_EVENT, OutgrownStage, SaleStage, StageOffer, StageReason, StageVerdict};
pub use token::{MAX_TOKEN_CHARS, open, seal};

/// The highest price of one ticket, and the highest fixed fee, adjustment or
/// discount, in minor units. With at most 20 tickets and 20 products in an order, sums stay far
/// inside of `i64` and of the 2^53 that JavaScript can count.
pub const MAX_PRICE: i64 = 1_000_000_000_000;

/// What stages and promotions are for: the tickets of an area, or a variant of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The tickets of an area.
    Area(AreaId),
    /// The units of a variant.
    Variant(VariantId),
}

impl Target {
    /// The area, if it is one.
    pub fn area(self) -> Option<AreaId> {
        match self {
            Self::Area(area) => Some(area),
            Self::Variant(_) => None,
        }
    }

    /// The variant, if it is one.
    pub fn variant(self) -> Option<VariantId> {
        match self {
            Self::Area(_) => None,
            Self::Variant(variant) => Some(variant),
        }
    }

    /// The name of the member with which a problem says what it is about, and the id.
    fn member(self) -> (&'static str, String) {
        match self {
            Self::Area(area) => ("area_id", area.to_string()),
            Self::Variant(variant) => ("variant_id", variant.to_string()),
        }
    }
}

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
