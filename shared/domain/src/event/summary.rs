use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Event;
use crate::{Currency, EventId, TenantId};

/// An event in the public list: what it says without its areas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSummary {
    /// The event.
    pub id: EventId,
    /// The organiser.
    pub tenant_id: TenantId,
    /// The readable part of its address.
    pub slug: String,
    /// The title.
    pub name: String,
    /// Who plays.
    pub artist: String,
    /// Where.
    pub venue: String,
    /// The city.
    pub city: String,
    /// ISO 3166-1 alpha-2 country.
    pub country: String,
    /// IANA time zone of the venue.
    pub time_zone: String,
    /// Start of the show.
    pub starts_at: Timestamp,
    /// End of the show.
    pub ends_at: Timestamp,
    /// The currency of its prices.
    pub currency: Currency,
    /// The lowest base price, in minor units; what buyers pay has stages, fee and tax in it
    /// ([`price_from`](crate::pricing::price_from)). `None` if nothing can be bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_from: Option<i64>,
    /// The main picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The organiser's internal code for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The most discounts that members get for it.
    #[serde(default)]
    pub max_discounts: u32,
    /// Where somebody else sells its tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticketing_link: Option<String>,
    /// Further details.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub other_data: Map<String, Value>,
    /// When the event was created.
    pub created_at: Timestamp,
}

impl EventSummary {
    /// The summary of an event whose cheapest area costs `price_from`.
    pub fn new(event: &Event, price_from: Option<i64>) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            slug: event.slug.clone(),
            name: event.name.clone(),
            artist: event.artist.clone(),
            venue: event.venue.clone(),
            city: event.city.clone(),
            country: event.country.clone(),
            time_zone: event.time_zone.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
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
