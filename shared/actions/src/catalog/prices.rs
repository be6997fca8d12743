//! Shows with the price of their cheapest ticket.

use domain::event::EventSummary;
use domain::pricing::price_from;
use domain::{Amount, EventId, Result, Timestamp};
use futures::future::join_all;
use store::StoredEvent;

use super::Catalog;

/// The shows of a list that are priced concurrently.
const PRICED_AT_ONCE: usize = 12;

/// A show with the current total price of a ticket in its cheapest area.
///
/// That area may be sold out: the places left would cost more reads than the prices.
#[derive(Debug, Clone, Copy)]
pub struct PricedShow<'a> {
    /// The show.
    pub show: &'a EventSummary,
    /// The price in minor units; `None` if nothing is sold here, or if it cannot be computed.
    pub price_from: Option<i64>,
}

impl PricedShow<'_> {
    /// The price in the show's currency.
    pub fn amount(&self) -> Option<Amount> {
        self.price_from.map(|price| Amount::of(price, self.show.currency))
    }
}

impl Catalog {
    /// The shows with the current total price of their cheapest ticket. A show whose price
    /// cannot be computed is listed without it: it must not hide the others.
    pub async fn priced<'a>(
        &self,
        shows: impl IntoIterator<Item = &'a EventSummary>,
        now: Timestamp,
    ) -> Vec<PricedShow<'a>> {
        let shows: Vec<&EventSummary> = shows.into_iter().collect();
        let mut priced = Vec::with_capacity(shows.len());
        for some in shows.chunks(PRICED_AT_ONCE) {
            let some = some.iter().map(|show| async move {
                PricedShow { show, price_from: or_log(show.id, self.price_of_listed(show, now).await) }
            });
            priced.extend(join_all(some).await);
        }
        priced
    }

    /// The current total price of an event's cheapest ticket, in minor units. `None` if nothing is
    /// sold here, or if it cannot be computed.
    pub async fn price_from(&self, event: &StoredEvent, now: Timestamp) -> Option<i64> {
        or_log(event.event.id, self.lowest_price(event, now).await)
    }

    async fn price_of_listed(&self, show: &EventSummary, now: Timestamp) -> Result<Option<i64>> {
        if show.price_from.is_none() || show.ticketing_link.is_some() {
            return Ok(None);
        }
        let read = || async move {
            // Not cached in `events`: a long list would push out the events that buyers look at.
            match self.store.priced_event(show.id).await? {
                Some(event) => self.lowest_price(&event, now).await.map(Some),
                // The event was deleted after the list was read.
                None => Ok(Some(None)),
            }
        };
        let price = self.caches.prices.get(show.id, now, read).await?;
        Ok(price.and_then(|price| *price))
    }

    pub(super) async fn lowest_price(&self, event: &StoredEvent, now: Timestamp) -> Result<Option<i64>> {
        if event.event.ticketing_link.is_some() {
            return Ok(None);
        }
        let stages_left = self.stages_left(event, now).await?;
        price_from(&event.event, &event.areas, &stages_left.offers(&event.stages), now)
    }
}

/// A price, if it could be computed. If not, the error is logged, and buyers get it when they
/// ask for a quote.
pub(super) fn or_log(event: EventId, price: Result<Option<i64>>) -> Option<i64> {
    price.unwrap_or_else(|error| {
        tracing::warn!(%event, %error, "a show stands in lists without its price");
        None
    })
}
