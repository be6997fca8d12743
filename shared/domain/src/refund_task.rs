//! Refunds that a person has to do at the gateway, as the organiser's list has them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::{Order, RefundProgress};
use crate::payment::{GatewayName, ManualReason};
use crate::{EventId, GatewayAccountId, Money, OrderId, Person, TenantId, UserId};

/// Money that a person has to give back. It exists exactly as long as the payment in
/// the order says so ([`RefundProgress::Manual`]): both are always written together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundTask {
    /// The organiser.
    pub tenant_id: TenantId,
    /// The order.
    pub order_id: OrderId,
    /// The place of the payment in the order, from 0; with the order it names the task.
    pub payment: u8,
    /// The event.
    pub event_id: EventId,
    /// Who bought.
    pub user_id: UserId,
    /// Who gets the money.
    pub buyer: Person,
    /// Where it was paid.
    pub gateway: GatewayName,
    /// With which account of the organiser; none at the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<GatewayAccountId>,
    /// The gateway's id of the payment.
    pub payment_id: String,
    /// How much goes back.
    pub amount: Money,
    /// Why the gateway does not do it by itself.
    pub reason: ManualReason,
    /// Since when it waits.
    pub since: Timestamp,
    /// When the organiser was reminded of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<Timestamp>,
}

/// What a person did about a refund task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedRefundTask {
    /// The task as it was.
    pub task: RefundTask,
    /// What became of it.
    pub outcome: TaskOutcome,
    /// What the person says about it; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who it was.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// What becomes of a refund task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    /// A person gave the money back.
    Done,
    /// The gateway is asked again.
    TriedAgain,
}

impl RefundTask {
    /// The task that the payment at `place` of an order is; `None` if it needs no person.
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
