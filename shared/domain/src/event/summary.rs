//! Entries of the public list of events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Event, EventStatus, published};
use crate::{Currency, EventId, SeriesId, TenantId};

/// The entry of an event in the public list.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSummary {
    /// Id of the event.
    pub id: EventId,
    /// The organiser's tenant.
    pub tenant_id: TenantId,
    /// Slug: the readable part of the event's address, unique among all events.
    pub slug: String,
    /// Title of the show.
    pub name: String,
    /// Name of the artist.
    pub artist: String,
    /// The series of which it is a date.
    pub series_id: Option<SeriesId>,
    /// The kind of music or show, in the organiser's words; possibly empty.
    #[serde(default)]
    pub genre: String,
    /// Name of the venue.
    pub venue: String,
    /// City of the venue.
    pub city: String,
    /// Country of the venue, ISO 3166-1 alpha-2, such as `CO`.
    pub country: String,
    /// IANA time zone of the venue, such as `America/Bogota`.
    pub time_zone: String,
    /// When the show starts.
    pub starts_at: Timestamp,
    /// When the show ends.
    pub ends_at: Timestamp,
    /// The publication state, never a draft.
    #[serde(default = "published")]
    pub status: EventStatus,
    /// Currency of the event's prices.
    pub currency: Currency,
    /// The lowest base price of an area with places, in minor units; what buyers pay has stages, fee
    /// and tax in it (`domain::pricing::price_from`). `None` if nothing can be bought.
    pub price_from: Option<i64>,
    /// Address of the main picture ([`Event::picture`]).
    pub image: Option<String>,
    /// The organiser's internal code for the event.
    pub code: Option<String>,
    /// How many discounts there are for members.
    #[serde(default)]
    pub max_discounts: u32,
    /// Address of another seller's page, if the tickets are sold there.
    pub ticketing_link: Option<String>,
    /// Further details of the show, as free-form JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub other_data: Map<String, Value>,
    /// When the event was created.
    pub created_at: Timestamp,
}

impl EventSummary {
    /// The entry of an event whose cheapest area costs `price_from` minor units.
    pub fn new(event: &Event, price_from: Option<i64>) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            slug: event.slug.clone(),
            name: event.name.clone(),
            artist: event.artist.clone(),
            series_id: event.series_id,
            genre: event.genre.clone(),
            venue: event.venue.clone(),
            city: event.city.clone(),
            country: event.country.clone(),
            time_zone: event.time_zone.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            status: event.status,
            currency: event.currency,
            price_from,
            image: event.picture().map(str::to_owned),
            code: event.code.clone(),
            max_discounts: event.max_discounts,
            ticketing_link: event.ticketing_link.clone(),
            other_data: event.other_data.clone(),
            created_at: event.created_at,
        }
    }
}
