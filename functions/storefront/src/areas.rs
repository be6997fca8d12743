//! The areas of a show: current prices, and the free places down to the seat.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::event::{Area, AreaKind};
use domain::pricing::{AreaPrice, current_price};
use domain::seat::SeatState;
use domain::{AreaId, Currency, Error, EventId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::RowState;
use web::{Answer, Cached, Freshness, Path, Refuses, Shared};

use crate::price::PriceView;
use crate::recent::available;
use crate::{SlugPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/public/events/{slug}/areas",
            get_with(list, |op| {
                op.id("listShowAreas")
                    .summary("List the areas of a show with current prices")
                    .tag("Storefront")
                    .refuses(["event_not_found"])
            }),
        )
        .api_route(
            "/api/v1/public/events/{slug}/areas/{area}/availability",
            get_with(availability, |op| {
                op.id("showAvailability").summary("Show what is free in an area").tag("Storefront").description(
                    "Of numbered seats, the state of each. Who gets a seat is decided when it is reserved.",
                )
                .refuses(["area_not_found", "event_not_found"])
            }),
        )
}

/// How long clients may cache prices, in seconds.
const PRICE_SECONDS: u32 = 5;
/// How long clients may cache free places, in seconds.
const AVAILABILITY_SECONDS: u32 = 2;

#[derive(Debug, Deserialize, JsonSchema)]
struct AreaPath {
    /// The readable part of the event's address, such as `noche-de-faroles`.
    slug: String,
    /// The area's id.
    area: AreaId,
}

/// The areas of a show with their current prices.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicAreas {
    /// The event's id.
    event_id: EventId,
    /// The currency of all prices.
    currency: Currency,
    /// The areas, in the organiser's order.
    items: Vec<PublicArea>,
}

/// An area with its current price.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicArea {
    /// The area's id.
    id: AreaId,
    /// The area's name.
    area_name: String,
    /// The organiser's description; possibly empty.
    description: String,
    /// Whether its places have numbers.
    kind: AreaKind,
    /// The letter that stands before its unit numbers, such as `M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    nomenclature_letter: Option<String>,
    /// The number of people that one ticket admits, such as the places at a table.
    unit_capacity: u8,
    /// What comes with the ticket, such as table service.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// The current price of one ticket.
    price: PriceView,
    /// The number of tickets that are left.
    left: u32,
    /// The tickets that are left, in a word.
    availability: Availability,
}

/// The share of an area's tickets that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Availability {
    /// More than a tenth is left.
    Available,
    /// At most a tenth is left.
    FewLeft,
    /// Nothing is left for now: places of reservations that are not paid become free again.
    SoldOut,
}

impl Availability {
    fn new(left: u32, capacity: u32) -> Self {
        match left {
            0 => Self::SoldOut,
            _ if u64::from(left) * 10 <= u64::from(capacity) => Self::FewLeft,
            _ => Self::Available,
        }
    }
}

/// The free places of an area.
#[derive(Debug, Serialize, JsonSchema)]
struct AreaAvailability {
    /// The area's id.
    area_id: AreaId,
    /// Whether its places have numbers.
    kind: AreaKind,
    /// The number of tickets that are left.
    left: u32,
    /// The rows of numbered seats, the nearest to the stage first. Absent without numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Row>,
}

/// A row of numbered seats.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Row {
    /// The name of the row, such as `A`.
    label: String,
    /// The number of the first of `seats`; the others follow without gaps.
    first: u16,
    /// The state of each seat.
    seats: Vec<SeatState>,
}

async fn list(
    Shared(state): Shared<State>,
    Path(path): Path<SlugPath>,
    freshness: Freshness,
) -> Answer<Cached<PublicAreas>> {
    let now = state.clock.now();
    let sheet = state.published_by_slug(&path.slug, now).await?;
    let stages_left = state.stages_left(&sheet, now).await?;
    let places = state.places(&sheet, now).await?;
    let offers = stages_left.offers(&sheet.stages);
    let items = sheet.areas.iter().map(|area| {
        let left = places.iter().find(|places| places.area == area.id).map_or(0, |places| places.left);
        let price = current_price(&sheet.event, area, &offers, now)?;
        Ok(PublicArea::new(area.clone(), price, left))
    });
    let items = items.collect::<domain::Result<_>>()?;
    let areas = PublicAreas { event_id: sheet.event.id, currency: sheet.event.currency, items };
    Cached::public(&areas, PRICE_SECONDS, &freshness)
}

