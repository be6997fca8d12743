//! Refund tasks: refunds that a person has to make at the gateway.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::{Order, RefundProgress};
use crate::payment::{GatewayName, ManualReason};
use crate::{EventId, GatewayAccountId, Money, OrderId, Person, TenantId, UserId};

/// A refund that a person has to make. It exists exactly as long as the payment in the order says
/// so ([`RefundProgress::Manual`]): both are always written together.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundTask {
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The order of the payment.
    pub order_id: OrderId,
    /// The index of the payment in the order, from 0; with the order it names the task.
    pub payment: u8,
    /// The event of the order.
    pub event_id: EventId,
    /// The buyer's user id.
    pub user_id: UserId,
    /// The buyer, who gets the money.
    pub buyer: Person,
    /// The gateway where it was paid.
    pub gateway: GatewayName,
    /// The account of the organiser with which it was paid; none at the sandbox.
    pub account_id: Option<GatewayAccountId>,
    /// The gateway's id of the payment.
    pub payment_id: String,
    /// The amount to give back.
    pub amount: Money,
    /// The reason why the gateway does not do it by itself.
    pub reason: ManualReason,
    /// When it was left to a person.
    pub since: Timestamp,
    /// When the organiser was last reminded of it.
    pub reminded_at: Option<Timestamp>,
}

/// A refund task that a person closed, with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedRefundTask {
    /// The task as it was.
    pub task: RefundTask,
    /// The outcome of the task.
    pub outcome: TaskOutcome,
    /// The person's note; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The person who closed it.
    pub by: UserId,
    /// When it was closed.
    pub at: Timestamp,
}

/// The outcome of a refund task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    /// A person gave the money back.
    Done,
    /// The gateway is asked again.
    TriedAgain,
}

impl RefundTask {
    /// The task of the payment at the index `place` of an order; `None` if it needs no person.
    pub fn of(order: &Order, place: u8) -> Option<Self> {
        let payment = order.payments.get(usize::from(place))?;
        let Some(RefundProgress::Manual { amount, reason, since }) = &payment.refund else { return None };
        Some(Self {
            tenant_id: order.tenant,
            order_id: order.id,
            payment: place,
            event_id: order.event,
            user_id: order.user,
            buyer: order.buyer.clone(),
            gateway: payment.gateway,
            account_id: payment.account,
            payment_id: payment.payment_id.clone().unwrap_or_default(),
            amount: Money::new(*amount, order.currency),
            reason: *reason,
            since: *since,
            reminded_at: None,
        })
    }
}
