//! The current price of one ticket of an area or one unit of a product, as buyers see it.

use domain::pricing::{CurrentPrice, NextPrice};
use domain::{Amount, AreaId, Currency, SaleStageId, Timestamp, VariantId};
use schemars::JsonSchema;
use serde::Serialize;

/// The current price of one ticket of an area or one unit of a product, exactly as a quote for it would
/// say.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CurrentPrice")]
pub(crate) struct PriceView {
    /// The area's id. Absent for a product.
    area_id: Option<AreaId>,
    /// The id of the product's variant. Absent for an area.
    variant_id: Option<VariantId>,
    /// The currency of all amounts.
    currency: Currency,
    /// The price without a sale stage.
    base_price: Amount,
    /// The price in the current sale stage, without the fee.
    price: Amount,
    /// The convenience fee on top.
    fee: Amount,
    /// The value added tax on price and fee.
    vat: Amount,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    vat_included: bool,
    /// The amount that the buyer pays for one, with fee and tax.
    total: Amount,
    /// The id of the current sale stage. Absent if there is none.
    stage_id: Option<SaleStageId>,
    /// The name of the current sale stage.
    stage_name: Option<String>,
    /// The tickets or units that are left at this price. Absent if the stage does not limit them.
    stage_remaining: Option<u32>,
    /// The next change of the price by time, unless the stage sells out before.
    next: Option<NextView>,
}

/// A coming change of the price by time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NextPrice")]
struct NextView {
    /// The first moment of the new price.
    at: Timestamp,
    /// The new price, without the fee.
    price: Amount,
    /// The amount that the buyer then pays for one, with fee and tax.
    total: Amount,
    /// The name of the sale stage that then applies, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_name: Option<String>,
}

impl NextView {
    fn new(next: NextPrice, currency: Currency) -> Self {
        Self {
            at: next.at,
            price: Amount::of(next.price, currency),
            total: Amount::of(next.total, currency),
            stage_name: next.stage_name,
        }
    }
}

impl From<CurrentPrice> for PriceView {
    fn from(price: CurrentPrice) -> Self {
        let currency = price.currency;
        let amount = |minor| Amount::of(minor, currency);
        Self {
            area_id: price.target.area(),
            variant_id: price.target.variant(),
            currency,
            base_price: amount(price.base_price),
            price: amount(price.price),
            fee: amount(price.fee),
            vat: amount(price.vat),
            vat_included: price.vat_included,
            total: amount(price.total),
            stage_id: price.stage_id,
            stage_name: price.stage_name,
            stage_remaining: price.stage_remaining,
            next: price.next.map(|next| NextView::new(next, currency)),
        }
    }
}