async fn availability(
    Shared(state): Shared<State>,
    Path(path): Path<AreaPath>,
    freshness: Freshness,
) -> Answer<Cached<AreaAvailability>> {
    let now = state.clock.now();
    let sheet = state.published_by_slug(&path.slug, now).await?;
    let area = sheet.area(path.area);
    let area = area.ok_or_else(|| Error::not_found("area_not_found", "The event has no such area."))?;
    let (left, rows) = match area.kind {
        AreaKind::GeneralAdmission => {
            let places = state.places(&sheet, now).await?;
            let left = places.iter().find(|places| places.area == area.id).map_or(0, |places| places.left);
            (left, Vec::new())
        }
        AreaKind::Seated => {
            let blocks = state.rows(area, now).await?;
            (available(&blocks), rows(area, &blocks))
        }
    };
    let availability = AreaAvailability { area_id: area.id, kind: area.kind, left, rows };
    Cached::public(&availability, AVAILABILITY_SECONDS, &freshness)
}

impl PublicArea {
    fn new(area: Area, price: AreaPrice, left: u32) -> Self {
        Self {
            id: area.id,
            area_name: area.area_name,
            description: area.description,
            kind: area.kind,
            nomenclature_letter: area.nomenclature_letter,
            unit_capacity: area.unit_capacity,
            service: area.service,
            price: price.into(),
            left,
            availability: Availability::new(left, area.capacity),
        }
    }
}

/// The rows that the blocks of the area make up: a long row is several blocks.
fn rows(area: &Area, blocks: &[RowState]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for block in blocks {
        let Some(layout) = area.rows.get(usize::from(block.index)) else { continue };
        match rows.last_mut() {
            Some(row) if row.label == layout.label && row.next() == usize::from(block.first) => {
                row.seats.extend(&block.seats);
            }
            _ => {
                let seats = block.seats.clone();
                rows.push(Row { label: layout.label.clone(), first: block.first, seats });
            }
        }
    }
    rows
}

impl Row {
    /// The number of the seat after its last one.
    fn next(&self) -> usize {
        usize::from(self.first) + self.seats.len()
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::event::RowLayout;

    use super::*;

    #[test]
    fn a_long_row_is_one_row_again() {
        use SeatState::{Available as A, Blocked as B, Sold as S};
        let now = Timestamp::UNIX_EPOCH;
        let layout = |label: &str, first, last| RowLayout { label: label.to_owned(), first, last };
        let area = Area {
            id: AreaId::generate(now),
            event_id: EventId::generate(now),
            area_name: "Platea".to_owned(),
            description: String::new(),
            kind: AreaKind::Seated,
            capacity: 6,
            price: 0,
            currency: Currency::CLP,
            nomenclature_letter: None,
            unit_capacity: 1,
            service: None,
            position: 0,
            rows: vec![layout("A", 1, 2), layout("A", 3, 3), layout("A", 9, 9), layout("B", 10, 11)],
            version: 1,
        };
        let block = |index, first, seats: &[SeatState]| RowState { index, first, seats: seats.to_vec() };
        let blocks = [
            block(0, 1, &[A, S]),
            block(1, 3, &[B]),
            block(2, 9, &[A]),
            block(3, 10, &[A, A]),
            block(4, 1, &[A]),
        ];
        let row = |label: &str, first, seats: &[SeatState]| Row {
            label: label.to_owned(),
            first,
            seats: seats.to_vec(),
        };
        assert_eq!(rows(&area, &blocks), [row("A", 1, &[A, S, B]), row("A", 9, &[A]), row("B", 10, &[A, A])]);
        assert_eq!(available(&blocks), 5);
    }

    #[test]
    fn a_tenth_is_few() {
        for (left, availability) in [
            (0, Availability::SoldOut),
            (1, Availability::FewLeft),
            (10, Availability::FewLeft),
            (11, Availability::Available),
        ] {
            assert_eq!(Availability::new(left, 100), availability, "{left}");
        }
    }
}
