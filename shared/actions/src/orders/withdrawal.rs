//! A buyer withdraws from a purchase.

use domain::order::Order;
use domain::purchaser::OrderAccess;
use domain::{Error, OrderId, Result, Timestamp};
use store::{Failure, GateError};

use super::Orders;

/// How often a withdrawal is tried while doors and other requests change the order's tickets.
const ATTEMPTS: usize = 8;

impl Orders {
    /// Gives the order's tickets and vouchers back that were neither used nor handed on, if the refund policy that the
    /// buyer accepted names a right to. Safe to repeat.
    ///
    /// # Errors
    /// `reservation_not_found`, `order_link_invalid`, `order_link_over`, `event_not_found`, `no_withdrawal`,
    /// `withdrawal_over`, `nothing_to_refund`; `changed_meanwhile` if others are faster every time.
    pub async fn withdraw(&self, access: &OrderAccess, id: OrderId, now: Timestamp) -> Result<Order> {
        for _ in 0..ATTEMPTS {
            let mut order = self.own(access, id, now).await?;
            let event = self.event(order.event, now).await?;
            let unused = self.store.unused_parts(order.event, &order.own_parts()).await?;
            if unused.is_empty() && order.withdrawn_at.is_some() {
                return Ok(order);
            }
            order.check_withdrawal(self.withdrawals.right_of(&order, now).await?, &event.event, now)?;
            let change = order.withdraw(&unused, now)?;
            match self.store.save_order(&order, &change, now).await {
                Ok(order) => return Ok(order),
                // A door let a holder in meanwhile, a bar handed something out, or another request changed the order.
                Err(GateError::Closed(_) | GateError::Failure(Failure::Refused(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::changed_meanwhile())
    }
}
