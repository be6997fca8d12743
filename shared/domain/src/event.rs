//! Events and their areas, as the organiser describes them.

mod details;
#[cfg(any(test, feature = "testing"))]
pub mod fixture;
mod moving;
mod priced;
mod row;
mod show;
mod summary;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Fields;
use crate::plan::{PinnedPlan, RowsLayout};
use crate::pricing::MAX_PRICE;
use crate::{
    AreaId, BasisPoints, Currency, Error, EventId, ImageId, Language, MAX_TICKETS_PER_ORDER, Money, Result,
    SeriesId, TenantId,
};

pub use details::Details;
pub use moving::Move;
pub use priced::PricedEvent;
pub use row::RowLayout;
pub(crate) use show::is_https;
pub use show::{ADDRESS_PATTERN, CODE_PATTERN, MAX_DISCOUNTS, MemberDiscount, check_address};
pub use summary::EventSummary;

/// The most times that one ticket may change hands: enough for friends, too little for a trade.
pub const MAX_TRANSFERS_PER_TICKET: u8 = 3;

/// The pattern of a row's name, for descriptions.
pub const ROW_PATTERN: &str = "^[A-Za-z0-9Ññ]{1,8}$";

/// No event has the id, or none that the caller may see.
pub fn event_not_found() -> Error {
    Error::not_found("event_not_found", "There is no such event.")
}

/// The convenience fee of a ticket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// A share of the ticket's price, in basis points (350 is 3.5 %).
    #[serde(default)]
    pub convenience_rate: BasisPoints,
    /// A fixed amount for each ticket, in minor units of the event's currency.
    #[serde(default)]
    pub convenience_fixed: i64,
}

impl Fees {
    /// Notes fees that can not be charged in `currency`, at `pointer`.
    pub fn check(&self, currency: Currency, pointer: &str, fields: &mut Fields) {
        let (rate, fixed) = (self.convenience_rate, Money::new(self.convenience_fixed, currency));
        fields.percent(format!("{pointer}/convenience_rate"), rate.0.into(), 0..=BasisPoints::WHOLE.0);
        fields.amount(format!("{pointer}/convenience_fixed"), fixed, 0..=MAX_PRICE);
    }
}

impl Vat {
    /// Notes a rate that can not be charged, at `pointer`.
    pub fn check(&self, pointer: &str, fields: &mut Fields) {
        fields.percent(format!("{pointer}/rate"), self.rate.0.into(), 0..=BasisPoints::WHOLE.0);
    }
}

/// Value added tax.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vat {
    /// The rate in basis points (1900 is 19 %).
    #[serde(default)]
    pub rate: BasisPoints,
    /// True if prices already contain the tax, as consumer prices usually do.
    #[serde(default)]
    pub included: bool,
}

/// The publication state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// A draft, which only the organiser sees.
    Draft,
    /// Visible to everyone, and on sale unless it is over or sold elsewhere.
    Published,
    /// Visible to everyone, and not on sale until it is published again, usually for another date.
    /// Tickets stay valid.
    Postponed,
    /// Visible to everyone, and never on sale again.
    Cancelled,
}

impl EventStatus {
    /// True if everybody may see the event.
    pub fn is_public(self) -> bool {
        self != Self::Draft
    }

    /// Checks that the state lets tickets be sold.
    pub fn sells(self) -> Result<()> {
        match self {
            Self::Published => Ok(()),
            Self::Draft => Err(Error::conflict("event_not_on_sale", "This event is not on sale.")),
            Self::Postponed => Err(Error::conflict(
                "event_postponed",
                "This event is postponed. It is on sale again when it has a new date.",
            )),
            Self::Cancelled => Err(event_cancelled()),
        }
    }
}

/// The event is cancelled, for good.
pub fn event_cancelled() -> Error {
    Error::conflict("event_cancelled", "This event is cancelled.")
}

const fn published() -> EventStatus {
    EventStatus::Published
}

