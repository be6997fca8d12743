//! What must be written together with a changed order.

use super::Order;
use crate::TicketId;
use crate::outbox::{Loss, Outbox};
use crate::payment_difference::PaymentDifference;

/// What a transition of an order makes necessary. The store writes it with the order, all
/// or nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Change {
    /// The message that must follow.
    pub outbox: Option<Outbox>,
    /// What becomes of the order's refund tasks.
    pub tasks: Vec<TaskChange>,
    /// The tickets that become worthless at the door.
    pub revokes: Revocation,
    /// What the organiser's daily report must show, written before the order is.
    pub difference: Option<PaymentDifference>,
}

/// The tickets that become worthless with a change.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// None.
    #[default]
    None,
    /// These, all of them or the change is refused.
    Tickets(Vec<TicketId>),
    /// Those that nobody has used: none of the money is left.
    Unused,
}

/// What becomes of a refund task in the same write as its order. Named by the place of
/// the payment in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskChange {
    /// It is there from now on, as [`RefundTask::of`](crate::refund_task::RefundTask::of)
    /// the order says.
    Open(u8),
    /// It is done, or tried again; one that does not exist, too.
    Close(u8),
}

impl Change {
    /// A change that one message follows.
    pub fn followed_by(outbox: Outbox) -> Self {
        Self { outbox: Some(outbox), ..Self::default() }
    }
}

impl Order {
    /// The tickets that still admit, as far as the order knows.
    pub fn valid_tickets(&self) -> Vec<TicketId> {
        self.tickets().filter(|ticket| !ticket.refunded).map(|ticket| ticket.id).collect()
    }

    /// The order and the message as they are written for a change that makes `revoked`
    /// worthless: one version further.
    pub fn written(&self, change: &Change, revoked: &[TicketId]) -> (Self, Option<Outbox>) {
        let mut order = self.clone();
        order.0.version += 1;
        if change.revokes == Revocation::Unused {
            order.revoke(revoked);
        }
        let loss = Loss { revoked: !revoked.is_empty(), uncovered: order.uncovered() };
        (order, change.outbox.clone().map(|outbox| outbox.with_loss(loss)))
    }
}
