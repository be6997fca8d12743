//! The forms of an event's and an area's item: what the domain knows of them, and over how
//! many blocks what can run out is spread. Blocks only become more, as pools do.

use std::collections::HashMap;
use std::ops::Deref;

use domain::event::{Area, Event, PricedEvent};
use domain::{AreaId, VariantId};
use serde::{Deserialize, Serialize};

use super::places::{area_blocks, discount_blocks};
use crate::failure::Item;
use crate::items::from_item;
use crate::product::{ProductItems, stock_blocks};
use crate::{Result, keys};

/// An event as the table has it; for everything but its discounts, the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    #[serde(flatten)]
    pub(crate) event: Event,
    /// Blocks of the pool of its discounts, or 0 as long as it had none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) discount_blocks: u16,
}

fn is_zero(blocks: &u16) -> bool {
    *blocks == 0
}

impl EventRecord {
    /// The record of a new event.
    pub(crate) fn new(event: Event) -> Self {
        Self { discount_blocks: discount_blocks(event.max_discounts), event }
    }
}

impl Deref for EventRecord {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl From<EventRecord> for Event {
    fn from(record: EventRecord) -> Self {
        record.event
    }
}

/// An area as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AreaRecord {
    #[serde(flatten)]
    pub(crate) area: Area,
    /// Blocks of the pool of its general admissions; 0 for rows of seats.
    #[serde(default)]
    pub(crate) blocks: u16,
}

impl AreaRecord {
    /// The record of a new area.
    pub(crate) fn new(area: Area) -> Self {
        Self { blocks: area_blocks(area.kind, area.capacity), area }
    }
}

/// An event with its areas, stages and products as the table has them. The store counts by it; for
/// all others it is the [`PricedEvent`].
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    priced: PricedEvent,
    discount_blocks: u16,
    area_blocks: HashMap<AreaId, u16>,
    variant_blocks: HashMap<VariantId, u16>,
}

impl StoredEvent {
    /// The event of a partition's items; `None` if it was deleted.
    pub(super) fn from_items(items: Vec<Item>) -> Result<Option<Self>> {
        let (mut event, mut areas, mut stages) = (None, Vec::new(), Vec::new());
        let mut area_blocks = HashMap::new();
        let mut products = ProductItems::default();
        for item in items {
            let sort_key = item.get(keys::SK).and_then(|sk| sk.as_s().ok());
            match sort_key.map(String::as_str) {
                Some(keys::META) => event = Some(from_item::<EventRecord>(item)?),
                Some(sk) if sk.starts_with(keys::AREA_PREFIX) => {
                    let AreaRecord { area, blocks } = from_item(item)?;
                    area_blocks.insert(area.id, blocks);
                    areas.push(area);
                }
                Some(sk) if sk.starts_with(keys::STAGE_PREFIX) => stages.push(from_item(item)?),
                _ => products.add(item)?,
            }
        }
        let (products, variant_blocks) = products.into_parts();
        Ok(event.map(|EventRecord { event, discount_blocks }| Self {
            priced: PricedEvent::new(event, areas, stages, products),
            discount_blocks,
            area_blocks,
            variant_blocks,
        }))
    }

    /// The event, without what only the store knows.
    pub fn into_priced(self) -> PricedEvent {
        self.priced
    }

    /// The event alone.
    pub fn record(&self) -> EventRecord {
        EventRecord { event: self.event.clone(), discount_blocks: self.discount_blocks }
    }

    pub(crate) const fn discount_blocks(&self) -> u16 {
        self.discount_blocks
    }

    pub(crate) fn area_blocks(&self, area: AreaId) -> u16 {
        self.area_blocks.get(&area).copied().unwrap_or(0)
    }

    pub(crate) fn variant_blocks(&self, variant: VariantId) -> u16 {
        self.variant_blocks.get(&variant).copied().unwrap_or(0)
    }
}

impl Deref for StoredEvent {
    type Target = PricedEvent;

    fn deref(&self) -> &PricedEvent {
        &self.priced
    }
}

/// The event as if all of it were new.
impl From<PricedEvent> for StoredEvent {
    fn from(priced: PricedEvent) -> Self {
        let blocks = |area: &Area| (area.id, area_blocks(area.kind, area.capacity));
        Self {
            discount_blocks: discount_blocks(priced.event.max_discounts),
            area_blocks: priced.areas.iter().map(blocks).collect(),
            variant_blocks: (priced.products.iter().flat_map(|priced| &priced.variants))
                .map(|variant| (variant.id, stock_blocks(variant.stock)))
                .collect(),
            priced,
        }
    }
}