/// A date with a stage, tickets and an organiser; a show to members.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The readable part of the event's address; unique.
    pub slug: String,
    /// The title, as buyers see it.
    pub name: String,
    /// The artist or band.
    pub artist: String,
    /// The series of which it is a date.
    pub series_id: Option<SeriesId>,
    /// The kind of music or show, such as `cumbia`, in the organiser's words; possibly empty.
    #[serde(default)]
    pub genre: String,
    /// The organiser's own kind of event, which buyers do not see; possibly empty.
    #[serde(default)]
    pub cluster_type: String,
    /// The description for buyers, as plain text.
    #[serde(default)]
    pub description: String,
    /// The name of the venue.
    pub venue: String,
    /// The venue's street address.
    #[serde(default)]
    pub address: String,
    /// The venue's city.
    pub city: String,
    /// The venue's country, as ISO 3166-1 alpha-2.
    pub country: String,
    /// IANA time zone of the venue, in which people read the event's times.
    pub time_zone: String,
    /// Start of the show.
    pub starts_at: Timestamp,
    /// End of the show; sales end then at the latest.
    pub ends_at: Timestamp,
    /// When the doors open.
    pub doors_at: Option<Timestamp>,
    /// The one currency of all prices of the event.
    pub currency: Currency,
    /// The language of the mails with its tickets, unless the buyer chose another.
    #[serde(default)]
    pub language: Language,
    /// The publication state.
    pub status: EventStatus,
    /// True if lists and searches leave it out; it is still reachable by its slug.
    #[serde(default)]
    pub unlisted: bool,
    /// True if the operator keeps lists and searches from having it; it is still reachable by its slug.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadowban: bool,
    /// Minutes that a reservation holds its places.
    pub hold_minutes: u8,
    /// The most tickets in one order.
    pub max_tickets_per_order: u8,
    /// How often one of its tickets may change hands, at most [`MAX_TRANSFERS_PER_TICKET`]; 0 forbids it.
    #[serde(default = "most_transfers")]
    pub transfer_limit: u8,
    /// When its tickets stop changing hands; `None` for its start.
    pub transfers_close_at: Option<Timestamp>,
    /// The data that each attendee is asked for.
    #[serde(default)]
    pub attendee_fields: Vec<AttendeeField>,
    /// The fees of its tickets, copied from the tenant when created.
    pub fees: Fees,
    /// The tax of its tickets, copied from the tenant when created.
    pub vat: Vat,
    /// The pictures that we keep.
    #[serde(default)]
    pub images: Vec<EventImage>,
    /// The organiser's internal code for it; unique within the tenant, ignoring case.
    pub code: Option<String>,
    /// The URL of a picture that is kept elsewhere; a cover among `images` takes precedence.
    pub img: Option<String>,
    /// The most discounts that members can get for it; 0 for none.
    #[serde(default)]
    pub max_discounts: u32,
    /// The URL of another shop that sells its tickets. With it, nothing is sold here.
    pub ticketing_link: Option<String>,
    /// Further details, such as the ages that it is for; shown with the event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub other_data: Map<String, Value>,
    /// The value of the discount that a member's code gives.
    pub member_discount: Option<MemberDiscount>,
    /// The published version of its seating plan; `None` as long as its plan is generated.
    pub plan: Option<PinnedPlan>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts changes.
    pub version: u32,
}

const fn most_transfers() -> u8 {
    MAX_TRANSFERS_PER_TICKET
}

impl Event {
    /// True if lists and searches have it.
    pub fn is_listed(&self) -> bool {
        self.status.is_public() && !self.unlisted && !self.shadowban
    }

    /// True if it is published and its tickets are sold here: then it needs an area.
    pub fn sells_here(&self) -> bool {
        self.status == EventStatus::Published && self.ticketing_link.is_none()
    }

    /// Checks that tickets can be sold here at `now`.
    pub fn on_sale(&self, now: Timestamp) -> Result<()> {
        self.status.sells()?;
        if now >= self.ends_at {
            return Err(Error::conflict("event_over", "This event is over."));
        }
        match &self.ticketing_link {
            Some(link) => Err(Error::conflict(
                "sold_elsewhere",
                "The tickets of this event are sold elsewhere. Buy them at `ticketing_link`.",
            )
            .with("ticketing_link", link.as_str())),
            None => Ok(()),
        }
    }

