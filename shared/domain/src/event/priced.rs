use crate::pricing::{AdjustmentType, SaleStage};
use crate::product::PricedProduct;
use crate::{AreaId, Error, Result};

use super::{Area, Event, MemberDiscount};

/// An event with its areas, sale stages and own products: everything that its prices depend on, besides
/// the products that a tenant has for all events.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedEvent {
    /// The event.
    pub event: Event,
    /// The areas in the order of lists: by position.
    pub areas: Vec<Area>,
    /// The sale stages; of those that apply at the same time, the first one holds.
    pub stages: Vec<SaleStage>,
    /// The products of this event alone, in the order of lists: by position.
    pub products: Vec<PricedProduct>,
}

impl PricedEvent {
    /// The event with its areas and stages, put in order, and its products, which are.
    pub fn new(
        event: Event,
        mut areas: Vec<Area>,
        mut stages: Vec<SaleStage>,
        products: Vec<PricedProduct>,
    ) -> Self {
        areas.sort_by_key(|area| (area.position, area.id));
        stages.sort_by_key(|stage| (stage.priority_order, stage.start_time, stage.id));
        Self { event, areas, stages, products }
    }

    /// The area with this id.
    pub fn area(&self, id: AreaId) -> Option<&Area> {
        self.areas.iter().find(|area| area.id == id)
    }

    /// The lowest base price of an area that has places, in minor units.
    pub fn price_from(&self) -> Option<i64> {
        self.areas_with_places().map(|area| area.price).min()
    }

    /// The areas of which tickets can be sold.
    pub fn areas_with_places(&self) -> impl Iterator<Item = &Area> {
        self.areas.iter().filter(|area| area.capacity > 0)
    }

    /// Checks that the event has no amounts in its currency: the same numbers would be other amounts
    /// in another one.
    ///
    /// # Errors
    /// `currency_fixed`.
    pub fn check_unpriced(&self) -> Result<()> {
        let of_fixed = |discount: &MemberDiscount| discount.discount_type == AdjustmentType::Fixed;
        let detail = if !self.areas.is_empty() {
            "The event has areas with prices in its currency. Delete them before you change it."
        } else if self.event.fees.convenience_fixed != 0 {
            "The event has a fixed fee in its currency. Set its fees without one before you change it."
        } else if self.event.member_discount.as_ref().is_some_and(of_fixed) {
            "The event has a discount for members in its currency. Take it away before you change it."
        } else if self.stages.iter().any(|stage| stage.price_adjustment_type == AdjustmentType::Fixed) {
            "The event has a sale stage with an amount in its currency. Delete it before you change it."
        } else if !self.products.is_empty() {
            "The event has products with prices in its currency. Delete them before you change it."
        } else {
            return Ok(());
        };
        Err(Error::conflict("currency_fixed", detail))
    }
}
