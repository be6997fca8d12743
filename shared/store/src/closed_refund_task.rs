//! What people did about refund tasks: the last of it for each payment, so that a
//! repeated request hears the same.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::audit::AuditNote;
use domain::order::Order;
use domain::refund_task::ClosedRefundTask;
use domain::{OrderId, TenantId};

use crate::audit::noted;
use crate::items::to_item;
use crate::link::with_ttl;
use crate::{Failure, Store, TaskChange, keys};

/// How long it is kept: longer than anybody repeats a request, or asks who did it.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

impl Store {
    /// Closes a task for a person: the order as it is after that, its version counted
    /// up, the task and what the person did, all or nothing. `outbox` says what must
    /// happen because of it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if somebody else changed the order.
    pub async fn close_refund_task(
        &self,
        order: &Order,
        closed: &ClosedRefundTask,
        outbox: String,
        note: &AuditNote,
    ) -> Result<(), Failure> {
        let key = keys::closed_refund_task(order.tenant, order.id, closed.task.payment);
        let mut item = with_ttl(to_item(&key, closed)?, closed.at + KEPT);
        item.extend([noted(note)?]);
        let put = Put::builder().table_name(&*self.table).set_item(Some(item)).build();
        let mut writes = vec![
            self.update_order_part(order, Some(outbox))?,
            TransactWriteItem::builder().put(put.map_err(Failure::unreadable)?).build(),
        ];
        writes.extend(self.task_parts(order, &[TaskChange::Close(closed.task.payment)])?);
        match self.transact(writes).await {
            // After an unanswered write the client tries again and is refused by its
            // own success.
            Err(refused @ Failure::Refused(_)) => match self.order(order.user, order.id).await? {
                Some(current) if current == *order => Ok(()),
                _ => Err(refused),
            },
            other => other,
        }
    }

    /// What a person did last about the refund of a payment.
    pub async fn closed_refund_task(
        &self,
        tenant: TenantId,
        order: OrderId,
        payment: u8,
    ) -> Result<Option<ClosedRefundTask>, Failure> {
        self.get_consistent(&keys::closed_refund_task(tenant, order, payment)).await
    }
}
