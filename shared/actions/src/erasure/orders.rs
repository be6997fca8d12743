//! Forgetting the buyer of orders, and what stands beside them.

use std::collections::BTreeSet;

use domain::erasure::{Erasure, WaitingOrder};
use domain::order::Order;
use domain::{Result, Timestamp, UserId};

use super::{ErasureProgress, Erasures, PAGE};

enum Outcome {
    Forgotten,
    Waits(WaitingOrder),
    Changed,
}

impl Erasures {
    /// Forgets the buyer of the orders under `id`, and what stands beside them.
    pub(super) async fn forget_orders(
        &self,
        erasure: &Erasure,
        id: UserId,
        now: Timestamp,
        progress: &mut ErasureProgress,
    ) -> Result<()> {
        let (mut after, mut kept) = (None, BTreeSet::new());
        loop {
            let page = self.store.orders(id, after.as_deref(), PAGE).await?;
            for order in page.items.into_iter().filter(|order| !order.is_forgotten()) {
                let order_id = order.id;
                if !erasure.covers(&order) {
                    kept.insert(order_id);
                    continue;
                }
                match self.forget_order(order, now).await? {
                    // Somebody may just be writing beside it: the next pass looks once more.
                    Outcome::Forgotten => progress.again = true,
                    Outcome::Waits(waiting) => {
                        kept.insert(order_id);
                        progress.waiting.push(waiting);
                    }
                    Outcome::Changed => {
                        kept.insert(order_id);
                        progress.again = true;
                    }
                }
            }
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        for order in self.store.orders_with_more(id).await? {
            if !kept.contains(&order) {
                self.store.forget_billing(id, order).await?;
                self.store.forget_extra_attributes(id, order).await?;
            }
        }
        Ok(())
    }

    async fn forget_order(&self, mut order: Order, now: Timestamp) -> Result<Outcome> {
        // A hold that nobody was sent to pay for is given back; what is being paid is decided first.
        if order.is_payable() && order.payments.is_empty() {
            let change = order.cancel(now)?;
            match self.store.save_order(&order, &change, now).await {
                Ok(saved) => order = saved,
                Err(_) => return Ok(Outcome::Changed),
            }
            self.store.release_holdings(&order).await?;
        }
        let event = self.store.event_of_order(order.event).await?;
        if let Some(waits_for) = order.waits_for(event.as_ref(), now) {
            return Ok(Outcome::Waits(WaitingOrder { order: order.id, waits_for }));
        }
        self.forget_closed_tasks(&order, now).await?;
        let change = order.forget_buyer();
        Ok(match self.store.save_order(&order, &change, now).await {
            Ok(_) => Outcome::Forgotten,
            Err(_) => Outcome::Changed,
        })
    }

    /// Empties what organisers keep of refunds that a person made, and what their log says of these.
    async fn forget_closed_tasks(&self, order: &Order, now: Timestamp) -> Result<()> {
        let mut tasks = Vec::new();
        for payment in (0..).take(order.payments.len()) {
            let closed = self.store.closed_refund_task(order.tenant, order.id, payment).await?;
            tasks.extend(closed.filter(|closed| !closed.task.buyer.email.is_empty()));
        }
        if !tasks.is_empty() {
            // The log first: it is found by the tasks.
            let (since, subject) = (order.id.created_at(), order.id.to_string());
            self.redact_log(order.tenant, since, now, &[subject], &order.buyer.email).await?;
        }
        for closed in &tasks {
            self.store.forget_closed_refund_task(closed).await?;
        }
        Ok(())
    }
}
