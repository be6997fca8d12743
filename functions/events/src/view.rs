//! An event as its organiser sees it.

use domain::event::{AttendeeField, Event, EventImage, EventStatus};
use domain::{Currency, EventId, Language, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use web::{FeesView, VatView};

use crate::member_discount::MemberDiscountView;

/// A show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(crate) struct EventView {
    /// The event's id.
    id: EventId,
    /// The organiser.
    tenant_id: TenantId,
    /// The readable part of the event's address; unique.
    slug: String,
    /// The title.
    name: String,
    /// The artist or the band.
    artist: String,
    /// What to expect, as plain text.
    description: String,
    /// The venue's name.
    venue: String,
    /// The venue's street address.
    address: String,
    /// The city.
    city: String,
    /// ISO 3166-1 alpha-2 country.
    country: String,
    /// IANA time zone of the venue, in which people read the times.
    time_zone: String,
    /// Start of the show.
    starts_at: Timestamp,
    /// End of the show; sales end then at the latest.
    ends_at: Timestamp,
    /// When the doors open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doors_at: Option<Timestamp>,
    /// The one currency of all its amounts.
    currency: Currency,
    /// The language of its tickets' mails unless the buyer chose another.
    language: Language,
    /// How far it is.
    status: EventStatus,
    /// Not listed or found, though reachable by its slug.
    unlisted: bool,
    /// Minutes that a reservation holds its seats.
    hold_minutes: u8,
    /// The most tickets in one order.
    max_tickets_per_order: u8,
    /// What each attendee is asked for.
    attendee_fields: Vec<AttendeeField>,
    /// The fees of its tickets, copied from the organiser when created.
    fees: FeesView,
    /// The tax of its tickets, copied from the organiser when created.
    vat: VatView,
    /// Its pictures.
    images: Vec<EventImage>,
    /// The organiser's internal code for it; unique within the organiser's events,
    /// whatever the case of its letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The address of a picture that is kept elsewhere; a cover of its own goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    img: Option<String>,
    /// The most discounts that members get for it.
    max_discounts: u32,
    /// Where somebody else sells its tickets. With it, nothing is sold here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticketing_link: Option<String>,
    /// Further details, such as for whom it is; shown with the show.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    other_data: Map<String, Value>,
    /// What the code of a member's discount takes off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member_discount: Option<MemberDiscountView>,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// Counts changes.
    version: u32,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let currency = event.currency;
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            slug: event.slug,
            name: event.name,
            artist: event.artist,
            description: event.description,
            venue: event.venue,
            address: event.address,
            city: event.city,
            country: event.country,
            time_zone: event.time_zone,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            doors_at: event.doors_at,
            currency,
            language: event.language,
            status: event.status,
            unlisted: event.unlisted,
            hold_minutes: event.hold_minutes,
            max_tickets_per_order: event.max_tickets_per_order,
            attendee_fields: event.attendee_fields,
            fees: FeesView::new(event.fees, currency),
            vat: event.vat.into(),
            images: event.images,
            code: event.code,
            img: event.img,
            max_discounts: event.max_discounts,
            ticketing_link: event.ticketing_link,
            other_data: event.other_data,
            member_discount: event
                .member_discount
                .map(|discount| MemberDiscountView::new(discount, currency)),
            created_at: event.created_at,
            updated_at: event.updated_at,
            version: event.version,
        }
    }
}