    /// The state after the organiser asked for `to`, which it may have already.
    ///
    /// # Errors
    /// `event_state`: a draft can only be published, a postponed event published again or cancelled,
    /// and a cancelled one stays so.
    pub fn change_state(&self, to: EventStatus) -> Result<EventStatus> {
        use EventStatus::{Cancelled, Draft, Postponed, Published};
        let detail = match (self.status, to) {
            (from, to) if from == to => return Ok(to),
            (Draft | Postponed, Published)
            | (Published, Draft | Postponed | Cancelled)
            | (Postponed, Cancelled) => {
                return Ok(to);
            }
            (Cancelled, _) => "This event is cancelled, which is final. Duplicate it for another date.",
            (Postponed, _) => "This event is postponed. Publish it again or cancel it.",
            (Draft | Published, _) => {
                "This event is not published. Publish it before you postpone or cancel it."
            }
        };
        Err(Error::conflict("event_state", detail))
    }

    /// When its tickets stop changing hands: at its start, if not before.
    pub fn transfers_end(&self) -> Timestamp {
        self.transfers_close_at.map_or(self.starts_at, |closes_at| closes_at.min(self.starts_at))
    }

    /// When people come in: what is not paid by then is of no use.
    pub fn opens_at(&self) -> Timestamp {
        self.doors_at.map_or(self.starts_at, |doors| doors.min(self.starts_at))
    }

    /// The most tickets that one order of this event may have.
    pub fn ticket_limit(&self) -> u8 {
        self.max_tickets_per_order.min(MAX_TICKETS_PER_ORDER)
    }
}

/// Data that an event can ask of each attendee. The wire names are Spanish because clients of the
/// Crowdify system send them so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttendeeField {
    /// The attendee's name.
    Nombre,
    /// The attendee's national id.
    Rut,
    /// The attendee's date of birth.
    FechaNacimiento,
}

/// A picture of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventImage {
    /// The picture's id.
    pub id: ImageId,
    /// The purpose of the picture.
    pub kind: ImageKind,
    /// The URL of the picture.
    pub url: String,
}

/// The purpose of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// The event's main picture.
    Cover,
    /// A further picture.
    Gallery,
    /// The plan of the seats.
    SeatMap,
}

/// The kind of places in an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AreaKind {
    /// Admissions without a number.
    GeneralAdmission,
    /// Numbered seats in rows.
    Seated,
}

/// A part of the venue with one price and its own capacity.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// The area's id.
    pub id: AreaId,
    /// The event to which it belongs.
    pub event_id: EventId,
    /// The name that buyers see.
    pub area_name: String,
    /// The description for buyers.
    #[serde(default)]
    pub description: String,
    /// The kind of its places.
    pub kind: AreaKind,
    /// The number of tickets: set by the organiser for general admission, counted from `rows`
    /// (blocked seats included) for numbered seats.
    pub capacity: u32,
    /// The base price of one ticket in minor units of the event's currency.
    pub price: i64,
    /// The event's currency.
    pub currency: Currency,
    /// The letter before its unit numbers, if it uses one.
    pub nomenclature_letter: Option<String>,
    /// People that one ticket admits: 1, or the places at a table or in a box.
    pub unit_capacity: u8,
    /// Services that come with the ticket, such as table service.
    pub service: Option<String>,
    /// Position in lists, lowest first.
    #[serde(default)]
    pub position: u16,
    /// The layout of the seats: rows with their seat numbers, in order from the stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowLayout>,
    /// The category of the seating plan that it sells; its name if it has none. Fixed by publishing a plan.
    pub category: Option<String>,
    /// How its rows are drawn in a generated plan.
    pub layout: Option<RowsLayout>,
    /// Counts changes.
    pub version: u32,
}
