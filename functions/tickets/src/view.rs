//! Tickets in the API's answers to their holder.

use actions::{TicketDetails, TicketStatus};
use domain::event::Event;
use domain::order::Attendee;
use domain::seat::SeatLabel;
use domain::{AreaId, EventId, OrderId, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A ticket of the caller.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TicketView {
    /// The ticket's id.
    pub(crate) id: TicketId,
    /// The id of the order that bought it.
    order_id: OrderId,
    /// The ticket's event.
    event: TicketEvent,
    /// The area's id.
    area_id: AreaId,
    /// The area's name.
    area: String,
    /// The seat; absent for admissions.
    seat: Option<SeatLabel>,
    /// How many people may enter with it, such as all at a table.
    admits: u8,
    /// The person for whom the ticket is, if the event asks for it.
    attendee: Option<Attendee>,
    /// Whether the ticket admits.
    pub(crate) status: TicketStatus,
    /// When it was used at a door; absent if it was not.
    used_at: Option<Timestamp>,
    /// When it changed hands the last time; absent if it never did.
    transferred_at: Option<Timestamp>,
    /// True if the caller received it from its buyer or another holder.
    received: bool,
}

/// The event of a ticket.
#[derive(Debug, Serialize, JsonSchema)]
struct TicketEvent {
    /// The event's id.
    id: EventId,
    /// The readable part of the event's address, such as `los-faroles`.
    slug: String,
    /// The event's title.
    name: String,
    /// Name of the artist or band.
    artist: String,
    /// Name of the venue, such as `Teatro Colón`.
    venue: String,
    /// The venue's city, such as `Bogotá`.
    city: String,
    /// IANA time zone of the venue, such as `America/Bogota`.
    time_zone: String,
    /// When the doors open.
    #[serde(skip_serializing_if = "Option::is_none")]
    doors_at: Option<Timestamp>,
    /// Start of the show.
    starts_at: Timestamp,
}

impl From<&Event> for TicketEvent {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            slug: event.slug.clone(),
            name: event.name.clone(),
            artist: event.artist.clone(),
            venue: event.venue.clone(),
            city: event.city.clone(),
            time_zone: event.time_zone.clone(),
            doors_at: event.doors_at,
            starts_at: event.starts_at,
        }
    }
}

impl From<&TicketDetails> for TicketView {
    fn from(details: &TicketDetails) -> Self {
        let (order, ticket) = (&details.held.order, details.held.ticket());
        let area = details.event.area(ticket.area);
        Self {
            id: ticket.id,
            order_id: order.id,
            event: TicketEvent::from(&details.event.event),
            area_id: ticket.area,
            area: area.map(|area| area.area_name.clone()).unwrap_or_default(),
            seat: ticket.seat.cloned(),
            admits: area.map_or(1, |area| area.unit_capacity),
            attendee: ticket.attendee.cloned(),
            status: details.status,
            used_at: details.used_at,
            transferred_at: ticket.transferred_at,
            received: ticket.holder != order.user,
        }
    }
}
