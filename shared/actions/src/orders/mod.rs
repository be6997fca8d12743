//! A buyer's own orders: holding places, and looking at what was ordered.

mod digest;
mod hold;
mod policies;

use std::sync::Arc;
use std::time::Duration;

use domain::access::Claims;
use domain::event::event_not_found;
use domain::order::Order;
use domain::tenant::Tenant;
use domain::{Error, EventId, OrderId, Result, TenantId, Timestamp};
use store::{Cache, EventCache, Listing, ON_SALE_MILLIS, Store, StoredEvent};

use crate::QuoteKey;

pub use digest::RequestDigest;
pub use hold::NewReservation;

/// The age of the oldest orders among which a repeated idempotency key is looked for.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How long it is cached which policies hold, in milliseconds: that long, one that held may be accepted.
const POLICIES_MILLIS: i64 = 5_000;

/// The orders of buyers; clones share the caches.
#[derive(Clone, Debug)]
pub struct Orders {
    store: Store,
    quote_key: QuoteKey,
    events: EventCache,
    tenants: Arc<Cache<TenantId, Tenant>>,
}

impl Orders {
    /// The orders in the table of `store`, of quotes that `quote_key` seals.
    pub fn new(store: &Store, quote_key: QuoteKey) -> Self {
        let tenants = Arc::new(Cache::new(256, POLICIES_MILLIS));
        Self { store: store.clone(), quote_key, events: EventCache::new(256, ON_SALE_MILLIS), tenants }
    }

    /// An event with its areas and stages, cached for some seconds.
    ///
    /// # Errors
    /// `event_not_found`.
    pub async fn event(&self, event: EventId, now: Timestamp) -> Result<Arc<StoredEvent>> {
        self.events.get(&self.store, event, now).await?.ok_or_else(event_not_found)
    }

    /// The buyer's order with this id.
    ///
    /// # Errors
    /// `reservation_not_found`, also of other buyers' orders.
    pub async fn own(&self, buyer: &Claims, id: OrderId) -> Result<Order> {
        let order = self.store.order(buyer.user, id).await?;
        order.ok_or_else(|| Error::not_found("reservation_not_found", "You have no such reservation."))
    }

    /// The buyer's orders, the latest first, each with its event; `None` for an event that was
    /// deleted, which can only happen to events without sales.
    pub async fn list(
        &self,
        buyer: &Claims,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Listing<(Order, Option<Arc<StoredEvent>>)>> {
        let page = self.store.orders(buyer.user, after, limit).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for order in page.items {
            let event = self.event(order.event, now).await.ok();
            items.push((order, event));
        }
        Ok(Listing { items, last: page.last })
    }

    /// Checks that the idempotency key of a payment belongs to none of the buyer's other orders.
    ///
    /// # Errors
    /// `idempotency_key_reused`.
    pub async fn check_key_of_payment(
        &self,
        buyer: &Claims,
        digest: &RequestDigest,
        now: Timestamp,
    ) -> Result<()> {
        let orders = self.store.orders_since(buyer.user, now - REMEMBERED).await?;
        let payments = orders.iter().flat_map(|order| &order.payments);
        for kept in payments.filter_map(|payment| payment.idempotency.as_ref()) {
            digest.repeats(kept)?;
        }
        Ok(())
    }
}
