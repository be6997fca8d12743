//! Transfers of tickets from holder to holder.

mod accept;
mod cancel;
mod history;
mod initiate;
mod limits;

use aide::axum::ApiRouter;
use domain::purchaser::Purchaser;
use domain::transfer::{Transfer, TransferState};
use domain::{EventId, Person, TicketId, Timestamp, TransferId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .merge(initiate::routes())
        .merge(accept::routes())
        .merge(cancel::routes())
        .merge(history::routes())
}

/// The direction of a transfer, from the caller's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// The caller offered the ticket.
    Sent,
    /// The caller accepted the ticket.
    Received,
}

/// A transfer: a ticket that changes hands.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct TransferView {
    /// The transfer's id.
    id: TransferId,
    /// `sent` if the caller offered the ticket, `received` if they accepted it.
    direction: Direction,
    /// The transfer's state.
    state: TransferState,
    /// The ticket's id.
    ticket_id: TicketId,
    /// The event's id.
    event_id: EventId,
    /// The sender, who offers the ticket.
    from: Person,
    /// The address to which the offer was mailed.
    to_email: String,
    /// The sender's message to the receiver.
    reason: Option<String>,
    /// When the ticket was offered.
    created_at: Timestamp,
    /// When the offer ends: after 72 hours, or when the event's tickets stop changing hands.
    expires_at: Timestamp,
    /// When the offer was accepted or cancelled; absent while it is open, and after it expired.
    decided_at: Option<Timestamp>,
}

impl TransferView {
    fn new(transfer: Transfer, caller: &Purchaser, now: Timestamp) -> Self {
        Self {
            id: transfer.id,
            direction: if caller.is(transfer.from) { Direction::Sent } else { Direction::Received },
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
