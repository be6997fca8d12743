//! Events in the public list and seated areas, for the tests of other crates.

use serde_json::Map;

use super::{Area, AreaKind, EventStatus, EventSummary, RowLayout};
use crate::testing::at;
use crate::{AreaId, Currency, EventId, TenantId};

/// An area with these rows, which costs nothing.
pub fn seated_area(name: &str, rows: Vec<RowLayout>) -> Area {
    Area {
        id: AreaId::generate(at(0)),
        event_id: EventId::generate(at(0)),
        area_name: name.to_owned(),
        description: String::new(),
        kind: AreaKind::Seated,
        capacity: rows.iter().map(RowLayout::len).sum(),
        price: 0,
        currency: Currency::CLP,
        nomenclature_letter: None,
        unit_capacity: 1,
        service: None,
        position: 0,
        rows,
        category: None,
        layout: None,
        version: 1,
    }
}

/// A show that starts `hour` hours after [`at`]`(0)`, and lasts two.
pub fn summary(hour: i64, name: &str, city: &str, country: &str) -> EventSummary {
    let at_hour = |hour: i64| at(hour * 3600);
    EventSummary {
        id: EventId::generate(at_hour(hour)),
        tenant_id: TenantId::generate(at_hour(0)),
        slug: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        artist: String::new(),
        series_id: None,
        genre: String::new(),
        venue: "Teatro Inventado".to_owned(),
        city: city.to_owned(),
        country: country.to_owned(),
        time_zone: "America/Bogota".to_owned(),
        starts_at: at_hour(hour),
        ends_at: at_hour(hour + 2),
        status: EventStatus::Published,
        currency: Currency::COP,
        price_from: None,
        image: None,
        code: None,
        max_discounts: 0,
        ticketing_link: None,
        other_data: Map::new(),
        created_at: at_hour(0),
    }
}
