//! What one ticket of an area costs, as buyers see it.

use domain::pricing::{AreaPrice, NextPrice};
use domain::{Amount, AreaId, Currency, SaleStageId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// What one ticket of an area costs at a moment, exactly as a quote for it would say.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AreaPrice")]
pub(crate) struct PriceView {
    /// The area.
    area_id: AreaId,
    /// The currency of all amounts.
    currency: Currency,
    /// The price without a stage.
    base_price: Amount,
    /// The price in the current stage, without the fee.
    price: Amount,
    /// The convenience fee on top.
    fee: Amount,
    /// The value added tax on price and fee.
    vat: Amount,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    vat_included: bool,
    /// What is paid for one ticket.
    total: Amount,
    /// The current stage, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_id: Option<SaleStageId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_name: Option<String>,
    /// Tickets that are left at this price, if the stage limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_remaining: Option<u32>,
    /// When the price changes next, unless the stage sells out before.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextView>,
}

/// A change of price that time will bring.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NextPrice")]
struct NextView {
    /// The first moment of the new price.
    at: Timestamp,
    /// The price in the stage of then, without the fee.
    price: Amount,
    /// What is paid for one ticket then.
    total: Amount,
    /// The name of the stage of then, if any.
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

impl From<AreaPrice> for PriceView {
    fn from(price: AreaPrice) -> Self {
        let currency = price.currency;
        let amount = |minor| Amount::of(minor, currency);
        Self {
            area_id: price.area_id,
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
