//! A ticket as its holder sees it.

use domain::event::Event;
use domain::order::{Attendee, Order, Ticket};
use domain::seat::SeatLabel;
use domain::{AreaId, EventId, OrderId, Result, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::Closed;

use crate::State;

/// What a ticket is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TicketStatus {
    /// It admits.
    Valid,
    /// It admitted.
    Used,
    /// It was refunded.
    Revoked,
}

/// A ticket.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TicketView {
    /// The ticket's id.
    pub(crate) id: TicketId,
    /// The order that it was bought with.
    order_id: OrderId,
    /// The event.
    event: TicketEvent,
    /// The area.
    area_id: AreaId,
    /// The name of the area.
    area: String,
    /// The seat, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<SeatLabel>,
    /// How many people it admits.
    admits: u8,
    /// Who will use it, if the event asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    attendee: Option<Attendee>,
    /// What it is worth.
    pub(crate) status: TicketStatus,
    /// When it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_at: Option<Timestamp>,
    /// True if somebody else bought it and handed it on.
    received: bool,
}

/// The event of a ticket.
#[derive(Debug, Serialize, JsonSchema)]
struct TicketEvent {
    /// The event's id.
    id: EventId,
    /// The readable part of its address.
    slug: String,
    /// The title.
    name: String,
    /// Who plays.
    artist: String,
    /// Where.
    venue: String,
    /// The city.
    city: String,
    /// IANA time zone of the venue.
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

/// The ticket with its event, and what the door knows of it.
pub(crate) async fn view(state: &State, order: &Order, ticket: &Ticket<'_>) -> Result<TicketView> {
    let sheet = state.sheet(order.event).await?;
    let closed = state.store.gate(order.event, ticket.id, ticket.serial).await?;
    let (status, used_at) = match closed {
        _ if ticket.refunded => (TicketStatus::Revoked, None),
        Some(Closed::Used(scan)) => (TicketStatus::Used, Some(scan.at)),
        Some(Closed::Revoked(_)) => (TicketStatus::Revoked, None),
        // A moment ago somebody handed it on, and the gate was read a moment late.
        Some(Closed::Superseded) | None => (TicketStatus::Valid, None),
    };
    let area = sheet.area(ticket.area);
    Ok(TicketView {
        id: ticket.id,
        order_id: order.id,
        event: TicketEvent::from(&sheet.event),
        area_id: ticket.area,
        area: area.map(|area| area.area_name.clone()).unwrap_or_default(),
        seat: ticket.seat.cloned(),
        admits: area.map_or(1, |area| area.unit_capacity),
        attendee: ticket.attendee.cloned(),
        status,
        used_at,
        received: ticket.holder != order.user,
    })
}
