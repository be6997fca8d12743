//! Refund tasks as an organiser sees them.

use domain::payment::{GatewayName, ManualReason};
use domain::refund_task::{ClosedRefundTask, RefundTask, TaskOutcome};
use domain::{EventId, GatewayAccountId, OrderId, Person, TenantId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use web::MoneyView;

/// Money that a person has to give back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefundTask")]
pub(crate) struct TaskView {
    /// The organiser.
    tenant_id: TenantId,
    /// The order.
    order_id: OrderId,
    /// The place of the payment in the order, from 0; with the order it names the task.
    payment: u8,
    /// The event.
    event_id: EventId,
    /// The buyer's account.
    user_id: UserId,
    /// The buyer, to whom the money goes.
    buyer: Person,
    /// Where it was paid.
    gateway: GatewayName,
    /// With which account of the organiser; none at the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<GatewayAccountId>,
    /// The gateway's id of the payment.
    payment_id: String,
    /// How much goes back.
    amount: MoneyView,
    /// Why the gateway does not do it by itself.
    reason: ManualReason,
    /// Since when it waits.
    since: Timestamp,
    /// When the organiser was reminded of it last.
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// What a person did about a refund task.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClosedRefundTask")]
pub(crate) struct ClosedTaskView {
    /// The task as it was.
    task: TaskView,
    /// What became of it.
    outcome: TaskOutcome,
    /// What the person says about it; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The person.
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
