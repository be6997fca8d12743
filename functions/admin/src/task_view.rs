//! Refund tasks as an organiser sees them.

use domain::payment::{GatewayName, ManualReason};
use domain::refund_task::{ClosedRefundTask, RefundTask, TaskOutcome};
use domain::{EventId, GatewayAccountId, OrderId, Person, TenantId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use web::MoneyView;

/// A refund that a person has to do, because the gateway did not.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundTask")]
pub(crate) struct TaskView {
    /// The organiser's id.
    tenant_id: TenantId,
    /// The order's id.
    order_id: OrderId,
    /// Index of the payment in the order, from 0; with the order it identifies the task.
    payment: u8,
    /// The event's id.
    event_id: EventId,
    /// The buyer's user id.
    user_id: UserId,
    /// The buyer, who gets the money.
    buyer: Person,
    /// The gateway at which the payment was made.
    gateway: GatewayName,
    /// The organiser's account at the gateway; absent for the sandbox.
    account_id: Option<GatewayAccountId>,
    /// The gateway's id of the payment, to find it in the gateway's panel.
    payment_id: String,
    /// The amount to give back, which can be less than the payment.
    amount: MoneyView,
    /// Why the gateway did not do it.
    reason: ManualReason,
    /// When the task was opened; send it when you close the task.
    since: Timestamp,
    /// When the organiser last got a reminder by mail.
    reminded_at: Option<Timestamp>,
}

impl From<RefundTask> for TaskView {
    fn from(task: RefundTask) -> Self {
        Self {
            tenant_id: task.tenant_id,
            order_id: task.order_id,
            payment: task.payment,
            event_id: task.event_id,
            user_id: task.user_id,
            buyer: task.buyer,
            gateway: task.gateway,
            account_id: task.account_id,
            payment_id: task.payment_id,
            amount: task.amount.into(),
            reason: task.reason,
            since: task.since,
            reminded_at: task.reminded_at,
        }
    }
}

/// A refund task that an admin closed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClosedRefundTask")]
pub(crate) struct ClosedTaskView {
    /// The task as it was when it was closed.
    task: TaskView,
    /// How it was closed.
    outcome: TaskOutcome,
    /// The admin's note; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The admin's user id.
    by: UserId,
    /// When it was closed.
    at: Timestamp,
}

impl From<ClosedRefundTask> for ClosedTaskView {
    fn from(closed: ClosedRefundTask) -> Self {
        Self {
            task: closed.task.into(),
            outcome: closed.outcome,
            note: closed.note,
            by: closed.by,
            at: closed.at,
        }
    }
}
