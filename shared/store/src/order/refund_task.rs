//! Refund tasks: refunds that wait for a person. Each is noted on the order's payment and, for the
//! organiser's list, is an item of its own; one transaction writes both.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::order::{Order, TaskChange};
use domain::outbox::Outbox;
use domain::refund_task::RefundTask;
use domain::{OrderId, TenantId, Timestamp};

use crate::failure::accept_if_written;
use crate::items::{OUTBOX, Part, carried, string, to_item};
use crate::{Failure, Listing, Result, Store, keys};

impl Store {
    /// The parts of a transaction that change the tasks of an order.
    pub(crate) fn task_parts(&self, order: &Order, tasks: &[TaskChange]) -> Result<Vec<TransactWriteItem>> {
        let key = |payment| keys::refund_task(order.tenant, order.id, payment);
        let part = |change: &TaskChange| match *change {
            TaskChange::Open(payment) => {
                let missing = || Failure::Fault(format!("payment {payment} of {} needs nobody", order.id));
                self.open_part(&RefundTask::of(order, payment).ok_or_else(missing)?)
            }
            TaskChange::Close(payment) => self.delete_part(&key(payment)),
        };
        tasks.iter().map(part).collect()
    }

    /// The part of a transaction that opens a task, with its entry in the sparse index.
    pub(crate) fn open_part(&self, task: &RefundTask) -> Result<TransactWriteItem> {
        let mut item = to_item(&keys::refund_task(task.tenant_id, task.order_id, task.payment), task)?;
        item.insert(keys::GSI1PK.to_owned(), string(keys::REFUND_TASKS));
        item.insert(keys::GSI1SK.to_owned(), string(keys::refund_task_place(task)));
        self.putting(item).part()
    }

    /// A page of the tenant's open refund tasks, those of the oldest orders first.
    pub async fn refund_tasks(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<RefundTask>> {
        self.list(&keys::tenant_partition(tenant), keys::REFUND_TASK_PREFIX, after, limit, false).await
    }

    /// An open refund task, read consistently.
    pub async fn refund_task(
        &self,
        tenant: TenantId,
        order: OrderId,
        payment: u8,
    ) -> Result<Option<RefundTask>> {
        self.get_consistent(&keys::refund_task(tenant, order, payment)).await
    }

    /// Notes that the organiser is being reminded of a task at `now`. `outbox` is what must happen
    /// because of it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the task is closed, or another reminder was noted since it was read.
    pub async fn remind_of_refund_task(
        &self,
        task: &RefundTask,
        outbox: Option<&Outbox>,
        now: Timestamp,
    ) -> Result<()> {
        // Without this, the outbox of an earlier reminder would be carried out again.
        let ob = if outbox.is_some() { ", ob = :ob" } else { " REMOVE ob" };
        let update = self
            .update_of(&keys::refund_task(task.tenant_id, task.order_id, task.payment))
            .update_expression(format!("SET reminded_at = :now{ob}"))
            .expression_attribute_values(":now", string(now.to_string()));
        let update = match carried(outbox)?.remove(OUTBOX) {
            Some(outbox) => update.expression_attribute_values(":ob", outbox),
            None => update,
        };
        let update = match task.reminded_at {
            None => update.condition_expression("attribute_exists(PK) AND attribute_not_exists(reminded_at)"),
            Some(before) => update
                .condition_expression("reminded_at = :before")
                .expression_attribute_values(":before", string(before.to_string())),
        };
        let sent = update.send().await.map(drop).map_err(Failure::from);
        let is_written = async {
            let current = self.refund_task(task.tenant_id, task.order_id, task.payment).await?;
            Ok(current.is_some_and(|current| current.reminded_at == Some(now)))
        };
        accept_if_written(sent, is_written).await
    }
}

#[cfg(test)]
mod tests;
