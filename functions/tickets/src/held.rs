//! Finds a ticket of its holder.

use domain::order::{Order, Ticket};
use domain::{Error, Result, TicketId, UserId};

use crate::State;

/// An order, and the index of the holder's ticket in it.
pub(crate) struct HeldTicket {
    pub(crate) order: Order,
    index: u8,
}

impl HeldTicket {
    pub(crate) fn ticket(&self) -> Ticket<'_> {
        let ticket = self.order.tickets().nth(usize::from(self.index));
        ticket.expect("`held` found the ticket in this order")
    }
}

/// The ticket, if `user` holds it: bought, or received by a transfer. For any other user it counts
/// as not found.
pub(crate) async fn held(state: &State, user: UserId, ticket: TicketId) -> Result<HeldTicket> {
    let not_found = || Error::not_found("ticket_not_found", "You have no such ticket.");
    let (order, index) = ticket.order().ok_or_else(not_found)?;
    let found = match state.store.order(user, order).await? {
        Some(order) => Some(order),
        None => match state.store.received_ticket(user, ticket).await? {
            Some(received) => state.store.order(received.buyer, order).await?,
            None => None,
        },
    };
    let order = found.ok_or_else(not_found)?;
    let is_theirs = order.tickets().any(|candidate| candidate.id == ticket && candidate.holder == user);
    if is_theirs { Ok(HeldTicket { order, index }) } else { Err(not_found()) }
}
