//! Refunds that wait for a person. Each stands on the order's payment and, for the
//! organiser's list, as an item of its own; one transaction writes both.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::order::Order;
use domain::refund_task::RefundTask;
use domain::{OrderId, TenantId, Timestamp};

use crate::items::{string, to_item};
use crate::{Failure, Listing, Store, keys};

/// What becomes of a refund task in the same write as its order. Named by the place of
/// the payment in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskChange {
    /// It is there from now on, as [`RefundTask::of`] the order says.
    Open(u8),
    /// It is done, or tried again; one that does not exist, too.
    Close(u8),
}

impl Store {
    /// Replaces an order as [`Store::update_order`] does, and its refund tasks with it:
    /// both or nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`] if somebody else changed the order.
    pub async fn update_order_with(
        &self,
        order: &Order,
        outbox: Option<String>,
        tasks: &[TaskChange],
    ) -> Result<(), Failure> {
        if tasks.is_empty() {
            return self.update_order(order, outbox).await;
        }
        let mut writes = vec![self.update_order_part(order, outbox)?];
        writes.extend(self.task_parts(order, tasks)?);
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

    /// The parts of a transaction that change the tasks of an order.
    pub(crate) fn task_parts(
        &self,
        order: &Order,
        tasks: &[TaskChange],
    ) -> Result<Vec<TransactWriteItem>, Failure> {
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
    pub(crate) fn open_part(&self, task: &RefundTask) -> Result<TransactWriteItem, Failure> {
        let mut item = to_item(&keys::refund_task(task.tenant_id, task.order_id, task.payment), task)?;
        item.insert("GSI1PK".to_owned(), string(keys::REFUND_TASKS));
        item.insert("GSI1SK".to_owned(), string(keys::refund_task_place(task)));
        let put = Put::builder().table_name(&*self.table).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(Failure::unreadable)?).build())
    }

    /// A page of the tenant's open refund tasks, those of the oldest orders first.
    pub async fn refund_tasks(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<RefundTask>, Failure> {
        self.list(&keys::tenant_partition(tenant), keys::REFUND_TASK_PREFIX, after, limit, false).await
    }

    /// An open refund task, as it is now.
    pub async fn refund_task(
        &self,
        tenant: TenantId,
        order: OrderId,
        payment: u8,
    ) -> Result<Option<RefundTask>, Failure> {
        self.get_consistent(&keys::refund_task(tenant, order, payment)).await
    }

    /// Notes that the organiser is being reminded of a task at `now`. `outbox` says what
    /// must happen because of it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is closed, or somebody else reminded since it was read.
    pub async fn remind_of_refund_task(
        &self,
        task: &RefundTask,
        outbox: Option<String>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // An outbox of an earlier reminder would be carried out again.
        let ob = if outbox.is_some() { ", ob = :ob" } else { " REMOVE ob" };
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::refund_task(task.tenant_id, task.order_id, task.payment).attributes()))
            .update_expression(format!("SET reminded_at = :now{ob}"))
            .expression_attribute_values(":now", string(now.to_string()));
        let update = match outbox {
            Some(outbox) => update.expression_attribute_values(":ob", string(outbox)),
            None => update,
        };
        let update = match task.reminded_at {
            None => update.condition_expression("attribute_exists(PK) AND attribute_not_exists(reminded_at)"),
            Some(before) => update
                .condition_expression("reminded_at = :before")
                .expression_attribute_values(":before", string(before.to_string())),
        };
        match update.send().await.map_err(Failure::from) {
            Err(refused @ Failure::Refused(_)) => {
                // As above: refused by its own success.
                let key = keys::refund_task(task.tenant_id, task.order_id, task.payment);
                let current: Option<RefundTask> = self.get_consistent(&key).await?;
                if current.is_some_and(|current| current.reminded_at == Some(now)) {
                    Ok(())
                } else {
                    Err(refused)
                }
            }
            other => other.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
