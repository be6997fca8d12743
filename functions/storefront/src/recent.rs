//! The caches of what the routes read.
//!
//! The times are a promise to organisers: a change is public after a few seconds.

use std::sync::Arc;

use domain::event::EventSummary;
use domain::event::{Area, AreaKind, EventStatus, Tenant};
use domain::pricing::{Promotion, price_from};
use domain::search::{Entry, Index};
use domain::seat::SeatState;
use domain::{Amount, AreaId, Error, EventId, Result, TenantId, Timestamp};
use futures::future::{join_all, try_join_all};
use jiff::SignedDuration;
use store::RowState;
use store::{Cache, StagesLeft, StoredEvent};

use crate::State;

/// How long lists, events and prices are cached, in milliseconds.
const LISTED: i64 = 3_000;
/// How long remaining places and uses are cached, in milliseconds.
const LEFT: i64 = 2_000;
/// How long slugs and organisers, which hardly ever change, are cached, in milliseconds.
const STEADY: i64 = 60_000;

/// The most shows in the public list.
const MAX_SHOWS: usize = 5_000;
/// The shows of a list that are priced concurrently.
const PRICED_AT_ONCE: usize = 12;
/// The longest event: one that started longer ago is over.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The caches of one execution environment.
pub(crate) struct Caches {
    program: Cache<(), ShowList>,
    slugs: Cache<String, EventId>,
    sheets: Cache<EventId, StoredEvent>,
    tenants: Cache<TenantId, Tenant>,
    stages_left: Cache<EventId, StagesLeft>,
    places: Cache<EventId, Vec<Places>>,
    rows: Cache<(EventId, AreaId), Vec<RowState>>,
    promotions: Cache<(TenantId, String), (Promotion, Option<u32>)>,
    prices: Cache<EventId, Option<i64>>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            program: Cache::new(1, LISTED),
            slugs: Cache::new(2048, STEADY),
            sheets: Cache::new(128, LISTED),
            tenants: Cache::new(512, STEADY),
            stages_left: Cache::new(512, LEFT),
            places: Cache::new(256, LEFT),
            rows: Cache::new(64, LEFT),
            promotions: Cache::new(512, LEFT),
            prices: Cache::new(MAX_SHOWS, LISTED),
        }
    }
}

/// The fewest characters of an event's internal code that find it.
const MIN_CODE_CHARS: usize = 2;

/// The public list, with an index to search it.
pub(crate) struct ShowList {
    shows: Vec<EventSummary>,
    /// The search index; its ids are positions in `shows`.
    index: Index<usize>,
}

impl ShowList {
    pub(crate) fn new(shows: Vec<EventSummary>) -> Self {
        let index = Index::new(shows.iter().enumerate().map(|(place, show)| Entry {
            id: place,
            title: &show.name,
            artist: &show.artist,
            venue: &show.venue,
            city: &show.city,
        }));
        Self { shows, index }
    }

    /// The shows that are not over at `now`, by their start.
    pub(crate) fn upcoming(&self, now: Timestamp) -> impl Iterator<Item = &EventSummary> {
        self.shows.iter().filter(move |show| now < show.ends_at)
    }

    /// The shows that `query` may mean and that are not over, best first. Shows whose code
    /// begins with `query` come before all others.
    pub(crate) fn search(&self, query: &str, now: Timestamp) -> Vec<&EventSummary> {
        let typed = query.trim().to_ascii_lowercase();
        let has_code = |show: &EventSummary| {
            let code = show.code.as_deref().filter(|_| typed.len() >= MIN_CODE_CHARS);
            code.is_some_and(|code| code.to_ascii_lowercase().starts_with(&typed))
        };
        let found = self.index.search(query, self.shows.len());
        let found = found.into_iter().filter_map(|(place, _)| self.shows.get(place));
        let by_code = self.shows.iter().filter(|show| has_code(show));
        let shows = by_code.chain(found.filter(|show| !has_code(show)));
        shows.filter(|show| now < show.ends_at).collect()
    }
}

