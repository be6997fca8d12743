//! Series: several dates of one show, with a page of their own.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::{ADDRESS_PATTERN, EventStatus, check_address};
use domain::series::{Series, SeriesDate, series_not_found};
use domain::text::{Line, Paragraph};
use domain::{Error, EventId, PlanId, Result, SeriesId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, OnRefused, Once};
use web::{
    Answer, Created, IdempotencyKey, Json, Organizer, Page, Paging, Path, Refuses, Shared, Viewer, based_on,
    nullable,
};

use crate::check::some_text;
use crate::{State, slug};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/series",
            get_with(list, |op| {
                op.id("listSeries").summary("List your series").tag("Events").description("The latest first.")
            })
            .post_with(create, |op| {
                op.id("createSeries")
                    .summary("Create a series")
                    .tag("Events")
                    .description(
                        "The page of several dates of one show. Events become dates of it by their `series_id`, and \
                         everybody sees it once one of them is listed.",
                    )
                    .refuses(["slug_taken"])
            }),
        )
        .api_route(
            "/api/v1/series/{id}",
            get_with(show, |op| {
                op.id("showSeries")
                    .summary("Show a series with all its dates")
                    .tag("Events")
                    .refuses(["series_not_found"])
            })
            .patch_with(update, |op| {
                op.id("updateSeries")
                    .summary("Change the page of a series")
                    .tag("Events")
                    .refuses(["series_not_found", "changed_meanwhile"])
            })
            .delete_with(delete, |op| {
                op.id("deleteSeries")
                    .summary("Delete a series without events")
                    .tag("Events")
                    .description("Its slug is free again then. Take its events out first.")
                    .refuses(["series_not_found", "series_has_events", "changed_meanwhile"])
            }),
        )
}

/// A series as its organiser sees it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Series")]
struct SeriesView {
    /// The series' id.
    id: SeriesId,
    /// The readable part of its page's address; unique among all events and series.
    slug: String,
    /// The title of its page.
    name: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The description for buyers, as plain text.
    description: String,
    /// The address of a picture that is kept elsewhere.
    img: Option<String>,
    /// How many events are dates of it, drafts and past ones included; at most 100.
    event_count: u16,
    /// When the series was created.
    created_at: Timestamp,
    /// When its page was last changed.
    updated_at: Timestamp,
    /// Counts changes of the page, and events that come and go, from 1.
    version: u32,
}

impl From<Series> for SeriesView {
    fn from(series: Series) -> Self {
        Self {
            id: series.id,
            slug: series.slug,
            name: series.name,
            artist: series.artist,
            description: series.description,
            img: series.img,
            event_count: series.dates,
            created_at: series.created_at,
            updated_at: series.updated_at,
            version: series.version,
        }
    }
}

/// A series with all its dates.
#[derive(Debug, Serialize, JsonSchema)]
struct SeriesWithDates {
    #[serde(flatten)]
    series: SeriesView,
    /// Its dates by their start, drafts and past ones included.
    dates: Vec<DateView>,
}

/// A date of a series.
#[derive(Debug, Serialize, JsonSchema)]
struct DateView {
    /// The event's id.
    event_id: EventId,
    /// The readable part of the event's address.
    slug: String,
    /// The event's title.
    name: String,
    /// When the event starts.
    starts_at: Timestamp,
    /// Whether the event is a draft, published, postponed or cancelled.
    status: EventStatus,
    /// True if the public page of the series has it, until it is over.
    listed: bool,
    /// The seating plan that it has published; dates with the same one share its versions. Absent as long
    /// as its plan is drawn from its areas.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<PlanId>,
    /// The version of that plan that its buyers see.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_version: Option<u32>,
}

impl From<SeriesDate> for DateView {
    fn from(date: SeriesDate) -> Self {
        let SeriesDate { event_id, slug, name, starts_at, status, listed, plan, .. } = date;
        let (plan_id, plan_version) = plan.map(|plan| (plan.id, plan.version)).unzip();
        Self { event_id, slug, name, starts_at, status, listed, plan_id, plan_version }
    }
}

/// A new series.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSeries {
    /// The title of its page, such as `Temporada de faroles`.
    name: Line<1, 150>,
    /// The artist or the band.
    #[serde(default)]
    artist: Line<0, 150>,
    /// The description for buyers, as plain text.
    #[serde(default)]
    description: Paragraph<0, 10_000>,
    /// The https address of a picture.
    #[serde(default)]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    img: Option<String>,
    /// The readable part of its address, such as `temporada-de-faroles`. If missing, it is made from the
    /// name.
    #[serde(default)]
    #[schemars(length(min = 3, max = 80), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    slug: Option<String>,
}

