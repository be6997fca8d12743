use crate::AreaId;
use crate::pricing::SaleStage;

use super::{Area, Event};

/// An event with its areas and sale stages: everything that its prices depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedEvent {
    /// The event.
    pub event: Event,
    /// The areas in the order of lists: by position.
    pub areas: Vec<Area>,
    /// The sale stages; of those that apply at the same time, the first one holds.
    pub stages: Vec<SaleStage>,
}

impl PricedEvent {
    /// The event with its areas and stages, put in order.
    pub fn new(event: Event, mut areas: Vec<Area>, mut stages: Vec<SaleStage>) -> Self {
        areas.sort_by_key(|area| (area.position, area.id));
        stages.sort_by_key(|stage| (stage.priority_order, stage.start_time, stage.id));
        Self { event, areas, stages }
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
}
