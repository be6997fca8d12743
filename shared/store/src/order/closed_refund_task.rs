//! Closed refund tasks: the last one of each payment, so that a repeated request gets the same answer.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::AuditNote;
use domain::order::{Change, Order};
use domain::refund_task::ClosedRefundTask;
use domain::{OrderId, Person, TenantId};

use crate::items::{Part, to_item};
use crate::tenant::audit::noted;
use crate::user::link::with_ttl;
use crate::{Failure, GateError, Result, Store, keys};

/// How long a closed task is kept: longer than a request is repeated, or an organiser asks who did it.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// The buyer of a task whose buyer's data was erased.
fn nobody() -> Result<AttributeValue> {
    let person = Person { email: String::new(), name: String::new() };
    serde_dynamo::to_attribute_value(person).map_err(Failure::unreadable)
}

impl Store {
    /// Closes a task for a person: the changed order, the task and what the person did, all or nothing.
    ///
    /// # Errors
    /// As [`Store::save_order`].
    pub async fn close_refund_task(
        &self,
        order: &Order,
        change: &Change,
        closed: &ClosedRefundTask,
        note: &AuditNote,
    ) -> Result<(), GateError> {
        let key = keys::closed_refund_task(order.tenant, order.id, closed.task.payment);
        let mut item = with_ttl(to_item(&key, closed)?, closed.at + KEPT);
        item.extend([noted(note)?]);
        let put = self.putting(item).part()?;
        self.save_order_with(order, change, vec![put], closed.at).await.map(drop)
    }

    /// The refund task of a payment that a person closed last, read consistently.
    pub async fn closed_refund_task(
        &self,
        tenant: TenantId,
        order: OrderId,
        payment: u8,
    ) -> Result<Option<ClosedRefundTask>> {
        self.get_consistent(&keys::closed_refund_task(tenant, order, payment)).await
    }

    /// Empties a closed task of its buyer, and of the note about what was done for the buyer. Who closed it
    /// and when stays; nothing of this is a change for the audit log.
    pub async fn forget_closed_refund_task(&self, closed: &ClosedRefundTask) -> Result<()> {
        let ClosedRefundTask { task, .. } = closed;
        self.update_of(&keys::closed_refund_task(task.tenant_id, task.order_id, task.payment))
            .update_expression("SET #task.#buyer = :nobody REMOVE #note")
            .expression_attribute_names("#task", "task")
            .expression_attribute_names("#buyer", "buyer")
            .expression_attribute_names("#note", "note")
            .expression_attribute_values(":nobody", nobody()?)
            .send()
            .await?;
        Ok(())
    }
}