/// A show with the current total price of a ticket in its cheapest area, in minor units.
/// That area may be sold out: the places left would cost more reads than the prices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Priced<'a> {
    pub(crate) show: &'a EventSummary,
    pub(crate) price_from: Option<i64>,
}

impl Priced<'_> {
    pub(crate) fn amount(&self) -> Option<Amount> {
        self.price_from.map(|price| Amount::of(price, self.show.currency))
    }
}

/// The number of places that an area has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) area: AreaId,
    pub(crate) left: u32,
}

fn event_not_found() -> Error {
    Error::not_found("event_not_found", "There is no such event, or it is not on sale.")
}

impl State {
    /// The public list.
    pub(crate) async fn program(&self, now: Timestamp) -> Result<Arc<ShowList>> {
        let from = now.checked_sub(LONGEST).unwrap_or(Timestamp::MIN);
        let read = || async move { Ok(Some(ShowList::new(self.store.shows(from, MAX_SHOWS).await?))) };
        let program = self.recent.program.get((), now, read).await?;
        program.ok_or_else(|| Error::internal("the list is always there"))
    }

    /// The published event with this slug.
    pub(crate) async fn published_by_slug(&self, slug: &str, now: Timestamp) -> Result<Arc<StoredEvent>> {
        // No slug is that long, and the table's keys have a limit.
        if slug.len() > 100 {
            return Err(event_not_found());
        }
        let read = || async move { Ok(self.store.event_by_slug(slug).await?) };
        let id = self.recent.slugs.get(slug.to_owned(), now, read).await?.ok_or_else(event_not_found)?;
        self.published(*id, now).await
    }

    /// The published event with this id, its areas and its stages.
    pub(crate) async fn published(&self, id: EventId, now: Timestamp) -> Result<Arc<StoredEvent>> {
        let read = || async move {
            let sheet = self.store.priced_event(id).await?;
            // A draft is not found by the public. Missing values are not cached, so an event is
            // visible as soon as it is published.
            Ok(sheet.filter(|sheet| sheet.event.status == EventStatus::Published))
        };
        self.recent.sheets.get(id, now, read).await?.ok_or_else(event_not_found)
    }

    /// The organiser with this id, cached.
    pub(crate) async fn tenant(&self, id: TenantId, now: Timestamp) -> Result<Arc<Tenant>> {
        let read = || async move { Ok(self.store.tenant(id).await?) };
        self.recent.tenants.get(id, now, read).await?.ok_or_else(event_not_found)
    }

