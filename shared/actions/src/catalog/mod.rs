//! The published shows: their search, areas, prices and free places.
//!
//! Everything is cached for a few seconds, so that an event with many visitors costs almost no
//! reads; the times are a promise to organisers. A buyer gets a place or not by the hold, which does
//! not read these caches.

mod areas;
mod best;
mod organizers;
mod prices;
mod products;
mod series;
mod shows;

use std::sync::Arc;

use domain::plan::Seatings;
use domain::policy::{Policy, PolicyKind};
use domain::pricing::Promotion;
use domain::series::Series;
use domain::tenant::Tenant;
use domain::{AreaId, Error, EventId, Result, SeriesId, TenantId, Timestamp};
use futures::future::try_join;
use jiff::SignedDuration;
use store::{Cache, RowState, SeatingCache, StagesLeft, StockLeft, Store, StoredEvent, StoredProducts};

pub use areas::{AreaAvailability, AreaOffer, SeatRow};
pub use best::{BestSeats, SeatWish, Togetherness};
pub use organizers::OrganizerPage;
pub use prices::PricedShow;
pub use products::{ProductOffer, VariantOffer};
pub use series::{DateOffer, SeriesPage};
pub use shows::{ShowFilter, ShowList};

/// How long lists, events and prices are cached, in milliseconds.
const LISTED: i64 = 3_000;
/// How long remaining places and uses are cached, in milliseconds.
const LEFT: i64 = 2_000;
/// How long slugs and organisers, which hardly ever change, are cached, in milliseconds.
const STEADY: i64 = 60_000;

/// The most shows in the public list.
const MAX_SHOWS: usize = 5_000;
/// The longest event: one that started longer ago is over.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The published shows, as customers see them; clones share the caches.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) store: Store,
    caches: Arc<Caches>,
}

/// The caches of one execution environment.
#[derive(Debug)]
struct Caches {
    shows: Cache<(), ShowList>,
    slugs: Cache<String, EventId>,
    series_slugs: Cache<String, (TenantId, SeriesId)>,
    series: Cache<SeriesId, Series>,
    dates: Cache<SeriesId, Vec<DateOffer>>,
    events: Cache<EventId, StoredEvent>,
    tenants: Cache<TenantId, Tenant>,
    tenant_slugs: Cache<String, TenantId>,
    organizers: Cache<TenantId, Tenant>,
    policies: Cache<(TenantId, PolicyKind, u16), Policy>,
    stages_left: Cache<EventId, StagesLeft>,
    places: Cache<EventId, Vec<(AreaId, u32)>>,
    rows: Cache<(EventId, AreaId), Vec<RowState>>,
    promotions: Cache<(TenantId, String), (Promotion, Option<u32>)>,
    prices: Cache<EventId, Option<i64>>,
    seatings: SeatingCache,
    products: Cache<TenantId, StoredProducts>,
    stock: Cache<EventId, StockLeft>,
}

impl Catalog {
    /// The shows in the table of `store`.
    pub fn new(store: &Store) -> Self {
        Self::cached(store, LISTED, LEFT, STEADY)
    }

    /// The same for a function that organisers ask about what they have just changed: only requests
    /// at the same moment share what was read.
    pub fn uncached(store: &Store) -> Self {
        Self::cached(store, 0, 0, 0)
    }

    fn cached(store: &Store, listed: i64, left: i64, steady: i64) -> Self {
        let caches = Caches {
            shows: Cache::new(1, listed),
            slugs: Cache::new(2048, steady),
            series_slugs: Cache::new(512, steady),
            series: Cache::new(128, listed),
            dates: Cache::new(64, listed),
            events: Cache::new(128, listed),
            tenants: Cache::new(512, steady),
            tenant_slugs: Cache::new(512, steady),
            organizers: Cache::new(128, listed),
            policies: Cache::new(64, steady),
            stages_left: Cache::new(512, left),
            places: Cache::new(256, left),
            rows: Cache::new(64, left),
            promotions: Cache::new(512, left),
            prices: Cache::new(MAX_SHOWS, listed),
            seatings: SeatingCache::default(),
            products: Cache::new(128, listed),
            stock: Cache::new(256, left),
        };
        Self { store: store.clone(), caches: Arc::new(caches) }
    }

