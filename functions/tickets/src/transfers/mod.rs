//! Handing tickets on.

mod accept;
mod cancel;
mod history;
mod initiate;
mod limits;

use aide::axum::ApiRouter;
use domain::transfer::{Transfer, TransferState};
use domain::{EventId, Person, TicketId, Timestamp, TransferId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use web::Buyer;

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .merge(initiate::routes())
        .merge(accept::routes())
        .merge(cancel::routes())
        .merge(history::routes())
}

/// Which way a ticket goes, seen by who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// Away.
    Sent,
    /// Here.
    Received,
}

/// A ticket that changes hands.
#[derive(Debug, Serialize, JsonSchema)]
struct TransferView {
    /// The transfer's id.
    id: TransferId,
    /// Which way.
    direction: Direction,
    /// How far it is.
    state: TransferState,
    /// The ticket.
    ticket_id: TicketId,
    /// The event.
    event_id: EventId,
    /// Who offers.
    from: Person,
    /// Where the offer went.
    to_email: String,
    /// What the sender says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was offered.
    created_at: Timestamp,
    /// When the offer ends.
    expires_at: Timestamp,
    /// When it was accepted or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
}

impl TransferView {
    fn new(transfer: Transfer, user: UserId, now: Timestamp) -> Self {
        Self {
            id: transfer.id,
            direction: if transfer.from == user { Direction::Sent } else { Direction::Received },
            state: transfer.state_at(now),
            ticket_id: transfer.ticket,
            event_id: transfer.event,
            from: transfer.sender,
            to_email: transfer.to_email,
            reason: transfer.reason,
            created_at: transfer.created_at,
            expires_at: transfer.expires_at,
            decided_at: transfer.decided_at,
        }
    }
}

fn person(buyer: &Buyer) -> Person {
    Person { email: buyer.email.clone(), name: buyer.name.clone() }
}