/// A change of a series. A missing field stays as it is; the slug never changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeriesChanges {
    /// The version that the change is based on; refused if the series has another by now.
    version: Option<u32>,
    /// The title of its page.
    name: Option<Line<1, 150>>,
    /// The artist or the band.
    artist: Option<Line<0, 150>>,
    /// The description for buyers, as plain text.
    description: Option<Paragraph<0, 10_000>>,
    /// The https address of a picture, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    img: Option<Option<String>>,
}

/// `/series/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SeriesPath {
    /// The series' id.
    id: SeriesId,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    paging: Paging,
) -> Answer<Json<Page<SeriesView>>> {
    let series = state.store.series_list(viewer.tenant, paging.after.as_deref(), paging.limit).await?;
    Ok(Json(Page::of(series, SeriesView::from)))
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewSeries>,
) -> Answer<Created<SeriesView>> {
    let now = state.clock.now();
    let once = Once { user: organizer.user, route: "POST /api/v1/series", key: key.as_deref() };
    let create = |id: domain::RequestId| {
        let series = new.series(SeriesId::from_uuid(id.uuid()), organizer.tenant, now);
        state.add_series(series, &new)
    };
    Ok(Created(state.store.once(once, &(organizer.tenant, &new), now, create).await?))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<SeriesPath>,
) -> Answer<Json<SeriesWithDates>> {
    let series = state.own_series(viewer.tenant, path.id).await?;
    let dates = state.store.series_dates(series.id).await?.into_iter().map(DateView::from).collect();
    Ok(Json(SeriesWithDates { series: series.into(), dates }))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<SeriesPath>,
    Json(changes): Json<SeriesChanges>,
) -> Answer<Json<SeriesView>> {
    let before = state.own_series(organizer.tenant, path.id).await?;
    based_on(changes.version, before.version)?;
    let after = changes.apply(before, state.clock.now());
    check(&after)?;
    state.store.update_series(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(after.into()))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<SeriesPath>,
) -> Answer<NoContent> {
    let series = state.own_series(organizer.tenant, path.id).await?;
    series.deletable()?;
    state.store.delete_series(&series).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

impl State {
    async fn own_series(&self, tenant: TenantId, id: SeriesId) -> Result<Series> {
        self.store.series_of(tenant, id).await?.ok_or_else(series_not_found)
    }

    /// Writes a new series with the slug that was asked for, or the first made from its name that is free.
    async fn add_series(&self, series: Series, new: &NewSeries) -> Result<SeriesView> {
        check(&series)?;
        let made;
        let slugs = match &new.slug {
            Some(slug) => std::slice::from_ref(slug),
            None => {
                made = slug::candidates(&series.name, &series.id.suffix());
                &made[..]
            }
        };
        for slug in slugs {
            let series = Series { slug: slug.clone(), ..series.clone() };
            match self.store.create_series(&series).await {
                Err(Failure::Refused(_)) => {}
                result => return Ok(result?.into()),
            }
        }
        Err(slug::slug_taken())
    }
}

/// Checks a series before it is stored.
fn check(series: &Series) -> Result<()> {
    let mut fields = Fields::new();
    slug::check(&mut fields, &series.slug);
    check_address(series.img.as_deref(), "/img", &mut fields);
    fields.finish()
}

impl NewSeries {
    fn series(&self, id: SeriesId, tenant_id: TenantId, now: Timestamp) -> Series {
        Series {
            id,
            tenant_id,
            slug: self.slug.clone().unwrap_or_else(|| "made-from-the-name".to_owned()),
            name: self.name.to_string(),
            artist: self.artist.to_string(),
            description: self.description.to_string(),
            img: self.img.as_deref().and_then(some_text),
            dates: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

impl SeriesChanges {
    fn apply(self, before: Series, now: Timestamp) -> Series {
        Series {
            name: self.name.map_or(before.name, String::from),
            artist: self.artist.map_or(before.artist, String::from),
            description: self.description.map_or(before.description, String::from),
            img: match self.img {
                Some(changed) => changed.as_deref().and_then(some_text),
                None => before.img,
            },
            updated_at: now,
            version: before.version + 1,
            ..before
        }
    }
}
