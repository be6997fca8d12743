//! One published event in full.

use actions::PricedShow;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::colour::Colour;
use domain::event::{AttendeeField, EventImage, EventSummary};
use domain::series::Series;
use domain::tenant::Tenant;
use domain::{Currency, Language, SeriesId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoredEvent;
use web::{Answer, Cached, FeesView, Freshness, Path, PolicyVersionsView, Refuses, Shared, VatView};

use crate::short::ShortShow;
use crate::{SlugPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/events/{slug}",
        get_with(show, |op| {
            op.id("showShow").summary("Show a published event").tag("Storefront").refuses(["event_not_found"])
        }),
    )
}

/// How long clients may cache an event, in seconds.
const EVENT_SECONDS: u32 = 30;

/// A published event, with all that lists show of it.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicEvent {
    #[serde(flatten)]
    short: ShortShow,
    /// The title, such as `Noche de faroles`.
    name: String,
    /// The description for buyers, as plain text.
    description: String,
    /// The venue's street address.
    address: String,
    /// The venue's city.
    city: String,
    /// The venue's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// IANA time zone of the venue, such as `America/Bogota`, in which people read the times.
    time_zone: String,
    /// When the event starts.
    starts_at: Timestamp,
    /// When the event ends; sales end then at the latest.
    ends_at: Timestamp,
    /// When the doors open.
    #[serde(skip_serializing_if = "Option::is_none")]
    doors_at: Option<Timestamp>,
    /// The one currency of all its prices.
    currency: Currency,
    /// The language of its tickets' mails unless the buyer chooses another.
    language: Language,
    /// Minutes that a reservation holds its places before they are paid.
    hold_minutes: u8,
    /// The most tickets in one order.
    max_tickets_per_order: u8,
    /// How often one of its tickets may change hands; 0 if never.
    transfer_limit: u8,
    /// When its tickets stop changing hands, at the latest at the start.
    transfers_close_at: Timestamp,
    /// The data that buyers are asked for about each attendee.
    attendee_fields: Vec<AttendeeField>,
    /// The convenience fee of each ticket.
    fees: FeesView,
    /// The value added tax on price and fee.
    vat: VatView,
    /// The event's uploaded pictures.
    images: Vec<EventImage>,
    /// The organiser who sells the tickets.
    organizer: PublicOrganizer,
    /// The series of which it is a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<SeriesRef>,
}

/// The series of which an event is a date.
#[derive(Debug, Serialize, JsonSchema)]
struct SeriesRef {
    /// The series' id.
    id: SeriesId,
    /// The readable part of its page's address.
    slug: String,
    /// The title of its page.
    name: String,
}

/// The organiser of an event, also as a legal person.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PublicOrganizer {
    /// The organiser's id.
    id: TenantId,
    /// The readable part of the organiser's address. Absent if it has none.
    slug: Option<String>,
    /// The name that buyers know.
    name: String,
    /// The address of the logo.
    logo: Option<String>,
    /// The colour of the organiser's page.
    accent: Option<Colour>,
    /// True while the organiser may not sell: there are no quotes and no reservations. Absent for all others.
    suspended: Option<bool>,
    /// The versions of the policies that buyers have to accept.
    policies: PolicyVersionsView,
    /// The registered name of the legal person.
    legal_name: Option<String>,
    /// The tax number: NIT, RUT or CUIT.
    nit: Option<String>,
    /// Colombia's PULEP code, which all advertising of a show must bear.
    pulep_code: Option<String>,
}

impl PublicOrganizer {
    /// The organiser behind an account.
    pub(crate) fn new(tenant: &Tenant) -> Self {
        let legal_info = tenant.legal_info.clone();
        Self {
            id: tenant.id,
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            logo: tenant.logo.clone(),
            accent: tenant.accent,
            suspended: tenant.suspended.is_some().then_some(true),
            policies: tenant.policies.into(),
            legal_name: legal_info.as_ref().map(|info| info.legal_name.clone()),
            nit: legal_info.as_ref().map(|info| info.nit.clone()),
            pulep_code: legal_info.and_then(|info| info.pulep_code),
        }
    }
}

impl PublicEvent {
    fn new(
        stored: &StoredEvent,
        price_from: Option<i64>,
        (tenant, series): (&Tenant, Option<&Series>),
        public_url: &str,
        now: Timestamp,
    ) -> Self {
        let event = stored.event.clone();
        let show = EventSummary::new(&event, stored.price_from());
        let priced = PricedShow { show: &show, price_from };
        Self {
            short: ShortShow::new(&priced, public_url, now),
            max_tickets_per_order: event.ticket_limit(),
            transfer_limit: event.transfer_limit,
            transfers_close_at: event.transfers_end(),
            name: event.name,
            description: event.description,
            address: event.address,
            city: event.city,
            country: event.country,
            time_zone: event.time_zone,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            doors_at: event.doors_at,
            currency: event.currency,
            language: event.language,
            hold_minutes: event.hold_minutes,
            attendee_fields: event.attendee_fields,
            fees: FeesView::new(event.fees, event.currency),
            vat: event.vat.into(),
            images: event.images,
            organizer: PublicOrganizer::new(tenant),
            series: series.map(|series| SeriesRef {
                id: series.id,
                slug: series.slug.clone(),
                name: series.name.clone(),
            }),
        }
    }
}

async fn show(
    Shared(state): Shared<State>,
    Path(path): Path<SlugPath>,
    freshness: Freshness,
) -> Answer<Cached<PublicEvent>> {
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let tenant = state.catalog.organizer(&event, now).await?;
    let series = state.catalog.series_of_event(&event, now).await?;
    let price_from = state.catalog.price_from(&event, now).await;
    let event = PublicEvent::new(&event, price_from, (&tenant, series.as_deref()), &state.public_url, now);
    Cached::public(&event, EVENT_SECONDS, &freshness)
}
