//! The pages of series: their dates with prices and what is left.

use std::sync::Arc;

use domain::event::EventSummary;
use domain::series::{Series, SeriesDate, series_not_found};
use domain::tenant::Tenant;
use domain::{Result, SeriesId, Timestamp};
use futures::future::try_join_all;
use store::StoredEvent;

use super::prices::or_log;
use super::{Catalog, PricedShow, may_be_slug};

/// The dates of a series that are read concurrently.
const READ_AT_ONCE: usize = 12;

/// A series as everybody sees it.
#[derive(Debug)]
pub struct SeriesPage {
    /// The series.
    pub series: Arc<Series>,
    /// Its organiser.
    pub organizer: Arc<Tenant>,
    /// Its listed dates that are not over, by their start; none of a suspended organiser.
    pub dates: Arc<Vec<DateOffer>>,
}

/// A date of a series with its price and the places that it has left.
#[derive(Debug, Clone)]
pub struct DateOffer {
    show: EventSummary,
    price_from: Option<i64>,
    /// The tickets left and the capacity, of all areas together; `None` if nothing is sold here now.
    pub left: Option<(u32, u32)>,
}

impl DateOffer {
    /// The date with the current total price of a ticket in its cheapest area.
    pub fn priced(&self) -> PricedShow<'_> {
        PricedShow { show: &self.show, price_from: self.price_from }
    }
}

impl Catalog {
    /// The series with this slug, once a date of it was listed.
    ///
    /// # Errors
    /// `series_not_found`.
    pub async fn series_page(&self, slug: &str, now: Timestamp) -> Result<SeriesPage> {
        if !may_be_slug(slug) {
            return Err(series_not_found());
        }
        let read = || async move { Ok(self.store.series_by_slug(slug).await?) };
        let claim = self.caches.series_slugs.get(slug.to_owned(), now, read).await?;
        let (tenant, id) = *claim.ok_or_else(series_not_found)?;
        let read = || async move { Ok(self.store.public_series(tenant, id).await?) };
        let series = self.caches.series.get(id, now, read).await?.ok_or_else(series_not_found)?;
        let read = || self.read_dates(id, now);
        let dates = self.caches.dates.get(id, now, read).await?.ok_or_else(series_not_found)?;
        let organizer = self.organizer_of(tenant, now).await?;
        let dates = if organizer.suspended.is_some() { Arc::default() } else { dates };
        Ok(SeriesPage { series, organizer, dates })
    }

    /// The series of which a published event is a date, if it is one.
    pub async fn series_of_event(&self, event: &StoredEvent, now: Timestamp) -> Result<Option<Arc<Series>>> {
        let (tenant, Some(id)) = (event.event.tenant_id, event.event.series_id) else { return Ok(None) };
        let read = || async move { Ok(self.store.public_series(tenant, id).await?) };
        self.caches.series.get(id, now, read).await
    }

    /// The listed dates that are not over; `None` if there never was one: nobody may learn of a series
    /// that is still being prepared.
    async fn read_dates(&self, series: SeriesId, now: Timestamp) -> Result<Option<Vec<DateOffer>>> {
        let mut dates = self.store.series_dates(series).await?;
        dates.retain(|date| date.listed);
        if dates.is_empty() {
            return Ok(None);
        }
        dates.retain(|date| now < date.ends_at);
        let mut offers = Vec::with_capacity(dates.len());
        for some in dates.chunks(READ_AT_ONCE) {
            let some = try_join_all(some.iter().map(|date| self.date_offer(date, now))).await?;
            offers.extend(some.into_iter().flatten());
        }
        Ok(Some(offers))
    }

    async fn date_offer(&self, date: &SeriesDate, now: Timestamp) -> Result<Option<DateOffer>> {
        // Not cached in `events`: a long series would push out the events that buyers look at.
        let Some(event) = self.store.priced_event(date.event_id).await? else { return Ok(None) };
        if !event.event.is_listed() {
            return Ok(None);
        }
        let left = match event.event.on_sale(now) {
            Ok(()) => {
                let places = self.places(&event, now).await?;
                let left = places.iter().map(|(_, left)| *left).fold(0, u32::saturating_add);
                Some((left, event.areas.iter().map(|area| area.capacity).fold(0, u32::saturating_add)))
            }
            Err(_) => None,
        };
        let price_from = or_log(date.event_id, self.lowest_price(&event, now).await);
        Ok(Some(DateOffer { show: EventSummary::new(&event.event, event.price_from()), price_from, left }))
    }
}
