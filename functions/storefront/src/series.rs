//! The page of a series: what its dates have in common, and the dates.

use actions::{DateOffer, SeriesPage};
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::SeriesId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Cached, Freshness, Path, Refuses, Shared};

use crate::State;
use crate::areas::Availability;
use crate::event::PublicOrganizer;
use crate::shows::ShowView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/series/{slug}",
        get_with(show, |op| {
            op.id("showPublicSeries")
                .summary("Show a series with its dates")
                .tag("Storefront")
                .description(
                    "The dates that are published, postponed or cancelled and not over, by their start, with what is \
                     left. Dates that are kept out of lists are not here either.",
                )
                .refuses(["series_not_found"])
        }),
    )
}

/// How long clients may cache a series, in seconds.
const SERIES_SECONDS: u32 = 5;

#[derive(Debug, Deserialize, JsonSchema)]
struct SeriesPath {
    /// The readable part of the series' address, such as `temporada-de-faroles`.
    slug: String,
}

/// A series with its coming dates.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PublicSeries {
    /// The series' id.
    id: SeriesId,
    /// The readable part of its address, such as `temporada-de-faroles`.
    slug: String,
    /// The title of its page.
    name: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The description for buyers, as plain text.
    description: String,
    /// The address of a picture.
    image: Option<String>,
    /// The organiser who sells the tickets.
    organizer: PublicOrganizer,
    /// The dates that are not over, by their start.
    dates: Vec<PublicDate>,
}

/// A date of a series.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicDate {
    #[serde(flatten)]
    show: ShowView,
    /// The tickets that are left, in a word, of all its areas together. Absent if nothing is sold here
    /// now.
    #[serde(skip_serializing_if = "Option::is_none")]
    availability: Option<Availability>,
}

impl From<&DateOffer> for PublicDate {
    fn from(date: &DateOffer) -> Self {
        let availability = date.left.map(|(left, capacity)| Availability::new(left, capacity));
        Self { show: ShowView::from(&date.priced()), availability }
    }
}

impl From<SeriesPage> for PublicSeries {
    fn from(page: SeriesPage) -> Self {
        let series = &page.series;
        Self {
            id: series.id,
            slug: series.slug.clone(),
            name: series.name.clone(),
            artist: series.artist.clone(),
            description: series.description.clone(),
            image: series.img.clone(),
            organizer: PublicOrganizer::new(&page.organizer),
            dates: page.dates.iter().map(PublicDate::from).collect(),
        }
    }
}

async fn show(
    Shared(state): Shared<State>,
    Path(path): Path<SeriesPath>,
    freshness: Freshness,
) -> Answer<Cached<PublicSeries>> {
    let page = state.catalog.series_page(&path.slug, state.clock.now()).await?;
    Cached::public(&PublicSeries::from(page), SERIES_SECONDS, &freshness)
}
