//! From which orders their buyers can withdraw, by the refund policies that they accepted.

use std::sync::Arc;
use std::time::Duration;

use domain::event::Event;
use domain::order::Order;
use domain::policy::{Law, Policy, PolicyKind};
use domain::user::Email;
use domain::{OrderId, Result, TenantId, Timestamp};
use store::{Cache, EventCache, Fingerprints, SOLD_MILLIS, Store};

/// How long a version of a policy is cached, which never changes, in milliseconds.
const KEPT_MILLIS: i64 = 600_000;

/// The age of the oldest orders from which somebody could withdraw: no law gives more than ten days or
/// five working days, with all holidays between them.
const WITHDRAWN_WITHIN: Duration = Duration::from_secs(40 * 24 * 3600);

/// The most orders of an address that are found; a mail with more would not be read.
const MOST: usize = 20;

/// An order from which its buyer can withdraw.
#[derive(Debug, Clone, PartialEq)]
pub struct WithdrawableOrder {
    /// The order.
    pub order: Order,
    /// The show.
    pub event: Event,
    /// Until when.
    pub until: Timestamp,
}

/// The rights of buyers to withdraw; clones share the caches.
#[derive(Clone, Debug)]
pub struct Withdrawals {
    store: Store,
    events: EventCache,
    refund_policies: Arc<Cache<(TenantId, u16), Policy>>,
}

impl Withdrawals {
    /// The rights by the orders and policies in the table of `store`.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            events: EventCache::new(64, SOLD_MILLIS),
            refund_policies: Arc::new(Cache::new(64, KEPT_MILLIS)),
        }
    }

    /// Until when the buyer can withdraw from an order at `now`; `None` if that is not possible.
    pub async fn withdrawable_until(
        &self,
        order: &Order,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        if order.own_parts().is_empty() {
            return Ok(None);
        }
        let until = order.withdraw_until(self.right_of(order, now).await?, event);
        Ok(until.filter(|until| now < *until))
    }

    /// The orders made with this address, as a guest or by its account, from which their buyer can
    /// withdraw; with `only`, at most that one. The latest first.
    pub async fn withdrawable_orders(
        &self,
        fingerprints: &Fingerprints,
        email: &Email,
        only: Option<OrderId>,
        now: Timestamp,
    ) -> Result<Vec<WithdrawableOrder>> {
        let account = self.store.user_by_email(fingerprints, email).await?.map(|user| user.id);
        let mut orders = Vec::new();
        for user in [fingerprints.guest(email)].into_iter().chain(account) {
            orders.extend(self.store.orders_since(user, now - WITHDRAWN_WITHIN).await?);
        }
        orders
            .retain(|order| only.is_none_or(|only| order.id == only) && order.buyer.email == email.as_str());
        orders.sort_by_key(|order| std::cmp::Reverse(order.id));
        let mut found = Vec::new();
        for order in orders {
            let Some(sheet) = self.events.get(&self.store, order.event, now).await? else { continue };
            if let Some(until) = self.withdrawable_until(&order, &sheet.event, now).await? {
                found.push(WithdrawableOrder { order, event: sheet.event.clone(), until });
            }
            if found.len() == MOST {
                break;
            }
        }
        Ok(found)
    }

    /// The right to withdraw that the refund policy gives which the buyer accepted.
    pub(crate) async fn right_of(&self, order: &Order, now: Timestamp) -> Result<Option<Law>> {
        let Some(accepted) = order.accepted.filter(|accepted| accepted.versions.refunds > 0) else {
            return Ok(None);
        };
        let (tenant, version) = (order.tenant, accepted.versions.refunds);
        let read =
            || async move { Ok(self.store.policy_version(tenant, PolicyKind::Refunds, version).await?) };
        let policy = self.refund_policies.get((tenant, version), now, read).await?;
        Ok(policy.and_then(|policy| policy.text.withdrawal))
    }
}
