//! Lists of shows, and search while the buyer types.

use actions::{PricedShow, ShowFilter};
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::event::{EventStatus, EventSummary};
use domain::search::MAX_QUERY_CHARS;
use domain::text::Line;
use domain::{Amount, Currency, EventId, Result, SeriesId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Store;
use web::{Answer, Cached, Freshness, Page, Paging, Query, Refuses, Shared, SiteTenant};

use crate::State;
use crate::short::ShortShow;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/public/events",
            get_with(list, |op| {
                op.id("listShows").summary("List upcoming shows").tag("Storefront").description(
                    "By their start. Shows in all places and of all organisers, unless a filter says otherwise. At an \
                     organiser's own host, and for its pages elsewhere, only its shows.",
                )
                .refuses(["tenant_not_found"])
            }),
        )
        .api_route(
            "/api/v1/shows/available",
            get_with(available, |op| {
                op.id("listAvailableShows").summary("List upcoming shows in short form").tag("Storefront").description(
                    "By their start; without postponed and cancelled ones. At an organiser's own host, only its shows.",
                )
                .refuses(["tenant_not_found"])
            }),
        )
        .api_route(
            "/api/v1/shows/search",
            get_with(search, |op| {
                op.id("searchShows").summary("Search shows while somebody types").tag("Storefront").description(
                    "Finds codes, titles, artists, genres, venues and cities, best first. Accents, typos and the order of words are \
                     forgiven, and the last word may be incomplete. Postponed and cancelled shows are found, too. At an organiser's \
                     own host, only its shows.",
                )
                .refuses(["tenant_not_found"])
            }),
        )
}

/// How long clients may cache a list, in seconds.
const LIST_SECONDS: u32 = 30;
/// The most shows that a search returns.
const MAX_FOUND: u8 = 50;

/// A show in the public list.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShowView {
    /// The event's id.
    id: EventId,
    /// The readable part of its address, such as `noche-de-faroles`.
    slug: String,
    /// The title, such as `Noche de faroles`.
    name: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The kind of music or show, such as `cumbia`; possibly empty.
    genre: String,
    /// The series of which it is a date.
    series_id: Option<SeriesId>,
    /// The venue's name.
    venue: String,
    /// The venue's city.
    city: String,
    /// The venue's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// IANA time zone of the venue, such as `America/Bogota`.
    time_zone: String,
    /// When the show starts.
    starts_at: Timestamp,
    /// When the show ends.
    ends_at: Timestamp,
    /// The show's state: `published`, `postponed` or `cancelled`.
    status: EventStatus,
    /// The currency of its prices.
    currency: Currency,
    /// The current price of the cheapest ticket, with sale stage, fee and tax. Absent if
    /// nothing is sold here.
    price_from: Option<Amount>,
    /// The address of the main picture.
    image: Option<String>,
}

impl From<&PricedShow<'_>> for ShowView {
    fn from(priced: &PricedShow<'_>) -> Self {
        let (price_from, show) = (priced.amount(), priced.show.clone());
        Self {
            id: show.id,
            slug: show.slug,
            name: show.name,
            artist: show.artist,
            genre: show.genre,
            series_id: show.series_id,
            venue: show.venue,
            city: show.city,
            country: show.country,
            time_zone: show.time_zone,
            starts_at: show.starts_at,
            ends_at: show.ends_at,
            status: show.status,
            currency: show.currency,
            price_from,
            image: show.image,
        }
    }
}

