//! An event as its organiser sees it.

use domain::event::{AttendeeField, Event, EventImage, EventStatus};
use domain::{Currency, EventId, Language, SeriesId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use web::{FeesView, VatView};

use crate::member_discount::MemberDiscountView;

/// An event as its organiser sees it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(crate) struct EventView {
    /// The event's id.
    id: EventId,
    /// The organiser's id.
    tenant_id: TenantId,
    /// The readable part of the event's address, such as `noche-de-faroles`; unique.
    slug: String,
    /// The title, such as `Noche de faroles`.
    name: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The series of which it is a date.
    series_id: Option<SeriesId>,
    /// The kind of music or show, such as `cumbia`; possibly empty.
    genre: String,
    /// Your own kind of event, which buyers do not see; possibly empty.
    cluster_type: String,
    /// The description for buyers, as plain text.
    description: String,
    /// The venue's name.
    venue: String,
    /// The venue's street address.
    address: String,
    /// The venue's city.
    city: String,
    /// The venue's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// IANA time zone of the venue, such as `America/Bogota`, in which people read the times.
    time_zone: String,
    /// When the event starts.
    starts_at: Timestamp,
    /// When the event ends; sales end then at the latest.
    ends_at: Timestamp,
    /// When the doors open.
    doors_at: Option<Timestamp>,
    /// The one currency of all amounts of the event.
    currency: Currency,
    /// The language of its tickets' mails unless the buyer chose another.
    language: Language,
    /// Whether the event is a draft, published, postponed or cancelled.
    status: EventStatus,
    /// True if the event is in no list or search result, though reachable by its slug.
    unlisted: bool,
    /// True if the operator of the box office keeps it out of lists and searches. Its slug still leads to it.
    shadowban: bool,
    /// Minutes that a reservation holds its places before they are paid.
    hold_minutes: u8,
    /// The most tickets in one order.
    max_tickets_per_order: u8,
    /// How often one of its tickets may change hands; 0 if never.
    transfer_limit: u8,
    /// When its tickets stop changing hands; at the start if it is absent.
    transfers_close_at: Option<Timestamp>,
    /// The data that buyers are asked for about each attendee.
    attendee_fields: Vec<AttendeeField>,
    /// The fees of its tickets, copied from the organiser when the event was created.
    fees: FeesView,
    /// The tax of its tickets, copied from the organiser when the event was created.
    vat: VatView,
    /// The event's uploaded pictures.
    images: Vec<EventImage>,
    /// The organiser's internal code for it; unique within the organiser's events,
    /// whatever the case of its letters.
    code: Option<String>,
    /// The address of a picture that is kept elsewhere. An uploaded cover takes precedence.
    img: Option<String>,
    /// The most discounts that members get for the event.
    max_discounts: u32,
    /// The address of another seller of its tickets. If set, nothing is sold here.
    ticketing_link: Option<String>,
    /// Further details as keys and values, such as `ages`; shown with the event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    other_data: Map<String, Value>,
    /// The reduction by the code of a member's discount.
    member_discount: Option<MemberDiscountView>,
    /// When the event was created.
    created_at: Timestamp,
    /// When the event was last changed.
    updated_at: Timestamp,
    /// Counts changes, from 1. A change can name the version that it is based on.
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
            series_id: event.series_id,
            genre: event.genre,
            cluster_type: event.cluster_type,
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
            shadowban: event.shadowban,
            hold_minutes: event.hold_minutes,
            max_tickets_per_order: event.max_tickets_per_order,
            transfer_limit: event.transfer_limit,
            transfers_close_at: event.transfers_close_at,
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
