//! A buyer's own orders: holding places, and looking at what was ordered.

mod digest;
mod guest;
mod hold;
mod policies;
mod withdrawal;

use std::sync::Arc;
use std::time::Duration;

use domain::event::{Event, event_not_found};
use domain::order::Order;
use domain::pricing::Quote;
use domain::product::find_variant;
use domain::purchaser::{OrderAccess, Purchaser};
use domain::tenant::Tenant;
use domain::{Error, EventId, OrderId, Result, TenantId, Timestamp, UserId};
use futures::future::try_join_all;
use store::{Cache, EventCache, Listing, ON_SALE_MILLIS, SeatingCache, Store, StoredEvent, StoredProducts};

use crate::merged::merged;
use crate::opening::{order_of_link, order_of_person};
use crate::{QuoteKey, Withdrawals};

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
    withdrawals: Withdrawals,
    seatings: SeatingCache,
    products: Arc<Cache<TenantId, StoredProducts>>,
}

impl Orders {
    /// The orders in the table of `store`, of quotes that `quote_key` seals.
    pub fn new(store: &Store, quote_key: QuoteKey) -> Self {
        Self {
            store: store.clone(),
            quote_key,
            events: EventCache::new(256, ON_SALE_MILLIS),
            tenants: Arc::new(Cache::new(256, POLICIES_MILLIS)),
            withdrawals: Withdrawals::new(store),
            seatings: SeatingCache::default(),
            products: Arc::new(Cache::new(64, ON_SALE_MILLIS)),
        }
    }

    /// The products that the organiser has for all events, cached for some seconds; `None` if the quote
    /// has none of them.
    async fn other_products(
        &self,
        quote: &Quote,
        event: &StoredEvent,
        now: Timestamp,
    ) -> Result<Option<Arc<StoredProducts>>> {
        if quote.extras.iter().all(|extra| find_variant(&event.products, extra.variant_id).is_some()) {
            return Ok(None);
        }
        let tenant = quote.tenant_id;
        let read = || async move { Ok(Some(self.store.tenant_products(tenant, false).await?)) };
        self.products.get(tenant, now, read).await
    }

    /// Until when the buyer can withdraw from an order at `now`; `None` if that is not possible.
    pub async fn withdraw_until(
        &self,
        order: &Order,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        self.withdrawals.withdrawable_until(order, event, now).await
    }

    /// An event with its areas and stages, cached for some seconds.
    ///
    /// # Errors
    /// `event_not_found`.
    pub async fn event(&self, event: EventId, now: Timestamp) -> Result<Arc<StoredEvent>> {
        self.events.get(&self.store, event, now).await?.ok_or_else(event_not_found)
    }

    /// The order with this id, if the caller has it: it is the caller's own, or the link opens it.
    ///
    /// # Errors
    /// `reservation_not_found`, also of other buyers' orders; `order_link_invalid` and
    /// `order_link_over`.
    pub async fn own(&self, access: &OrderAccess, id: OrderId, now: Timestamp) -> Result<Order> {
        if let Some(person) = &access.purchaser
            && let Some(order) = order_of_person(&self.store, person, id).await?
        {
            return Ok(order);
        }
        if let Some(link) = access.link
            && let Some(order) = order_of_link(&self.store, link, id).await?
        {
            let sheet = self.events.get(&self.store, order.event, now).await?;
            link.opens(&order, sheet.as_deref().map(|sheet| &sheet.event), now)?;
            return Ok(order);
        }
        Err(Error::not_found("reservation_not_found", "You have no such reservation."))
    }

    /// The buyer's orders, also those as a guest, the latest first, each with its event; `None` for an
    /// event that was deleted, which can only happen to events without sales.
    pub async fn list(
        &self,
        buyer: &Purchaser,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Listing<(Order, Option<Arc<StoredEvent>>)>> {
        let page = all_orders(&self.store, buyer, after, limit).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for order in page.items {
            let event = self.event(order.event, now).await.ok();
            items.push((order, event));
        }
        Ok(Listing { items, last: page.last })
    }

    /// Checks that the idempotency key of a payment belongs to none of the other orders of `buyer`.
    ///
    /// # Errors
    /// `idempotency_key_reused`.
    pub async fn check_key_of_payment(
        &self,
        buyer: UserId,
        digest: &RequestDigest,
        now: Timestamp,
    ) -> Result<()> {
        let orders = self.store.orders_since(buyer, now - REMEMBERED).await?;
        let payments = orders.iter().flat_map(|order| &order.payments);
        for kept in payments.filter_map(|payment| payment.idempotency.as_ref()) {
            digest.repeats(kept)?;
        }
        Ok(())
    }
}

/// A page of the orders under all user ids of a person, the latest first.
pub(crate) async fn all_orders(
    store: &Store,
    person: &Purchaser,
    after: Option<&str>,
    limit: u16,
) -> Result<Listing<Order>> {
    let pages = try_join_all(person.ids().map(|user| store.orders(user, after, limit))).await?;
    Ok(merged(pages, limit, Store::after_order))
}