/// The shows that a search finds.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// The shows, best first.
    items: Vec<ShortShow>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Filters {
    /// Only shows in this city; accents and capitals do not matter.
    city: Option<Line<0, 100>>,
    /// Only shows in this state. If missing, those that are published or postponed.
    status: Option<EventStatus>,
    /// Only shows of this genre; accents and capitals do not matter.
    genre: Option<Line<0, 60>>,
    /// Only shows in this country (ISO 3166-1 alpha-2).
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"), extend("x-must" = "Must be the two letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// Only shows that these words may mean; typos are forgiven.
    q: Option<Line<0, MAX_QUERY_CHARS>>,
    /// Only shows of the organiser with this slug, one that it had before, or this id.
    organizer: Option<Line<1, 80>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfOrganizer {
    /// Only shows of the organiser with this slug, one that it had before, or this id.
    organizer: Option<Line<1, 80>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// The words that the buyer has typed so far.
    q: Line<0, MAX_QUERY_CHARS>,
    /// The most shows to return. 10 if missing.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u8>,
    /// Only shows of the organiser with this slug, one that it had before, or this id.
    organizer: Option<Line<1, 80>>,
}

async fn list(
    Shared(state): Shared<State>,
    site: SiteTenant,
    Query(filters): Query<Filters>,
    paging: Paging,
    freshness: Freshness,
) -> Answer<Cached<Page<ShowView>>> {
    filters.check()?;
    let now = state.clock.now();
    let shown = state.shown(&site, filters.organizer.as_ref().map(Line::as_str), now).await?;
    let list = state.catalog.shows(now).await?;
    let mut shows = list.filtered(filters.filter(shown.site), now);
    shows.retain(|show| shown.has(show));
    // A search returns shows by how well they fit, but a list is ordered by start.
    shows.sort_by_cached_key(|show| Store::after_show(show));
    let (shows, last) = page(shows, &paging)?;
    let shows = state.catalog.priced(shows, now).await;
    let page = Page::new(shows.iter().map(ShowView::from).collect(), last);
    Ok(Cached::public(&page, LIST_SECONDS, &freshness)?.by_site())
}

async fn available(
    Shared(state): Shared<State>,
    site: SiteTenant,
    Query(OfOrganizer { organizer }): Query<OfOrganizer>,
    paging: Paging,
    freshness: Freshness,
) -> Answer<Cached<Page<ShortShow>>> {
    let now = state.clock.now();
    let shown = state.shown(&site, organizer.as_ref().map(Line::as_str), now).await?;
    let list = state.catalog.shows(now).await?;
    let (shows, last) = page(list.available(now).filter(|show| shown.has(show)).collect(), &paging)?;
    let shows = state.catalog.priced(shows, now).await;
    let shows = shows.iter().map(|show| ShortShow::new(show, &state.public_url, now)).collect();
    Ok(Cached::public(&Page::new(shows, last), LIST_SECONDS, &freshness)?.by_site())
}

async fn search(
    Shared(state): Shared<State>,
    site: SiteTenant,
    Query(search): Query<Search>,
    freshness: Freshness,
) -> Answer<Cached<Found>> {
    let limit = search.limit.unwrap_or(10);
    Fields::new()
        .check((1..=MAX_FOUND).contains(&limit), "#limit", format!("Must be between 1 and {MAX_FOUND}."))
        .finish()?;
    let now = state.clock.now();
    let shown = state.shown(&site, search.organizer.as_ref().map(Line::as_str), now).await?;
    let list = state.catalog.shows(now).await?;
    let found = list.search(&search.q, now).into_iter();
    let found = found.filter(|show| shown.has(show)).take(limit.into());
    let found = state.catalog.priced(found, now).await;
    let items = found.iter().map(|show| ShortShow::new(show, &state.public_url, now)).collect();
    Ok(Cached::public(&Found { items }, LIST_SECONDS, &freshness)?.by_site())
}

/// Whose shows a list has: everybody's, unless the site or the request says otherwise. At an organiser's
/// own host, another's list is empty.
#[derive(Debug, Clone, Copy)]
struct Shown {
    site: Option<TenantId>,
    organizer: Option<TenantId>,
}

impl Shown {
    fn has(self, show: &EventSummary) -> bool {
        [self.site, self.organizer].into_iter().flatten().all(|tenant| show.tenant_id == tenant)
    }
}

impl State {
    async fn shown(&self, site: &SiteTenant, organizer: Option<&str>, now: Timestamp) -> Result<Shown> {
        let organizer = match organizer {
            Some(name) => Some(self.catalog.organizer_named(name, now).await?),
            None => None,
        };
        Ok(Shown { site: site.tenant(), organizer })
    }
}

impl Filters {
    fn check(&self) -> Result<()> {
        let two_letters =
            |country: &str| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic());
        Fields::new()
            .check(
                self.country.as_deref().is_none_or(two_letters),
                "#country",
                "Must be the two letters of a country, such as CO, CL or AR.",
            )
            .finish()
    }

    fn filter(&self, tenant: Option<TenantId>) -> ShowFilter<'_> {
        ShowFilter {
            city: self.city.as_deref(),
            country: self.country.as_deref(),
            genre: self.genre.as_deref(),
            status: self.status,
            query: self.q.as_deref(),
            tenant,
        }
    }
}

/// The page of the sorted `shows` that is asked for, and the cursor of the next one.
fn page<'a>(
    mut shows: Vec<&'a EventSummary>,
    paging: &Paging,
) -> Result<(Vec<&'a EventSummary>, Option<String>)> {
    if let Some(after) = &paging.after {
        let detail = "Must be the `next_cursor` of an earlier page of this list, unchanged.";
        Fields::new().rule(Store::is_show_cursor(after), "#cursor", detail).finish()?;
        shows.retain(|show| *after < Store::after_show(show));
    }
    let limit = usize::from(paging.limit);
    let has_more = shows.len() > limit;
    shows.truncate(limit);
    let last = shows.last().filter(|_| has_more).map(|show| Store::after_show(show));
    Ok((shows, last))
}

#[cfg(test)]
mod tests {
    use actions::ShowList;
    use domain::event::fixture::summary;
    use domain::testing::at;

    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let list = ShowList::new(vec![
            summary(10, "Los Faroles", "Bogotá", "CO"),
            summary(20, "Río Abajo", "Valparaíso", "CL"),
            summary(30, "Los Faroles otra vez", "BOGOTA", "CO"),
        ]);
        let all = || list.upcoming(at(0)).collect::<Vec<_>>();
        let page = |limit, after: Option<String>| page(all(), &Paging { limit, after });
        let (first, last) = page(2, None).expect("the first page");
        assert_eq!(first.len(), 2);
        let (rest, end) = page(2, last).expect("the second page");
        assert_eq!((rest.len(), rest[0].slug.as_str(), end), (1, "los-faroles-otra-vez", None));
        assert_eq!(page(3, None).expect("all").1, None);
        for cursor in ["EV#2026-12-01", "2026-12-01T00:00:00Z", "x#y"] {
            assert!(page(2, Some(cursor.to_owned())).is_err(), "{cursor}");
        }
    }

    #[test]
    fn bad_filters_are_named() {
        let filters = Filters { country: Some("COL".to_owned()), ..Filters::default() };
        let error = filters.check().expect_err("refused");
        assert_eq!(error.field_errors()[0].pointer, "#country");
    }
}
