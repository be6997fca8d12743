//! The areas of a show: current prices, and the free places down to the seat.

use actions::{AreaAvailability, AreaOffer, SeatRow};
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::event::AreaKind;
use domain::{AreaId, Currency, EventId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Cached, Freshness, Path, Refuses, Shared};

use crate::price::PriceView;
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
pub(crate) const AVAILABILITY_SECONDS: u32 = 2;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AreaPath {
    /// The readable part of the event's address, such as `noche-de-faroles`.
    pub(crate) slug: String,
    /// The area's id.
    pub(crate) area: AreaId,
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
#[serde_with::skip_serializing_none]
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
    nomenclature_letter: Option<String>,
    /// The number of people that one ticket admits, such as the places at a table.
    unit_capacity: u8,
    /// What comes with the ticket, such as table service.
    service: Option<String>,
    /// The current price of one ticket.
    price: PriceView,
    /// The number of tickets that are left.
    left: u32,
    /// The tickets that are left, in a word.
    availability: Availability,
}

/// The share of the tickets, or of a product's stock, that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Availability {
    /// More than a tenth is left.
    Available,
    /// At most a tenth is left.
    FewLeft,
    /// Nothing is left for now: places of reservations that are not paid become free again.
    SoldOut,
}

impl Availability {
    /// The share of `capacity` that `left` is.
    pub(crate) fn new(left: u32, capacity: u32) -> Self {
        match left {
            0 => Self::SoldOut,
            _ if u64::from(left) * 10 <= u64::from(capacity) => Self::FewLeft,
            _ => Self::Available,
        }
    }
}

/// The free places of an area.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AreaAvailability")]
struct AreaPlaces {
    /// The area's id.
    area_id: AreaId,
    /// Whether its places have numbers.
    kind: AreaKind,
    /// The number of tickets that are left.
    left: u32,
    /// The rows of numbered seats, the nearest to the stage first. Absent without numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<SeatRow>,
}

async fn list(
    Shared(state): Shared<State>,
    Path(path): Path<SlugPath>,
    freshness: Freshness,
) -> Answer<Cached<PublicAreas>> {
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let areas = state.catalog.areas(&event, now).await?;
    let items = areas.into_iter().map(PublicArea::from).collect();
    let areas = PublicAreas { event_id: event.event.id, currency: event.event.currency, items };
    Cached::public(&areas, PRICE_SECONDS, &freshness)
}

async fn availability(
    Shared(state): Shared<State>,
    Path(path): Path<AreaPath>,
    freshness: Freshness,
) -> Answer<Cached<AreaPlaces>> {
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let AreaAvailability { area, left, rows } = state.catalog.availability(&event, path.area, now).await?;
    let places = AreaPlaces { area_id: area.id, kind: area.kind, left, rows };
    Cached::public(&places, AVAILABILITY_SECONDS, &freshness)
}

impl From<AreaOffer<'_>> for PublicArea {
    fn from(offer: AreaOffer<'_>) -> Self {
        let area = offer.area.clone();
        Self {
            id: area.id,
            area_name: area.area_name,
            description: area.description,
            kind: area.kind,
            nomenclature_letter: area.nomenclature_letter,
            unit_capacity: area.unit_capacity,
            service: area.service,
            price: offer.price.into(),
            left: offer.left,
            availability: Availability::new(offer.left, area.capacity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