    /// The public list, without shows of suspended organisers.
    pub async fn shows(&self, now: Timestamp) -> Result<Arc<ShowList>> {
        let from = now.checked_sub(LONGEST).unwrap_or(Timestamp::MIN);
        let read = || async move {
            let (mut shows, suspended) =
                try_join(self.store.shows(from, MAX_SHOWS), self.store.suspended_tenants()).await?;
            shows.retain(|show| !suspended.contains(&show.tenant_id));
            Ok(Some(ShowList::new(shows)))
        };
        always(self.caches.shows.get((), now, read).await?)
    }

    /// The public event with this slug, its areas and its stages.
    ///
    /// # Errors
    /// `event_not_found`, also of a draft.
    pub async fn event_by_slug(&self, slug: &str, now: Timestamp) -> Result<Arc<StoredEvent>> {
        if !may_be_slug(slug) {
            return Err(not_published());
        }
        let read = || async move { Ok(self.store.event_by_slug(slug).await?) };
        let id = self.caches.slugs.get(slug.to_owned(), now, read).await?.ok_or_else(not_published)?;
        self.event(*id, now).await
    }

    /// The public event with this id, its areas and its stages.
    ///
    /// # Errors
    /// `event_not_found`, also of a draft.
    pub async fn event(&self, id: EventId, now: Timestamp) -> Result<Arc<StoredEvent>> {
        let read = || async move {
            let event = self.store.priced_event(id).await?;
            // Missing values are not cached, so an event is visible as soon as it is published.
            Ok(event.filter(|event| event.event.status.is_public()))
        };
        self.caches.events.get(id, now, read).await?.ok_or_else(not_published)
    }

    /// The organiser of a published event, as it was some seconds ago at most: it may be suspended since.
    pub async fn organizer(&self, event: &StoredEvent, now: Timestamp) -> Result<Arc<Tenant>> {
        self.organizer_of(event.event.tenant_id, now).await
    }

    /// The organiser with this id, of whom something is published.
    pub(crate) async fn organizer_of(&self, id: TenantId, now: Timestamp) -> Result<Arc<Tenant>> {
        let read = || async move { Ok(self.store.tenant(id).await?) };
        self.caches.organizers.get(id, now, read).await?.ok_or_else(not_published)
    }

    /// The organiser with this id.
    pub async fn tenant(&self, id: TenantId, now: Timestamp) -> Result<Option<Arc<Tenant>>> {
        let read = || async move { Ok(self.store.tenant(id).await?) };
        self.caches.tenants.get(id, now, read).await
    }

    /// The plan of a published event, and where its seats stand.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn seatings(&self, event: &StoredEvent, now: Timestamp) -> Result<Arc<Seatings>> {
        self.caches.seatings.get(&self.store, event, now).await
    }

    /// The tickets that the event's limited stages have left.
    pub(crate) async fn stages_left(&self, event: &StoredEvent, now: Timestamp) -> Result<Arc<StagesLeft>> {
        let read = || async move { Ok(Some(self.store.stages_left(&event.stages, now).await?)) };
        always(self.caches.stages_left.get(event.event.id, now, read).await?)
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
        self.caches.promotions.get((tenant, code.to_owned()), now, read).await
    }
}

/// False for what is too long for a slug: the table's keys have a limit.
fn may_be_slug(text: &str) -> bool {
    text.len() <= 100
}

fn not_published() -> Error {
    Error::not_found("event_not_found", "There is no such event, or it is not on sale.")
}

/// What a read that always finds something gave.
fn always<T>(found: Option<T>) -> Result<T> {
    found.ok_or_else(|| Error::internal("there is always an answer"))
}
