//! The consequences of a changed order, written together with it.

use super::Order;
use crate::OrderPart;
use crate::outbox::{Outbox, TicketLoss};
use crate::payment_difference::PaymentDifference;

/// The consequences of a transition of an order. The store writes them with the order, all or
/// nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Change {
    /// The message that the write carries.
    pub outbox: Option<Outbox>,
    /// The changes of the order's refund tasks.
    pub tasks: Vec<TaskChange>,
    /// The tickets and vouchers that are worth nothing any more.
    pub revokes: Revocation,
    /// A payment difference for the organiser's daily report, written before the order is.
    pub difference: Option<PaymentDifference>,
}

/// The tickets and vouchers that a change makes worthless.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// None of them.
    #[default]
    None,
    /// These: all of them, or the change is refused.
    Parts(Vec<OrderPart>),
    /// The unused tickets and vouchers of the order: none of its money is left.
    Unused,
}

/// A change of a refund task, in the same write as its order. The number is the payment's index in
/// the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskChange {
    /// The task is opened, as [`RefundTask::of`](crate::refund_task::RefundTask::of) makes it of
    /// the order.
    Open(u8),
    /// The task is closed: done, or tried again by a worker. It need not exist.
    Close(u8),
}

impl Change {
    /// A change that carries one message, and nothing else.
    pub fn with_message(outbox: Outbox) -> Self {
        Self { outbox: Some(outbox), ..Self::default() }
    }
}

impl Order {
    /// The tickets and vouchers that are not refunded. Whether they were used is not in the order.
    pub fn valid_parts(&self) -> Vec<OrderPart> {
        let tickets = self.tickets().filter(|ticket| !ticket.refunded).map(|ticket| ticket.id.into());
        let vouchers = self.vouchers().filter(|voucher| !voucher.refunded).map(|voucher| voucher.id.into());
        tickets.chain(vouchers).collect()
    }

    /// The order and the message as they are written for a change that revokes `revoked`: with the
    /// next version.
    pub fn written(&self, change: &Change, revoked: &[OrderPart]) -> (Self, Option<Outbox>) {
        let mut order = self.clone();
        order.0.version += 1;
        if change.revokes == Revocation::Unused {
            order.revoke(revoked);
        }
        let loss = TicketLoss { revoked: !revoked.is_empty(), uncovered: order.uncovered() };
        (order, change.outbox.clone().map(|outbox| outbox.with_loss(loss)))
    }
}