    /// The shows with the current total price of their cheapest ticket. A show whose price
    /// cannot be computed is listed without it: it must not hide the others.
    pub(crate) async fn priced<'a>(
        &self,
        shows: impl IntoIterator<Item = &'a EventSummary>,
        now: Timestamp,
    ) -> Vec<Priced<'a>> {
        let shows: Vec<&EventSummary> = shows.into_iter().collect();
        let mut priced = Vec::with_capacity(shows.len());
        for some in shows.chunks(PRICED_AT_ONCE) {
            let some = some.iter().map(|show| async move {
                Priced { show, price_from: told(show.id, self.price_from(show, now).await) }
            });
            priced.extend(join_all(some).await);
        }
        priced
    }

    async fn price_from(&self, show: &EventSummary, now: Timestamp) -> Result<Option<i64>> {
        if show.price_from.is_none() || show.ticketing_link.is_some() {
            return Ok(None);
        }
        let read = || async move {
            // Not cached in `sheets`: a long list would push out the events that buyers look at.
            match self.store.priced_event(show.id).await? {
                Some(sheet) => self.price_from_sheet(&sheet, now).await.map(Some),
                // The event was deleted after the list was read.
                None => Ok(Some(None)),
            }
        };
        let price = self.recent.prices.get(show.id, now, read).await?;
        Ok(price.and_then(|price| *price))
    }

    /// The current total price of an event's cheapest ticket. `None` if nothing is sold here, or
    /// if it cannot be computed.
    pub(crate) async fn price_from_or_log(&self, sheet: &StoredEvent, now: Timestamp) -> Option<i64> {
        told(sheet.event.id, self.price_from_sheet(sheet, now).await)
    }

    async fn price_from_sheet(&self, sheet: &StoredEvent, now: Timestamp) -> Result<Option<i64>> {
        if sheet.event.ticketing_link.is_some() {
            return Ok(None);
        }
        let stages_left = self.stages_left(sheet, now).await?;
        price_from(&sheet.event, &sheet.areas, &stages_left.offers(&sheet.stages), now)
    }

    /// The tickets that the event's limited stages have left.
    pub(crate) async fn stages_left(&self, sheet: &StoredEvent, now: Timestamp) -> Result<Arc<StagesLeft>> {
        let read = || async move { Ok(Some(self.store.stages_left(&sheet.stages, now).await?)) };
        let left = self.recent.stages_left.get(sheet.event.id, now, read).await?;
        left.ok_or_else(|| Error::internal("there is always an answer"))
    }

    /// The tenant's promotion with this code in capital letters, and the uses that it has left
    /// if they are limited.
    pub(crate) async fn promotion(
        &self,
        tenant: TenantId,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<(Promotion, Option<u32>)>>> {
        let read = || async move {
            let Some(promotion) = self.store.promotion(tenant, code).await? else { return Ok(None) };
            let left = self.store.promotion_left(&promotion, now).await?;
            Ok(Some((promotion, left)))
        };
        self.recent.promotions.get((tenant, code.to_owned()), now, read).await
    }

    /// The number of places that each area of the event has left.
    pub(crate) async fn places(&self, sheet: &StoredEvent, now: Timestamp) -> Result<Arc<Vec<Places>>> {
        let read = || async move {
            let areas = sheet.areas.iter().map(|area| async move {
                Ok::<_, Error>(Places { area: area.id, left: self.left(sheet, area, now).await? })
            });
            try_join_all(areas).await.map(Some)
        };
        let places = self.recent.places.get(sheet.event.id, now, read).await?;
        places.ok_or_else(|| Error::internal("there is always an answer"))
    }

    /// The number of places that the area has left.
    async fn left(&self, event: &StoredEvent, area: &Area, now: Timestamp) -> Result<u32> {
        match area.kind {
            AreaKind::GeneralAdmission => Ok(self.store.area_state(event, area, now).await?.left),
            AreaKind::Seated => Ok(available(&self.rows(area, now).await?)),
        }
    }

    /// The seats of an area by its blocks.
    pub(crate) async fn rows(&self, area: &Area, now: Timestamp) -> Result<Arc<Vec<RowState>>> {
        let read = || async move {
            let mut rows = self.store.area_rows(area, now).await?;
            // Blocks beyond those of the area are about to be created, or were abandoned.
            rows.retain(|row| usize::from(row.index) < area.rows.len());
            Ok(Some(rows))
        };
        let rows = self.recent.rows.get((area.event_id, area.id), now, read).await?;
        rows.ok_or_else(|| Error::internal("there is always an answer"))
    }
}

/// A price, if it could be computed. If not, the error is logged, and buyers get it when they
/// ask for a quote.
fn told(event: EventId, price: Result<Option<i64>>) -> Option<i64> {
    price.unwrap_or_else(|error| {
        tracing::warn!(%event, %error, "a show stands in lists without its price");
        None
    })
}

/// The number of seats that can be bought.
pub(crate) fn available(rows: &[RowState]) -> u32 {
    let seats = rows.iter().flat_map(|row| &row.seats);
    u32::try_from(seats.filter(|seat| **seat == SeatState::Available).count()).unwrap_or(u32::MAX)
}
